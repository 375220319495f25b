package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/local/proxy"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
)

// ours is a grant of the fleet, and others lives beside it.
const (
	ours   = prefix + "0001"
	others = "lisbon-1"
)

// wire stands where the proxy stands: it tells a journal of every write that the
// real store sends, as landed.
type wire struct {
	dynamo.API
	journal *journal
	now     time.Time
	answer  string // to a lease, as DynamoDB's JSON
	refuse  bool
}

func (w *wire) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	w.see(in.Key, in.UpdateExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	return &dynamodb.UpdateItemOutput{Attributes: map[string]types.AttributeValue{"v": &types.AttributeValueMemberN{Value: "1"}}}, nil
}

func (w *wire) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	for _, item := range in.TransactItems {
		w.see(item.Update.Key, item.Update.UpdateExpression, item.Update.ExpressionAttributeNames, item.Update.ExpressionAttributeValues)
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

func (w *wire) see(key map[string]types.AttributeValue, update *string, names map[string]string, values map[string]types.AttributeValue) {
	o := proxy.Observation{
		Began: w.now.Add(-5 * time.Millisecond), Answered: w.now, Operation: "UpdateItem", Landed: !w.refuse,
		Key:    fmt.Sprintf("pk=%s sk=%s", value(key["pk"]), value(key["sk"])),
		Update: aws.ToString(update), Names: names, Values: map[string]any{}, Answer: []byte(w.answer),
	}
	for name, v := range values {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			o.Values[name] = map[string]any{"S": v.Value}
		case *types.AttributeValueMemberN:
			o.Values[name] = map[string]any{"N": v.Value}
		}
	}
	w.journal.Observe(o)
}

func value(v types.AttributeValue) string { return v.(*types.AttributeValueMemberS).Value }

func watched(t *testing.T) (*wire, *dynamo.Grants) {
	t.Helper()
	w := &wire{journal: newJournal(), now: time.UnixMilli(1_800_000_000_000)}
	return w, dynamo.NewGrants(w, "grants")
}

// Every write of the real store that begins or ends an attempt is known to the
// journal by its name. This is what holds the two together.
func TestJournal_KnowsEveryWriteOfTheStore(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000)
	pair := grant.Sealed{Key: "k1", Data: []byte("sealed")}
	times := grant.Times{Issued: at, Expires: at.Add(time.Minute), RefreshAt: at.Add(40 * time.Second), WakeAt: at.Add(40 * time.Second)}
	for _, row := range []struct {
		want  act // empty: left out
		write func(context.Context, *dynamo.Grants) error
	}{
		{leased, func(ctx context.Context, s *dynamo.Grants) error {
			_, err := s.Lease(ctx, grant.LeaseWrite{ID: ours, Me: "me", Kind: grant.KindRefresh, At: at, Deadline: at.Add(grant.LeaseFor)})
			return err
		}},
		{leased, func(ctx context.Context, s *dynamo.Grants) error {
			_, err := s.Lease(ctx, grant.LeaseWrite{ID: ours, Me: "me", Kind: grant.KindCode, At: at, Deadline: at, AnyHealth: true})
			return err
		}},
		{released, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Release(ctx, grant.ReleaseWrite{ID: ours, Me: "me", WakeAt: at, Failed: true})
		}},
		{abandoned, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Abandon(ctx, grant.ReleaseWrite{ID: ours, Me: "me"})
		}},
		{abandoned, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Abandon(ctx, grant.ReleaseWrite{ID: ours, Me: "me", WakeAt: at, Failed: true})
		}},
		{committed, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Commit(ctx, grant.CommitWrite{ID: ours, Me: "me", Sealed: pair, Times: times, DropAsides: []grant.Nonce{"x"}})
		}},
		{committed, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Commit(ctx, grant.CommitWrite{ID: ours, Me: "me", Sealed: pair, Times: times, Missing: []string{"a"}, AlertDue: at, Opens: true})
		}},
		{kept, func(ctx context.Context, s *dynamo.Grants) error {
			return s.KeepAside(ctx, grant.AsideWrite{ID: ours, Me: "me", WakeAt: at, Aside: grant.Aside{Sealed: pair, At: at}})
		}},
		{rolled, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Roll(ctx, grant.RollWrite{ID: ours, Me: "me", Aside: "x", Times: times, Former: &grant.Aside{Sealed: pair}})
		}},
		{refused, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Refuse(ctx, grant.RefuseWrite{ID: ours, Me: "me", Generation: 3, WakeAt: at})
		}},
		{condemned, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Verdict(ctx, grant.VerdictWrite{ID: ours, Me: "me", Health: grant.ReauthorizationRequired, Reason: grant.Revoked, At: at})
		}},
		{condemned, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Verdict(ctx, grant.VerdictWrite{ID: ours, Me: "me", Health: grant.ScopeUpdateRequired, Reason: grant.ScopeMissing, Missing: []string{"a"}, At: at})
		}},
		{consented, func(ctx context.Context, s *dynamo.Grants) error {
			return s.Consent(ctx, grant.ConsentWrite{ID: ours, Sealed: pair, Times: times, At: at})
		}},
		{"", func(ctx context.Context, s *dynamo.Grants) error {
			return s.Settle(ctx, grant.SettleWrite{ID: ours, Ref: "1/x"})
		}},
		{"", func(ctx context.Context, s *dynamo.Grants) error { return s.SetEnabled(ctx, ours, true, at) }},
		{"", func(ctx context.Context, s *dynamo.Grants) error {
			return s.Hasten(ctx, grant.HastenWrite{ID: ours, At: at})
		}},
		{"", func(ctx context.Context, s *dynamo.Grants) error {
			return s.Judge(ctx, grant.JudgeWrite{ID: ours, Health: grant.ReauthorizationRequired, Reason: grant.TokenRejected, At: at})
		}},
	} {
		w, store := watched(t)
		if err := row.write(t.Context(), store); err != nil {
			t.Fatal(err)
		}
		switch entries := w.journal.told()[ours]; {
		case row.want == "" && len(entries) > 0:
			t.Errorf("a write that ends no attempt is taken for %s", entries[0].act)
		case row.want != "" && (len(entries) != 1 || entries[0].act != row.want):
			t.Errorf("%s is taken for %+v", row.want, entries)
		case row.want != "" && row.want != consented && entries[0].me != "me":
			t.Errorf("%s is said to be of %q", row.want, entries[0].me)
		}
	}
}

