package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// budget is one window of a profile.
func budget(calls int, window time.Duration, cost int) profile.Budget {
	return profile.Budget{Calls: calls, Window: profile.Seconds(window), Cost: cost}
}

// Tokens of a minute at a provider that allows far fewer calls: no window ever
// holds more than it may, who waits says why and until when, and it goes on by
// itself when a call is free again, with all of the budget.
func TestShare_Budgets(t *testing.T) {
	for _, c := range []struct {
		name    string
		budgets []profile.Budget
		code    int
		window  time.Duration
		most    int // calls that refreshing may make in it
		span    time.Duration
	}{
		{"5 per 24 h", []profile.Budget{budget(5, 24*time.Hour, 0)}, 0, 24 * time.Hour, 5, 50 * time.Hour},
		{"5 per 24 h, one for codes", []profile.Budget{budget(5, 24*time.Hour, 0)}, 1, 24 * time.Hour, 4, 50 * time.Hour},
		{"30 per hour", []profile.Budget{budget(30, time.Hour, 0)}, 0, time.Hour, 30, 3 * time.Hour},
		{"1 per hour", []profile.Budget{budget(1, time.Hour, 0)}, 0, time.Hour, 1, 3 * time.Hour},
		{"10 per 10 min", []profile.Budget{budget(10, 10*time.Minute, 0)}, 0, 10 * time.Minute, 10, time.Hour},
		{"100 per 5 min", []profile.Budget{budget(100, 5*time.Minute, 0)}, 0, 5 * time.Minute, 100, 15 * time.Minute},
		{"100 credits per hour, 20 each", []profile.Budget{budget(100, time.Hour, 20)}, 0, time.Hour, 5, 3 * time.Hour},
		{"two at once", []profile.Budget{budget(3, time.Minute, 0), budget(10, time.Hour, 0)}, 0, time.Hour, 10, 3 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain := newChain(t, max(6, 2*c.most), func(p *profile.Token) { p.Budgets, p.CodeShare = c.budgets, c.code })
				chain.lives(c.span)
				if most := chain.within(c.window); most != c.most {
					t.Errorf("%d calls within %v, want %d", most, c.window, c.most)
				}
				windows := int(c.span / c.window)
				if all, _ := chain.made(); all < windows*c.most {
					t.Errorf("%d calls in %v: the budget is not used", all, c.span)
				}
				if n := chain.logged("exchange_held", `"cause":"budget"`, `"retry_at"`); n == 0 {
					t.Error("nobody said why nothing happens")
				}
				if chain.held(bucket.WhyBudget) == 0 || chain.need() != 0 {
					t.Errorf("%d are held, %d need a person", chain.held(bucket.WhyBudget), chain.need())
				}
				for _, id := range chain.ids {
					if g := chain.read(id); g.Held != "" && (g.Failures != 0 || g.WakeAt.Before(time.Now())) {
						t.Errorf("%s: %d failures, wake %v: waiting is no failure", id, g.Failures, g.WakeAt)
					}
				}
			})
		})
	}
}

// A call that was certainly not sent is given back: no budget is lost by it, also
// not while our own configuration lets no request be composed.
func TestShare_NotSentIsGivenBack(t *testing.T) {
	for name, breaks := range map[string]func(c *chain){
		"it never left": func(c *chain) { c.provider.Act = nth(1, granttest.NeverLeft) },
		"it could not be composed": func(c *chain) {
			for _, r := range c.processes {
				r.cycle.Exchange = &headless{c: c}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChain(t, 1, func(p *profile.Token) {
					p.Budgets, p.OneAtATime = []profile.Budget{budget(1, time.Hour, 0)}, true
				})
				breaks(c)
				c.lives(3 * time.Minute)
				if g := c.read(c.ids[0]); g.Generation != 2 || len(c.bucket().Calls) != 1 || c.bucket().Lane.Owner != "" {
					t.Errorf("generation %d, bucket %+v", g.Generation, c.bucket())
				}
			})
		})
	}
}

