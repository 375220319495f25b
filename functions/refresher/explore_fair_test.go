package main

import (
	"context"
	"time"

	"bellhop/shared/grant"
)

// finish lets one fair worker go on alone. It ends healthy when a good pair is
// anywhere in our tables.
func (s *stage) finish() {
	s.alone = true
	g := s.grant()
	if !g.Enabled {
		_ = s.table.SetEnabled(context.Background(), hotel, true, time.Now())
		g = s.grant()
	}
	saved := s.hoped(g)
	s.books.lost, s.books.unavoidable = s.books.unavoidable, false // what is good now is to be saved
	want, turns := g.Generation+3, 0
	for ; turns < 30; turns++ {
		if g = s.grant(); g.Generation >= want && len(g.Asides) == 0 || g.WakeAt.IsZero() ||
			g.Health == grant.ReauthorizationRequired && len(g.Asides) == 0 {
			break
		}
		s.sleepUntilDue()
		s.entered++
		a := &actor{stage: s, name: "fair", life: time.Hour, began: time.Now()}
		a.vault, a.wake = s.shelf.vault(a), s.sent()
		s.actors = append(s.actors, a)
		ctx, cancel := context.WithTimeout(context.Background(), grant.FunctionTimeout)
		s.refreshes(ctx, a)
		cancel()
		a.ended = true
		s.tell("fair worker: generation %d, %s, holding %v", s.grant().Generation, s.grant().Health, s.books.tokens(s.grant()))
	}
	switch {
	case turns == 30:
		s.books.breaks("it does not come to an end")
	case saved && g.Health != grant.OK && !s.books.unavoidable:
		s.books.breaks("the owner is asked although a good pair was in the tables")
	case g.Health == grant.OK && g.Lease != nil:
		s.books.breaks("a lease stays")
	}
}

// hoped reports whether the tables hold a pair that must save the grant.
func (s *stage) hoped(g grant.Grant) bool {
	tokens := s.books.tokens(g)
	if g.Health == grant.ReauthorizationRequired {
		tokens = asides(g) // the committed pair was judged: only a person brings it back
	}
	now := time.Now()
	for _, t := range tokens {
		if s.house.live(t) || g.Leasable(now) && g.Due(now) && reckoned(g, now) && s.house.good(t, 3*time.Second) {
			return true
		}
	}
	return false
}

// reckoned reports whether the grace is not over by our own reckoning, which
// begins with the first attempt: a request may have travelled for long before
// the provider's began, and nobody here knows.
func reckoned(g grant.Grant, now time.Time) bool {
	for _, a := range g.Attempts {
		if a.Generation == g.Generation && now.After(a.At.Add(graceFor)) {
			return false
		}
	}
	return true
}
