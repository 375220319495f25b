package granttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// Home is a [grant.Home] in memory. It polices misuse: another pair under a
// generation that has one is refused. Its zero value is empty and usable.
type Home struct {
	// Fail, when set, is asked before every call, by the method's name.
	Fail func(method string) error

	mu      sync.Mutex
	pairs   map[string]grant.Pair // guarded by mu; by ref
	retired []string              // guarded by mu
}

var _ grant.Home = (*Home)(nil)

// Settle implements [grant.Home].
func (h *Home) Settle(_ context.Context, g grant.Grant, p grant.Pair) (string, grant.Placement, error) {
	if err := h.fails("Settle"); err != nil {
		return "", g.Placement, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pairs == nil {
		h.pairs = map[string]grant.Pair{}
	}
	ref := fmt.Sprintf("%s/%d", g.ID, g.Generation)
	if there, ok := h.pairs[ref]; ok && !there.Access.Equal(p.Access) {
		return "", g.Placement, errors.New("granttest: another pair of this generation is at home")
	}
	h.pairs[ref] = p
	at := g.Placement
	at.Writes++
	return ref, at, nil
}

// Fetch implements [grant.Home].
func (h *Home) Fetch(_ context.Context, g grant.Grant) (grant.Pair, error) {
	if err := h.fails("Fetch"); err != nil {
		return grant.Pair{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.pairs[g.Ref]
	if !ok {
		return p, grant.ErrPairMissing
	}
	return p, nil
}

// Retire implements [grant.Home].
func (h *Home) Retire(_ context.Context, g grant.Grant) error {
	if err := h.fails("Retire"); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retired = append(h.retired, g.Placement.Retired...)
	return nil
}

func (h *Home) fails(method string) error {
	if h.Fail == nil {
		return nil
	}
	return h.Fail(method)
}

// HomeSuite holds an implementation of [grant.Home] to its contract. open
// returns an empty home. A home that leaves pairs inline is held to the part
// that is left.
func HomeSuite(t *testing.T, open func(t *testing.T) grant.Home) {
	for name, story := range map[string]func(*testing.T, grant.Home){
		"SettleThenFetch": settleThenFetch, "SettleTwice": settleTwice, "GenerationsApart": generationsApart,
		"NeverOverwritten": neverOverwritten, "Missing": fetchMissing, "RetireTwice": retireTwice,
	} {
		t.Run(name, func(t *testing.T) { story(t, open(t)) })
	}
}

// pairOf is the pair of a generation, recognisable by its tokens.
func pairOf(generation int64) grant.Pair {
	return grant.Pair{
		Access:  secret.New(secrettest.Mint(fmt.Sprintf("access-%d", generation))),
		Refresh: secret.New(secrettest.Mint(fmt.Sprintf("refresh-%d", generation))),
		Scopes:  []string{"rates:read"}, Issued: noon, Expires: noon.Add(time.Minute),
	}
}

// atHome settles the pair of a generation and returns the grant as the table
// would have it then. It skips the story for a home that keeps none.
func atHome(t *testing.T, h grant.Home, g grant.Grant) grant.Grant {
	t.Helper()
	ref, at, err := h.Settle(t.Context(), g, pairOf(g.Generation))
	if errors.Is(err, grant.ErrInline) {
		t.Skip("pairs of this home stay inline")
	}
	if err != nil || ref == "" {
		t.Fatalf("settling generation %d: ref %q, %v", g.Generation, ref, err)
	}
	g.Inline, g.Ref, g.Placement = nil, ref, at
	return g
}

func holds(t *testing.T, h grant.Home, g grant.Grant, generation int64) {
	t.Helper()
	got, err := h.Fetch(t.Context(), g)
	if err != nil {
		t.Fatalf("fetching %s: %v", g.Ref, err)
	}
	want := pairOf(generation)
	if !got.Access.Equal(want.Access) || !got.Refresh.Equal(want.Refresh) ||
		!got.Issued.Equal(want.Issued) || !got.Expires.Equal(want.Expires) || len(got.Scopes) != 1 {
		t.Errorf("fetched another pair than that of generation %d", generation)
	}
}

func settleThenFetch(t *testing.T, h grant.Home) {
	g := atHome(t, h, Living("g", nil))
	holds(t, h, g, g.Generation)
}

func settleTwice(t *testing.T, h grant.Home) {
	before := Living("g", nil)
	first := atHome(t, h, before)
	second := atHome(t, h, before) // we died before the table knew
	if first.Ref != second.Ref {
		t.Errorf("one generation has two places, %q and %q", first.Ref, second.Ref)
	}
	holds(t, h, second, before.Generation)
}

func generationsApart(t *testing.T, h grant.Home) {
	third := atHome(t, h, Living("g", nil))
	next := third
	next.Generation = 4
	fourth := atHome(t, h, next)
	holds(t, h, fourth, 4)
	holds(t, h, third, 3) // a pusher may still hold the former ref
	other := atHome(t, h, Living("another", nil))
	if other.Ref == third.Ref && other.ID == third.ID {
		t.Error("two grants share a place")
	}
}

// neverOverwritten: what is there under a generation stays, whoever comes with
// something else (two stacks on one secret, a table restored to an older time).
func neverOverwritten(t *testing.T, h grant.Home) {
	g := atHome(t, h, Living("g", nil))
	_, _, err := h.Settle(t.Context(), Living("g", nil), pairOf(99))
	if err == nil {
		t.Error("another pair was put in the place of this generation's")
	}
	holds(t, h, g, 3)
}

func fetchMissing(t *testing.T, h grant.Home) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := Living("g", func(g *grant.Grant) { g.Inline, g.Ref, g.Placement.Epoch = nil, "1/nothing", 1 })
	if _, err := h.Fetch(ctx, g); !errors.Is(err, grant.ErrPairMissing) {
		t.Errorf("fetching what is not there: %v, want ErrPairMissing", err)
	}
}

func retireTwice(t *testing.T, h grant.Home) {
	g := Living("g", nil)
	for range 2 {
		if err := h.Retire(t.Context(), g); err != nil {
			t.Errorf("retiring: %v", err)
		}
	}
}
