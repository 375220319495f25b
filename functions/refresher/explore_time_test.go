package main

import (
	"fmt"
	"strings"
	"time"
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