// While two client secrets exist an exchange may be two calls, and each of them
// counts: with one call left the other secret is not tried.
func TestShare_TheOtherSecretCounts(t *testing.T) {
	for calls, generation := range map[int]int64{1: 1, 2: 2} {
		synctest.Test(t, func(t *testing.T) {
			c := newChain(t, 1, func(p *profile.Token) { p.Budgets = []profile.Budget{budget(calls, time.Hour, 0)} })
			c.secrets.current, c.secrets.next = "old", "new"
			c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
				if r.ClientSecret.Equal(secret.New("new")) {
					return oauth.Outcome{}
				}
				return oauth.Outcome{Class: oauth.BadClient, Status: 401}
			}
			c.lives(time.Minute)
			all, _ := c.made()
			if n := len(c.bucket().Calls); all != calls || n != calls || c.read(c.ids[0]).Generation != generation {
				t.Errorf("%d calls allowed: %d made, %d counted, generation %d", calls, all, n, c.read(c.ids[0]).Generation)
			}
		})
	}
}

// headless is the product's own client, whose secret lacks a header that the
// profile wants sent; a person mends it after three tries.
type headless struct {
	c     *chain
	tries int
}

func (h *headless) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	if h.tries++; h.tries > 3 {
		return h.c.Exchange(ctx, p, r)
	}
	p.Request.SecretHeaders = []string{"X-Api-Key"}
	return oauth.NewClient(oauth.Config{}).Exchange(ctx, p, r)
}

// A worker that dies between counting a call and making it: the call stays
// counted, which is the safe side, and the grant goes on when the next is free.
func TestShare_DiesBetweenTakeAndPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 1, func(p *profile.Token) { p.Budgets = []profile.Budget{budget(1, time.Hour, 0)} })
		c.provider.Act = nthDo(1, func() { runtime.Goexit() })
		c.diesOnce(40 * time.Second)
		if b := c.bucket(); len(b.Calls) != 1 {
			t.Fatalf("counted %d calls", len(b.Calls))
		}
		c.lives(30 * time.Minute)
		if all, _ := c.made(); all != 1 {
			t.Errorf("%d calls within the hour, one of them never made", all)
		}
		c.lives(time.Hour)
		if g := c.read(c.ids[0]); g.Generation != 2 || c.provider.MostPresented() != 1 {
			t.Errorf("generation %d, presented %d times", g.Generation, c.provider.MostPresented())
		}
	})
}

// diesOnce lets the first grant be woken by a worker that is to die.
func (c *chain) diesOnce(after time.Duration) {
	time.Sleep(after)
	died := make(chan struct{})
	go func() {
		defer close(died)
		c.wakes(c.ids[0], c.processes[0])
	}()
	<-died
}

