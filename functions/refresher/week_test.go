package main

import (
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/wake"
)

// ending is one way in which a grant comes to need a person.
type ending struct {
	name     string
	rotation profile.Rotation
	pair     func(p *grant.Pair)         // what is wrong with its pair, if that is it
	begins   func(g *grant.Grant)        // what is wrong with its item, if that is it
	ends     func(f *fleet, s *sufferer) // what happens to it, after it was connected

	// asked is how often its token endpoint is asked until a person acts, in a
	// whole week.
	asked  int
	health grant.Health
	reason grant.Reason
	// acts is what a person does about it, in the end.
	acts func(f *fleet, s *sufferer)
}

// sufferer is the grant that an ending happens to, at a client of its own.
type sufferer struct {
	ending
	*endpoint
	id grant.ID
}

// endings are the terminal classes. What is not terminal (throttled, outage,
// answers inside a grace) is tried again, and told elsewhere.
var endings = []ending{
	{
		name: "revoked", rotation: none, ends: func(_ *fleet, s *sufferer) { s.Revoke() },
		asked: 1, health: grant.ReauthorizationRequired, reason: grant.Revoked, acts: consents,
	}, {
		name: "refresh-token-died-of-age", rotation: grace,
		ends:  func(_ *fleet, s *sufferer) { s.dies = 30 * time.Second; s.Revoke() },
		asked: 1, health: grant.ReauthorizationRequired, reason: grant.Expired, acts: consents,
	}, {
		name: "no-refresh-token", rotation: none, pair: func(p *grant.Pair) { p.Refresh = secret.Text{} },
		asked: 0, health: grant.ReauthorizationRequired, reason: grant.Expired, acts: consents,
	}, {
		// The exchange whose answer was lost, and the one that says so.
		name: "answer-lost", rotation: detect, ends: func(_ *fleet, s *sufferer) { s.Act = nth(1, granttest.LosesAfter) },
		asked: 2, health: grant.ReauthorizationRequired, reason: grant.AnswerLost, acts: consents,
	}, {
		name: "scope-refused", rotation: detect, ends: func(_ *fleet, s *sufferer) { s.refuses(oauth.BadScope) },
		asked: 1, health: grant.ScopeUpdateRequired, reason: grant.ScopeMissing,
		acts: func(f *fleet, s *sufferer) { s.Refuse = nil; consents(f, s) },
	}, {
		// Asked while that may pass by itself, an hour beyond the token's edge.
		name: "request-refused", rotation: detect, ends: func(_ *fleet, s *sufferer) { s.refuses(oauth.BadRequest) },
		asked: 16, health: grant.ReauthorizationRequired, reason: grant.RequestRefused,
		acts: func(f *fleet, s *sufferer) { s.Refuse = nil; retries(f, s) },
	}, {
		// Twice until a neighbour is answered, that answer, and five times more.
		name: "refused-alone", rotation: detect, ends: refusedAlone,
		asked: 8, health: grant.ReauthorizationRequired, reason: grant.RefusedAlone,
		acts: func(f *fleet, s *sufferer) { s.Refuse, s.Life = nil, time.Minute; retries(f, s) },
	}, {
		name: "pair-missing", rotation: detect, begins: func(g *grant.Grant) { g.Inline, g.Ref = nil, "nowhere" },
		asked: 0, health: grant.ReauthorizationRequired, reason: grant.PairMissing, acts: consents,
	}, {
		name: "access-tokens-rejected", rotation: detect, ends: judges,
		asked: 0, health: grant.ReauthorizationRequired, reason: grant.TokenRejected, acts: consents,
	}, {
		name: "never-connected", rotation: detect,
		begins: func(g *grant.Grant) {
			*g = grant.Grant{
				ID: g.ID, Provider: g.Provider, Client: g.Client, Home: g.Home, Enabled: true,
				Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected,
			}
		},
		asked: 0, health: grant.ReauthorizationRequired, reason: grant.NeverConnected, acts: consents,
	}, {
		name: "disabled", rotation: detect, ends: func(f *fleet, s *sufferer) { switches(f, s, false) },
		asked: 0, health: grant.OK, acts: func(f *fleet, s *sufferer) { switches(f, s, true) },
	}, {
		name: "revoked-by-us", rotation: detect, ends: revokes,
		asked: 0, health: grant.ReauthorizationRequired, reason: grant.RevokedByUs,
		acts: func(f *fleet, s *sufferer) { consents(f, s); switches(f, s, true) },
	}, {
		// Switched on again without a new consent, which brings nothing.
		name: "revoked-by-us-enabled", rotation: detect, ends: func(f *fleet, s *sufferer) { revokes(f, s); switches(f, s, true) },
		asked: 0, health: grant.ReauthorizationRequired, reason: grant.RevokedByUs, acts: consents,
	},
}

