package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// The classes in which the credential was not spent leave no trace but a wake.
func TestRefresh_NotSpent(t *testing.T) {
	for class, wait := range map[oauth.Class]time.Duration{
		oauth.Throttled: 90 * time.Second, oauth.Outage: 90 * time.Second,
		oauth.BadRequest: 0, oauth.BadClient: 0, oauth.NotSent: 0,
	} {
		t.Run(string(class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, detect)
				w.untilDue()
				var until time.Time
				if wait > 0 {
					until = time.Now().Add(wait)
				}
				w.provider.Refuse = func(oauth.Request) oauth.Outcome { return oauth.Outcome{Class: class, RetryAt: until} }
				_ = w.wakes()
				g := w.grant()
				if g.Health != grant.OK || len(g.Attempts) != 0 || g.Lease != nil || g.Failures != 1 || !g.WakeAt.After(time.Now()) {
					t.Errorf("left behind: %s, %d attempts, %d failures, wake %v", g.Health, len(g.Attempts), g.Failures, g.WakeAt)
				}
				if g.Due(until.Add(-time.Millisecond)) && wait > 0 {
					t.Error("the provider's pause is cut short")
				}
				w.says(event.ExchangeFailed)
				w.provider.Refuse = nil
				w.lives(2 * time.Minute)
				if w.grant().Generation < 2 || w.provider.MostPresented() != 1 {
					t.Error("it did not go on as if nothing had been")
				}
			})
		})
	}
}

// While two client secrets exist, the other one is tried once, and the grant
// was not looked at.
func TestRefresh_ClientSecretRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.secrets.current, w.secrets.next = "old", "new"
		w.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			if r.ClientSecret.Equal(secret.New("new")) {
				return oauth.Outcome{}
			}
			return oauth.Outcome{Class: oauth.BadClient, Status: 401}
		}
		w.untilDue()
		_ = w.wakes()
		w.is(2, grant.OK)
		if w.provider.Requests() != 2 || w.secrets.forgotten.Load() != 1 {
			t.Errorf("%d requests, %d times forgotten", w.provider.Requests(), w.secrets.forgotten.Load())
		}
	})
}

// An answer that cannot be read is kept as it came, and is no reason to ask the
// owner for anything while the old pair is still good.
func TestRefresh_UnreadableAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, none)
		w.provider.Act = nth(1, granttest.Garbles)
		w.untilDue()
		_ = w.wakes()
		g := w.grant()
		if len(g.Asides) != 1 || !g.Asides["n1"].Raw || len(g.Attempts) != 0 || g.Failures != 1 {
			t.Fatalf("asides %+v, attempts %v", g.Asides, g.Attempts)
		}
		w.lives(30 * time.Second)
		if g := w.grant(); g.Generation != 2 || len(g.Asides) != 0 {
			t.Errorf("generation %d, %d asides", g.Generation, len(g.Asides))
		}
	})
}

// A page in the token endpoint's place for an hour costs nobody more than that
// hour where presenting is free, and does not end a grant for want of room
// anywhere: somebody asks again as long as nobody has refused.
func TestRefresh_UnreadableForAnHour(t *testing.T) {
	for name, c := range map[string]struct {
		rotation profile.Rotation
		minted   bool
		turns    bool // the provider rotates behind its page, so the token is lost
	}{
		"nothing is spent": {rotation: none},
		"minted":           {rotation: detect, minted: true},
		"spent":            {rotation: detect, turns: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.rotation)
				if c.minted {
					w.profile.Token.Grant = "client_credentials"
				}
				page := true
				w.provider.Refuse = func(oauth.Request) oauth.Outcome {
					if page && !c.turns {
						return oauth.Outcome{Class: oauth.Unreadable, Status: 200, Raw: secret.New("<h1>back soon</h1>")}
					}
					return oauth.Outcome{}
				}
				w.provider.Act = func(int) granttest.Act {
					if page && c.turns {
						return granttest.Garbles
					}
					return granttest.Answers
				}
				w.lives(time.Hour)
				g := w.grant()
				if n := len(g.Asides); n == 0 || n > 3 {
					t.Errorf("%d answers are kept", n)
				}
				page = false
				w.lives(16 * time.Minute)
				g = w.grant()
				if c.turns && g.Health != grant.ReauthorizationRequired {
					t.Errorf("%s with %d asides and %d attempts: it is never judged", g.Health, len(g.Asides), len(g.Attempts))
				}
				if !c.turns && (g.Generation < 2 || g.Health != grant.OK || len(g.Asides) != 0) {
					t.Errorf("generation %d, %s, %d asides, %d attempts a quarter of an hour after the page is gone", g.Generation, g.Health, len(g.Asides), len(g.Attempts))
				}
			})
		})
	}
}