// 429 and 503, with seconds, with a date, and without a word: all whom the
// provider's limit concerns wait, nobody comes early, they come back apart from
// each other, and a failing endpoint is left alone for longer each time.
func TestShare_Holds(t *testing.T) {
	seconds := func(time.Time) string { return "300" }
	date := func(now time.Time) string { return now.Add(5 * time.Minute).UTC().Format(http.TimeFormat) }
	for _, c := range []struct {
		name   string
		status int
		after  func(time.Time) string
	}{
		{"429 with seconds", 429, seconds}, {"429 with a date", 429, date}, {"429 without a word", 429, nil},
		{"503 with seconds", 503, seconds}, {"503 with a date", 503, date}, {"503 without a word", 503, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain := newChain(t, 40, func(p *profile.Token) { p.Bucket = "client" })
				var hit time.Time
				var refused atomic.Int64
				chain.provider.Refuse = func(oauth.Request) oauth.Outcome {
					if hit.IsZero() {
						hit = time.Now()
					}
					if time.Since(hit) > 6*time.Second && c.after != nil || time.Since(hit) > 3*time.Minute {
						return oauth.Outcome{}
					}
					refused.Add(1)
					return throttles(c.status, c.after)
				}
				chain.lives(10 * time.Minute)
				// Both processes learn of it within five seconds, from their own
				// answer or from the bucket.
				if n := refused.Load(); c.after != nil && n > 20 || n > 40 {
					t.Errorf("%d of 40 grants ran into it", n)
				}
				if early := chain.between(hit.Add(6*time.Second), hit.Add(299*time.Second)); c.after != nil && early > 0 {
					t.Errorf("%d calls before the provider's time was over", early)
				}
				if chain.logged("exchange_held", `"cause":"`+why(c.status)+`"`) == 0 || chain.need() > 0 {
					t.Errorf("%d need a person; the log says nothing of a hold", chain.need())
				}
				for _, id := range chain.ids {
					if g := chain.read(id); g.Held != "" || g.Generation < 3 {
						t.Errorf("%s is held by %q at generation %d", id, g.Held, g.Generation)
					}
				}
				if b := chain.bucket(); b.Holds != 0 {
					t.Errorf("%d holds in a row after successes", b.Holds)
				}
			})
		})
	}
}

// why is how a status holds.
func why(status int) string {
	if status == http.StatusServiceUnavailable {
		return bucket.WhyOutage
	}
	return bucket.WhyThrottled
}

// between counts the calls of a time.
func (c *chain) between(from, to time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range c.all {
		if at.After(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// A thousand grants that waited for one hold do not come back in one second.
func TestShare_ThousandResumeApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 1000, func(p *profile.Token) { p.Bucket = "client" })
		c.provider.Life = time.Hour // of what is issued from now on
		if _, err := bucket.Change(t.Context(), c.buckets, bucket.OfClient("main"), func(b bucket.Bucket) bucket.Bucket {
			return b.Hold(bucket.WhyOutage, time.Now().Add(3*time.Minute), time.Now())
		}); err != nil {
			t.Fatal(err)
		}
		c.lives(3*time.Minute + time.Second)
		before, _ := c.made()
		c.lives(61 * time.Second)
		if all, _ := c.made(); before > 60 || all < 1000 {
			t.Errorf("%d calls a second after the hold, %d a minute after it", before, all)
		}
		if most := c.within(time.Second); most > 60 {
			t.Errorf("%d calls in one second", most)
		}
	})
}

// Who waits is by the profile: the account's grants, or the connection alone.
func TestShare_HoldsWhomItConcerns(t *testing.T) {
	for whose, want := range map[string]int{"account": 10, "connection": 1} {
		t.Run(whose, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChain(t, 20, func(p *profile.Token) { p.Bucket = whose }) // two accounts
				once := false
				c.provider.Refuse = func(oauth.Request) oauth.Outcome {
					if once {
						return oauth.Outcome{}
					}
					once = true
					return throttles(429, func(time.Time) string { return "120" })
				}
				time.Sleep(45 * time.Second) // all are due
				for i, id := range c.ids {
					if i > 0 {
						time.Sleep(6 * time.Second / 20)
					}
					c.wakes(id, c.processes[0])
				}
				if n := c.held(bucket.WhyThrottled); n != want {
					t.Errorf("%d of 20 wait, want %d", n, want)
				}
			})
		})
	}
}

