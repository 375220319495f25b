package secretsmanager

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/grant"
)

// moves is what the operator's command does: it names another home.
func (h *hotel) moves(home string) {
	h.Helper()
	if err := h.store.SetHome(h.Context(), room, home); err != nil {
		h.Fatal(err)
	}
}

// A grant moves to the other home and back: two ordinary refreshes. Nothing is
// presented twice, the pair opens at every moment, and no secret is left behind
// that nobody needs.
func TestMove_ThereAndBack(t *testing.T) {
	want := calm(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, 0)
		h.lives(15 * time.Minute)
		h.moves(grant.HomeSealed)
		if _, err := h.cycle.Vault.Open(t.Context(), h.grant()); err != nil {
			t.Errorf("before its next refresh: %v", err)
		}
		h.lives(2 * time.Minute)
		if g := h.grant(); g.Inline == nil || g.Ref != "" || len(g.Placement.Retired) != 0 {
			t.Errorf("after the move: ref %q, placement %+v", g.Ref, g.Placement)
		}
		for _, name := range h.weather.names() {
			if strings.Contains(name, "/grant/") {
				t.Errorf("%s is left behind", name)
			}
		}
		h.lives(13 * time.Minute)
		h.moves(grant.HomeSecrets)
		h.lives(time.Hour)
		h.isWhole(want)
	})
}

// What is removed is removed whole, with the secret that a holder who died made
// and the table never knew.
func TestLeave_NamesEverySecret(t *testing.T) {
	h, s, c := newHome(t)
	s.quota = 3
	g := run(t, h, c, lisbon(0), 4, time.Second) // in epoch 2
	lost := g
	for lost.Generation = 5; lost.Generation <= 7; lost.Generation++ {
		settle(t, h, lost, pairOf(lost.Generation)) // the last one turns to epoch 3, and is forgotten
	}
	g.Ref, g.Placement = "", h.Leave(g)
	if err := h.Retire(t.Context(), g); err != nil || len(s.names()) != 0 {
		t.Errorf("left behind %v, %v", s.names(), err)
	}
	if again := h.Leave(g); !again.Same(g.Placement) {
		t.Errorf("left twice: %+v", again)
	}
	if never := h.Leave(lisbon(0)); !never.Same(grant.Placement{}) {
		t.Errorf("a grant that was never here has %+v", never)
	}
}