// lease lets somebody take a lease on what an item says.
func (w *wire) lease(t *testing.T, s *dynamo.Grants, me grant.Nonce, item map[string]any) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"Attributes": item})
	if err != nil {
		t.Fatal(err)
	}
	w.answer = string(raw)
	if _, err := s.Lease(t.Context(), grant.LeaseWrite{ID: ours, Me: me, Kind: grant.KindRefresh, At: w.now, Deadline: w.now}); err != nil {
		t.Fatal(err)
	}
}

func number(n int) map[string]any { return map[string]any{"N": fmt.Sprint(n)} }

func attemptsOf(generations map[string]int) map[string]any {
	m := map[string]any{}
	for nonce, generation := range generations {
		m[nonce] = map[string]any{"M": map[string]any{"kind": map[string]any{"S": "refresh"}, "gen": number(generation)}}
	}
	return map[string]any{"M": m}
}

// What a lease has seen is read from the table's own answer.
func TestJournal_WhatALeaseSaw(t *testing.T) {
	raw := map[string]any{"M": map[string]any{"x": map[string]any{"M": map[string]any{"base": number(7), "raw": map[string]any{"BOOL": true}}}}}
	kept := map[string]any{"M": map[string]any{"x": map[string]any{"M": map[string]any{"base": number(7)}}}}
	for _, row := range []struct {
		name            string
		item            map[string]any
		suspect, others bool
	}{
		{"nobody else", map[string]any{"generation": number(7), "attempts": attemptsOf(map[string]int{"me": 7})}, false, false},
		{"another's attempt", map[string]any{"generation": number(7), "attempts": attemptsOf(map[string]int{"me": 7, "b": 7})}, true, true},
		{"an attempt at an earlier pair", map[string]any{"generation": number(7), "attempts": attemptsOf(map[string]int{"me": 7, "b": 6})}, false, true},
		{"an answer that could not be read", map[string]any{"generation": number(7), "asides": raw}, true, false},
		{"an answer that could", map[string]any{"generation": number(7), "asides": kept}, false, false},
		{"an unreadable one of an earlier pair", map[string]any{"generation": number(8), "asides": raw}, false, false},
	} {
		w, store := watched(t)
		w.lease(t, store, "me", row.item)
		e := w.journal.told()[ours][0]
		if e.suspect != row.suspect || e.others != row.others {
			t.Errorf("%s: suspect %t, others %t", row.name, e.suspect, e.others)
		}
	}
}

