package refresh

import (
	"errors"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// under plays a refresh under another profile.
func (s *step) under(change func(*profile.Token)) {
	p := profile.Profile{Token: token}
	change(&p.Token)
	s.Profile = func(string) (profile.Profile, error) { return p, nil }
}

// commits exchanges for the pair and commits it.
func (s *step) commits(answer grant.Pair) grant.Grant {
	s.Helper()
	time.Sleep(time.Until(s.now().WakeAt))
	r := s.leases()
	answer.Issued, answer.Expires = time.Now(), time.Now().Add(365*24*time.Hour)
	s.answer.Pair = answer
	if err := r.Commit(s.Context(), r.Exchange(s.Context()).Pair); err != nil {
		s.Fatal(err)
	}
	return s.now()
}

// When the refresh token dies of age is carried from commit to commit, until an
// answer or the profile says otherwise.
func TestCommit_CarriesWhenTheRefreshTokenDies(t *testing.T) {
	on(t, func(s *step) {
		ends := time.Now().Add(90 * 24 * time.Hour)
		said, rotated, same := pair(1), pair(2), pair(3)
		said.RefreshExpires, same.Refresh = ends, secret.Text{}
		for _, c := range []struct {
			name   string
			answer grant.Pair
		}{{"the answer says so", said}, {"rotated in silence", rotated}, {"not rotated", same}} {
			if g := s.commits(c.answer); !g.RefreshExpires.Equal(ends) {
				s.Errorf("%s: %v, want %v", c.name, g.RefreshExpires, ends)
			}
		}
	})
}

// A token of a year whose refresh token dies after 30 idle days is refreshed
// within them, again and again.
func TestCommit_ExercisesAnIdleRefreshToken(t *testing.T) {
	on(t, func(s *step) {
		month := 30 * 24 * time.Hour
		s.under(func(p *profile.Token) { p.RefreshIdle = profile.Seconds(month) })
		for n := range 4 {
			g := s.commits(pair(n + 1))
			if left := g.Issued.Add(month).Sub(g.WakeAt); left < month/4 || left > month/3 {
				s.Errorf("refresh %d: %v are left of 30 days when it is exercised", n, left)
			}
		}
	})
}

// The alerter is asked to look when a commit finds that the end is near and
// stands still, and not again for the same threshold.
func TestCommit_ForetellsTheEnd(t *testing.T) {
	on(t, func(s *step) {
		near := pair(1)
		near.RefreshExpires = time.Now().Add(5 * 24 * time.Hour)
		if g := s.commits(near); !g.AlertDue.IsZero() {
			s.Error("foretold, although use may renew it")
		}
		s.hastens()
		first := s.commits(pair(2))
		if first.AlertDue.IsZero() || first.Episode != 0 {
			s.Errorf("alert due %v in episode %d", first.AlertDue, first.Episode)
		}
		s.hastens()
		if g := s.commits(pair(3)); !g.AlertDue.Equal(first.AlertDue) {
			s.Errorf("alert due again at %v, first at %v", g.AlertDue, first.AlertDue)
		}
	})
}

// A refresh token that each use renews is foretold at none of them.
func TestCommit_ForetellsNothingThatUseRenews(t *testing.T) {
	on(t, func(s *step) {
		for n := range 3 {
			answer := pair(n + 1)
			answer.RefreshExpires = time.Now().Add(5 * 24 * time.Hour)
			if g := s.commits(answer); !g.AlertDue.IsZero() {
				s.Errorf("refresh %d is told of at %v", n, g.AlertDue)
			}
			s.hastens()
		}
	})
}

// toldInTime reports an alert that is not due so many days before a refresh
// token's end, or within the minute after.
func (s *step) toldInTime(g grant.Grant, ends grant.Pair, days time.Duration) {
	s.Helper()
	if late := days*24*time.Hour - ends.RefreshExpires.Sub(g.AlertDue); late < 0 || late > time.Minute {
		s.Errorf("%d days before, alert due %v late", days, late)
	}
}

// A token of a year is refreshed when people are to be told, however long it
// would last.
func TestCommit_ForetellsAtEachThreshold(t *testing.T) {
	on(t, func(s *step) {
		ends := pair(1)
		ends.RefreshExpires = time.Now().Add(90 * 24 * time.Hour)
		s.commits(ends)
		for _, days := range []time.Duration{14, 7, 1} {
			g := s.commits(ends)
			s.toldInTime(g, ends, days)
		}
	})
}

// The answer at a threshold that could not be committed is rolled forward: the
// roll foretells what its commit would have, and the commit after it not again.
func TestRoll_ForetellsAtEachThreshold(t *testing.T) {
	on(t, func(s *step) {
		ends := pair(1)
		ends.RefreshExpires = time.Now().Add(90 * 24 * time.Hour)
		s.commits(ends)
		for _, days := range []time.Duration{14, 7, 1} {
			rolled := s.rolls(ends)
			s.toldInTime(rolled, ends, days)
			if g := s.commits(ends); !g.AlertDue.Equal(rolled.AlertDue) {
				s.Errorf("%d days before, alert due again at %v", days, g.AlertDue)
			}
		}
	})
}

// rolls exchanges for the pair, keeps it aside instead of committing it, and
// rolls it forward.
func (s *step) rolls(answer grant.Pair) grant.Grant {
	s.Helper()
	time.Sleep(time.Until(s.now().WakeAt))
	r := s.leases()
	answer.Issued, answer.Expires = time.Now(), time.Now().Add(365*24*time.Hour)
	s.answer.Pair = answer
	s.failing("Commit", tries, granttest.NotLanded)
	if _, err := r.KeepAside(s.Context(), r.Commit(s.Context(), r.Exchange(s.Context()).Pair)); err != nil {
		s.Fatal(err)
	}
	r = s.leases()
	plan := r.Recover(s.Context())
	if plan.Step != grant.Roll {
		s.Fatalf("plan %s", plan.Step)
	}
	if _, err := r.Roll(s.Context(), plan); err != nil {
		s.Fatal(err)
	}
	return s.now()
}

// hastens makes the next refresh due, a day later.
func (s *step) hastens() {
	s.Helper()
	time.Sleep(24 * time.Hour)
	if err := s.store.Hasten(s.Context(), grant.HastenWrite{ID: "g", Presented: s.now().Generation, At: time.Now()}); err != nil {
		s.Fatal(err)
	}
}

// retried lets a verdict come, and be taken back two minutes later.
func (s *step) retried() grant.Grant {
	s.Helper()
	time.Sleep(time.Minute)
	dead := grant.JudgeWrite{ID: "g", Presented: s.now().Generation, Health: grant.ReauthorizationRequired, Reason: grant.TokenRejected, At: time.Now(), Skew: grant.Skew}
	time.Sleep(2 * time.Minute)
	retry := grant.RetryWrite{ID: "g", Generation: dead.Presented, At: time.Now()}
	if err := errors.Join(s.store.Judge(s.Context(), dead), s.store.Retry(s.Context(), retry)); err != nil {
		s.Fatal(err)
	}
	time.Sleep(time.Second) // until it is presented
	return s.now()
}

// The alerter is asked to look when a retry has come to something, and once.
func TestCommit_TellsWhatARetryCameTo(t *testing.T) {
	on(t, func(s *step) {
		s.commits(pair(1))
		retried := s.retried()
		healed := s.commits(pair(2))
		if !healed.AlertDue.After(retried.AlertDue) || healed.Episode != 1 {
			s.Errorf("alert due %v in episode %d, since the retry %v", healed.AlertDue, healed.Episode, retried.AlertDue)
		}
		s.hastens()
		if g := s.commits(pair(3)); !g.AlertDue.Equal(healed.AlertDue) {
			s.Errorf("alert due again at %v, first at %v", g.AlertDue, healed.AlertDue)
		}
	})
}

// An end that comes near is told of a grant whose scopes are missing since
// before, in the episode that it is in: nobody is needed once more.
func TestCommit_ForetellsWithinAnEpisode(t *testing.T) {
	on(t, func(s *step) {
		narrow := pair(1)
		narrow.RefreshExpires, narrow.Scopes = time.Now().Add(20*24*time.Hour), []string{}
		opened := s.commits(narrow)
		if opened.Episode != 1 || opened.Health != grant.ScopeUpdateRequired {
			s.Fatalf("%s in episode %d", opened.Health, opened.Episode)
		}
		if g := s.commits(narrow); g.Episode != 1 || !g.EpisodeSince.Equal(opened.EpisodeSince) || !g.AlertDue.After(opened.AlertDue) {
			s.Errorf("episode %d since %v, alert due %v", g.Episode, g.EpisodeSince, g.AlertDue)
		}
	})
}

// A grant may ask for other scopes than its profile: what is missing is missed
// of those.
func TestCommit_GrantsOwnScopes(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		r.snapshot.Asks = []string{"rates:read", "rates:write"}
		answer := pair(1)
		answer.Scopes = []string{"rates:read"}
		if err := r.Commit(s.Context(), answer); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); g.Health != grant.ScopeUpdateRequired || len(g.Missing) != 1 || g.Missing[0] != "rates:write" {
			s.Errorf("%s, missing %v", g.Health, g.Missing)
		}
	})
}
