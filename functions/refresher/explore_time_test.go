package main

import (
	"fmt"
	"strings"
	"time"

	"bellhop/shared/grant"
)

// passes lets time go by, for everybody. Who is older than a function can be is
// dead, and so is what was on its way for longer than anything can be.
func (s *stage) passes(d time.Duration) {
	time.Sleep(d)
	for _, a := range s.actors {
		if !a.ended && time.Since(a.began) >= a.life {
			s.move(a, crash)
		}
	}
	var fresh []flight
	for _, f := range s.flights {
		if time.Since(f.sent) < 10*time.Minute {
			fresh = append(fresh, f)
		}
	}
	s.flights = fresh
}

// lands delivers one flight.
func (s *stage) lands(i int) {
	f := s.flights[i]
	s.flights = append(append([]flight{}, s.flights[:i]...), s.flights[i+1:]...)
	f.land()
}

// quiet reports whether nobody is at work.
func (s *stage) quiet() bool { return s.living() == 0 }

func (s *stage) living() int {
	n := 0
	for _, a := range s.actors {
		if !a.ended {
			n++
		}
	}
	return n
}

// clear ends everybody, so that the bubble can close.
func (s *stage) clear() {
	for _, a := range s.actors {
		if !a.ended {
			s.move(a, crash)
		}
	}
}

func (s *stage) tell(format string, args ...any) {
	if s.tracing {
		s.trace = append(s.trace, fmt.Sprintf("%6.1fs  ", time.Since(s.began).Seconds())+fmt.Sprintf(format, args...))
	}
}

func (s *stage) story() string { return strings.Join(s.trace, "\n") }

// unsettled is longer than a committer takes to settle.
const unsettled = 31 * time.Second

// oldAfter is when a refresher's holder has surely ended.
const oldAfter = grant.FunctionTimeout + 5*time.Second

// sleepUntilDue lets time pass until a refresher would be let in.
func (s *stage) sleepUntilDue() bool {
	g := s.grant()
	if !g.Enabled || g.WakeAt.IsZero() {
		return false
	}
	at := g.WakeAt
	if g.WakeAt.Equal(g.RefreshAt) {
		at = g.WakeAt.Add(-5 * time.Second)
	}
	if g.Lease != nil {
		if over := g.Lease.Deadline.Add(grant.Skew + time.Millisecond); over.After(at) {
			at = over
		}
	}
	s.passes(max(time.Until(at), 0))
	return true
}
