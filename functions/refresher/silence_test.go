package main

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

// answering is a token endpoint that does as it is told.
type answering struct {
	mu    sync.Mutex
	takes time.Duration
	out   oauth.Outcome
	asked int
}

func (a *answering) Exchange(ctx context.Context, _ profile.Token, _ oauth.Request) oauth.Outcome {
	a.mu.Lock()
	a.asked++
	takes, out := a.takes, a.out
	a.mu.Unlock()
	select {
	case <-time.After(takes):
		return out
	case <-ctx.Done():
		return oauth.Outcome{Class: oauth.Unknown, Cause: "timeout"}
	}
}

// request asks one endpoint as the cycle does, for at most eight seconds.
func request(s *silence, endpoint string) oauth.Outcome {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeLasts)
	defer cancel()
	return s.Exchange(ctx, profile.Token{}, oauth.Request{Endpoint: endpoint})
}

var hangs = oauth.Outcome{Class: oauth.Unknown}

// An endpoint that hangs is asked by one at a time, after pauses that grow; the
// others come back at once with a time, and nothing of theirs was sent.
func TestSilence_OneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{takes: time.Hour, out: hangs}
		s := newSilence(a, time.Now)
		s.share = func() float64 { return 1 }
		if out := request(s, "e"); out.Class != oauth.Unknown {
			t.Fatalf("the first request: %+v", out)
		}
		for _, pause := range []time.Duration{10, 40, 120, 120} {
			pause *= time.Second
			began := time.Now()
			out := request(s, "e")
			if out.Class != oauth.NotSent || out.Cause != "silent" || !out.RetryAt.Equal(began.Add(pause)) || time.Since(began) != 0 {
				t.Fatalf("in its pause of %v: %+v after %v", pause, out, time.Since(began))
			}
			time.Sleep(time.Until(out.RetryAt))
			before := a.asked
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() { request(s, "e") })
			}
			all.Wait()
			if a.asked != before+1 {
				t.Fatalf("after its pause of %v, %d of five were sent", pause, a.asked-before)
			}
		}
	})
}

// What comes soon ends a silence, whatever it is; what took long and was
// readable never was one.
func TestSilence_Ends(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		out   oauth.Outcome
		ends  bool
	}{
		"a pair":                    {time.Second, oauth.Outcome{Class: oauth.Issued}, true},
		"a pair, late":              {7 * time.Second, oauth.Outcome{Class: oauth.Issued}, true},
		"a refusal":                 {time.Second, oauth.Outcome{Class: oauth.Dead}, true},
		"a broken connection":       {4999 * time.Millisecond, oauth.Outcome{Class: oauth.Unknown}, true},
		"a broken connection, late": {unanswered, oauth.Outcome{Class: oauth.Unknown}, false},
		"no connection, late":       {unanswered, oauth.Outcome{Class: oauth.NotSent, Cause: "connect"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answering{takes: time.Hour, out: hangs}
				s := newSilence(a, time.Now)
				request(s, "e")
				time.Sleep(firstSilence)
				a.takes, a.out = c.takes, c.out
				if out := request(s, "e"); out.Class != c.out.Class {
					t.Fatalf("the one that tries: %+v", out)
				}
				if out := request(s, "e"); (out.Cause != "silent") != c.ends {
					t.Errorf("the next: %+v", out)
				}
				if c.ends && len(s.endpoints) != 0 {
					t.Error("something of it is kept")
				}
			})
		})
	}
}

// Those that were on their way when it fell silent prolong nothing, and another
// endpoint has nothing to do with it.
func TestSilence_AlreadyUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{takes: time.Hour, out: hangs}
		s := newSilence(a, time.Now)
		s.share = func() float64 { return 1 }
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { request(s, "e") })
		}
		all.Wait()
		if q := s.endpoints["e"]; a.asked != 10 || q.pauses != 1 || !q.until.Equal(time.Now().Add(firstSilence)) {
			t.Errorf("%d sent, %+v", a.asked, q)
		}
		a.takes, a.out = 0, oauth.Outcome{Class: oauth.Issued}
		if out := request(s, "other"); out.Class != oauth.Issued {
			t.Errorf("another endpoint: %+v", out)
		}
		if out := request(s, "e"); out.Cause != "silent" {
			t.Errorf("another endpoint's answer ended this one's silence: %+v", out)
		}
	})
}

// Each pause is a part of the whole one, so that processes do not meet.
func TestSilence_PausesDiffer(t *testing.T) {
	s := newSilence(nil, time.Now)
	seen := map[float64]bool{}
	for range 100 {
		part := s.share()
		if part < 0.5 || part >= 1 {
			t.Fatalf("a part of %v", part)
		}
		seen[part] = true
	}
	if len(seen) < 90 {
		t.Errorf("only %d different parts", len(seen))
	}
}