// A 503 without a word may have acted. It holds the others as any other does, and
// its own grant, but where a grace runs: there the answer is asked for again inside
// it, whatever the provider demands of the others, and the pair is not lost.
func TestShare_LostAnswerWaitsForNoHold(t *testing.T) {
	for name, row := range map[string]struct {
		rotation  profile.Rotation
		unheard   int // answers, one after the other
		presented int // the credential, while the hold lasts
		need      int // a person, in the end: its successor was lost
	}{"none": {none, 1, 1, 0}, "detect": {detect, 1, 1, 1}, "grace": {grace, 2, 3, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChain(t, 200, func(p *profile.Token) { p.Bucket, p.Rotation = "client", row.rotation })
				c.provider.Rotation = row.rotation
				if row.rotation == detect {
					c.provider.Rotation.Policy = "grace" // of no length: its families are one, and reuse would revoke them all
				}
				c.processes[0].cycle.Exchange = &unheard{c, row.unheard}
				time.Sleep(45 * time.Second) // all are due
				c.wakes(c.ids[0], c.processes[0])
				c.wakes(c.ids[1], c.processes[0])
				if b, g := c.bucket(), c.read(c.ids[1]); b.HoldWhy != bucket.WhyOutage || !b.HoldUntil.After(time.Now()) || g.Held != bucket.WhyOutage {
					t.Fatalf("%s until %v, the next one is held by %q", b.HoldWhy, b.HoldUntil, g.Held)
				}
				until := time.Now().Add(5 * time.Minute)
				if _, err := c.processes[0].cycle.Buckets.Change(t.Context(), bucket.OfClient("main"), func(b bucket.Bucket) bucket.Bucket {
					return b.Hold(bucket.WhyThrottled, until, time.Now())
				}); err != nil {
					t.Fatal(err)
				}
				c.lives(29 * time.Second) // less than the grace
				if all, most := c.made(); all != row.presented || most != row.presented || c.held(bucket.WhyThrottled) < 199 {
					t.Errorf("%d calls, %d of one credential, %d are held", all, most, c.held(bucket.WhyThrottled))
				}
				c.lives(time.Until(until) + 20*time.Second)
				for i, id := range c.ids {
					if g := c.read(id); g.Generation < 2 && i >= row.need {
						t.Errorf("%s is at generation %d, %s", id, g.Generation, g.Health)
					}
				}
				if most := c.within(time.Second); c.need() != row.need || most > 40 {
					t.Errorf("%d need a person, %d calls in one second", c.need(), most)
				}
			})
		})
	}
}

// unheard is a provider that acts, and says 503 without a word so many times.
type unheard struct {
	*chain
	times int
}

func (u *unheard) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	out := u.chain.Exchange(ctx, p, r)
	if u.times == 0 {
		return out
	}
	u.times--
	return throttles(503, nil)
}

// Holds in a row grow until the provider answers somebody of whom they concern:
// the next one is a first one again, whoever waits for it.
func TestShare_AnswerEndsTheHoldsInARow(t *testing.T) {
	for whose, name := range map[string]string{"client": bucket.OfClient("main"), "account": bucket.OfAccount("main", "account-0")} {
		t.Run(whose, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChain(t, 4, func(p *profile.Token) { p.Bucket = whose })
				began := time.Now()
				c.provider.Refuse = func(oauth.Request) oauth.Outcome {
					if time.Since(began) > 4*time.Minute {
						return oauth.Outcome{}
					}
					return throttles(429, nil)
				}
				for _, row := range []struct {
					lives       time.Duration
					least, most int
				}{{4 * time.Minute, 3, 10}, {10 * time.Minute, 0, 0}} {
					c.lives(row.lives)
					b, err := c.buckets.Read(t.Context(), name)
					if err != nil || b.Holds < row.least || b.Holds > row.most {
						t.Errorf("%d holds in a row after %v, %v", b.Holds, time.Since(began), err)
					}
				}
			})
		})
	}
}

