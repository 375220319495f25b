package alerttest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/grant"
)

// World is an empty outbox, and the write that a consent makes beside it.
type World struct {
	Outbox    alert.Outbox
	Reconnect func(ctx context.Context, id grant.ID, number int64, waiting int, at time.Time) error
}

// Suite holds an outbox to its contract.
func Suite(t *testing.T, fresh func(t *testing.T) World) {
	for name, story := range map[string]func(*testing.T, World){
		"OpenedOnceAndWhole":                openedOnceAndWhole,
		"AConsentMayComeFirst":              aConsentMayComeFirst,
		"OneSenderAtATime":                  oneSenderAtATime,
		"ALostAnswerIsNoRival":              aLostAnswerIsNoRival,
		"DeliveredIsNeverClaimedAgain":      deliveredIsNeverClaimedAgain,
		"OpenedNeverAfterRecovered":         openedNeverAfterRecovered,
		"ChannelsAreApart":                  channelsAreApart,
		"WhatIsOverIsNotListed":             whatIsOverIsNotListed,
		"OldestFirst":                       oldestFirst,
		"NothingIsClaimedThatWasNotOpened":  nothingIsClaimedThatWasNotOpened,
		"UnclaimingAnothersChangesNothing":  unclaimingAnothersChangesNothing,
		"SettlingWhatIsNotFlaggedIsSuccess": settlingWhatIsNotFlaggedIsSuccess,
	} {
		t.Run(name, func(t *testing.T) { story(t, fresh(t)) })
	}
}

// noon is when the stories happen; milliseconds are what a table keeps.
var noon = time.UnixMilli(1_763_712_000_123)

// Lost is an episode with every field that Open writes.
func Lost(number int64) alert.Episode {
	return alert.Episode{
		Grant: "grant-1", Number: number, Since: noon,
		Health: grant.ReauthorizationRequired, Reason: grant.Revoked, Missing: []string{"write:rate"}, Generation: 7,
		Ticket: grant.Sealed{Key: "k1", Generation: 2, Data: []byte{0, 1, 255}}, Expires: noon.Add(time.Hour),
		Opened: map[string]time.Time{}, Closed: map[string]time.Time{},
		Due: noon.Add(alert.LookAgain),
	}
}

func claim(kind alert.Kind, channel, me string, now time.Time) alert.Claim {
	return alert.Claim{
		Grant: "grant-1", Number: 1, Kind: kind, Channel: channel, Me: me, Now: now, Until: now.Add(30 * time.Second),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, w World, e alert.Episode) alert.Episode {
	t.Helper()
	got, err := w.Outbox.Open(t.Context(), e)
	must(t, err)
	return got
}

func openedOnceAndWhole(t *testing.T, w World) {
	if got := open(t, w, Lost(1)); !reflect.DeepEqual(got, Lost(1)) {
		t.Errorf("Open = %+v, want %+v", got, Lost(1))
	}
	rival := Lost(1)
	rival.Ticket.Data, rival.Reason = []byte{9}, grant.Expired
	if got := open(t, w, rival); !reflect.DeepEqual(got, Lost(1)) {
		t.Errorf("a second Open = %+v, want the first: %+v", got, Lost(1))
	}
	list, err := w.Outbox.Episodes(t.Context(), "grant-1")
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], Lost(1)) {
		t.Errorf("Episodes = %+v, %v", list, err)
	}
	if list, err := w.Outbox.Episodes(t.Context(), "grant-2"); err != nil || len(list) != 0 {
		t.Errorf("another grant has %d episodes (%v)", len(list), err)
	}
}

func aConsentMayComeFirst(t *testing.T, w World) {
	must(t, w.Reconnect(t.Context(), "grant-1", 1, 42, noon.Add(time.Minute)))
	got := open(t, w, Lost(1))
	if got.Waiting != 42 || !got.Recovered.Equal(noon.Add(time.Minute)) || !got.Since.Equal(noon) {
		t.Errorf("opened after its end: %+v", got)
	}
}

