package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
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
	pause  time.Duration
}

const (
	step    byte = 's' // an actor's effect
	land    byte = 'l' // a flight lands
	enter   byte = 'e' // a refresher begins
	person  byte = 'p' // disable
	pusher  byte = 'j' // a late verdict about generation 1
	owner   byte = 'c' // the callback begins
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
	for _, o := range []struct {
		open bool
		kind byte
	}{{s.disable, person}, {s.judge, pusher}, {s.callback || s.stranger, owner}} {
		if o.open {
			buf = append(buf, option{kind: o.kind})
		}
	}
	quiet := s.quiet()
	if quiet {
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
	}
	if s.disturbances > 0 {
		buf = s.disturbed(buf, quiet)
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
		if !a.ended && a.name != "callback" {
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
		s.nonces++
		name := fmt.Sprintf("refresher %d", s.nonces)
		s.tell("%s begins", name)
		s.enter(name, oldAfter, s.refreshes)
	case person:
		s.disable = false
		s.tell("a person disables")
		_ = s.table.SetEnabled(context.Background(), hotel, false, time.Time{})
	case pusher:
		s.judge = false
		s.tell("a pusher judges generation 1")
		s.judges()
	case owner:
		s.tell("the owner's callback begins")
		s.consents()
	case sleep:
		s.sleepUntilDue()
		s.tell("time passes to the next wake")
	case linger:
		s.passes(unsettled)
		s.tell("a pair is inline for long")
	case pause:
		s.disturbances--
		s.passes(o.pause)
		s.tell("%v have passed", o.pause)
	case finish, deliver, late:
		if o.kind == late {
			s.passes(graceFor)
			s.tell("a grace's time passes")
		}
		if o.kind == deliver {
			s.tell("all that is on its way lands")
			for len(s.flights) > 0 {
				s.lands(0)
			}
		}
		s.finish()
		return false
	}
	return len(s.books.broken) == 0
}

// unsettled is longer than a committer takes to settle.
const unsettled = 31 * time.Second

// oldAfter is when a refresher's holder has surely ended.
const oldAfter = grant.FunctionTimeout + 5*time.Second

// state hashes everything that the future depends on.
func (s *stage) state() uint64 {
	b := canon(make([]byte, 0, 1024), s.grant())
	num := func(n int) { b = binary.AppendVarint(b, int64(n)) }
	num(int(time.Since(s.began).Milliseconds()))
	num(s.disturbances<<8 | s.runs)
	num(s.nonces)
	for _, on := range []bool{s.disable, s.judge, s.callback, s.stranger, s.books.unavoidable} {
		b = append(b, map[bool]byte{true: 1}[on])
	}
	for _, p := range s.house.order {
		b = append(append(b, '#'), p.name...)
		num(int(p.family)<<2 | map[bool]int{true: 1}[p.dead] | map[bool]int{true: 2}[p.superseded])
		num(int(p.first.UnixMilli()))
		num(int(p.asked.UnixMilli()))
		num(int(p.answered.UnixMilli()))
		for _, n := range p.senders {
			b = append(b, n...)
		}
		for _, c := range p.children {
			b = append(b, c.name...)
		}
	}
	b = s.shelf.canon(b)
	for _, a := range s.actors {
		if !a.ended {
			b = append(append(append(b, '@'), a.op...), a.hand...)
			b = append(b, a.silent...)
			b = binary.LittleEndian.AppendUint64(b, a.seen)
			num(int(time.Since(a.began)))
		}
	}
	for _, f := range s.flights {
		b = append(append(b, '>'), f.what...)
		b = binary.LittleEndian.AppendUint64(b, f.id)
	}
	return maphash.Bytes(seed, b)
}

// violation is what an exploration found, with the story that leads there.
type violation struct {
	broken []string
	story  string
}

// search walks all executions of a staging, depth first: each begins anew and
// follows a prefix of choices, then the first option everywhere, until it ends
// or comes to a state where another has been.
type search struct {
	staging
	seen   map[uint64]struct{}
	path   []branch
	paths  int // executions
	steps  int
	lost   int // executions in which a pair was lost unavoidably
	found  *violation
	ranOut bool // of executions, before the end
}

type branch struct{ taken, of int }

// explore walks until the end, the first violation, or so many executions.
func explore(t *testing.T, c staging, limit int) *search {
	s := &search{staging: c, seen: map[uint64]struct{}{}}
	for {
		s.execute(t, false)
		if s.found != nil {
			s.execute(t, true)
			return s
		}
		if !s.next() {
			return s
		}
		if s.paths == limit {
			s.ranOut = true
			return s
		}
	}
}

// next turns to the last branch that has an option left.
func (s *search) next() bool {
	for len(s.path) > 0 {
		last := &s.path[len(s.path)-1]
		if last.taken++; last.taken < last.of {
			return true
		}
		s.path = s.path[:len(s.path)-1]
	}
	return false
}

// execute plays one execution in a bubble of its own. Telling plays the path
// again, with words.
func (s *search) execute(t *testing.T, telling bool) {
	s.paths++
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, s.staging, telling)
		var options []option
		for depth := 0; ; depth++ {
			if options = st.options(options); len(options) == 0 {
				break
			}
			if depth == len(s.path) {
				if telling {
					break
				}
				key := st.state()
				if _, been := s.seen[key]; been {
					break
				}
				s.seen[key] = struct{}{}
				s.path = append(s.path, branch{of: len(options)})
			}
			if s.path[depth].of != len(options) {
				t.Fatalf("an execution differs from its like: %d options, then %d\n%s", s.path[depth].of, len(options), st.story())
			}
			s.steps++
			if !st.take(options[s.path[depth].taken]) {
				break
			}
		}
		st.clear()
		if st.books.unavoidable {
			s.lost++
		}
		if len(st.books.broken) > 0 {
			s.found = &violation{broken: st.books.broken, story: st.story()}
		}
	})
}

// longestWalk is how many steps a random execution takes before it may end
// whatever else could happen.
const longestWalk = 200

// wander plays one execution at random.
func wander(t *testing.T, c staging, random *rand.Rand) *violation {
	var found *violation
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, c, true)
		var options []option
		for steps := 0; ; steps++ {
			options = st.options(options)
			var plain []option
			for _, o := range options {
				ends := o.kind == finish || o.kind == deliver || o.kind == late
				costs := o.kind == pause || o.kind == step && o.order != proceed
				if ends && steps < longestWalk && st.runs > 0 && len(options) > 2 || costs && random.IntN(8) > 0 {
					continue
				}
				plain = append(plain, o)
			}
			if len(plain) == 0 || steps > 2*longestWalk {
				plain = options
			}
			if !st.take(plain[random.IntN(len(plain))]) {
				break
			}
		}
		st.clear()
		if len(st.books.broken) > 0 {
			found = &violation{broken: st.books.broken, story: st.story()}
		}
	})
	return found
}