// A worker that dies between a 429 and the hold: whoever comes next meets the
// wall himself, and holds it.
func TestShare_DiesBetweenAnswerAndHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 10, func(p *profile.Token) { p.Bucket = "client" })
		c.provider.Refuse = func(oauth.Request) oauth.Outcome { return throttles(429, func(time.Time) string { return "60" }) }
		c.buckets.Fault = func(bucket.Bucket) buckettest.Fault {
			c.buckets.Fault = nil
			runtime.Goexit()
			return buckettest.None
		}
		c.diesOnce(40 * time.Second)
		if b := c.bucket(); !b.HoldUntil.IsZero() {
			t.Fatal("held by a worker that died")
		}
		c.lives(20 * time.Second)
		if all, _ := c.made(); all > 6 || c.bucket().HoldUntil.IsZero() {
			t.Errorf("%d calls, held until %v", all, c.bucket().HoldUntil)
		}
		c.provider.Refuse = nil
		c.lives(4 * time.Minute)
		for _, id := range c.ids {
			if g := c.read(id); g.Generation < 2 || g.Health != grant.OK {
				t.Errorf("%s is at generation %d, %s", id, g.Generation, g.Health)
			}
		}
	})
}

// Where the provider takes one exchange at a time, no two overlap, however many
// are due in one second, and a holder that dies is waited for.
func TestShare_OneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 12, func(p *profile.Token) { p.OneAtATime = true })
		var inside, most atomic.Int64
		c.provider.Act = func(n int) granttest.Act {
			if n == 1 {
				runtime.Goexit()
			}
			now := inside.Add(1)
			if now > most.Load() {
				most.Store(now)
			}
			time.Sleep(800 * time.Millisecond)
			inside.Add(-1)
			return granttest.Answers
		}
		c.diesOnce(45 * time.Second)
		began := time.Now()
		c.lives(3 * time.Minute)
		if most.Load() != 1 {
			t.Errorf("%d exchanges at once", most.Load())
		}
		if early := c.between(began, began.Add(15*time.Second)); early != 0 {
			t.Errorf("%d calls inside the turn of one that died", early)
		}
		for _, id := range c.ids {
			if g := c.read(id); g.Generation < 2 {
				t.Errorf("%s never had its turn", id)
			}
		}
		if c.logged("exchange_held", `"cause":"lane"`) == 0 {
			t.Error("nobody said that it waits")
		}
	})
}

// Ordinary refreshing costs hardly a call more: what a process knows of a bucket
// lasts five seconds, and nothing is written.
func TestShare_OrdinaryRefreshingCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 500, nil)
		_, saved := c.buckets.Counts()
		c.lives(2 * time.Minute)
		reads, saves := c.buckets.Counts()
		all, _ := c.made()
		if saves != saved || all < 1000 || reads > 2*24+2 {
			t.Errorf("%d exchanges cost %d reads and %d saves", all, reads, saves-saved)
		}
	})
}

// The table of buckets does not answer: nobody goes without having asked, and
// nobody is judged.
func TestShare_TableIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 3, nil)
		away := true
		c.buckets.Unreadable = func() bool { return away }
		c.lives(2 * time.Minute)
		if all, _ := c.made(); all != 0 || c.need() != 0 {
			t.Errorf("%d calls, %d need a person", all, c.need())
		}
		away = false
		c.lives(2 * time.Minute)
		for _, id := range c.ids {
			if g := c.read(id); g.Generation < 2 {
				t.Errorf("%s is at generation %d", id, g.Generation)
			}
		}
	})
}

// A connection's own endpoint and scopes come before its client's.
func TestShare_OwnEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 1, nil)
		g := c.read(c.ids[0])
		g.ID, g.TokenURL, g.Asks = "own", "https://hotel-7.example/token", []string{"rates:write"}
		sealed, err := c.vault.Seal(g.ID, 0, c.provider.Seed())
		if err != nil {
			t.Fatal(err)
		}
		g.Inline = &sealed
		if err := c.store.Create(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		var asked []string
		c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			asked = append(asked, fmt.Sprint(r.Endpoint, r.Scopes))
			return oauth.Outcome{}
		}
		time.Sleep(45 * time.Second)
		c.wakes("own", c.processes[0])
		if len(asked) != 1 || asked[0] != "https://hotel-7.example/token[rates:write]" {
			t.Errorf("asked %v", asked)
		}
	})
}
