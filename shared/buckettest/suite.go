package buckettest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/shared/bucket"
)

// noon is when the stories play.
var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// Suite holds an implementation of [bucket.Store] to its contract. open returns
// an empty store.
func Suite(t *testing.T, open func(t *testing.T) bucket.Store) {
	for name, story := range map[string]func(*testing.T, bucket.Store){
		"Unwritten": unwritten, "RoundTrip": roundTrip, "Shrinks": shrinks, "OneVersionOnce": oneVersionOnce,
		"Apart": apart, "CountedOnce": countedOnce,
	} {
		t.Run(name, func(t *testing.T) { story(t, open(t)) })
	}
}

// Full returns a bucket of which every field says something.
func Full(name string) bucket.Bucket {
	return bucket.Bucket{
		Name: name, Grants: 1200,
		Calls:     []bucket.Call{{At: noon.Add(-time.Minute), By: "n1"}, {At: noon, By: "n2", Code: true}},
		HoldUntil: noon.Add(time.Hour), HoldWhy: bucket.WhyThrottled, Holds: 4,
		Lane: bucket.Lane{Owner: "n2", Until: noon.Add(15 * time.Second)},
		Suspects: bucket.Suspects{
			Recent: []bucket.Refusal{
				{Grant: "g1", Generation: 7, At: noon.Add(-3 * time.Minute), Condemned: true},
				{Grant: "g2", Generation: 1, At: noon, Retry: true},
				{Grant: "g3", Generation: 2, At: noon, Condemned: true, Retried: true},
			},
			Since: noon.Add(-time.Minute), ProbeAt: noon, Prober: "n3", Probes: 2, Ended: noon.Add(-time.Hour), Cleared: true,
		},
		Trouble: &bucket.Trouble{
			Episode: 3, Since: noon.Add(-time.Hour), Over: noon, Grant: "g4", Refusals: 9, Code: "invalid_client", Status: 401,
			Payload: "00112233445566ff", SecretVersion: "v-2", Tried: "n4", NextTry: noon.Add(3 * time.Minute),
			Alone: []bucket.Alone{{Grant: "g5", Times: 12}, {Grant: "g6"}},
			Told:  map[string]time.Time{"opened/slack": noon.Add(-time.Hour), "recovered/slack": noon},
		},
		AlertDue: noon.Add(time.Second),
	}
}

func unwritten(t *testing.T, s bucket.Store) {
	same(t, s, bucket.Bucket{Name: "client/main"})
}

func roundTrip(t *testing.T, s bucket.Store) {
	b := Full("account/main/hotel 7#x/y")
	save(t, s, b)
	b.Version = 1
	same(t, s, b)
}

// What is not there any more is not read any more.
func shrinks(t *testing.T, s bucket.Store) {
	b := Full("client/main")
	save(t, s, b)
	b = bucket.Bucket{Name: b.Name, Version: 1}
	save(t, s, b)
	b.Version = 2
	same(t, s, b)

	b.Trouble = &bucket.Trouble{Episode: 1, Since: noon, NextTry: noon}
	save(t, s, b)
	b.Version = 3
	same(t, s, b)
}

// A version is saved over once: by a copy of the save no second time, and not by
// one that knew less.
func oneVersionOnce(t *testing.T, s bucket.Store) {
	ctx := t.Context()
	first := bucket.Bucket{Name: "client/main", Grants: 1}
	save(t, s, first)
	for _, late := range []bucket.Bucket{first, {Name: first.Name, Grants: 2}, {Name: first.Name, Version: 2, Grants: 3}} {
		if err := s.Save(ctx, late); !errors.Is(err, bucket.ErrMoved) {
			t.Errorf("saving over version %d: %v, want ErrMoved", late.Version, err)
		}
	}
	first.Version = 1
	same(t, s, first)
	if err := s.Save(ctx, bucket.Bucket{Name: "client/other", Version: 4}); !errors.Is(err, bucket.ErrMoved) {
		t.Errorf("saving over version 4 of nothing: %v, want ErrMoved", err)
	}
	same(t, s, bucket.Bucket{Name: "client/other"})
}

func apart(t *testing.T, s bucket.Store) {
	for i, name := range []string{"client/a", "client/b", "account/a/b"} {
		save(t, s, bucket.Bucket{Name: name, Grants: i + 1})
	}
	for i, name := range []string{"client/a", "client/b", "account/a/b"} {
		same(t, s, bucket.Bucket{Name: name, Version: 1, Grants: i + 1})
	}
}

// However many ask at the same time, a budget is given out once.
func countedOnce(t *testing.T, s bucket.Store) {
	rules := bucket.Rules{Windows: []bucket.Window{{Calls: 3, Span: time.Hour}}}
	var went atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			ask := bucket.Ask{Nonce: fmt.Sprintf("n%d", i)}
			var answer bucket.Answer
			_, err := bucket.Change(t.Context(), s, "client/main", func(b bucket.Bucket) bucket.Bucket {
				b, answer = b.Take(rules, ask, noon)
				return b
			})
			if err == nil && answer.Goes() {
				went.Add(1)
			}
		})
	}
	all.Wait()
	if n := went.Load(); n != 3 {
		t.Errorf("%d of 8 went, the budget is 3", n)
	}
	b, err := s.Read(t.Context(), "client/main")
	if err != nil || len(b.Calls) != 3 {
		t.Errorf("counted %d calls, %v", len(b.Calls), err)
	}
}

// save must succeed.
func save(t *testing.T, s bucket.Store, b bucket.Bucket) {
	t.Helper()
	if err := s.Save(context.Background(), b); err != nil {
		t.Fatalf("saving %s over version %d: %v", b.Name, b.Version, err)
	}
}

// same holds the bucket to exactly this.
func same(t *testing.T, s bucket.Store, want bucket.Bucket) {
	t.Helper()
	got, err := s.Read(t.Context(), want.Name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(utc(got), utc(want)) {
		t.Errorf("bucket is\n%+v, want\n%+v", got, want)
	}
}

// utc makes two readings of one instant equal.
func utc(b bucket.Bucket) bucket.Bucket {
	b = clone(b)
	for _, at := range []*time.Time{&b.HoldUntil, &b.Lane.Until, &b.AlertDue, &b.Suspects.Since, &b.Suspects.ProbeAt, &b.Suspects.Ended} {
		*at = at.UTC()
	}
	for i := range b.Calls {
		b.Calls[i].At = b.Calls[i].At.UTC()
	}
	for i := range b.Suspects.Recent {
		b.Suspects.Recent[i].At = b.Suspects.Recent[i].At.UTC()
	}
	if t := b.Trouble; t != nil {
		t.Since, t.Over, t.NextTry = t.Since.UTC(), t.Over.UTC(), t.NextTry.UTC()
		for channel, at := range t.Told {
			t.Told[channel] = at.UTC()
		}
	}
	return b
}
