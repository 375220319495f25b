package main

import (
	"context"
	"math/rand/v2"
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
// time to try again, as certainly not sent.
//
// It is what one process knows, costs no call, and is forgotten with the
// process. It is safe for concurrent use.
type silence struct {
	exchanger
	now func() time.Time
	// share is of a pause, from half of it to all: 0.5 to 1.
	share func() float64

	mu        sync.Mutex
	endpoints map[string]quiet // guarded by mu; only those that are silent
}

// quiet is what was heard of an endpoint lately: nothing.
type quiet struct {
	until  time.Time // nothing is sent before
	pauses int       // how often it was tried in vain
	trying bool      // one request is on its way to see
}

func newSilence(e exchanger, now func() time.Time) *silence {
	return &silence{
		exchanger: e, now: now, share: func() float64 { return 0.5 + rand.Float64()/2 }, endpoints: map[string]quiet{},
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
	s.heard(r.Endpoint, tries, nothing && s.now().Sub(began) >= unanswered)
	return out
}

// admit says whether a request may leave: again is zero then, and else when to
// ask. One that tries a silent endpoint is told so.
func (s *silence) admit(endpoint string, now time.Time) (tries bool, again time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.endpoints[endpoint]
	switch {
	case q.until.IsZero():
		return false, time.Time{}
	case now.Before(q.until):
		return false, q.until
	case q.trying:
		return false, now.Add(firstSilence)
	}
	q.trying = true
	s.endpoints[endpoint] = q
	return true, time.Time{}
}

// heard notes what became of a request: an answer, or anything else that came
// soon, ends a silence.
func (s *silence) heard(endpoint string, tried, nothing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !nothing {
		delete(s.endpoints, endpoint)
		return
	}
	s.endpoints[endpoint] = s.endpoints[endpoint].after(tried, s.now(), s.share())
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