// refuses lets the endpoint answer everything alike.
func (e *endpoint) refuses(class oauth.Class) {
	e.Refuse = func(oauth.Request) oauth.Outcome { return oauth.Outcome{Class: class, Status: 400} }
}

// refusedAlone lets the endpoint refuse this grant as if it were our
// registration, and answer a neighbour that is due later, with a token that
// outlasts the week: whatever else is asked is asked for this grant.
func refusedAlone(f *fleet, s *sufferer) {
	f.Helper()
	pair, err := f.vault.Open(f.Context(), f.read(s.id))
	if err != nil {
		f.Fatal(err)
	}
	s.Refuse = func(r oauth.Request) oauth.Outcome {
		if r.Refresh.Equal(pair.Refresh) {
			return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
		}
		return oauth.Outcome{}
	}
	s.Life = 2 * time.Minute
	f.connects(s.endpoint, s.id+"-neighbour", s.Seed(), nil)
	s.Life = 30 * 24 * time.Hour
}

// consents is the owner's reconnecting.
func consents(f *fleet, s *sufferer) {
	f.Helper()
	g, pair := f.read(s.id), s.Seed()
	sealed, err := f.vault.Seal(s.id, g.Generation, pair)
	if err != nil {
		f.Fatal(err)
	}
	times := grant.TimesOf(s.id, pair, profile.RefreshRule{})
	if err := f.store.Consent(f.Context(), grant.ConsentWrite{ID: s.id, Epoch: g.Epoch, Sealed: sealed, Times: times, At: time.Now()}); err != nil {
		f.Fatal(err)
	}
}

// retries is a person's `connections retry`.
func retries(f *fleet, s *sufferer) {
	f.Helper()
	if err := f.store.Retry(f.Context(), grant.RetryWrite{ID: s.id, Generation: f.read(s.id).Generation, At: time.Now()}); err != nil {
		f.Fatal(err)
	}
}

// judges is a pusher's verdict: tokens of two generations were refused.
func judges(f *fleet, s *sufferer) {
	f.Helper()
	err := f.store.Judge(f.Context(), grant.JudgeWrite{
		ID: s.id, Presented: 1, Health: grant.ReauthorizationRequired, Reason: grant.TokenRejected, At: time.Now(), Skew: grant.Skew,
	})
	if err != nil {
		f.Fatal(err)
	}
}

// switches is a person's `connections disable` or `enable`.
func switches(f *fleet, s *sufferer, on bool) {
	f.Helper()
	if err := f.store.SetEnabled(f.Context(), s.id, on, time.Now()); err != nil {
		f.Fatal(err)
	}
}

// revokes is a person's `connections disable --revoke`.
func revokes(f *fleet, s *sufferer) {
	f.Helper()
	switches(f, s, false)
	if done, err := f.worker().cycle.Revoke(f.Context(), s.id); err != nil || done.Tokens != 2 {
		f.Fatalf("revoked %+v, %v", done, err)
	}
}

// A grant that needs a person is let alone until one acts: no exchange more in
// a week of ticks, wakes and strays than it took to find out, and none fewer
// than before once somebody did.
func TestWeek_DeadGrantsAreLetAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, asDeployed(t, "none"))
		healthy := f.client("healthy", detect, time.Hour)
		f.connects(healthy, "healthy", healthy.Seed(), nil)
		var all []*sufferer
		for _, e := range endings {
			all = append(all, f.befalls(e))
		}
		f.strays(7 * 24 * time.Hour)
		for _, s := range all {
			s.isLetAlone(f)
			s.acts(f, s)
		}
		if n := healthy.requests(); n < 190 || n > 205 {
			t.Errorf("the grant that is well was refreshed %d times in a week of tokens that refresh at 51 minutes", n)
		}
		f.strays(time.Hour)
		for _, s := range all {
			s.worksAgain(f)
		}
		f.aws.close()
	})
}

