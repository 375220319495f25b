package refresh

import (
	"errors"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// The pair that a roll replaces is kept, wherever it lives: it may be the last
// good one.
func TestRoll_KeepsTheFormerPair(t *testing.T) {
	for _, settled := range []bool{false, true} {
		on(t, func(s *step) {
			if settled {
				s.settles()
			}
			kept, err := s.Vault.Seal("g", 0, pair(7))
			if err != nil {
				s.Fatal(err)
			}
			s.aside(grant.Aside{Sealed: kept, Base: 0, At: time.Now(), Issued: time.Now(), Expires: time.Now().Add(time.Minute)})
			r := s.leases()
			again, err := r.Roll(s.Context(), grant.Plan{Step: grant.Roll, Aside: "n1", KeepFormer: true})
			if err != nil || again.IsZero() {
				s.Fatalf("again %v, %v", again, err)
			}
			g := s.now()
			former, ok := g.Asides["former-1"]
			if !ok || !former.Former || g.Generation != 2 {
				s.Fatalf("asides %v at generation %d", g.KnownAsides(), g.Generation)
			}
			p, err := s.Vault.Unseal(s.Context(), "g", former.Sealed)
			if err != nil || !p.Refresh.Equal(secret.New(secrettest.Mint("refresh-0"))) {
				s.Errorf("the former pair does not open: %v", err)
			}
		})
	}
}

// The alerter is asked to look when a retry has come to an older answer.
func TestRoll_TellsWhatARetryCameTo(t *testing.T) {
	on(t, func(s *step) {
		kept, err := s.Vault.Seal("g", 1, pair(7))
		if err != nil {
			s.Fatal(err)
		}
		s.aside(grant.Aside{Sealed: kept, Base: 1, At: time.Now(), Issued: time.Now(), Expires: time.Now().Add(time.Minute)})
		retried := s.retried()
		if _, err := s.leases().Roll(s.Context(), grant.Plan{Step: grant.Roll, Aside: "n1"}); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Generation != 2 || !g.AlertDue.After(retried.AlertDue) {
			s.Errorf("alert due %v at generation %d, since the retry %v", g.AlertDue, g.Generation, retried.AlertDue)
		}
	})
}

// settles moves the grant's pair home.
func (s *step) settles() {
	s.Helper()
	g := s.now()
	p, err := s.Vault.Open(s.Context(), g)
	if err != nil || !s.settle(s.Context(), g, p) {
		s.Fatalf("settling: %v", err)
	}
}

// aside puts an answer aside, as an earlier holder did.
func (s *step) aside(a grant.Aside) {
	s.Helper()
	s.leases()
	if err := s.store.KeepAside(s.Context(), grant.AsideWrite{ID: "g", Me: "n1", Aside: a, WakeAt: time.Now()}); err != nil {
		s.Fatal(err)
	}
}

// losesItsHome keeps an answer aside while the home of the pair in force is away.
func (s *step) losesItsHome() {
	s.Helper()
	s.settles()
	kept, _ := s.Vault.Seal("g", 0, pair(7))
	s.aside(grant.Aside{Sealed: kept, At: time.Now()})
	s.home.Fail = func(string) error { return errors.New("home is away") }
}

// When the former pair cannot be fetched, nothing is rolled: it would be
// nowhere any more.
func TestRoll_NotWithoutTheFormerPair(t *testing.T) {
	on(t, func(s *step) {
		s.losesItsHome()
		r := s.leases()
		if _, err := r.Roll(s.Context(), grant.Plan{Step: grant.Roll, Aside: "n1", KeepFormer: true}); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Generation != 1 || len(g.Asides) != 1 || len(g.Attempts) != 0 || !g.WakeAt.After(time.Now()) {
			s.Errorf("generation %d, asides %v, wake %v", g.Generation, g.KnownAsides(), g.WakeAt)
		}
	})
}

// However long its home is away: no provider is asked, so the pause does not
// grow beyond that of an exchange whose pair cannot be opened.
func TestRoll_LooksForTheFormerPairSoon(t *testing.T) {
	on(t, func(s *step) {
		s.losesItsHome()
		for range 20 {
			if _, err := s.leases().Roll(s.Context(), grant.Plan{Step: grant.Roll, Aside: "n1", KeepFormer: true}); err != nil {
				s.Fatal(err)
			}
			pause := time.Until(s.now().WakeAt)
			if pause > 16*time.Second {
				s.Fatalf("after %d tries, the next look is in %v", s.now().Failures, pause)
			}
			time.Sleep(pause)
		}
	})
}
