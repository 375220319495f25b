package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

const (
	// unanswered is from when on a request that brought nothing counts as one
	// that nobody answered: what fails sooner keeps nobody waiting.
	unanswered = 5 * time.Second
	// An endpoint that left one so is silent. It is tried again after a pause that
	// grows fourfold from the first to the longest, or after as little as half of it:
	// processes that met it together should not try it together. The first is
	// short, because one lost answer is often all: a token of a minute, refreshed
	// at 40 s, outlasts it.
	firstSilence   = 10 * time.Second
	longestSilence = 2 * time.Minute
	// several endpoints of one host that left a request so, with no answer from
	// the host since, make all of it silent; one alone is its own trouble. Each of
	// them is a doubt: for so long, or half of it, the others wait. That costs them
	// next to nothing, and if it is the host, the next one does not take at once
	// the environment that this one gave back.
	several = 3
	doubt   = 2 * time.Second
)

// exchanger presents a credential once and judges the answer.
type exchanger interface {
	Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome
}

// silence keeps a token endpoint that hangs from taking all of the function's
// environments, each of which would wait for it as long as an exchange may. The
// refresh queue gives the other clients' wakes first; this sees that there is an
// environment to take them. While an endpoint is silent nothing is sent to it
// but one request at a time, after a pause; everything else comes back with a
// time to try again, as certainly not sent. Where each grant has an endpoint of
// its own, none would ever be met twice in time; so a host is known, too, by what
// its endpoints leave unanswered.
//
// It is what one process knows, costs no call, and is forgotten with the
// process. It is safe for concurrent use.
type silence struct {
	exchanger
	now func() time.Time
	// share is of a pause, from half of it to all: 0.5 to 1.
	share func() float64

	mu     sync.Mutex
	silent map[string]quiet // guarded by mu; endpoints, and hosts as a whole
	hosts  map[string]host  // guarded by mu; one for each that was asked
}

// quiet is what was heard of an endpoint or a host lately: nothing.
type quiet struct {
	until  time.Time // nothing is sent before
	pauses int       // how often it was tried in vain
	trying bool      // one request is on its way to see
}

// host is what was heard of a host, from whichever of its endpoints.
type host struct {
	answered time.Time // the last time
	mute     []string  // those that left a request from after it unanswered; several at most
	doubted  time.Time // until then
}

func newSilence(e exchanger, now func() time.Time) *silence {
	return &silence{
		exchanger: e, now: now, share: func() float64 { return 0.5 + rand.Float64()/2 },
		silent: map[string]quiet{}, hosts: map[string]host{},
	}
}

// Exchange implements the cycle's exchanger.
func (s *silence) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	began := s.now()
	tries, again := s.admit(r.Endpoint, began)
	if !again.IsZero() {
		return oauth.Outcome{Class: oauth.NotSent, Cause: "silent", RetryAt: again}
	}
	out := s.exchanger.Exchange(ctx, p, r)
	nothing := out.Class == oauth.Unknown || out.Class == oauth.NotSent
	if nothing && s.now().Sub(began) >= unanswered {
		s.missed(r.Endpoint, tries, began)
	} else {
		s.heard(r.Endpoint)
	}
	return out
}

// admit says whether a request may leave: again is zero then, and else when to
// ask. One that tries what is silent, its endpoint or its whole host, is told so.
func (s *silence) admit(endpoint string, now time.Time) (tries string, again time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, name := s.silent[endpoint], profile.Host(endpoint)
	tries, from := endpoint, q.until
	if whole := s.silent[name]; !whole.until.IsZero() {
		if from = whole.until; !q.until.IsZero() {
			from = from.Add(firstSilence) // its neighbours first: it may hang alone
		}
		tries, q = name, whole
	}
	switch doubted := s.hosts[name].doubted; {
	case from.IsZero() && now.Before(doubted):
		return "", doubted
	case from.IsZero():
		return "", time.Time{}
	case now.Before(from):
		return "", from
	case q.trying:
		return "", now.Add(firstSilence)
	}
	q.trying = true
	s.silent[tries] = q
	return tries, time.Time{}
}

// heard notes an answer, or anything else that came soon: it ends the silence of
// the endpoint and of its host.
func (s *silence) heard(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := profile.Host(endpoint)
	delete(s.silent, endpoint)
	delete(s.silent, name)
	s.hosts[name] = host{answered: s.now()}
}

// missed notes a request that nobody answered.
func (s *silence) missed(endpoint, tried string, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, now, share := profile.Host(endpoint), s.now(), s.share()
	s.silent[endpoint] = s.silent[endpoint].after(tried == endpoint, now, share)
	if name == "" {
		return
	}
	if !began.Before(s.hosts[name].answered) {
		s.hosts[name] = s.hosts[name].without(endpoint, now, share)
	}
	if len(s.hosts[name].mute) == several {
		s.silent[name] = s.silent[name].after(tried == name, now, share)
	}
}

// without is what an endpoint that nobody heard of since makes of its host.
func (h host) without(endpoint string, now time.Time, share float64) host {
	if len(h.mute) < several && !slices.Contains(h.mute, endpoint) {
		h.mute = append(h.mute, endpoint)
		h.doubted = now.Add(time.Duration(share * float64(doubt)))
	}
	return h
}

// after is what one more request that nobody answered makes of it. Those that
// were on their way already when it fell silent say nothing new.
func (q quiet) after(tried bool, now time.Time, share float64) quiet {
	if !q.until.IsZero() && !tried {
		return q
	}
	pause := min(firstSilence<<min(2*q.pauses, 10), longestSilence)
	q.until = now.Add(time.Duration(share * float64(pause)))
	q.pauses++
	q.trying = false
	return q
}
