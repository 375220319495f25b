package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/secret"
)

// dead is what a provider says of a refresh token that it does not know.
var dead = oauth.Outcome{Class: oauth.Dead, Status: 400, Code: "invalid_grant"}

// A provider that calls every token invalid for a while costs nobody a consent:
// five are condemned, then it is not believed, one credential a minute is
// presented again, and the first that is taken clears all of them, those who had
// been condemned included.
func TestSuspect_LyingProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 100, nil)
		lies := true
		c.provider.Refuse = func(oauth.Request) oauth.Outcome {
			if lies {
				return dead
			}
			return oauth.Outcome{}
		}
		c.lives(100 * time.Second) // all are refused within the first minute
		if n := c.need(); n != 5 || c.held(bucket.WhySuspected) != 95 {
			t.Errorf("%d need a person, %d are doubted", n, c.held(bucket.WhySuspected))
		}
		if all, most := c.made(); all > 102 || most > 2 {
			t.Errorf("%d calls, %d of one credential", all, most)
		}
		lies = false
		c.lives(3 * time.Minute)
		if n := c.need(); n != 0 || len(c.bucket().Retries()) != 0 {
			t.Errorf("%d still need a person, %d are still to be told", n, len(c.bucket().Retries()))
		}
		for _, id := range c.ids {
			if g := c.read(id); g.Generation < 2 || g.Held != "" || g.Refused != 0 {
				t.Errorf("%s is at generation %d, held %q, refused %d", id, g.Generation, g.Held, g.Refused)
			}
		}
		if _, most := c.made(); most > 3 {
			t.Errorf("one credential was presented %d times", most)
		}
	})
}

// A page that answers a probe takes no credential: the provider stays under
// suspicion, and nobody else is condemned for it.
func TestSuspect_APageIsNoAcceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 100, nil)
		says := dead
		c.provider.Refuse = func(oauth.Request) oauth.Outcome { return says }
		c.lives(50 * time.Second)
		if !c.bucket().Suspected() {
			t.Fatal("the provider is believed")
		}
		says = oauth.Outcome{Class: oauth.Unreadable, Status: 200, Raw: secret.New("<h1>back soon</h1>")}
		c.lives(75 * time.Second)
		says = dead
		c.lives(45 * time.Second)
		if n := c.need(); n > 5 || !c.bucket().Suspected() {
			t.Errorf("%d need a person, suspected %v", n, c.bucket().Suspected())
		}
	})
}

// A hundred consents that are truly gone are condemned together, after three
// probes: three calls more than the grants are.
func TestSuspect_TrulyRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 100, nil)
		c.provider.Revoke()
		c.lives(2 * time.Minute)
		if n := c.need(); n != 5 {
			t.Errorf("%d were condemned at once", n)
		}
		c.lives(5 * time.Minute)
		if n := c.need(); n != 100 {
			t.Errorf("%d of 100 are condemned", n)
		}
		if all, most := c.made(); all > 103 || most > 4 {
			t.Errorf("%d calls for a hundred verdicts, %d of one credential", all, most)
		}
		c.lives(time.Hour)
		if all, _ := c.made(); all > 103 {
			t.Errorf("%d calls after an hour: a dead grant is presented again", all)
		}
	})
}

// One owner who revokes is found out at once, and nobody else is asked.
func TestSuspect_OneAloneIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 100, nil)
		victim := c.read(c.ids[7])
		pair, err := c.vault.Open(t.Context(), victim)
		if err != nil {
			t.Fatal(err)
		}
		var refusedAt time.Time
		c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			if r.Refresh.Equal(pair.Refresh) {
				refusedAt = time.Now()
				return dead
			}
			return oauth.Outcome{}
		}
		c.lives(2 * time.Minute)
		g := c.read(victim.ID)
		if g.Health != grant.ReauthorizationRequired || !g.EpisodeSince.Equal(refusedAt) {
			t.Errorf("%s since %v, refused at %v", g.Health, g.EpisodeSince, refusedAt)
		}
		if c.need() != 1 {
			t.Errorf("%d need a person", c.need())
		}
	})
}