// An answer that was kept aside is somebody's way to go on from, until a pair or
// a verdict comes of it.
func TestJournal_Asides(t *testing.T) {
	w, store := watched(t)
	w.lease(t, store, "a", map[string]any{"generation": number(7)})
	if got := w.journal.asides(); got != 0 {
		t.Errorf("%d after a lease", got)
	}
	if err := store.KeepAside(t.Context(), grant.AsideWrite{ID: ours, Me: "a", Aside: grant.Aside{At: w.now}}); err != nil {
		t.Fatal(err)
	}
	w.lease(t, store, "b", map[string]any{"generation": number(7)})
	if got := w.journal.asides(); got != 1 {
		t.Errorf("%d after an answer was kept and somebody has begun to follow it", got)
	}
	if err := store.Commit(t.Context(), grant.CommitWrite{ID: ours, Me: "b", Generation: 7}); err != nil {
		t.Fatal(err)
	}
	if got := w.journal.asides(); got != 0 {
		t.Errorf("%d after a commit", got)
	}
}

// A write that the table refused is no entry.
func TestJournal_RefusedWritesAreLeftOut(t *testing.T) {
	w, store := watched(t)
	w.refuse = true
	if err := store.Abandon(t.Context(), grant.ReleaseWrite{ID: ours, Me: "me"}); err != nil {
		t.Fatal(err)
	}
	if all := w.journal.told(); len(all) != 0 {
		t.Errorf("it holds %v", all)
	}
}

// Unsettled is a grant whose credential may be spent, until a pair is committed
// or a consent comes.
func TestJournal_Unsettled(t *testing.T) {
	w, store := watched(t)
	at7 := map[string]any{"generation": number(7)}
	w.lease(t, store, "a", at7)
	later := func() time.Time { return w.now.Add(time.Minute) }
	if got := w.journal.unsettled(w.now.Add(time.Second), ordinary); len(got) != 0 {
		t.Errorf("an exchange that goes on is called unsettled: %v", got)
	}
	if got := w.journal.unsettled(later(), ordinary); len(got) != 1 {
		t.Errorf("a dead holder's attempt: %v", got)
	}
	if w.journal.recovering(ours) {
		t.Error("a first attempt is called a recovery")
	}
	if err := store.Release(t.Context(), grant.ReleaseWrite{ID: ours, Me: "a"}); err != nil {
		t.Fatal(err)
	}
	if got := w.journal.unsettled(later(), ordinary); len(got) != 1 {
		t.Errorf("a release leaves the attempt where it is: %v", got)
	}
	w.lease(t, store, "b", at7)
	if !w.journal.recovering(ours) {
		t.Error("a second attempt is not called a recovery")
	}
	if err := store.Commit(t.Context(), grant.CommitWrite{ID: ours, Me: "b", Generation: 7}); err != nil {
		t.Fatal(err)
	}
	if got := w.journal.unsettled(later(), ordinary); len(got) != 0 {
		t.Errorf("after a commit: %v; the attempt is at a pair that is gone", got)
	}
	w.lease(t, store, "c", map[string]any{"generation": number(8)})
	if err := store.Verdict(t.Context(), grant.VerdictWrite{ID: ours, Me: "c", Health: grant.ReauthorizationRequired, Reason: grant.AnswerLost}); err != nil {
		t.Fatal(err)
	}
	if got := w.journal.dead(); len(got) != 1 {
		t.Errorf("after a verdict: %v", got)
	}
	if err := store.Consent(t.Context(), grant.ConsentWrite{ID: ours}); err != nil {
		t.Fatal(err)
	}
	if got := w.journal.dead(); len(got) != 0 {
		t.Errorf("after a consent: %v", got)
	}
}

// How late a lease is counts from when the pair wanted to be refreshed, once.
func TestJournal_Lateness(t *testing.T) {
	w, store := watched(t)
	due := w.now.Add(40 * time.Second)
	if err := store.Commit(t.Context(), grant.CommitWrite{ID: ours, Me: "a", Times: grant.Times{RefreshAt: due, WakeAt: due}}); err != nil {
		t.Fatal(err)
	}
	w.now = due.Add(3 * time.Second)
	for range 2 {
		w.lease(t, store, "b", map[string]any{"generation": number(1)})
	}
	if median, p99 := w.journal.lateness(); median != 3*time.Second || p99 != 3*time.Second {
		t.Errorf("late by %s, p99 %s", median, p99)
	}
	if median, _ := w.journal.lateness(); median != 0 {
		t.Errorf("the same lease is told twice: %s", median)
	}
}

// What other tests leave open on the same stack keeps nobody from coming to rest.
func TestJournal_OfTheFleetAlone(t *testing.T) {
	w, store := watched(t)
	lease := grant.LeaseWrite{ID: others, Me: "me", Kind: grant.KindRefresh, At: w.now, Deadline: w.now}
	if _, err := store.Lease(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	w.lease(t, store, "me", map[string]any{"generation": number(1)})
	if told := w.journal.told(); len(told) != 1 || len(told[ours]) != 1 {
		t.Errorf("the journal tells of %v", told)
	}
}
