package refresh

import (
	"slices"
	"testing"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/secret"
)

// An aside that arrives between the refusal and the verdict goes first.
func TestAfterInvalidGrant_LateAside(t *testing.T) {
	on(t, func(s *step) {
		slow := s.leases()
		time.Sleep(26 * time.Second)
		r := s.leases()
		s.store.Fault = func(method string) granttest.Fault {
			if method == "Verdict" {
				s.store.Fault = nil
				late, _ := s.Vault.Seal("g", 1, pair(7))
				if err := s.store.KeepAside(s.Context(), grant.AsideWrite{ID: "g", Me: slow.me, WakeAt: time.Now(),
					Aside: grant.Aside{Sealed: late, Base: 1, At: time.Now(), Issued: time.Now(), Expires: time.Now().Add(time.Minute)}}); err != nil {
					s.Error(err)
				}
			}
			return granttest.None
		}
		if _, err := r.Conclude(s.Context(), oauth.Outcome{Class: oauth.Dead}); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Generation != 2 || g.Health != grant.OK || len(g.Asides) != 0 {
			s.Errorf("generation %d, %s, asides %v", g.Generation, g.Health, g.KnownAsides())
		}
	})
}

// The loser of a race uses the winner's pair; it never reports a dead grant.
func TestAfterInvalidGrant_AnotherHasCommitted(t *testing.T) {
	on(t, func(s *step) {
		slow := s.leases()
		time.Sleep(grant.LeaseFor + grant.Skew + time.Millisecond)
		winner := s.leases()
		if err := winner.Commit(s.Context(), winner.Exchange(s.Context()).Pair); err != nil {
			s.Fatal(err)
		}
		if _, err := slow.Conclude(s.Context(), oauth.Outcome{Class: oauth.Dead}); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Generation != 2 || g.Health != grant.OK || len(g.Attempts) != 0 || g.Refused != 0 {
			s.Errorf("grant %+v", g)
		}
	})
}

// The answer of a verdict was lost: its copy is refused by it, and the next
// look finds it done.
func TestVerdict_AnswerLost(t *testing.T) {
	on(t, func(s *step) {
		s.failing("Verdict", 1, granttest.Landed)
		r := s.leases()
		if _, err := r.Conclude(s.Context(), oauth.Outcome{Class: oauth.Dead}); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Health != grant.ReauthorizationRequired || g.Episode != 1 {
			s.Errorf("%s, episode %d", g.Health, g.Episode)
		}
		if r.report.name != event.GrantDead {
			s.Errorf("reported as %q", r.report.name)
		}
	})
}

// Where we know nothing of how the credential died, the provider's word counts;
// where we do, ours does.
func TestVerdict_ReasonAsTold(t *testing.T) {
	for told, want := range map[grant.Reason]grant.Reason{"": grant.Revoked, grant.Revoked: grant.Revoked, grant.Expired: grant.Expired} {
		on(t, func(s *step) {
			s.answer = oauth.Outcome{Class: oauth.Dead, Reason: told}
			r := s.leases()
			if _, err := r.Conclude(s.Context(), r.Exchange(s.Context())); err != nil {
				s.Fatal(err)
			}
			if g := s.now(); g.Health != grant.ReauthorizationRequired || g.Reason != want {
				s.Errorf("told %q: %s, %s", told, g.Health, g.Reason)
			}
		})
	}
	on(t, func(s *step) {
		s.answer = oauth.Outcome{Class: oauth.Unknown}
		r := s.leases()
		if _, err := r.Conclude(s.Context(), r.Exchange(s.Context())); err != nil {
			s.Fatal(err)
		}
		time.Sleep(time.Until(s.now().WakeAt) + time.Minute)
		s.answer = oauth.Outcome{Class: oauth.Dead, Reason: grant.Revoked}
		r = s.leases()
		if _, err := r.Conclude(s.Context(), r.Exchange(s.Context())); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Reason != grant.AnswerLost {
			s.Errorf("after a lost answer: %s, %s", g.Health, g.Reason)
		}
	})
}

func TestScopeVerdict_NamesWhatIsMissing(t *testing.T) {
	wide := []string{"rates:read", "rates:write"}
	for name, row := range map[string]struct{ profile, asks, missing []string }{
		"of the profile's":             {profile: wide, missing: wide[1:]},
		"of the grant's own":           {profile: wide[:1], asks: wide, missing: wide[1:]},
		"all of them, for want of one": {profile: wide, asks: wide[:1], missing: wide[:1]},
	} {
		on(t, func(s *step) {
			r := s.leases()
			r.profile.Token.Scopes, r.snapshot.Asks = row.profile, row.asks
			if _, err := r.Conclude(s.Context(), oauth.Outcome{Class: oauth.BadScope}); err != nil {
				s.Fatal(err)
			}
			if g := s.now(); g.Health != grant.ScopeUpdateRequired || !slices.Equal(g.Missing, row.missing) || !g.WakeAt.IsZero() {
				s.Errorf("%s: %s, missing %v, wake %v", name, g.Health, g.Missing, g.WakeAt)
			}
		})
	}
}

// What is kept aside does not speak against it, and stays: else the same request
// would be refused again and again.
func TestScopeVerdict_BesideAsides(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		raw := oauth.Outcome{Class: oauth.Unreadable, Status: 200, Raw: secret.New("<h1>back soon</h1>")}
		if _, err := r.Conclude(s.Context(), raw); err != nil {
			s.Fatal(err)
		}
		time.Sleep(time.Until(s.now().WakeAt))
		r = s.leases()
		r.profile.Token.Scopes = []string{"rates:write"}
		if _, err := r.Conclude(s.Context(), oauth.Outcome{Class: oauth.BadScope}); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Health != grant.ScopeUpdateRequired || len(g.Asides) != 1 || !g.WakeAt.IsZero() {
			s.Errorf("%s, %d asides, wake %v", g.Health, len(g.Asides), g.WakeAt)
		}
	})
}
