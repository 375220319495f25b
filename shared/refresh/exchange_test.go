package refresh

import (
	"errors"
	"strings"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

func TestExchange_Asks(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		if out := r.Exchange(s.Context()); out.Class != oauth.Issued {
			s.Fatalf("class %s", out.Class)
		}
		q := s.asked[0]
		if q.Kind != grant.KindRefresh || q.Endpoint != "https://override.example/token" ||
			q.Introspect != "https://override.example/introspect" || q.ClientID != "bellhop" ||
			!q.Refresh.Equal(secret.New(secrettest.Mint("refresh-0"))) || !q.ClientSecret.Equal(secret.New("s")) {
			s.Errorf("asked %+v", q)
		}
		if latest := r.snapshot.Lease.Deadline.Add(-10 * time.Second); !q.Deadline.Equal(latest) {
			s.Errorf("may be written until %v, want %v: exchange and commit fit into the lease", q.Deadline, latest)
		}
	})
}

// A machine that stood still between lease and request presents nothing: the
// lease may be another's by now.
func TestExchange_FrozenBeforeItsRequest(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		time.Sleep(5*time.Second + 1)
		out := r.Exchange(s.Context())
		if out.Class != oauth.NotSent || len(s.asked) != 0 {
			s.Errorf("class %s after %d requests", out.Class, len(s.asked))
		}
		if _, err := r.Conclude(s.Context(), out); err != nil || len(s.now().Attempts) != 0 {
			s.Errorf("the attempt stays although nothing was presented: %v", err)
		}
	})
}

// No refresh token in the answer keeps the old one; no scope means unchanged.
func TestCommit_WhatTheAnswerLeftUnsaid(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		s.answer.Pair.Refresh, s.answer.Pair.Scopes = secret.Text{}, nil
		out := r.Exchange(s.Context())
		if err := r.Commit(s.Context(), out.Pair); err != nil {
			s.Fatal(err)
		}
		g := s.now()
		p, err := s.Vault.Open(s.Context(), g)
		if err != nil || !p.Refresh.Equal(secret.New(secrettest.Mint("refresh-0"))) || !p.Access.Equal(secret.New(secrettest.Mint("access-1"))) {
			s.Errorf("the old refresh token is gone: %v", err)
		}
		if len(g.Scopes) != 1 || g.Health != grant.OK {
			s.Errorf("scopes %v, %s", g.Scopes, g.Health)
		}
	})
}

// My commit landed and its answer was lost, three times over: keeping aside is
// refused, and that is how I know. The event says so.
func TestKeepAside_RefusedMeansCommitted(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		out := r.Exchange(s.Context())
		s.failing("Commit", tries, granttest.Landed)
		err := r.Commit(s.Context(), out.Pair)
		if err == nil {
			s.Fatal("the commit's answer was not lost")
		}
		again, err := r.KeepAside(s.Context(), err)
		if err != nil || !again.IsZero() || len(s.now().Asides) != 0 || s.now().Generation != 2 {
			s.Errorf("again %v, %v; grant %+v", again, err, s.now())
		}
		if r.report.came != "committed" {
			s.Errorf("reported as %s", r.report.came)
		}
	})
}

func TestKeepAside_TableIsAway(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		out := r.Exchange(s.Context())
		s.store.Fault = func(string) granttest.Fault { return granttest.NotLanded }
		_, err := r.KeepAside(s.Context(), r.Commit(s.Context(), out.Pair))
		if !errors.Is(err, granttest.ErrLost) || r.report.came != "unknown" {
			s.Errorf("%v, reported as %s", err, r.report.came)
		}
	})
}

// Settling is put home first, ref second; a pair that has been replaced
// meanwhile is nobody's business.
func TestSettle_OvertakenIsNoFailure(t *testing.T) {
	on(t, func(s *step) {
		g := s.now()
		p, err := s.Vault.Open(s.Context(), g)
		if err != nil {
			s.Fatal(err)
		}
		winner := s.leases()
		if err := winner.Commit(s.Context(), winner.Exchange(s.Context()).Pair); err != nil {
			s.Fatal(err)
		}
		if !s.settle(s.Context(), g, p) || s.now().Ref != "" {
			s.Error("an old pair was settled over a new one")
		}
	})
}

// What is presented for the grace's sake is presented inside it: the time that
// passed since Recover looked at the clock counts.
func TestExchange_GraceEndsMeanwhile(t *testing.T) {
	on(t, func(s *step) {
		if _, err := s.leases().Release(s.Context(), time.Now()); err != nil {
			s.Fatal(err)
		}
		r := s.leases()
		r.client.Rotation = &profile.Rotation{Policy: "grace", Grace: profile.Seconds(2 * time.Second)}
		if plan := r.Recover(s.Context()); plan.Step != grant.Present {
			s.Fatalf("inside the grace: %s", plan.Step)
		}
		time.Sleep(2*time.Second + 1)
		if out := r.Exchange(s.Context()); out.Class != oauth.NotSent || len(s.asked) != 0 {
			s.Errorf("class %s after %d requests: its successor may be in another's hand", out.Class, len(s.asked))
		}
	})
}

