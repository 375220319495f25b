package secretsmanager

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/grant"
)

// The schedule, to be felt: refused at every try, and what one success changes.
func TestRest_Schedule(t *testing.T) {
	var r rest
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for range patience - 1 {
		if r.note(false, now); !r.over(now) {
			t.Fatal("one secret that refuses makes all others wait")
		}
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		r.note(false, now)
		r.note(false, now) // of a hundred that were refused together, one counts
		want *= time.Second
		if r.over(now.Add(want-1)) || !r.over(now.Add(want)) {
			t.Fatalf("at %v: the rest is not %v", now.Format(time.TimeOnly), want)
		}
		now = now.Add(want)
	}
	r.note(true, now)
	if !r.over(now) {
		t.Error("a write was accepted and the rest goes on")
	}
	for range patience {
		r.note(false, now)
	}
	if r.over(now.Add(firstRest-1)) || !r.over(now.Add(firstRest)) {
		t.Error("after a success the first rest is not the shortest")
	}
}

// A fleet that commits in one second asks a service that refuses three times, and
// then once after each rest, not a hundred times: 50 writes a second are all that the account has.
func TestHome_AFleetAsksAFewTimes(t *testing.T) {
	h, s, c := newHome(t)
	throttled := errors.New("ThrottlingException")
	s.fail = func(string) (error, bool) { return throttled, false }
	settled := func(asked int) {
		t.Helper()
		for i := range 100 {
			g := grant.Grant{ID: grant.ID(fmt.Sprintf("hotel-%d", i)), Home: grant.HomeSecrets, Generation: 1}
			ref, at, err := h.Settle(t.Context(), g, pairOf(1))
			if ref != "" || at.Epoch != 0 || errors.Is(err, ErrResting) != (i >= asked) {
				t.Fatalf("grant %d: settled at %q, %v", i, ref, err)
			}
		}
	}
	settled(patience)
	c.advance(firstRest)
	settled(1)
	if n := s.count("CreateSecret"); n != patience+1 {
		t.Errorf("%d writes were tried, want %d", n, patience+1)
	}
	s.fail = nil
	c.advance(2 * firstRest)
	settle(t, h, lisbon(1), pairOf(1))
	settle(t, h, grant.Grant{ID: "hotel-1", Generation: 1}, pairOf(1))
}

// That a version holds another pair is an answer: others may go on at once.
func TestHome_ForeignIsNoRefusal(t *testing.T) {
	h, _, _ := newHome(t)
	g := settle(t, h, lisbon(1), pairOf(1))
	if _, _, err := h.Settle(t.Context(), g, pairOf(99)); !errors.Is(err, ErrForeign) {
		t.Fatalf("settled: %v", err)
	}
	settle(t, h, grant.Grant{ID: "porto-1", Generation: 1}, pairOf(1))
}

// Copies of old calls come late: of a put, after its secret was deleted; of the
// deletion itself, any time. What they bring back the next turn deletes, and
// they touch nothing that is in use.
func TestHome_LateCopies(t *testing.T) {
	h, s, c := newHome(t)
	s.quota = 3
	first := settle(t, h, lisbon(1), pairOf(1))
	paused := first // a holder that stands still before it puts generation 2
	paused.Generation = 2
	g := run(t, h, c, first, 4, time.Second) // epoch 2 since generation 4, the first is deleted
	if g.Placement.Epoch != 2 || s.versionsOf("bellhop/grant/lisbon-1/1") != 0 {
		t.Fatalf("placement %+v, secrets %v", g.Placement, s.names())
	}
	if _, _, err := h.Settle(t.Context(), paused, pairOf(2)); err != nil {
		t.Fatal(err)
	}
	if s.versionsOf("bellhop/grant/lisbon-1/1") != 1 {
		t.Fatal("the late put made nothing: the story is another")
	}
	force := true
	late := func(name string) {
		if _, err := s.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String(name), ForceDeleteWithoutRecovery: &force}); err != nil {
			t.Fatal(err)
		}
	}
	g = run(t, h, c, g, 4, time.Second) // turns to epoch 3, and retires
	if s.versionsOf("bellhop/grant/lisbon-1/1") != 0 {
		t.Errorf("what the late copy brought back is there for ever: %v", s.names())
	}
	late("bellhop/grant/lisbon-1/1")
	late("bellhop/grant/lisbon-1/2")
	if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(g.Generation).Access) {
		t.Errorf("fetched %+v, %v", p, err)
	}
}

func TestKeep_OnlyWhatTheRefNames(t *testing.T) {
	_, s, c := newHome(t)
	h, err := NewHome(HomeConfig{API: s, Prefix: "bellhop/", Now: c.Now, Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	g := settle(t, h, lisbon(1), pairOf(1))
	g.Issued = pairOf(1).Issued
	fetch := func(g grant.Grant, want int64, reads int) {
		t.Helper()
		p, err := h.Fetch(t.Context(), g)
		if err != nil || !p.Access.Equal(pairOf(want).Access) || s.count("GetSecretValue") != reads {
			t.Errorf("fetched %+v, %v after %d reads, want %d", p, err, s.count("GetSecretValue"), reads)
		}
	}
	fetch(g, 1, 0) // what was put is not read
	stale := g
	g.Generation = 2
	g = settle(t, h, g, pairOf(2))
	g.Issued = pairOf(2).Issued
	fetch(g, 2, 0)
	fetch(stale, 1, 1) // another process's former view is read, and kept
	fetch(g, 2, 2)
	again := g
	again.Issued = g.Issued.Add(time.Hour) // removed, and added again
	fetch(again, 2, 3)
}

// What is kept is bounded, whoever comes.
func TestKeep_IsBounded(t *testing.T) {
	k := keep{most: 3}
	for i := range 100 {
		id := grant.ID(fmt.Sprintf("hotel-%d", i%10))
		k.put(id, "1/x", pairOf(1))
		if _, ok := k.get(grant.Grant{ID: id, Ref: "1/x", Issued: pairOf(1).Issued}); !ok || len(k.pairs) > 3 {
			t.Fatalf("kept %v, %d of them", ok, len(k.pairs))
		}
	}
	none := keep{}
	none.put("lisbon-1", "1/x", pairOf(1))
	if len(none.pairs) != 0 {
		t.Error("kept although nothing was to be")
	}
}
