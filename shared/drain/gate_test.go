package drain

import (
	"net/http"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

func TestDrain_TokenCannotLastTheCall(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.grants.change("g-lisbon-1", func(g *grant.Grant) {
		g.Issued, g.Expires = start.Add(-54*time.Second), start.Add(6*time.Second)
	})
	w.push(d, lisbon, update(1, 1, 3, price(100)))
	if w.hotel.pushes() != 0 {
		t.Error("pushed with a token of 6 s life for a call that may take 5 s and needs 2 s beyond")
	}
	l := w.lane(lisbon)
	if l.Hold != holdAuth || l.Holder != nil || l.WakeAt.IsZero() {
		t.Errorf("lane is %+v, want it held for the token", l)
	}
	asked := w.refresh.take()
	if len(asked) != 1 || asked[0].Message.Kind != wake.Grant || asked[0].Message.Grant != "g-lisbon-1" {
		t.Errorf("refresh was asked for by %+v", asked)
	}
	w.renew(lisbon)
	w.sweep(d)
	w.atRest(lisbon)
}

func TestDrain_WaitsForARefreshUnderWay(t *testing.T) {
	w := newWorld(t)
	reads := 0
	w.grants.change("g-lisbon-1", func(g *grant.Grant) {
		g.Expires = start.Add(3 * time.Second)
		g.Lease = &grant.Lease{Owner: "r", Deadline: start.Add(15 * time.Second)}
	})
	w.grants.onRead = func(g *grant.Grant) {
		if reads++; reads == 4 {
			g.Lease, g.Generation, g.Issued, g.Expires = nil, 8, w.clock.now(), w.clock.now().Add(time.Hour)
			w.hotel.tokens[accessOf(*g)] = true
		}
	}
	w.push(w.process(), lisbon, update(1, 1, 3, price(100)))
	w.atRest(lisbon)
	if waited := w.clock.now().Sub(start); waited > 5*time.Second {
		t.Errorf("waited %v for the refresh", waited)
	}
}

func TestDrain_OldAccessDiesAtRefresh(t *testing.T) {
	g := grant.Grant{Enabled: true, Health: grant.OK, Generation: 1, Issued: start, Expires: start.Add(time.Hour),
		Lease: &grant.Lease{Deadline: start.Add(10 * time.Second)}}
	s, err := newWorld(t).process().site(t.Context(), lisbon)
	if err != nil {
		t.Fatal(err)
	}
	token := s.profile.Token
	if closed, _ := judgeGate(g, token, start); closed != nil {
		t.Error("ordinary refreshing must hold nothing")
	}
	token.OldAccessDies = true
	if closed, mayPass := judgeGate(g, token, start); closed == nil || !mayPass {
		t.Error("the present token dies any moment: wait for the next one")
	}
}

func TestDrain_401WithANewerGeneration(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.hotel.forget(accessOf(grant.Grant{ID: "g-lisbon-1", Generation: 7}))
	first := true
	w.hotel.meet = func(http.ResponseWriter, *http.Request) bool {
		if first {
			first = false
			w.hotel.tokens[accessOf(grant.Grant{ID: "g-lisbon-1", Generation: 8})] = true
			w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Generation = 8 })
		}
		return false
	}
	w.push(d, lisbon, update(1, 1, 3, price(100)))
	w.atRest(lisbon)
	if w.hotel.pushes() != 2 || len(w.refresh.take()) != 0 {
		t.Errorf("%d pushes, want the refused one and one more", w.hotel.pushes())
	}
}