// A provider that lied, took one credential, and goes on lying about another: the
// second refusal of that is believed at once, and no third time is presented.
func TestSuspect_RefusedAgainAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 100, nil)
		pair, err := c.vault.Open(t.Context(), c.read(c.ids[50]))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			if r.Refresh.Equal(pair.Refresh) || time.Since(began) < 90*time.Second {
				return dead
			}
			return oauth.Outcome{}
		}
		c.lives(6 * time.Minute)
		if c.need() != 1 || c.read(c.ids[50]).Health != grant.ReauthorizationRequired {
			t.Errorf("%d need a person", c.need())
		}
		if n := c.presented(pair.Refresh); n > 3 {
			t.Errorf("its credential was presented %d times", n)
		}
	})
}

// presented is how often a credential was in a request.
func (c *chain) presented(refresh secret.Text) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls[refresh.Reveal()])
}

// A grant that waits under suspicion and meets a 429 meanwhile is doubted still:
// what holds it is one thing, what was found about it another.
func TestSuspect_ThrottledMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 50, nil)
		began := time.Now()
		c.provider.Refuse = func(oauth.Request) oauth.Outcome {
			switch age := time.Since(began); {
			case age < 80*time.Second:
				return dead
			case age < 10*time.Minute:
				return throttles(429, func(time.Time) string { return "30" })
			}
			return oauth.Outcome{}
		}
		c.lives(9 * time.Minute)
		if n := c.need(); n != 5 {
			t.Errorf("%d were condemned while nobody could know", n)
		}
		c.lives(5 * time.Minute)
		if n := c.need(); n != 0 {
			t.Errorf("%d need a person although all was a lie", n)
		}
	})
}

// Our registration is refused for fifty grants: one trouble, no verdict, and one
// try each few minutes until the secret is right.
func TestTrouble_FiftyGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 50, nil)
		right, refused := "s2", refusals{}
		c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			if r.ClientSecret.Reveal() != right {
				refused.add(r)
				return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
			}
			return oauth.Outcome{}
		}
		c.lives(30 * time.Minute)
		trouble := c.bucket().Trouble
		if trouble == nil || trouble.Episode != 1 || trouble.Code != "invalid_client" || trouble.Status != 401 ||
			trouble.SecretVersion != "v-s1" || len(trouble.Payload) != 16 || c.bucket().AlertDue.IsZero() {
			t.Errorf("trouble %+v", trouble)
		}
		if is := refused.digests(c); !slices.Contains(is, trouble.Payload) {
			t.Errorf("digest %s, want one of %v", trouble.Payload, is)
		}
		if all, _ := c.made(); all > 2*5+2*10 {
			t.Errorf("%d calls in half an hour: they hammer", all)
		}
		if c.need() != 0 || c.held(bucket.WhyClient) < 45 {
			t.Errorf("%d need a person, %d are held", c.need(), c.held(bucket.WhyClient))
		}
		if c.logged("exchange_held", `"cause":"bad_client"`) == 0 || c.secrets.forgotten.Load() == 0 {
			t.Error("nobody said why nothing happens, or the secret is still believed")
		}
		c.secrets.next = "s2" // a rotation: the other one is tried, too
		c.lives(10 * time.Minute)
		b := c.bucket()
		if b.Troubled() || b.Trouble.Episode != 1 || b.AlertDue.Before(b.Trouble.Over) {
			t.Errorf("trouble %+v, alert due %v", b.Trouble, b.AlertDue)
		}
		for _, id := range c.ids {
			if g := c.read(id); g.Generation < 2 || g.Held != "" || g.Health != grant.OK {
				t.Errorf("%s is at generation %d, held %q, %s", id, g.Generation, g.Held, g.Health)
			}
		}
	})
}

// refusals are the requests with which our registration was refused.
type refusals struct {
	mu       sync.Mutex
	requests []oauth.Request // guarded by mu
}

func (f *refusals) add(r oauth.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
}

// digests are what they must be known by: under a key of the stack's own, made
// for this client and for nothing else.
func (f *refusals) digests(c *chain) (all []string) {
	key, err := c.vault.Digest(c.Context(), "token request", secret.New("main"))
	if err != nil {
		c.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		all = append(all, oauth.Digest(secret.New(key), c.profile.Token, r))
	}
	return all
}