// A client that the provider refuses is no grant's fault: all day long one
// exchange of all its grants tries, now and then, none is condemned, no credential
// is looked at, and once a person has changed the secret all of them go on.
func TestDay_ARefusedClientTriesForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, asDeployed(t, "none"))
		e := f.client("refused", detect, time.Hour)
		for _, id := range []grant.ID{"one", "two", "three"} {
			f.connects(e, id, e.Seed(), nil)
		}
		e.refuses(oauth.BadClient)
		f.strays(24 * time.Hour)
		most := int(24 * time.Hour / (3 * time.Minute))
		if n := e.requests(); n < most/4 || n > most+most/10 {
			t.Errorf("its token endpoint was asked %d times in a day, want one in about three minutes", n)
		}
		b, err := f.buckets.Read(t.Context(), bucket.OfClient("refused"))
		if err != nil || !b.Troubled() || b.Trouble.Episode != 1 {
			t.Errorf("%+v, %v: want one episode of the client", b.Trouble, err)
		}
		for _, id := range f.grants {
			if g := f.read(id); g.Health != grant.OK || g.Episode != 0 || g.Generation != 1 {
				t.Errorf("%s is %s, %s in episode %d", id, g.Health, g.Reason, g.Episode)
			}
		}
		if e.MostPresented() != 0 {
			t.Error("a credential was looked at")
		}
		e.Refuse = nil
		f.lives(10 * time.Minute)
		for _, id := range f.grants {
			if g := f.read(id); g.Generation != 2 || !g.Lasts(time.Now()) {
				t.Errorf("%s is at generation %d after the client was mended", id, g.Generation)
			}
		}
		f.aws.close()
	})
}

// befalls makes a grant that comes to such an end.
func (f *fleet) befalls(e ending) *sufferer {
	s := &sufferer{ending: e, endpoint: f.client(e.name, e.rotation, time.Minute), id: grant.ID(e.name)}
	pair := s.Seed()
	if e.pair != nil {
		e.pair(&pair)
	}
	f.connects(s.endpoint, s.id, pair, e.begins)
	if e.ends != nil {
		e.ends(f, s)
	}
	return s
}

// strays lets time go by in which, beside the sweep's, wakes come for each
// grant that nobody needs: a pusher's, or a message that came twice.
func (f *fleet) strays(d time.Duration) {
	for range d / time.Hour {
		f.lives(time.Hour)
		for _, id := range f.grants {
			f.aws.enqueue(wake.Encode(wake.Message{Kind: wake.Grant, Grant: id, At: time.Now()}), f.read(id).Client, 0)
		}
	}
}

// isLetAlone judges a week in which nobody acted.
func (s *sufferer) isLetAlone(f *fleet) {
	f.Helper()
	g := f.read(s.id)
	if g.Health != s.health || g.Reason != s.reason {
		f.Errorf("%s: grant is %s, %s; want %s, %s", s.id, g.Health, g.Reason, s.health, s.reason)
	}
	if n := s.requests(); n != s.asked {
		f.Errorf("%s: its token endpoint was asked %d times in a week, want %d", s.id, n, s.asked)
	}
	episodes := int64(1)
	if s.health == grant.OK || s.reason == grant.NeverConnected || s.reason == grant.RevokedByUs {
		episodes = 0
	}
	if g.Episode != episodes {
		f.Errorf("%s: %d episodes, want %d", s.id, g.Episode, episodes)
	}
}

// worksAgain judges the hour after a person acted.
func (s *sufferer) worksAgain(f *fleet) {
	f.Helper()
	g := f.read(s.id)
	if g.Health != grant.OK || !g.Lasts(time.Now()) {
		f.Errorf("%s: after a person acted it is %s, %s, and its token lasts until %v", s.id, g.Health, g.Reason, g.Edge())
	}
	if n := s.requests() - s.asked; n < 80 || n > 110 || s.MostPresented() > max(s.asked, 1) {
		f.Errorf("%s: %d exchanges in an hour of tokens that refresh at 40 s, a token was seen %d times", s.id, n, s.MostPresented())
	}
}
