package secretsmanager

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/grant"
)

func TestHome_FirstPairMakesItsSecret(t *testing.T) {
	h, s, c := newHome(t)
	g := settle(t, h, lisbon(1), pairOf(1))
	if want := (grant.Placement{Epoch: 1, Writes: 1, Since: c.now}); g.Placement.Epoch != want.Epoch || g.Placement.Writes != 1 || !g.Placement.Since.Equal(c.now) || g.Placement.Retired != nil {
		t.Errorf("placement is %+v", g.Placement)
	}
	if names := s.names(); !slices.Equal(names, []string{"bellhop/grant/lisbon-1/1"}) {
		t.Errorf("secrets are %v", names)
	}
	if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(1).Access) || !p.Refresh.Equal(pairOf(1).Refresh) {
		t.Errorf("fetched %+v, %v", p, err)
	}
}

// Access and refresh token are one value: no reader can see half a refresh.
func TestHome_EachGenerationIsOneVersion(t *testing.T) {
	h, s, _ := newHome(t)
	g := lisbon(1)
	var refs []string
	for gen := int64(1); gen <= 3; gen++ {
		g.Generation = gen
		g = settle(t, h, g, pairOf(gen))
		refs = append(refs, g.Ref)
	}
	if s.versionsOf("bellhop/grant/lisbon-1/1") != 3 || s.count("CreateSecret") != 1 || s.count("PutSecretValue") != 2 {
		t.Errorf("%d versions by calls %v", s.versionsOf("bellhop/grant/lisbon-1/1"), s.calls)
	}
	for i, ref := range refs { // a former generation's reader still finds it
		g.Ref = ref
		if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(int64(i+1)).Access) {
			t.Errorf("generation %d: %+v, %v", i+1, p, err)
		}
	}
}

// The holder died after the write, before the table knew: the next one writes
// the same, and nothing is another version.
func TestHome_SettlingTwiceIsOneSuccess(t *testing.T) {
	h, s, _ := newHome(t)
	for gen := int64(1); gen <= 2; gen++ {
		g := lisbon(gen)
		if gen > 1 {
			g.Placement = grant.Placement{Epoch: 1, Writes: 1, Since: time.Now()}
		}
		first, second := settle(t, h, g, pairOf(gen)), settle(t, h, g, pairOf(gen))
		if first.Ref != second.Ref || s.versionsOf("bellhop/grant/lisbon-1/1") != int(gen) {
			t.Errorf("generation %d: refs %s and %s, %d versions", gen, first.Ref, second.Ref, s.versionsOf("bellhop/grant/lisbon-1/1"))
		}
	}
}

// Faults in pairs: the write landed and its answer was lost, or it did not land.
func TestHome_AnswerOfTheWriteLost(t *testing.T) {
	gone := errors.New("connection reset")
	for _, op := range []string{"CreateSecret", "PutSecretValue"} {
		for _, landed := range []bool{true, false} {
			h, s, c := newHome(t)
			g := lisbon(1)
			if op == "PutSecretValue" {
				g = settle(t, h, g, pairOf(1))
				g.Generation = 2
			}
			s.fail = func(o string) (error, bool) {
				if o == op {
					return gone, landed
				}
				return nil, true
			}
			ref, at, err := h.Settle(t.Context(), g, pairOf(g.Generation))
			if !errors.Is(err, gone) || ref != "" || at.Writes != g.Placement.Writes {
				t.Errorf("%s, landed %v: settled at %q, %+v, %v", op, landed, ref, at, err)
			}
			s.fail = nil
			c.advance(firstRest)
			g = settle(t, h, g, pairOf(g.Generation))
			if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(g.Generation).Access) {
				t.Errorf("%s, landed %v: fetched %+v, %v", op, landed, p, err)
			}
		}
	}
}

// The table was restored to an older time and lives through its generations
// again: what is there is not overwritten.
func TestHome_AnotherPairOfTheSameGeneration(t *testing.T) {
	h, _, _ := newHome(t)
	g := settle(t, h, lisbon(1), pairOf(1))
	ref, at, err := h.Settle(t.Context(), g, pairOf(99))
	if !errors.Is(err, ErrForeign) || ref != "" || at.Writes != 1 {
		t.Errorf("settled at %q, %+v, %v", ref, at, err)
	}
	if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(1).Access) {
		t.Errorf("fetched %+v, %v", p, err)
	}
}

