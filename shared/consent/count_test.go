package consent

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// counting is a walk at a provider that allows three calls an hour, one of them
// for codes, and one at a time.
func counting() (*Flow, *buckettest.Memory, func() *exchanged) {
	m := &buckettest.Memory{}
	f := &Flow{Buckets: bucket.NewCache(m, time.Now), Now: time.Now}
	return f, m, func() *exchanged {
		x := &exchanged{grant: grant.Grant{ID: "g", Client: "main"}}
		x.client = connection.Client{ID: "main"}
		x.profile.Token = profile.Token{
			Budgets: []profile.Budget{{Calls: 3, Window: profile.Seconds(time.Hour)}}, CodeShare: 1, OneAtATime: true, Bucket: "client",
		}
		return x
	}
}

// Refreshing has spent its part of the budget: a code still gets through, by the
// share that is kept for it, and the next one is told when to come again.
func TestAdmit_CodesHaveTheirShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, walk := counting()
		began := time.Now()
		rules := bucket.RulesOf(walk().profile.Token)
		refreshes := 0
		for _, n := range []string{"r1", "r2", "r3"} {
			_, err := bucket.Change(t.Context(), m, bucket.OfClient("main"), func(b bucket.Bucket) bucket.Bucket {
				next, no := b.Take(rules, bucket.Ask{Grant: n, Nonce: n, Until: time.Now()}, time.Now())
				if no.Goes() {
					refreshes++
				}
				return next.Leave(n)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		x := walk()
		if r, err := f.admit(t.Context(), x); err != nil || r.Code != "" || refreshes != 2 {
			t.Fatalf("%d refreshes went, the code got %q, %v", refreshes, r.Code, err)
		}
		x.out = oauth.Outcome{Class: oauth.Issued}
		f.leave(t.Context(), x)
		r, err := f.admit(t.Context(), walk())
		if err != nil || r.Code != Busy || r.Until.Before(began.Add(time.Hour)) {
			t.Errorf("one code too many: %q until %v, %v", r.Code, r.Until, err)
		}
	})
}

// A code waits for the turn of an exchange under way; its own is given back, with
// its call when that was certainly not sent.
func TestAdmit_WaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, walk := counting()
		if _, err := bucket.Change(t.Context(), m, bucket.OfClient("main"), func(b bucket.Bucket) bucket.Bucket {
			b.Lane = bucket.Lane{Owner: "r", Until: time.Now().Add(3 * time.Second)}
			return b
		}); err != nil {
			t.Fatal(err)
		}
		began, x := time.Now(), walk()
		if r, err := f.admit(t.Context(), x); err != nil || r.Code != "" || time.Since(began) < 5*time.Second {
			t.Fatalf("after %v: %q, %v", time.Since(began), r.Code, err)
		}
		x.out = oauth.Outcome{Class: oauth.NotSent}
		f.leave(t.Context(), x)
		b, err := m.Read(t.Context(), bucket.OfClient("main"))
		if err != nil || len(b.Calls) != 0 || b.Lane.Owner != "" {
			t.Errorf("left behind: %+v, %v", b, err)
		}
	})
}

// A code that meets a 503 without a word holds whom the profile names, though
// nobody knows whether it acted.
func TestLeave_HoldsAfterAnUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, walk := counting()
		x := walk()
		x.out = oauth.Outcome{Class: oauth.Unknown, Status: 503}
		f.leave(t.Context(), x)
		b, err := m.Read(t.Context(), bucket.OfClient("main"))
		if err != nil || b.HoldWhy != bucket.WhyOutage || !b.HoldUntil.After(time.Now()) {
			t.Errorf("%q until %v, %v", b.HoldWhy, b.HoldUntil, err)
		}
	})
}

// Our own configuration lets no request be composed: that costs the budget
// nothing either. What the provider refuses, it does.
func TestLeave_CountsWhatWasSent(t *testing.T) {
	for status, want := range map[int]int{0: 0, 400: 1} {
		synctest.Test(t, func(t *testing.T) {
			f, m, walk := counting()
			x := walk()
			if _, err := f.admit(t.Context(), x); err != nil {
				t.Fatal(err)
			}
			x.out = oauth.Outcome{Class: oauth.BadRequest, Status: status}
			f.leave(t.Context(), x)
			b, err := m.Read(t.Context(), bucket.OfClient("main"))
			if err != nil || len(b.Calls) != want || b.Lane.Owner != "" {
				t.Errorf("status %d left behind: %+v, %v", status, b, err)
			}
		})
	}
}

// turncoat takes the client's next secret alone, and counts what it is asked.
type turncoat struct {
	provider
	asked int
}

func (p *turncoat) Exchange(_ context.Context, _ profile.Token, r oauth.Request) oauth.Outcome {
	if p.asked++; r.ClientSecret.Reveal() == "next" {
		return oauth.Outcome{Class: oauth.Issued}
	}
	return oauth.Outcome{Class: oauth.BadClient, Status: 401}
}

func (p *turncoat) ClientSecrets(context.Context, string) (connection.Secrets, error) {
	return connection.Secrets{Current: secret.New("current"), Next: secret.New("next")}, nil
}

func (p *turncoat) Forget(string) {}

// keyless is a vault that opens nothing.
type keyless struct{ vault }

func (keyless) Digest(context.Context, string, secret.Text) (string, error) {
	return "", errors.New("no keys")
}

// A code that is presented with the other secret of a rotation is a second call:
// it is counted, and with one call left it is not made.
func TestExchange_TheOtherSecretCounts(t *testing.T) {
	for spent, want := range map[int]Code{0: "", 2: Misconfigured} {
		synctest.Test(t, func(t *testing.T) {
			f, m, walk := counting()
			bank := &turncoat{}
			f.Provider, f.Clients, f.Vault = bank, bank, keyless{}
			if _, err := bucket.Change(t.Context(), m, bucket.OfClient("main"), func(b bucket.Bucket) bucket.Bucket {
				for i := range spent {
					b.Calls = append(b.Calls, bucket.Call{At: time.Now(), By: string(rune('a' + i))})
				}
				return b
			}); err != nil {
				t.Fatal(err)
			}
			x := walk()
			x.profile.Token.Auth = "body"
			if r, err := f.admit(t.Context(), x); err != nil || r.Code != "" {
				t.Fatalf("%q, %v", r.Code, err)
			}
			if code := f.exchange(t.Context(), x, secret.New("code"), secret.New("verifier")); code != want {
				t.Errorf("with %d calls spent it ended %q, want %q", spent, code, want)
			}
			b, err := m.Read(t.Context(), bucket.OfClient("main"))
			if made := len(b.Calls) - spent; err != nil || made != bank.asked || made != 2-spent/2 {
				t.Errorf("%d calls counted, %d made, %v", made, bank.asked, err)
			}
		})
	}
}

// A code that meets a 429 holds whom the profile names, and its turn is over.
func TestLeave_Holds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, walk := counting()
		x := walk()
		if _, err := f.admit(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		until := time.Now().Add(time.Minute)
		x.out = oauth.Outcome{Class: oauth.Throttled, RetryAt: until}
		f.leave(t.Context(), x)
		b, err := m.Read(t.Context(), bucket.OfClient("main"))
		if err != nil || !b.HoldUntil.Equal(until) || b.Lane.Owner != "" || len(b.Calls) != 1 {
			t.Errorf("bucket %+v, %v", b, err)
		}
	})
}