// A secret is rotated, and the old one ended, while a warm process still has it in
// mind: the new one is read before anybody hears of a refusal.
func TestTrouble_SecretKeptFromBeforeARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 50, nil)
		for _, r := range c.processes {
			r.cycle.Secrets = &keeper{clientSecrets: c.secrets}
		}
		right := "s1"
		c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			if r.ClientSecret.Reveal() != right {
				return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
			}
			return oauth.Outcome{}
		}
		c.lives(time.Minute)
		c.secrets.current, right = "s2", "s2"
		c.lives(4 * time.Minute)
		if b := c.bucket(); b.Trouble != nil || !b.AlertDue.IsZero() || c.logged("exchange_held")+c.logged("exchange_failed") > 0 {
			t.Errorf("trouble %+v, alert due %v", b.Trouble, b.AlertDue)
		}
		for _, id := range c.ids {
			if g := c.read(id); g.Generation < 6 {
				t.Errorf("%s is at generation %d, held %q", id, g.Generation, g.Held)
			}
		}
		if _, most := c.made(); most > 2 {
			t.Errorf("%d requests of one lease", most)
		}
	})
}

// keeper is what one process has in mind of the client's secrets, as package
// secretsmanager's reader has for five minutes.
type keeper struct {
	*clientSecrets
	mu    sync.Mutex
	kept  connection.Secrets // guarded by mu
	until time.Time          // guarded by mu
}

func (k *keeper) ClientSecrets(ctx context.Context, client string) (s connection.Secrets, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !time.Now().Before(k.until) {
		k.kept, err = k.clientSecrets.ClientSecrets(ctx, client)
		k.until = time.Now().Add(5 * time.Minute)
	}
	return k.kept, err
}

func (k *keeper) Forget(string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until = time.Time{}
}

// One grant for which the provider answers as if it were our registration does
// not stop the client's others, and nobody is alarmed about them: it is the grant
// that needs a person, once its token has run out.
func TestTrouble_OneGrantAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 20, nil)
		pair, err := c.vault.Open(t.Context(), c.read(c.ids[3]))
		if err != nil {
			t.Fatal(err)
		}
		c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			if r.Refresh.Equal(pair.Refresh) {
				return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "unauthorized_client"}
			}
			return oauth.Outcome{}
		}
		c.lives(20 * time.Minute)
		for i, id := range c.ids {
			if g := c.read(id); i != 3 && g.Generation < 20 {
				t.Errorf("%s is at generation %d after twenty minutes", id, g.Generation)
			}
		}
		if !c.bucket().AlertDue.IsZero() {
			t.Error("people are told that the client is refused")
		}
		g := c.read(c.ids[3])
		if g.Health != grant.ReauthorizationRequired || g.Reason != grant.RefusedAlone || g.EpisodeSince.Before(g.Edge()) || c.need() != 1 {
			t.Errorf("it is %s, %s since %v; %d need a person", g.Health, g.Reason, g.EpisodeSince, c.need())
		}
		if n := c.presented(pair.Refresh); n < 6 || n > 20 || c.logged("grant_dead", `"reason":"refused_alone"`) != 1 {
			t.Errorf("asked %d times before it was judged", n)
		}
	})
}

// Three grants that are refused so, the second and third while the one before
// still tries: they are no trouble of the client's together either.
func TestTrouble_SeveralGrantsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, 20, nil)
		refused := map[string]bool{}
		for i := range 3 {
			c.provider.Life = time.Duration(i+2) * 2 * time.Minute // due one after another
			c.connects(grant.ID(fmt.Sprintf("alone-%d", i)), "account-0")
			pair, err := c.vault.Open(t.Context(), c.read(c.ids[20+i]))
			if err != nil {
				t.Fatal(err)
			}
			refused[pair.Refresh.Reveal()] = true
		}
		c.provider.Life = time.Minute
		c.provider.Refuse = func(r oauth.Request) oauth.Outcome {
			if refused[r.Refresh.Reveal()] {
				return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
			}
			return oauth.Outcome{}
		}
		for range 30 {
			if c.lives(time.Minute); !c.bucket().AlertDue.IsZero() {
				t.Fatalf("people are told that the client is refused: %+v", c.bucket().Trouble)
			}
		}
		for i, id := range c.ids {
			switch g := c.read(id); {
			case i < 20 && (g.Generation < 30 || g.Held != ""):
				t.Errorf("%s is at generation %d after half an hour, held %q", id, g.Generation, g.Held)
			case i >= 20 && (g.Health != grant.ReauthorizationRequired || g.Reason != grant.RefusedAlone):
				t.Errorf("%s is %s, %s", id, g.Health, g.Reason)
			}
		}
	})
}
