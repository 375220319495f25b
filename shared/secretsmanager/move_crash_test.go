package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
)

var errDead = errors.New("the process has died")

// diesAfter makes one refresh die after so many of the effects that move a
// pair, and reports how many there were. A commit has landed before them.
func (h *hotel) diesAfter(effects int) (reached int) {
	h.Helper()
	n := 0
	next := func() bool { n++; return n > effects }
	h.weather.refuse = func(_ context.Context, op string) error {
		if op != "GetSecretValue" && next() {
			return errDead
		}
		return nil
	}
	h.store.Fault = func(method string) granttest.Fault {
		if method == "Settle" && next() {
			return granttest.NotLanded
		}
		return granttest.None
	}
	time.Sleep(time.Until(h.grant().WakeAt))
	h.refreshes()
	h.weather.refuse, h.store.Fault = nil, nil
	if _, err := h.cycle.Vault.Open(h.Context(), h.grant()); err != nil {
		h.Errorf("after the crash its pair does not open: %v", err)
	}
	h.starts(0)
	return n
}

// settled holds the hotel to live at its home, whole, and to have left nothing
// behind anywhere else.
func (h *hotel) settled(home string) {
	h.Helper()
	g := h.grant()
	if g.Home != home || g.Health != grant.OK || h.provider.MostPresented() != 1 || (g.Inline != nil) != (home == grant.HomeSealed) {
		h.Errorf("at home %s: %s, inline %v, a token presented %d times", g.Home, g.Health, g.Inline != nil, h.provider.MostPresented())
	}
	if _, err := h.cycle.Vault.Open(h.Context(), g); err != nil {
		h.Errorf("its pair does not open: %v", err)
	}
	present := secretOf("bellhop/", room, g.Placement.Epoch)
	for _, name := range h.weather.names() {
		if strings.Contains(name, "/grant/") && (home == grant.HomeSealed || name != present) {
			h.Errorf("%s is left behind, placement %+v", name, g.Placement)
		}
	}
}

// A grant moves to the other home, and the process dies at each effect of its
// first or second refresh after that: the pair opens at every moment, no token
// is presented twice, and once it has lived on, nothing is left behind.
func TestMove_DiesAtEachEffect(t *testing.T) {
	for _, move := range []struct{ from, to string }{
		{grant.HomeSecrets, grant.HomeSealed}, {grant.HomeSealed, grant.HomeSecrets},
	} {
		for calm := range 2 { // refreshes before the crash
			for effects := 0; ; effects++ {
				more := false
				t.Run(fmt.Sprintf("to %s, refresh %d, after %d effects", move.to, calm+1, effects), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						h := newHotel(t, 0)
						h.moves(move.from)
						h.lives(10 * time.Minute)
						h.moves(move.to)
						for range calm {
							time.Sleep(time.Until(h.grant().WakeAt))
							h.refreshes()
						}
						more = h.diesAfter(effects) > effects
						h.lives(3 * time.Minute)
						h.settled(move.to)
					})
				})
				if !more {
					break
				}
			}
		}
	}
}