func TestDrain_401OnTwoGenerationsIsAVerdict(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.hotel.forget(accessOf(grant.Grant{ID: "g-lisbon-1", Generation: 7}))
	w.push(d, lisbon, update(1, 1, 3, price(100)))
	if l := w.lane(lisbon); l.Refused != 7 || l.Hold != holdAuth {
		t.Fatalf("lane is %+v, want generation 7 refused", l)
	}
	if len(w.grants.judged) != 0 {
		t.Fatal("one refused generation is no verdict")
	}
	if len(w.refresh.take()) != 1 {
		t.Error("nobody asked for a refresh")
	}
	// The wake alone would find a grant that is not due.
	if len(w.grants.hasten) != 1 || w.grants.hasten[0].Presented != 7 {
		t.Errorf("hastened %+v, want generation 7", w.grants.hasten)
	}
	w.renew(lisbon)
	w.hotel.forget(accessOf(grant.Grant{ID: "g-lisbon-1", Generation: 8}))
	w.clock.advance(time.Minute)
	if err := d.Wake(t.Context(), wake.Message{Kind: wake.Lane, Connection: lisbon, At: w.clock.now()}); err != nil {
		t.Fatal(err)
	}
	if len(w.grants.judged) != 1 || w.grants.judged[0].Reason != grant.TokenRejected || w.grants.judged[0].Presented != 8 {
		t.Fatalf("verdicts are %+v, want one on generation 8", w.grants.judged)
	}
	if l := w.lane(lisbon); l.Hold != holdHealth {
		t.Errorf("lane is %+v, want it parked", l)
	}
}

func TestDrain_403WaitsForTheScopeToSpread(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.hotel.meet = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="rates:write"`)
		rw.WriteHeader(http.StatusForbidden)
		return true
	}
	w.push(d, lisbon, update(1, 1, 3, price(100)))
	l := w.lane(lisbon)
	if l.Hold != holdScope || l.HoldUntil.Sub(start) < time.Minute {
		t.Fatalf("lane is %+v, want it held for the minute that a scope takes", l)
	}
	w.clock.advance(l.WakeAt.Sub(w.clock.now()))
	if err := d.Wake(t.Context(), wake.Message{Kind: wake.Lane, Connection: lisbon, At: l.WakeAt}); err != nil {
		t.Fatal(err)
	}
	if len(w.grants.judged) != 1 {
		t.Fatalf("verdicts are %+v, want one", w.grants.judged)
	}
	if j := w.grants.judged[0]; j.Health != grant.ScopeUpdateRequired || len(j.Missing) != 1 || j.Missing[0] != "rates:write" {
		t.Errorf("verdict is %+v, want the missing scope named", j)
	}
}

func TestDrain_RevokedGrantParksAndRecovers(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked })
	for revision := int64(1); revision <= 10; revision++ {
		w.push(d, lisbon, update(revision, 1, 9, price(100*revision)))
	}
	if w.hotel.pushes() != 0 {
		t.Error("pushed on a dead grant")
	}
	if n, _ := ledger.Waiting(t.Context(), w.ledger, lisbon, 0); n != 9 {
		t.Errorf("%d cells wait, want 9", n)
	}
	if n := len(w.rates.take()); n != 0 {
		t.Errorf("%d messages for a lane that waits for a person, want none: no storm", n)
	}
	w.renew(lisbon)
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Health, g.Reason = grant.OK, "" })
	// Whoever mended the grant wakes the lane, long before its own wake.
	if err := d.Wake(t.Context(), wake.Message{Kind: wake.Lane, Connection: lisbon, At: w.clock.now()}); err != nil {
		t.Fatal(err)
	}
	w.atRest(lisbon)
	if w.hotel.pushes() != 1 {
		t.Errorf("%d pushes: ten updates to a cell are one push", w.hotel.pushes())
	}
}

func TestDrain_DisabledSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Enabled = false })
	w.push(w.process(), lisbon, update(1, 1, 9, price(100)))
	if l := w.lane(lisbon); w.hotel.pushes() != 0 || l.Hold != holdDisabled {
		t.Errorf("%d pushes, lane is %+v", w.hotel.pushes(), l)
	}
}

func TestTokens_OpenedOncePerGeneration(t *testing.T) {
	v := &fakeVault{}
	tokens := NewTokens(v)
	g := grant.Grant{ID: "g", Generation: 3}
	for range 3 {
		if got, err := tokens.Access(t.Context(), g); err != nil || got.Reveal() != accessOf(g) {
			t.Fatalf("got %v", err)
		}
	}
	g.Generation = 4
	if got, _ := tokens.Access(t.Context(), g); got.Reveal() != accessOf(g) || v.opened != 2 {
		t.Errorf("opened %d times, want once for each generation", v.opened)
	}
	g.Epoch = 1 // a new consent
	if _, _ = tokens.Access(t.Context(), g); v.opened != 3 {
		t.Error("another epoch's token was taken for this one's")
	}
}
