package refresh

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// on plays a story in virtual time.
func on(t *testing.T, story func(*step)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { story(newStep(t)) })
}

// The lease landed, its answer was lost, and its copy is refused by it: it is
// mine all the same, with the deadline that it had.
func TestLease_RecognisesItsOwnFirstSuccess(t *testing.T) {
	on(t, func(s *step) {
		s.failing("Lease", 1, granttest.Landed)
		began := time.Now()
		r := s.leases()
		if !r.mine(r.snapshot) || !r.snapshot.Lease.Deadline.Equal(began.Add(grant.LeaseFor)) {
			s.Errorf("snapshot %+v", r.snapshot.Lease)
		}
	})
}

// A lease whose outcome stays unknown is taken back: an attempt left behind
// would make a credential suspect that nobody presented.
func TestLease_UnknownIsWithdrawn(t *testing.T) {
	on(t, func(s *step) {
		s.store.Fault = func(method string) granttest.Fault {
			if method == "Lease" {
				return granttest.Late
			}
			return granttest.None
		}
		if _, err := s.Lease(s.Context(), Wake{Grant: "g"}); !errors.Is(err, granttest.ErrLost) {
			s.Errorf("lease: %v", err)
		}
		s.store.Fault = nil
		s.store.Deliver()
		if g := s.now(); len(g.Attempts) != 1 {
			s.Errorf("attempts %v: the late copy is what the lease's end is for", g.Attempts)
		}
		time.Sleep(grant.LeaseFor + grant.Skew + time.Millisecond)
		if !s.now().Leasable(time.Now()) {
			s.Error("a late copy revived a dead lease")
		}
	})
}

func TestLease_NotForThisWorkerNow(t *testing.T) {
	for name, change := range map[string]func(*step){
		"switched off":   func(s *step) { _ = s.store.SetEnabled(s.Context(), "g", false, time.Time{}) },
		"another has it": func(s *step) { s.leases() },
		"waits for a person": func(s *step) {
			_ = s.store.Judge(s.Context(), grant.JudgeWrite{
				ID: "g", Presented: 1, Health: grant.ReauthorizationRequired, Reason: grant.TokenRejected, At: time.Now()})
		},
		"too many open ends": func(s *step) {
			for range grant.Crowd {
				r := s.leases()
				if _, err := r.Release(s.Context(), time.Now()); err != nil {
					s.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *step) {
				change(s)
				before := s.now()
				if _, err := s.Lease(s.Context(), Wake{Grant: "g"}); !errors.Is(err, ErrNotNow) {
					s.Errorf("lease: %v, want ErrNotNow", err)
				}
				granttest.Same(s.T, s.now(), before)
			})
		})
	}
}

func TestLease_NoSuchGrant(t *testing.T) {
	on(t, func(s *step) {
		if _, err := s.Lease(s.Context(), Wake{Grant: "gone"}); !errors.Is(err, grant.ErrNotFound) {
			s.Errorf("lease: %v", err)
		}
	})
}

// Without keys no answer could be sealed, so nothing is asked for. The grant's
// wake moves all the same, time and again by as much: the next messages about it
// find nothing to do.
func TestLease_NoKeys(t *testing.T) {
	on(t, func(s *step) {
		var log bytes.Buffer
		s.Vault, s.Cycle.Log = keyless{s.Vault}, event.New(&log, slog.LevelInfo, "test")
		for range 20 {
			r, err := s.Lease(s.Context(), Wake{Grant: "g"})
			if r != nil || err == nil || s.now().Lease != nil {
				s.Fatalf("leased without keys: %v", err)
			}
			g, soon := s.now(), time.Now().Add(ownPause+grant.WakeEarly)
			if !errors.Is(err, ErrNoKeys) || !Due(err).Equal(soon) || !g.WakeAt.Equal(soon) || len(g.Attempts) != 0 {
				s.Fatalf("%v, due %v, wake %v, attempts %v; want all at %v", err, Due(err), g.WakeAt, g.Attempts, soon)
			}
			time.Sleep(time.Until(soon))
		}
		for _, said := range []string{`"event":"exchange_failed"`, `"class":"not_sent"`, `"cause":"keys"`, `"error":"no keys"`, `"retry_at":`} {
			if strings.Count(log.String(), said) != 20 {
				s.Errorf("%s is said %d times in\n%s", said, strings.Count(log.String(), said), log.String())
			}
		}
		if len(s.asked) != 0 {
			s.Error("the provider was asked")
		}
	})
}