// Our registration is refused: what we had kept is read once more, and only what
// has not been refused yet is presented, once. What is reported is the last try.
func TestExchange_SecretsAfterARefusal(t *testing.T) {
	old, fresh := secret.New("old"), secret.New("new")
	alone := connection.Secrets{Current: old, Version: "v1"}
	both := connection.Secrets{Current: old, Next: fresh, Version: "v2"}
	promoted := connection.Secrets{Current: fresh, Version: "v3"}
	for name, row := range map[string]struct {
		kept, stored connection.Secrets
		err          error
		asked        string
		version      string
	}{
		"nobody has changed it":            {kept: alone, stored: alone, asked: "old", version: "v1"},
		"promoted since":                   {kept: alone, stored: promoted, asked: "old new", version: "v3"},
		"stored beside it since":           {kept: alone, stored: both, asked: "old new", version: "v2"},
		"a rotation that goes on":          {kept: both, stored: both, asked: "old new", version: "v2"},
		"a rotation that has ended":        {kept: both, stored: promoted, asked: "old new", version: "v3"},
		"a rotation that was taken back":   {kept: both, stored: alone, asked: "old", version: "v2"},
		"it cannot be read":                {kept: alone, err: errors.New("unreachable"), asked: "old", version: "v1"},
		"a rotation that cannot be read":   {kept: both, err: errors.New("unreachable"), asked: "old new", version: "v2"},
		"it was changed, not what is sent": {kept: alone, stored: connection.Secrets{Current: old, Version: "v4"}, asked: "old", version: "v1"},
	} {
		on(t, func(s *step) {
			s.kept, s.answer = row.kept, oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
			s.stored = func() (connection.Secrets, error) { return row.stored, row.err }
			r := s.leases()
			out := r.Exchange(s.Context())
			var asked []string
			for _, q := range s.asked {
				asked = append(asked, q.ClientSecret.Reveal())
			}
			if got := strings.Join(asked, " "); out.Class != oauth.BadClient || got != row.asked || r.share.ours.Version != row.version {
				s.Errorf("%s: %s after asking with %q, reported as %s; want %q, %s", name, out.Class, got, r.share.ours.Version, row.asked, row.version)
			}
		})
	}
}

// A 503 without a word may have acted. The grant waits with the others, but for
// the lost answer of a grace it comes again at once.
func TestConclude_UnknownOutcomeIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		grants   string
		rotation profile.Rotation
		held     string
		attempts int
	}{
		"none":   {"authorization_code", profile.Rotation{Policy: "none"}, bucket.WhyOutage, 1},
		"detect": {"authorization_code", profile.Rotation{Policy: "detect"}, bucket.WhyOutage, 1},
		"minted": {"client_credentials", profile.Rotation{Policy: "grace", Grace: profile.Seconds(time.Minute)}, bucket.WhyOutage, 0},
		"grace":  {"authorization_code", profile.Rotation{Policy: "grace", Grace: profile.Seconds(time.Minute)}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *step) {
				s.under(func(p *profile.Token) { p.Bucket, p.Grant, p.Rotation = "client", c.grants, c.rotation })
				s.answer = oauth.Outcome{Class: oauth.Unknown, Status: 503}
				r := s.leases()
				r.Recover(s.Context())
				out := r.Exchange(s.Context())
				s.holds(5 * time.Minute) // meanwhile, by another
				again, err := r.Conclude(s.Context(), out)
				if waits := time.Until(again) >= 5*time.Minute; err != nil || waits != (c.held != "") {
					s.Errorf("comes again after %v, %v", time.Until(again), err)
				}
				if g := s.now(); g.Held != c.held || !g.WakeAt.Equal(again) || len(g.Attempts) != c.attempts || g.Failures != 1 {
					s.Errorf("held by %q until %v, attempts %v, %d failures", g.Held, g.WakeAt, g.Attempts, g.Failures)
				}
			})
		})
	}
}

// holds has the client's bucket held for so long.
func (s *step) holds(d time.Duration) {
	s.Helper()
	if s.Buckets == nil {
		s.Buckets = bucket.NewCache(&buckettest.Memory{}, time.Now)
	}
	if _, err := s.Buckets.Change(s.Context(), bucket.OfClient("c"), func(b bucket.Bucket) bucket.Bucket {
		return b.Hold(bucket.WhyThrottled, time.Now().Add(d), time.Now())
	}); err != nil {
		s.Fatal(err)
	}
}

// While a grace runs, the endpoint's hold keeps nobody from asking for a lost
// answer, and delays no further try: only what the provider tells this very
// request does.
func TestConclude_LostAnswerWaitsForNoHold(t *testing.T) {
	for name, c := range map[string]struct {
		answer oauth.Outcome
		said   time.Duration
	}{
		"503 without a word":       {oauth.Outcome{Class: oauth.Unknown, Status: 503}, 0},
		"readable, without a word": {oauth.Outcome{Class: oauth.Outage, Status: 400}, 0},
		"429 with ten seconds":     {oauth.Outcome{Class: oauth.Throttled, Status: 429}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *step) {
				s.under(func(p *profile.Token) {
					p.Bucket, p.Rotation = "client", profile.Rotation{Policy: "grace", Grace: profile.Seconds(30 * time.Second)}
				})
				if _, err := s.leases().Release(s.Context(), time.Now()); err != nil { // an answer was lost
					s.Fatal(err)
				}
				s.holds(5 * time.Minute)
				if s.answer = c.answer; c.said > 0 {
					s.answer.RetryAt = time.Now().Add(c.said)
				}
				r := s.leases()
				r.Recover(s.Context())
				again, err := r.Conclude(s.Context(), r.Exchange(s.Context()))
				if wait := time.Until(again); err != nil || len(s.asked) != 1 || wait < c.said || wait > c.said+5*time.Second {
					s.Errorf("%d requests, the next one after %v, %v", len(s.asked), wait, err)
				}
			})
		})
	}
}