// A release whose parser has learnt to read it rolls what an earlier one kept.
func TestRefresh_RawAsideIsReadAtLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.untilDue()
		body := fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"token_type":"bearer","expires_in":60}`, secrettest.Mint("access-9"), secrettest.Mint("refresh-9"))
		raw, err := w.vault.SealRaw(hotel, 1, secret.New(body))
		if err != nil {
			t.Fatal(err)
		}
		lease, err := w.worker().cycle.Lease(t.Context(), refresh.Wake{Grant: hotel})
		if err != nil {
			t.Fatal(err)
		}
		_ = lease
		err = w.store.KeepAside(t.Context(), grant.AsideWrite{ID: hotel, Me: "n1", WakeAt: time.Now(), Aside: grant.Aside{
			Sealed: raw, Base: 1, At: time.Now(), Issued: time.Now(), Raw: true,
		}})
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		w.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			seen = append(seen, r.Refresh.Reveal())
			return oauth.Outcome{Class: oauth.Throttled}
		}
		_ = w.wakes()
		if len(seen) != 1 || seen[0] != secrettest.Mint("refresh-9") {
			t.Errorf("presented %v, want what the raw answer held", seen)
		}
		w.says(event.AsideRolled)
	})
}

// With client credentials nothing can be spent: a lost answer leaves no trace.
func TestRefresh_ClientCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.profile.Token.Grant = "client_credentials"
		w.profile.Token.Scopes = []string{"rates:write"}
		w.provider.Act = nth(1, granttest.LosesAfter)
		w.untilDue()
		_ = w.wakes()
		g := w.grant()
		if g.Generation != 2 || len(g.Attempts) != 0 || w.provider.Requests() != 2 {
			t.Errorf("generation %d after %d requests, attempts %v", g.Generation, w.provider.Requests(), g.Attempts)
		}
		w.provider.Refuse = func(oauth.Request) oauth.Outcome { return oauth.Outcome{Class: oauth.BadScope} }
		w.lives(10 * time.Minute)
		g = w.grant()
		if g.Health != grant.ScopeUpdateRequired || len(g.Missing) != 1 || w.provider.Requests() != 3 {
			t.Errorf("%s, missing %v after %d requests: a scope error is not retried", g.Health, g.Missing, w.provider.Requests())
		}
		w.provider.Refuse = nil // a person has changed it, and says so
		if err := w.store.Retry(t.Context(), grant.RetryWrite{ID: hotel, Generation: 2, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		_ = w.wakes()
		w.is(3, grant.OK)
	})
}

func TestRefresh_NarrowerScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.profile.Token.Scopes = []string{"rates:read", "rates:write"}
		narrow := scoped{w.provider, []string{"rates:read"}}
		r := w.worker()
		r.cycle.Exchange = narrow
		w.untilDue()
		if _, err := r.refresh(t.Context(), refresh.Wake{Grant: hotel}); err != nil {
			t.Fatal(err)
		}
		w.is(2, grant.ScopeUpdateRequired)
		if g := w.grant(); len(g.Missing) != 1 || g.Missing[0] != "rates:write" || g.WakeAt.IsZero() || g.Episode != 1 {
			t.Errorf("missing %v, episode %d, wake %v: such a token is kept alive", g.Missing, g.Episode, g.WakeAt)
		}
	})
}

// scoped is a provider that names what it granted.
type scoped struct {
	*granttest.Provider
	scopes []string
}

func (s scoped) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	out := s.Provider.Exchange(ctx, p, r)
	out.Pair.Scopes = s.scopes
	return out
}

// A pair that cannot move home stays inline and works; a later wake or the next
// refresh settles.
func TestRefresh_SettleDeferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.provider.Life = time.Hour
		w.home.Fail = func(string) error { return errors.New("no writes left") }
		w.untilDue()
		if err := w.wakes(); err != nil {
			t.Fatal(err)
		}
		if g := w.grant(); g.Generation != 2 || g.Inline == nil {
			t.Errorf("generation %d, inline %v", g.Generation, g.Inline != nil)
		}
		w.says(event.SettleDeferred)
		w.home.Fail = nil
		time.Sleep(time.Minute)
		_ = w.wakes() // not due, but it finds the pair where it does not belong
		if g := w.grant(); g.Inline != nil || g.Ref == "" {
			t.Error("the leftover was not settled")
		}
	})
}

func TestRefresh_PairIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.lives(42 * time.Second)
		w.home.Fail = func(string) error { return grant.ErrPairMissing }
		w.lives(10 * time.Minute)
		w.is(2, grant.ReauthorizationRequired)
		if g := w.grant(); g.Reason != grant.PairMissing || g.EpisodeSince.Before(g.Edge()) {
			t.Errorf("reason %s, condemned %v before its edge", g.Reason, g.Edge().Sub(g.EpisodeSince))
		}
	})
}

// Nothing is exchanged when its answer could not be committed in time.
func TestRefresh_NoTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.untilDue()
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		_, err := w.worker().refresh(ctx, refresh.Wake{Grant: hotel})
		if !errors.Is(err, refresh.ErrNoTime) || w.provider.Requests() != 0 || w.grant().Lease != nil {
			t.Errorf("%v, %d requests", err, w.provider.Requests())
		}
	})
}