type keyless struct{ safe }

func (keyless) Ready(context.Context) error { return errors.New("no keys") }

// What is certain of the second request says nothing about the first: the
// attempt stays after an unknown outcome under the same nonce.
func TestAbandon_NeverAfterUnknown(t *testing.T) {
	on(t, func(s *step) {
		r := s.leases()
		s.answer = oauth.Outcome{Class: oauth.Unknown}
		r.Exchange(s.Context())
		s.answer = oauth.Outcome{Class: oauth.NotSent}
		if _, err := r.Conclude(s.Context(), r.Exchange(s.Context())); err != nil {
			s.Fatal(err)
		}
		if g := s.now(); len(g.Attempts) != 1 || g.Lease != nil {
			s.Errorf("attempts %v, lease %v", g.Attempts, g.Lease)
		}
		r = s.again()
		r.unknown = true
		if _, err := r.Abandon(s.Context(), time.Time{}); err != nil || len(s.now().Attempts) != 2 {
			s.Errorf("attempts %v, %v", s.now().Attempts, err)
		}
	})
}

// again waits for the grant's wake and leases it.
func (s *step) again() *Run {
	s.Helper()
	time.Sleep(time.Until(s.now().WakeAt))
	return s.leases()
}

// A wake set late could hide the winner's: one whose lease is over takes back
// its attempt and nothing else.
func TestAbandon_WhenTheLeaseIsAnothers(t *testing.T) {
	on(t, func(s *step) {
		slow := s.leases()
		time.Sleep(grant.LeaseFor + grant.Skew + time.Millisecond)
		s.leases()
		before := s.now()
		again, err := slow.Conclude(s.Context(), oauth.Outcome{Class: oauth.Throttled, RetryAt: time.Now().Add(time.Hour)})
		if err != nil || !again.IsZero() {
			s.Errorf("again at %v, %v", again, err)
		}
		delete(before.Attempts, "n1")
		granttest.Same(s.T, s.now(), before)
	})
}

// However a run leaves its grant for later: where that falls upon the instant in
// which the refresh was due, it is a pause all the same, and nobody begins it
// early.
func TestRun_PausesAreNotTheRefreshesOwn(t *testing.T) {
	for name, leave := range map[string]func(*step, *Run, time.Time) error{
		"abandon": func(s *step, r *Run, until time.Time) error { _, err := r.Abandon(s.Context(), until); return err },
		"release": func(s *step, r *Run, until time.Time) error { _, err := r.Release(s.Context(), until); return err },
		"refuse":  func(s *step, r *Run, until time.Time) error { return r.Refuse(s.Context(), until) },
		"an unreadable answer": func(s *step, r *Run, _ time.Time) error {
			_, err := r.keepRaw(s.Context(), oauth.Outcome{Class: oauth.Unknown, Raw: secret.New("<html>")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *step) {
				r := s.leases()
				at := r.snapshot.AfterUnknown(r.me, r.rotation(), time.Now())
				r.snapshot.RefreshAt = at
				if err := leave(s, r, at); err != nil {
					s.Fatal(err)
				}
				if g := s.now(); !g.WakeAt.Equal(at.Add(time.Millisecond)) {
					s.Errorf("paused until %v, next look at %v", at, g.WakeAt)
				}
			})
		})
	}
}

// A client's own policy comes before the profile's.
func TestRecover_ClientsRotation(t *testing.T) {
	on(t, func(s *step) {
		if _, err := s.leases().Release(s.Context(), time.Now()); err != nil {
			s.Fatal(err)
		}
		r := s.leases()
		if plan := r.Recover(s.Context()); plan.Step != grant.Wait {
			s.Errorf("under the profile's detect: %s", plan.Step)
		}
		r.client.Rotation = &profile.Rotation{Policy: "none"}
		if plan := r.Recover(s.Context()); plan.Step != grant.Present {
			s.Errorf("under the client's none: %s", plan.Step)
		}
	})
}
