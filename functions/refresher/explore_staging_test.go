package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// staging is what one exploration is about.
type staging struct {
	regime       regime
	runs         int // leases that refreshers may try
	alive        int // of them at once
	disturbances int
	// life is that of an access token. Zero is one so short that a grant is due as
	// soon as it is committed, and always past its mandatory edge: then the
	// explorer decides who comes when, not the calendar.
	life time.Duration
	// The others who may come, each once, at any time.
	callback, stranger, disable, judge, retry, rehome, revoke bool
	// only and at, when not empty, leave out all other disturbances, and those
	// that do not meet an actor before one of these effects.
	only []order
	at   []string
}

func (c staging) String() string {
	s := fmt.Sprintf("%s, %d runs, %d at once, %d disturbances", c.regime.name, c.runs, c.alive, c.disturbances)
	if c.life > 0 {
		s += fmt.Sprintf(", tokens of %v", c.life)
	}
	for _, v := range guests {
		if *v.expected(&c) {
			s += ", " + v.name
		}
	}
	if len(c.only)+len(c.at) > 0 {
		s += fmt.Sprintf(", only %q at %v", c.only, c.at)
	}
	return s
}

// order is what the scheduler makes of one effect.
type order int

const (
	proceed   order = iota
	crash           // its actor dies before it
	crashSent       // its actor dies, and the effect is on its way
	loseOnce        // the effect is on its way, its actor knows of nothing; a retry is answered
	loseAll         // so it goes with all retries
	twice           // done and answered, and a copy is on its way
	notSent         // certainly not sent
	lags            // not seen yet, by no try of this read
	full            // refused, because the secret takes no more versions
	held            // not now: the client's bucket waits
	stall           // time passes although somebody is at work
)

// may reports whether a disturbance of an effect is part of the exploration.
func (c staging) may(o order, op string) bool {
	return (len(c.only) == 0 || slices.Contains(c.only, o)) && (len(c.at) == 0 || slices.Contains(c.at, op))
}

var orderNames = [...]string{"", " dies before it", " dies, it is on its way", " hears nothing, it is on its way",
	" hears nothing of all its tries, one is on its way", " is answered, a copy is on its way", " cannot send it",
	" sees nothing yet", " finds no room", " says not now", " stands still"}

// String is what becomes of an effect, in the words of a story.
func (o order) String() string { return strings.TrimSpace(orderNames[o]) }

// disturbing are the orders for an effect that cost a disturbance.
func disturbing(op string) []order {
	switch op {
	case "Read":
		return []order{crash}
	case "Bucket":
		return []order{crash, held}
	case "Get":
		return []order{crash, lags}
	case "Create", "Delete":
		return []order{crash, loseOnce}
	case "Put":
		return []order{crash, loseOnce, full}
	case "POST":
		return []order{crash, crashSent, loseOnce, notSent}
	case "CODE", "REVOKE":
		return []order{crash, loseOnce}
	}
	return []order{crash, crashSent, loseOnce, loseAll, twice}
}
