package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop/shared/grant"
)

// The pauses of a living holder: past its lease; past a grace too; and short, so
// that a grace that was open when it looked is over when its request leaves.
var pauses = []time.Duration{18 * time.Second, 21 * time.Second, 4 * time.Second}

// option is what the scheduler may do next.
type option struct {
	kind   byte
	actor  *actor
	order  order
	flight int
	guest  guest
	pause  time.Duration
}

const (
	step    byte = 's' // an actor's effect
	land    byte = 'l' // a flight lands
	enter   byte = 'e' // a refresher begins
	visit   byte = 'p' // one of the others comes
	sleep   byte = 'w' // nobody is at work, time passes to the next wake
	pause   byte = 'x' // time passes although somebody is at work, or nobody looks
	finish  byte = 'f' // the fair worker, nothing that is on its way lands
	linger  byte = 'i' // nobody is at work, time passes until a pair must be settled
	deliver byte = 'd' // the same, everything lands before
	late    byte = 'g' // the same as finish, when every grace is over
)

// options lists what can happen now, without a disturbance first.
func (s *stage) options(buf []option) []option {
	buf = buf[:0]
	for _, a := range s.actors {
		if !a.ended {
			buf = append(buf, option{kind: step, actor: a})
		}
	}
	for i := range s.flights {
		buf = append(buf, option{kind: land, flight: i})
	}
	g, now := s.grant(), time.Now()
	wanted := g.Leasable(now) && g.Due(now)
	if s.runs > 0 && (wanted || !g.Due(now) && g.SettleDue(now)) && s.refreshers() < s.alive {
		buf = append(buf, option{kind: enter})
	}
	for _, v := range guests {
		if *v.expected(&s.staging) && (!v.late || g.Health == grant.ReauthorizationRequired) {
			buf = append(buf, option{kind: visit, guest: v})
		}
	}
	quiet := s.quiet()
	if quiet {
		buf = s.resting(buf, g, wanted)
	}
	if s.disturbances > 0 {
		buf = s.disturbed(buf, quiet)
	}
	return buf
}

// resting adds what can happen when nobody is at work: time passes, or the fair
// worker ends the execution.
func (s *stage) resting(buf []option, g grant.Grant, wanted bool) []option {
	now := time.Now()
	if s.runs > 0 && !wanted && g.Enabled && !g.WakeAt.IsZero() && (g.Health != grant.ReauthorizationRequired || len(g.Asides) > 0) {
		buf = append(buf, option{kind: sleep})
		if g.SettleDue(now.Add(unsettled)) && !g.SettleDue(now) && !g.Due(now.Add(unsettled)) {
			buf = append(buf, option{kind: linger})
		}
	}
	buf = append(buf, option{kind: finish})
	if len(s.flights) > 0 {
		buf = append(buf, option{kind: deliver})
	}
	if s.house.rotation.Policy == "grace" {
		buf = append(buf, option{kind: late})
	}
	return buf
}

// disturbed adds what costs a disturbance.
func (s *stage) disturbed(buf []option, quiet bool) []option {
	for _, a := range s.actors {
		if a.ended {
			continue
		}
		for _, o := range disturbing(a.op) {
			if s.may(o, a.op) && (o != lags || a.recent) {
				buf = append(buf, option{kind: step, actor: a, order: o})
			}
		}
	}
	if s.mayStall(quiet) {
		for _, d := range pauses[:s.distinct()] {
			buf = append(buf, option{kind: pause, pause: d})
		}
	}
	return buf
}

// mayStall reports whether time may pass although somebody is at work, or is
// to come.
func (s *stage) mayStall(quiet bool) bool {
	if len(s.at) == 0 {
		return (s.runs > 0 || !quiet) && s.may(stall, "")
	}
	return slices.ContainsFunc(s.actors, func(a *actor) bool { return !a.ended && s.may(stall, a.op) })
}

// distinct is how many of the pauses can make a difference.
func (s *stage) distinct() int {
	if s.house.rotation.Policy == "grace" {
		return len(pauses)
	}
	return 1
}

func (s *stage) refreshers() int {
	n := 0
	for _, a := range s.actors {
		if !a.ended && strings.HasPrefix(a.name, "refresher") {
			n++
		}
	}
	return n
}

// take does what was chosen, and reports whether the execution goes on.
func (s *stage) take(o option) bool {
	switch o.kind {
	case step:
		s.tell("%s: %s%s", o.actor.name, o.actor.op, orderNames[o.order])
		if o.order != proceed {
			s.disturbances--
		}
		s.move(o.actor, o.order)
	case land:
		s.tell("%s lands", s.flights[o.flight].what)
		s.lands(o.flight)
	case enter:
		s.runs--
		s.entered++
		name := fmt.Sprintf("refresher %d", s.entered)
		s.tell("%s begins", name)
		s.enter(name, oldAfter, s.refreshes)
	case visit:
		s.tell("%s", o.guest.does)
		*o.guest.expected(&s.staging) = false
		o.guest.comes(s)
	case sleep, linger, pause:
		s.rests(o)
	case finish, deliver, late:
		s.ends(o)
		return false
	}
	return len(s.books.broken) == 0
}

// rests lets time pass.
func (s *stage) rests(o option) {
	switch o.kind {
	case sleep:
		s.sleepUntilDue()
		s.tell("time passes to the next wake")
	case linger:
		s.passes(unsettled)
		s.tell("a pair is inline for long")
	default:
		s.disturbances--
		s.passes(o.pause)
		s.tell("%v have passed", o.pause)
	}
}

// ends leaves the rest to the fair worker.
func (s *stage) ends(o option) {
	switch o.kind {
	case late:
		s.passes(graceFor)
		s.tell("a grace's time passes")
	case deliver:
		s.tell("all that is on its way lands")
		for len(s.flights) > 0 {
			s.lands(0)
		}
	}
	s.finish()
}
