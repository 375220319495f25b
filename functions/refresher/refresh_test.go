package main

import (
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
)

func TestRefresh_OneGenerationAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.lives(10 * time.Minute)
		g := w.grant()
		if g.Generation < 15 || g.Generation > 18 {
			t.Errorf("generation %d after ten minutes of tokens that refresh at 40 s", g.Generation)
		}
		if w.provider.MostPresented() != 1 || w.provider.Requests() != int(g.Generation-1) {
			t.Errorf("%d requests for %d generations, one token seen %d times", w.provider.Requests(), g.Generation-1, w.provider.MostPresented())
		}
		if g.Inline != nil || g.Ref == "" || g.Lease != nil || len(g.Attempts) != 0 {
			t.Errorf("left behind: %+v", g)
		}
		w.says(event.TokenRefreshed)
	})
}

func TestRefresh_NotDueIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		time.Sleep(30 * time.Second)
		if err := w.wakes(); err != nil || w.provider.Requests() != 0 {
			t.Errorf("refreshed at half its life: %v", err)
		}
	})
}

func TestRefresh_TwoWorkersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.untilDue()
		a, b, c := w.start(), w.start(), w.start()
		<-a
		<-b
		<-c
		w.is(2, grant.OK)
		if w.provider.Requests() != 1 {
			t.Errorf("%d exchanges for one generation", w.provider.Requests())
		}
	})
}

// The answer of an exchange is lost after the provider acted.
func TestRefresh_AnswerLost(t *testing.T) {
	for _, c := range []struct {
		name      string
		rotation  profile.Rotation
		health    grant.Health
		presented int           // how often the provider saw the first token in the end
		within    time.Duration // of the loss, it is presented again; zero: not before the edge
	}{
		{"presented again at once, free", none, grant.OK, 2, time.Second},
		{"presented again at once, inside the grace", grace, grant.OK, 2, time.Second},
		{"presented once at the edge, and condemned", detect, grant.ReauthorizationRequired, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.rotation)
				w.provider.Act = nth(1, granttest.LosesAfter)
				w.untilDue()
				edge := w.grant().Edge()
				_ = w.wakes()
				w.says(event.AnswerLost)
				if seen := w.provider.Presented(w.seeded.Refresh); c.within == 0 && seen != 1 {
					t.Errorf("presented %d times before the edge: pushes could have gone on", seen)
				}
				w.lives(30 * time.Second)
				if seen := w.provider.Presented(w.seeded.Refresh); seen != c.presented {
					t.Errorf("presented %d times, want %d", seen, c.presented)
				}
				g := w.grant()
				if g.Health != c.health || c.health != grant.OK && g.Reason != grant.AnswerLost {
					t.Errorf("grant is %s, %s", g.Health, g.Reason)
				}
				if c.health != grant.OK && g.EpisodeSince.Before(edge) {
					t.Errorf("condemned at %v, before the edge %v", g.EpisodeSince, edge)
				}
			})
		})
	}
}

// nth gives the nth request an act, the others an answer.
func nth(n int, act granttest.Act) func(int) granttest.Act {
	return func(i int) granttest.Act {
		if i == n {
			return act
		}
		return granttest.Answers
	}
}

// A dead grant gets one exchange, not many.
func TestRefresh_ConsentRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.provider.Revoke()
		w.lives(time.Hour)
		w.is(1, grant.ReauthorizationRequired)
		if g := w.grant(); w.provider.Requests() != 1 || g.Reason != grant.Revoked || g.AlertDue.IsZero() || g.Episode != 1 {
			t.Errorf("%d exchanges, reason %s, episode %d", w.provider.Requests(), g.Reason, g.Episode)
		}
		w.says(event.GrantDead)
	})
}

