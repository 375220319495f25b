package bucket

import (
	"slices"
	"time"
)

// Window is one budget: at most Calls within any Span of time. Where the
// provider counts credits, Calls are those, and each exchange counts as Cost of
// them; 0 means 1.
type Window struct {
	Calls int
	Span  time.Duration
	Cost  int
}

// Exchanges is how many exchanges the window lets through: one at least, or
// nobody ever would.
func (w Window) Exchanges() int { return max(w.Calls/max(w.Cost, 1), 1) }

// Call is one entry of the log.
type Call struct {
	At time.Time // when it was counted, before it was made
	// By names who made it, so that it is counted once and can be given back.
	By string
	// Code marks the exchange of an authorization code.
	Code bool
}

// arrives is how long after it was counted a call may still reach the provider:
// the five seconds of its lease in which it may leave, the eight that it may
// take, and two by which clocks differ. Until a window has passed since then it
// counts, or the provider could see two calls closer together than we did.
const arrives = 15 * time.Second

// leaves is when the call does not count in w any more.
func (c Call) leaves(w Window) time.Time { return c.At.Add(w.Span + arrives) }

// free is when every window first has room for one more call, exactly; now when
// it has room now.
func (b Bucket) free(r Rules, code bool, now time.Time) time.Time {
	at := now
	for _, w := range r.Windows {
		at = later(at, b.freeIn(w, r, code, now))
	}
	return at
}

// freeIn is the same for one window. Room only grows while calls leave, so the
// first moment with room is now or one at which a call leaves.
func (b Bucket) freeIn(w Window, r Rules, code bool, now time.Time) time.Time {
	if b.room(w, r, code, now) {
		return now
	}
	at := make([]time.Time, 0, len(b.Calls)+1)
	for _, c := range b.Calls {
		at = append(at, c.leaves(w))
	}
	slices.SortFunc(at, time.Time.Compare)
	for _, t := range at {
		if t.After(now) && b.room(w, r, code, t) {
			return t
		}
	}
	return now // when all calls have left there is room: never reached
}

// room reports whether w has room for one more call at that time. Codes may use
// all of it; a refresh leaves what is kept for codes and not used by them. The
// share is never so large that no refresh would get through.
func (b Bucket) room(w Window, r Rules, code bool, at time.Time) bool {
	var codes, all int
	for _, c := range b.Calls {
		if !c.leaves(w).After(at) {
			continue
		}
		all++
		if c.Code {
			codes++
		}
	}
	if code {
		return all < w.Exchanges()
	}
	kept := max(min(r.CodeShare, w.Exchanges()-1)-codes, 0)
	return all+kept < w.Exchanges()
}

// count adds a call to the log, and forgets those that no window counts any
// more. Without windows there is no log.
func (b Bucket) count(r Rules, a Ask, now time.Time) Bucket {
	if len(r.Windows) == 0 {
		b.Calls = nil
		return b
	}
	counts := func(c Call) bool {
		return slices.ContainsFunc(r.Windows, func(w Window) bool { return c.leaves(w).After(now) })
	}
	var calls []Call
	for _, c := range b.Calls {
		if counts(c) {
			calls = append(calls, c)
		}
	}
	b.Calls = append(calls, Call{At: now, By: a.Nonce, Code: a.Code})
	slices.SortStableFunc(b.Calls, func(x, y Call) int { return x.At.Compare(y.At) })
	return b
}

// Refund takes a call back that was certainly not sent, with its turn.
func (b Bucket) Refund(nonce string) Bucket {
	b.Calls = slices.DeleteFunc(slices.Clone(b.Calls), func(c Call) bool { return c.By == nonce })
	if len(b.Calls) == 0 {
		b.Calls = nil
	}
	return b.Leave(nonce)
}