// run lives a grant through generations, one every pace, as the refresh cycle
// does: settle, then at the next commit retire what is left.
func TestHome_TroubleLeavesThePlacementAlone(t *testing.T) {
	h, s, _ := newHome(t)
	g := settle(t, h, lisbon(1), pairOf(1))
	g.Generation = 2
	denied := errors.New("AccessDeniedException")
	s.fail = func(string) (error, bool) { return denied, false }
	ref, at, err := h.Settle(t.Context(), g, pairOf(2))
	if !errors.Is(err, denied) || ref != "" || at.Writes != 1 || at.Epoch != 1 {
		t.Errorf("settled at %q, %+v, %v", ref, at, err)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error holds a token: %v", err)
	}
}

func TestHome_FetchWaitsForItsVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(time.Now)
		s.delay = 300 * time.Millisecond
		h, err := NewHome(HomeConfig{API: s, Prefix: "bellhop/"})
		if err != nil {
			t.Fatal(err)
		}
		g := settle(t, h, lisbon(1), pairOf(1))
		start := time.Now()
		if p, err := h.Fetch(t.Context(), g); err != nil || !p.Access.Equal(pairOf(1).Access) {
			t.Errorf("fetched %+v, %v", p, err)
		}
		if waited := time.Since(start); waited < s.delay || waited > time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestHome_FetchDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := NewHome(HomeConfig{API: newService(time.Now), Prefix: "bellhop/"})
		if err != nil {
			t.Fatal(err)
		}
		g := lisbon(1)
		g.Ref = refTo(1, versionOf("lisbon-1", 1))
		start := time.Now()
		if _, err := h.Fetch(t.Context(), g); !errors.Is(err, grant.ErrPairMissing) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited > 2*time.Second {
			t.Errorf("waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := h.Fetch(ctx, g); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, grant.ErrPairMissing) {
			t.Errorf("with less time: %v", err)
		}
	})
}

// A version that was put just now and is not seen is late. Only one that nobody
// sees for long is gone.
func TestHome_LateIsNotMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(time.Now)
		s.delay = time.Hour
		h, err := NewHome(HomeConfig{API: s, Prefix: "bellhop/"})
		if err != nil {
			t.Fatal(err)
		}
		g := settle(t, h, lisbon(1), pairOf(1))
		if _, err := h.Fetch(t.Context(), g); err == nil || errors.Is(err, grant.ErrPairMissing) {
			t.Errorf("just put: %v", err)
		}
		time.Sleep(lateFor)
		if _, err := h.Fetch(t.Context(), g); !errors.Is(err, grant.ErrPairMissing) {
			t.Errorf("not seen for %v: %v", lateFor, err)
		}
		s.delay = 0
		if _, err := h.Fetch(t.Context(), g); err != nil {
			t.Errorf("seen at last: %v", err)
		}
	})
}

func TestHome_FetchOfNonsense(t *testing.T) {
	h, s, _ := newHome(t)
	for _, ref := range []string{"x", "1", "1/", "/v", "one/v", "99999999999999999999/v"} {
		g := lisbon(1)
		g.Ref = ref
		if _, err := h.Fetch(t.Context(), g); !errors.Is(err, grant.ErrPairMissing) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if s.count("GetSecretValue") != 0 {
		t.Error("nonsense was asked for")
	}
	trouble := errors.New("throttled")
	s.fail = func(string) (error, bool) { return trouble, false }
	g := lisbon(1)
	g.Ref = refTo(1, "v")
	if _, err := h.Fetch(t.Context(), g); !errors.Is(err, trouble) || errors.Is(err, grant.ErrPairMissing) {
		t.Errorf("in trouble: %v: missing and unknown are not the same", err)
	}
}

func TestNewHome_RefusesWhatWouldFillSecrets(t *testing.T) {
	for name, c := range map[string]HomeConfig{
		"quota":     {Prefix: "bellhop/", Versions: 100},
		"far over":  {Prefix: "bellhop/", Versions: 1000},
		"one":       {Prefix: "bellhop/", Versions: 1},
		"negative":  {Prefix: "bellhop/", Versions: -5},
		"no prefix": {},
		"no slash":  {Prefix: "bellhop"},
	} {
		if _, err := NewHome(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := NewHome(HomeConfig{Prefix: "bellhop/", Versions: 20}); err != nil {
		t.Error(err)
	}
}

// The version's id is a function of grant and generation alone, for all time:
// another release must find what this one wrote.
