package main

import "slices"

// unordered reports whether nobody on our side can know that a token was
// superseded: it descends from one of two answers to one token, and neither
// request was over when the other began, as far as anybody heard; or the
// provider keeps the first answer alive, which no profile says. Where the clock
// tells the two requests apart there is no excuse.
func (h *house) unordered(p *paper) bool {
	a, b := branches(p, p.by)
	if a == nil || b == nil {
		return false // one descends from the other
	}
	apart := !a.answered.IsZero() && a.answered.Before(b.asked) || !b.answered.IsZero() && b.answered.Before(a.asked)
	return !apart || h.lives == firstLives
}

// branches are the two children of the last common ancestor that lead to p and
// q; nil where p or q is that ancestor itself, or there is none.
func branches(p, q *paper) (a, b *paper) {
	up, over := line(p), line(q)
	for len(up) > 0 && len(over) > 0 && up[0] == over[0] {
		up, over = up[1:], over[1:]
	}
	if len(up) == 0 || len(over) == 0 || up[0].parent == nil {
		return nil, nil
	}
	return up[0], over[0]
}

// line is a token with all that it descends from, the oldest first.
func line(p *paper) []*paper {
	var all []*paper
	for ; p != nil; p = p.parent {
		all = append(all, p)
	}
	slices.Reverse(all)
	return all
}