// The verdict waits for a holder that may still come with an answer, and the
// refused token is not presented a second time meanwhile.
func TestRefresh_VerdictWaitsForTheLivingHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, none)
		w.untilDue()
		began := time.Now()
		goOn := make(chan struct{})
		w.provider.Act = func(n int) granttest.Act {
			if n == 1 {
				<-goOn // stopped in its request, past its lease
			}
			return granttest.Answers
		}
		a := w.start()
		time.Sleep(18 * time.Second)
		w.provider.Revoke()
		if err := w.wakes(); err != nil {
			t.Fatal(err)
		}
		if g := w.grant(); g.Health != grant.OK || g.Refused != 1 || g.WakeAt.Before(began.Add(25*time.Second)) {
			t.Errorf("with a holder alive: %s, refused %d, wake after %v", g.Health, g.Refused, g.WakeAt.Sub(began))
		}
		time.Sleep(3 * time.Second)
		if err := w.wakes(); err != nil { // early: not due
			t.Fatal(err)
		}
		w.lives(time.Minute)
		w.is(1, grant.ReauthorizationRequired)
		if w.provider.Requests() != 2 {
			t.Errorf("%d requests: a refused token was presented again", w.provider.Requests())
		}
		if got := w.grant().Reason; got != grant.AnswerLost {
			t.Errorf("reason %s although another's presentation is unknown", got)
		}
		close(goOn)
		<-a
	})
}

// A holder that was stopped comes back with an answer after another has
// committed: what it holds is kept, and the grant goes on.
func TestRefresh_RefusedCommitBecomesAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.untilDue()
		reached, goOn := make(chan struct{}), make(chan struct{})
		w.store.Fault = func(method string) granttest.Fault {
			if method == "Commit" && w.grant().Generation == 1 && w.provider.Requests() == 1 {
				close(reached)
				<-goOn
			}
			return granttest.None
		}
		a := w.start()
		<-reached
		time.Sleep(20 * time.Second) // its lease is over, it stands before its commit
		if err := w.wakes(); err != nil {
			t.Fatal(err)
		}
		w.is(2, grant.OK)
		close(goOn)
		<-a
		w.says(event.AnswerKeptAside)
		w.lives(3 * time.Minute)
		if g := w.grant(); g.Health != grant.OK || len(g.Asides) != 0 || g.Generation < 4 {
			t.Errorf("after three minutes: generation %d, %s, asides %v", g.Generation, g.Health, g.KnownAsides())
		}
	})
}

// An answer that was kept under the present generation is rolled forward before
// anything is presented: detect would revoke its family.
func TestRefresh_AsideIsRolledFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.untilDue()
		w.store.Fault = func(method string) granttest.Fault {
			if method == "Commit" && w.provider.Requests() == 1 {
				return granttest.NotLanded // the table takes no commit, then comes back
			}
			return granttest.None
		}
		_ = w.wakes()
		w.lives(2 * time.Second)
		w.says(event.AsideRolled)
		if g := w.grant(); g.Health != grant.OK || g.Generation != 3 || len(g.Asides) != 0 {
			t.Errorf("generation %d, %s, asides %v; want the kept pair rolled and exchanged", g.Generation, g.Health, g.KnownAsides())
		}
		if w.provider.MostPresented() != 1 {
			t.Error("a token was presented twice although its answer was in hand")
		}
	})
}

// What a person switched off while a refresh was running stays off.
func TestRefresh_DisabledMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.untilDue()
		w.provider.Act = func(int) granttest.Act {
			if err := w.store.SetEnabled(t.Context(), hotel, false, time.Time{}); err != nil {
				t.Error(err)
			}
			return granttest.Answers
		}
		_ = w.wakes()
		if g := w.grant(); g.Enabled || g.Generation != 2 {
			t.Errorf("enabled %v at generation %d", g.Enabled, g.Generation)
		}
		w.lives(5 * time.Minute)
		w.is(2, grant.OK)
	})
}

// A consent that comes while a refresh runs is not undone by it.
func TestRefresh_ConsentMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.untilDue()
		w.provider.Act = nthDo(1, func() {
			pair := w.provider.Seed()
			sealed, _ := w.vault.Seal(hotel, 1, pair)
			if err := w.store.Consent(t.Context(), grant.ConsentWrite{
				ID: hotel, Epoch: 1, Sealed: sealed, Times: grant.TimesOf(hotel, pair, profile.RefreshRule{}), At: time.Now(),
			}); err != nil {
				t.Error(err)
			}
		})
		if err := w.wakes(); err != nil {
			t.Error(err)
		}
		g := w.grant()
		if g.Epoch != 2 || g.Generation != 2 || len(g.Asides) != 0 || g.CommittedBy != "" {
			t.Errorf("the consent's pair is not what stands: %+v", g)
		}
	})
}

func nthDo(n int, do func()) func(int) granttest.Act {
	return func(i int) granttest.Act {
		if i == n {
			do()
		}
		return granttest.Answers
	}
}
