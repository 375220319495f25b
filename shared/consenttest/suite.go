package consenttest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"bellhop/shared/consent"
	"bellhop/shared/grant"
)

// World is an empty store, and what a consent does to a ticket beside it.
type World struct {
	Store consent.Store
	Use   func(ctx context.Context, digest string, at time.Time) error
}

// Suite holds a store of tickets and states to its contract.
func Suite(t *testing.T, fresh func(t *testing.T) World) {
	for name, story := range map[string]func(*testing.T, World){
		"ATicketComesBackWhole":      aTicketComesBackWhole,
		"ATicketIsNotWrittenOver":    aTicketIsNotWrittenOver,
		"AStateIsConsumedOnce":       aStateIsConsumedOnce,
		"ALostAnswerIsNoArrival":     aLostAnswerIsNoArrival,
		"ALateCopyFreshensNothing":   aLateCopyFreshensNothing,
		"WhatCameOfItIsKept":         whatCameOfItIsKept,
		"UnknownIsSaidSo":            unknownIsSaidSo,
		"TicketsAndStatesAreNotOne":  ticketsAndStatesAreNotOne,
		"SecondArrivalBeforeTheEnds": secondArrivalBeforeTheEnds,
	} {
		t.Run(name, func(t *testing.T) { story(t, fresh(t)) })
	}
}

var noon = time.UnixMilli(1_763_712_000_123)

func ticket() consent.Ticket {
	return consent.Ticket{Digest: "d1", Grant: "grant-1", Episode: 3, Epoch: 2, Created: noon, Expires: noon.Add(time.Hour)}
}

func state() consent.State {
	return consent.State{
		Digest: "s1", Ticket: "d1", Grant: "grant-1",
		Sealed: grant.Sealed{Key: "k1", Generation: 1, Data: []byte{1, 0, 255}}, Expires: noon.Add(time.Minute),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func aTicketComesBackWhole(t *testing.T, w World) {
	must(t, w.Store.PutTicket(t.Context(), ticket()))
	got, err := w.Store.Ticket(t.Context(), "d1")
	if err != nil || got != ticket() {
		t.Errorf("Ticket = %+v, %v; want %+v", got, err, ticket())
	}
	must(t, w.Use(t.Context(), "d1", noon.Add(time.Second)))
	if got, err := w.Store.Ticket(t.Context(), "d1"); err != nil || !got.Used.Equal(noon.Add(time.Second)) || got.Works(noon) {
		t.Errorf("a used ticket: %+v, %v", got, err)
	}
}

func aTicketIsNotWrittenOver(t *testing.T, w World) {
	must(t, w.Store.PutTicket(t.Context(), ticket()))
	must(t, w.Use(t.Context(), "d1", noon))
	again := ticket()
	again.Expires = noon.Add(240 * time.Hour)
	must(t, w.Store.PutTicket(t.Context(), again))
	if got, err := w.Store.Ticket(t.Context(), "d1"); err != nil || got.Used.IsZero() || !got.Expires.Equal(ticket().Expires) {
		t.Errorf("a used ticket was made fresh: %+v, %v", got, err)
	}
}

func aStateIsConsumedOnce(t *testing.T, w World) {
	must(t, w.Store.PutState(t.Context(), state()))
	got, err := w.Store.Consume(t.Context(), "s1", "me", noon)
	want := state()
	want.Used, want.By = noon, "me"
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Consume = %+v, %v; want %+v", got, err, want)
	}
	got, err = w.Store.Consume(t.Context(), "s1", "somebody else", noon.Add(time.Second))
	if !errors.Is(err, consent.ErrUsed) || !reflect.DeepEqual(got, want) {
		t.Errorf("second Consume = %+v, %v; want ErrUsed and %+v", got, err, want)
	}
}

func aLostAnswerIsNoArrival(t *testing.T, w World) {
	must(t, w.Store.PutState(t.Context(), state()))
	for range 2 {
		if _, err := w.Store.Consume(t.Context(), "s1", "me", noon); err != nil {
			t.Errorf("Consume by the same: %v", err)
		}
	}
}

func aLateCopyFreshensNothing(t *testing.T, w World) {
	must(t, w.Store.PutState(t.Context(), state()))
	_, err := w.Store.Consume(t.Context(), "s1", "me", noon)
	must(t, err)
	must(t, w.Store.PutState(t.Context(), state()))
	if _, err := w.Store.Consume(t.Context(), "s1", "thief", noon); !errors.Is(err, consent.ErrUsed) {
		t.Errorf("a late copy of PutState made it fresh: %v", err)
	}
}

func whatCameOfItIsKept(t *testing.T, w World) {
	must(t, w.Store.PutState(t.Context(), state()))
	_, err := w.Store.Consume(t.Context(), "s1", "me", noon)
	must(t, err)
	r := consent.Result{
		Code: consent.OtherAccount, Account: "11", Pinned: "22", Missing: []string{"write:rate"}, Until: noon.Add(time.Hour), At: noon.Add(time.Second),
	}
	must(t, w.Store.Conclude(t.Context(), "s1", r))
	got, err := w.Store.Consume(t.Context(), "s1", "reload", noon)
	if !errors.Is(err, consent.ErrUsed) || !reflect.DeepEqual(got.Result, r) {
		t.Errorf("second arrival sees %+v, %v; want %+v", got.Result, err, r)
	}
}

func unknownIsSaidSo(t *testing.T, w World) {
	if _, err := w.Store.Ticket(t.Context(), "none"); !errors.Is(err, consent.ErrUnknown) {
		t.Errorf("Ticket: %v, want ErrUnknown", err)
	}
	if _, err := w.Store.Consume(t.Context(), "none", "me", noon); !errors.Is(err, consent.ErrUnknown) {
		t.Errorf("Consume: %v, want ErrUnknown", err)
	}
	if err := w.Store.Conclude(t.Context(), "none", consent.Result{Code: consent.Denied, At: noon}); err == nil {
		t.Error("Conclude made a state")
	}
}

func ticketsAndStatesAreNotOne(t *testing.T, w World) {
	must(t, w.Store.PutTicket(t.Context(), ticket()))
	if _, err := w.Store.Consume(t.Context(), "d1", "me", noon); !errors.Is(err, consent.ErrUnknown) {
		t.Errorf("a ticket was consumed as a state: %v", err)
	}
}

func secondArrivalBeforeTheEnds(t *testing.T, w World) {
	must(t, w.Store.PutState(t.Context(), state()))
	_, err := w.Store.Consume(t.Context(), "s1", "me", noon)
	must(t, err)
	got, err := w.Store.Consume(t.Context(), "s1", "reload", noon)
	if !errors.Is(err, consent.ErrUsed) || got.Result.Code != "" {
		t.Errorf("second arrival sees %+v, %v; want no result yet", got.Result, err)
	}
}
