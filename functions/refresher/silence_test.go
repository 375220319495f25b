package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

// answering are token endpoints that do as they are told.
type answering struct {
	hung map[string]bool // these alone take for ever

	mu    sync.Mutex
	takes time.Duration
	out   oauth.Outcome
	asked int
}

func (a *answering) Exchange(ctx context.Context, _ profile.Token, r oauth.Request) oauth.Outcome {
	a.mu.Lock()
	a.asked++
	takes, out := a.takes, a.out
	a.mu.Unlock()
	if a.hung[r.Endpoint] {
		takes = time.Hour
	}
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
				if c.ends && len(s.silent) != 0 {
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
		if q := s.silent["e"]; a.asked != 10 || q.pauses != 1 || !q.until.Equal(time.Now().Add(firstSilence)) {
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

// tenants are three whose token endpoints hang, each its own; of two more on the
// same host, and of all on the other, they answer after a second.
func tenants() *answering {
	return &answering{
		hung:  map[string]bool{"https://pms.example/a": true, "https://PMS.example/b": true, "https://pms.example/c": true, "https://other.example/c": true},
		takes: time.Second, out: oauth.Outcome{Class: oauth.Issued},
	}
}

// A host is silent when several of its endpoints are and none answers; what one
// tenant alone leaves unanswered, however often, is nothing to its neighbours.
func TestSilence_OfAHost(t *testing.T) {
	const a, b, c, d = "https://pms.example/a", "https://PMS.example/b", "https://pms.example/c", "https://pms.example/d"
	for name, row := range map[string]struct {
		asked  [][]string // what is asked at once, round after round
		silent bool
	}{
		"one tenant":                 {[][]string{{a}, {a}, {a}, {a}}, false},
		"two":                        {[][]string{{a, b}, {a, b}, {a, b}}, false},
		"three":                      {[][]string{{a}, {b}, {c}}, true},
		"three at once":              {[][]string{{a, b, c}}, true},
		"two, and one elsewhere":     {[][]string{{a, b, "https://other.example/c"}}, false},
		"three, an answer between":   {[][]string{{a, b}, {d}, {c}}, false},
		"three, an answer meanwhile": {[][]string{{a, b, c, d}}, false},
		"three after an answer":      {[][]string{{d}, {a, b, c}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSilence(tenants(), time.Now)
				for _, round := range row.asked {
					time.Sleep(longestSilence)
					var all sync.WaitGroup
					for _, endpoint := range round {
						all.Go(func() { request(s, endpoint) })
					}
					all.Wait()
				}
				if out := request(s, "https://third.example/e"); out.Class != oauth.Issued {
					t.Errorf("on another host: %+v", out)
				}
				time.Sleep(doubt)
				if out := request(s, "https://pms.example/e"); (out.Cause == "silent") != row.silent {
					t.Errorf("a neighbour: %+v", out)
				}
			})
		})
	}
}

// One endpoint that falls silent is a doubt of its host, for a moment and once.
// An answer ends it.
func TestSilence_Doubt(t *testing.T) {
	const a, b, d, e = "https://pms.example/a", "https://PMS.example/b", "https://pms.example/d", "https://pms.example/e"
	synctest.Test(t, func(t *testing.T) {
		s := newSilence(tenants(), time.Now)
		s.share = func() float64 { return 1 }
		request(s, a)
		out := request(s, d)
		if out.Class != oauth.NotSent || out.Cause != "silent" || !out.RetryAt.Equal(time.Now().Add(doubt)) {
			t.Fatalf("a neighbour, in doubt: %+v", out)
		}
		time.Sleep(longestSilence)
		for _, endpoint := range []string{a, d, e} {
			if out := request(s, endpoint); out.Cause == "silent" {
				t.Errorf("%s, the doubt over, though %s was in vain again: %+v", endpoint, a, out)
			}
		}
		var all sync.WaitGroup
		all.Go(func() { request(s, b) })
		time.Sleep(exchangeLasts - time.Second/2)
		all.Go(func() { request(s, d) })
		time.Sleep(600 * time.Millisecond)
		if out := request(s, e); out.Cause != "silent" {
			t.Errorf("in doubt again: %+v", out)
		}
		all.Wait()
		if out := request(s, e); out.Class != oauth.Issued {
			t.Errorf("a neighbour has answered: %+v", out)
		}
	})
}

// A silent host is tried by one request at a time, by endpoints first that were
// never in vain: where three hang for themselves, the others lose one pause. One
// answer, and each goes on as for itself.
func TestSilence_OfAHostEnds(t *testing.T) {
	const a, b, c, d, e = "https://pms.example/a", "https://PMS.example/b", "https://pms.example/c", "https://pms.example/d", "https://pms.example/e"
	synctest.Test(t, func(t *testing.T) {
		fake := tenants()
		s := newSilence(fake, time.Now)
		s.share = func() float64 { return 1 }
		var all sync.WaitGroup
		for _, endpoint := range []string{a, b, c} {
			all.Go(func() { request(s, endpoint) })
		}
		all.Wait()
		until := time.Now().Add(firstSilence)
		for endpoint, again := range map[string]time.Time{a: until.Add(firstSilence), d: until, e: until} {
			if out := request(s, endpoint); out.Cause != "silent" || !out.RetryAt.Equal(again) {
				t.Errorf("%s: %+v", endpoint, out)
			}
		}
		time.Sleep(time.Until(until))
		before := fake.asked
		all.Go(func() { request(s, d) })
		all.Go(func() { request(s, e) })
		all.Wait()
		if sent := fake.asked - before; sent != 1 {
			t.Errorf("%d of two were sent to see", sent)
		}
		clear(fake.hung)
		for _, endpoint := range []string{a, b, c, d, e} {
			if out := request(s, endpoint); out.Class != oauth.Issued {
				t.Errorf("after one answer, %s: %+v", endpoint, out)
			}
		}
		if len(s.silent) != 0 || len(s.hosts) != 1 {
			t.Errorf("%+v, %+v are kept", s.silent, s.hosts)
		}
	})
}

// What is known of a host that goes on hanging is bounded by its endpoints.
func TestSilence_OfAHostLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &answering{takes: time.Hour, out: hangs}
		s := newSilence(fake, time.Now)
		began := time.Now()
		for i := 0; time.Since(began) < time.Hour; i++ {
			request(s, fmt.Sprintf("https://pms.example/%d", i%50))
			time.Sleep(time.Second)
		}
		// Three to know it, and then no more than one in half of the longest pause.
		if most := 3 + 2 + int(time.Hour/(longestSilence/2)); fake.asked > most || fake.asked < most/3 {
			t.Errorf("%d requests were sent in an hour", fake.asked)
		}
		if h := s.hosts["pms.example"]; len(h.mute) != several || len(s.silent) > 51 {
			t.Errorf("%d of the host, %d are kept", len(h.mute), len(s.silent))
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