func oneSenderAtATime(t *testing.T, w World) {
	open(t, w, Lost(1))
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "a", noon)))
	if err := w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "b", noon.Add(time.Second))); !errors.Is(err, alert.ErrClaimed) {
		t.Errorf("a second sender: %v, want ErrClaimed", err)
	}
	// The first died. Its claim ends by itself.
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "b", noon.Add(31*time.Second))))
	must(t, w.Outbox.Unclaim(t.Context(), claim(alert.Opened, "slack", "b", noon)))
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "c", noon.Add(32*time.Second))))
}

func aLostAnswerIsNoRival(t *testing.T, w World) {
	open(t, w, Lost(1))
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "a", noon)))
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "a", noon)))
}

func deliveredIsNeverClaimedAgain(t *testing.T, w World) {
	open(t, w, Lost(1))
	for _, k := range []alert.Kind{alert.Opened, alert.Recovered} {
		must(t, w.Outbox.Claim(t.Context(), claim(k, "slack", "a", noon)))
		must(t, w.Outbox.Delivered(t.Context(), claim(k, "slack", "a", noon)))
		if err := w.Outbox.Claim(t.Context(), claim(k, "slack", "b", noon.Add(time.Hour))); !errors.Is(err, alert.ErrClaimed) {
			t.Errorf("%s was delivered and claimed again: %v", k, err)
		}
	}
	list, err := w.Outbox.Episodes(t.Context(), "grant-1")
	must(t, err)
	if !list[0].Opened["slack"].Equal(noon) || !list[0].Closed["slack"].Equal(noon) {
		t.Errorf("told: %+v %+v", list[0].Opened, list[0].Closed)
	}
}

func openedNeverAfterRecovered(t *testing.T, w World) {
	open(t, w, Lost(1))
	must(t, w.Reconnect(t.Context(), "grant-1", 1, 0, noon))
	if err := w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "a", noon)); !errors.Is(err, alert.ErrClaimed) {
		t.Errorf("opened after the consent: %v, want ErrClaimed", err)
	}
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Recovered, "slack", "a", noon)))
}

func channelsAreApart(t *testing.T, w World) {
	open(t, w, Lost(1))
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "a", noon)))
	must(t, w.Outbox.Delivered(t.Context(), claim(alert.Opened, "slack", "a", noon)))
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "webhook", "a", noon)))
}

func whatIsOverIsNotListed(t *testing.T, w World) {
	open(t, w, Lost(1))
	later := noon.Add(time.Hour)
	must(t, w.Outbox.Look(t.Context(), "grant-1", 1, later))
	if list, err := w.Outbox.Episodes(t.Context(), "grant-1"); err != nil || len(list) != 1 || !list[0].Due.Equal(later) {
		t.Errorf("Episodes = %+v, %v; want one that is due %v", list, err, later)
	}
	must(t, w.Outbox.Look(t.Context(), "grant-1", 1, time.Time{}))
	if list, err := w.Outbox.Episodes(t.Context(), "grant-1"); err != nil || len(list) != 0 {
		t.Errorf("Episodes = %+v, %v; want none", list, err)
	}
}

func oldestFirst(t *testing.T, w World) {
	for _, n := range []int64{10, 2, 1} {
		open(t, w, Lost(n))
	}
	list, err := w.Outbox.Episodes(t.Context(), "grant-1")
	must(t, err)
	var numbers []int64
	for _, e := range list {
		numbers = append(numbers, e.Number)
	}
	if !reflect.DeepEqual(numbers, []int64{1, 2, 10}) {
		t.Errorf("episodes in the order %v", numbers)
	}
}

func nothingIsClaimedThatWasNotOpened(t *testing.T, w World) {
	if err := w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "a", noon)); !errors.Is(err, alert.ErrClaimed) {
		t.Errorf("claiming without an episode: %v, want ErrClaimed", err)
	}
}

func unclaimingAnothersChangesNothing(t *testing.T, w World) {
	open(t, w, Lost(1))
	must(t, w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "a", noon)))
	must(t, w.Outbox.Unclaim(t.Context(), claim(alert.Opened, "slack", "b", noon)))
	if err := w.Outbox.Claim(t.Context(), claim(alert.Opened, "slack", "c", noon)); !errors.Is(err, alert.ErrClaimed) {
		t.Errorf("the claim of another is gone: %v", err)
	}
}

func settlingWhatIsNotFlaggedIsSuccess(t *testing.T, w World) {
	must(t, w.Outbox.Settle(t.Context(), "grant-1", noon))
}
