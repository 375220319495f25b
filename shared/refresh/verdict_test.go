package refresh

import (
	"slices"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// keeps puts an answer of a minute aside for a run, of this base and kind.
func (s *step) keeps(r *Run, a grant.Aside) {
	s.Helper()
	sealed, err := s.Vault.Seal("g", a.Base, pair(7))
	if err != nil {
		s.Fatal(err)
	}
	a.Sealed, a.At, a.Issued, a.Expires = sealed, time.Now(), time.Now(), time.Now().Add(time.Minute)
	if err := s.store.KeepAside(s.Context(), grant.AsideWrite{ID: "g", Me: r.me, WakeAt: time.Now(), Aside: a}); err != nil {
		s.Fatal(err)
	}
}

// answersBeforeTheVerdict puts an answer of a slow run aside just before the next
// verdict lands.
func (s *step) answersBeforeTheVerdict(slow *Run) {
	s.store.Fault = func(method string) granttest.Fault {
		if method == "Verdict" {
			s.store.Fault = nil
			s.keeps(slow, grant.Aside{Base: 1})
		}
		return granttest.None
	}
}

// An aside that arrives between the refusal and the verdict goes first.
func TestAfterInvalidGrant_LateAside(t *testing.T) {
	on(t, func(s *step) {
		slow := s.leases()
		time.Sleep(26 * time.Second)
		r := s.leases()
		s.answersBeforeTheVerdict(slow)
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

// rejects lets the provider refuse our request until the grant has been refused
// so n times in a row, each when it is looked at again.
func (s *step) rejects(n int) {
	s.Helper()
	for range n {
		time.Sleep(time.Until(s.now().WakeAt))
		if _, err := s.leases().Conclude(s.Context(), oauth.Outcome{Class: oauth.BadRequest, Status: 400, Code: "other"}); err != nil {
			s.Fatal(err)
		}
	}
}

// The provider has not looked at the pair: a former one that is kept is not rolled
// over it, and neither is dropped. Somebody looks again, now and then. What cannot
// be read speaks for nothing.
func TestRejection_BesideAsides(t *testing.T) {
	for _, raw := range []bool{false, true} {
		on(t, func(s *step) {
			s.keeps(s.leases(), grant.Aside{Former: !raw, Raw: raw})
			s.rejects(7)
			if g := s.now(); g.Health != grant.OK || g.Rejections != 7 {
				s.Fatalf("%s after %d", g.Health, g.Rejections)
			}
			time.Sleep(time.Until(s.now().Edge().Add(time.Hour)))
			s.rejects(1)
			g := s.now()
			if judged := g.Health == grant.ReauthorizationRequired && g.Reason == grant.RequestRefused && g.WakeAt.IsZero(); judged != raw {
				s.Errorf("%s, %s, wake %v", g.Health, g.Reason, g.WakeAt)
			}
			if wait := time.Until(g.WakeAt); !raw && (wait <= 0 || wait > 15*time.Minute) {
				s.Errorf("the next look is in %v", wait)
			}
			if g.Generation != 1 || len(g.Asides) != 1 || len(g.Attempts) != 0 {
				s.Errorf("generation %d, %d asides, %d attempts", g.Generation, len(g.Asides), len(g.Attempts))
			}
		})
	}
}

// A registration that is refused for this grant alone says as little of the pair.
func TestRefusedAlone_BesideAFormerPair(t *testing.T) {
	for _, former := range []bool{false, true} {
		on(t, func(s *step) {
			s.under(func(p *profile.Token) { p.Bucket = "client" })
			s.Buckets = bucket.NewCache(&buckettest.Memory{}, time.Now)
			if _, err := s.Buckets.Change(s.Context(), bucket.OfClient("c"), func(b bucket.Bucket) bucket.Bucket {
				b.Trouble = &bucket.Trouble{Episode: 1, Since: time.Now(), Over: time.Now(), Alone: []bucket.Alone{{Grant: "g", Times: 8}}}
				return b
			}); err != nil {
				s.Fatal(err)
			}
			if former {
				s.keeps(s.leases(), grant.Aside{Former: true})
			}
			time.Sleep(time.Until(s.now().Edge()) + time.Second)
			s.answer = oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "unauthorized_client"}
			r := s.leases()
			if _, err := r.Conclude(s.Context(), r.Exchange(s.Context())); err != nil {
				s.Fatal(err)
			}
			g := s.now()
			if judged := g.Reason == grant.RefusedAlone && g.WakeAt.IsZero(); judged == former || former && !g.WakeAt.After(time.Now()) {
				s.Errorf("a former pair %t: %s, %s, wake %v", former, g.Health, g.Reason, g.WakeAt)
			}
			if g.Generation != 1 || former != (len(g.Asides) == 1) || len(g.Attempts) != 0 {
				s.Errorf("a former pair %t: generation %d, %d asides, %d attempts", former, g.Generation, len(g.Asides), len(g.Attempts))
			}
		})
	}
}

// Somebody who was at it just before may still come with an answer: nobody is
// judged until he has surely ended.
func TestRejection_WaitsForTheLivingHolder(t *testing.T) {
	on(t, func(s *step) {
		s.rejects(7)
		time.Sleep(2 * time.Hour)
		s.leases() // and is not heard of again
		time.Sleep(grant.LeaseFor + grant.Skew + time.Millisecond)
		s.rejects(1)
		if g := s.now(); g.Health != grant.OK || g.Rejections != 8 {
			s.Fatalf("%s after %d", g.Health, g.Rejections)
		}
		time.Sleep(grant.FunctionTimeout)
		s.rejects(1)
		if g := s.now(); g.Reason != grant.RequestRefused || len(g.Attempts) != 1 || g.Episode != 1 {
			s.Errorf("%s, %s, %d attempts", g.Health, g.Reason, len(g.Attempts))
		}
	})
}

// An hour in which the provider answers so to everybody asks nobody for anything,
// and what failed otherwise meanwhile begins the row anew.
func TestRejection_PassesByItself(t *testing.T) {
	on(t, func(s *step) {
		for edge := s.now().Edge(); s.now().WakeAt.Before(edge.Add(time.Hour)); {
			s.rejects(1)
		}
		time.Sleep(time.Until(s.now().WakeAt))
		if _, err := s.leases().Conclude(s.Context(), oauth.Outcome{Class: oauth.NotSent}); err != nil {
			s.Fatal(err)
		}
		s.rejects(7)
		if g := s.now(); g.Health != grant.OK || g.Rejections != 7 || g.Failures < 15 {
			s.Errorf("%s after %d of %d", g.Health, g.Rejections, g.Failures)
		}
	})
}

// An answer that came between the refusal and the verdict goes first.
func TestRejection_LateAside(t *testing.T) {
	on(t, func(s *step) {
		s.rejects(7)
		slow := s.again()
		time.Sleep(26*time.Second + time.Hour)
		r := s.leases()
		s.answersBeforeTheVerdict(slow)
		if _, err := r.Conclude(s.Context(), oauth.Outcome{Class: oauth.BadRequest}); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Health != grant.OK || len(g.Asides) != 1 || len(g.Attempts) != 0 || !g.Due(time.Now()) {
			s.Errorf("%s, asides %v, attempts %v, wake %v", g.Health, g.KnownAsides(), g.Attempts, g.WakeAt)
		}
	})
}
