package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
)

// books hold the invariants that need more than one item to see: what the
// provider knows, and what is in somebody's hand.
type books struct {
	*stage
	broken   []string
	survived map[grant.Nonce]int       // asides: how many commits they have outlived
	formers  map[string]bool           // tokens that were rolled away
	ends     map[grant.Nonce]time.Time // leases: when, as their holders first asked
	// unavoidable says that a pair was lost in a way that no design can avoid.
	unavoidable bool
}

func (b *books) breaks(format string, args ...any) {
	b.broken = append(b.broken, fmt.Sprintf(format, args...))
	b.tell("        BROKEN: "+format, args...)
}

// committed is the token of the committed pair, aside are the others' in an
// item.
func (b *books) committed(g grant.Grant) string {
	if g.Inline != nil {
		return tokenIn(*g.Inline)
	}
	return b.shelf.at(g.Ref).token
}

func asides(g grant.Grant) []string {
	var all []string
	for _, n := range g.KnownAsides() {
		all = append(all, tokenIn(g.Asides[n].Sealed))
	}
	return all
}

func (b *books) tokens(g grant.Grant) []string { return append(asides(g), b.committed(g)) }

// anyLive reports whether an unused, good token is among these.
func (b *books) anyLive(tokens []string) bool { return slices.ContainsFunc(tokens, b.house.live) }

// hands are the tokens of answers that living actors have not put away.
func (b *books) hands() []string {
	var all []string
	for _, a := range b.actors {
		if !a.ended && a.hand != "" {
			all = append(all, a.hand)
		}
	}
	return all
}

// written sees every write that changed the item, whoever sent it and whenever
// it landed.
func (b *books) written(method string, before, after grant.Grant) {
	if before.ID == "" {
		return
	}
	for _, broken := range granttest.Check(method, before, after) {
		b.breaks("%s: %s", method, broken)
	}
	if method != "Consent" && b.anyLive(b.tokens(before)) && !b.anyLive(b.tokens(after)) {
		b.breaks("%s dropped the live pair", method)
	}
	if method == "Lease" && after.Lease.Deadline.After(b.ends[after.Lease.Owner]) {
		b.breaks("a copy of %s's lease outlives the lease", after.Lease.Owner)
	}
	b.verdict(method, before, after)
	b.home(method, before, after)
	b.epoch(after)
	b.converges(method, after)
	for _, a := range after.Asides {
		if a.Former {
			b.formers[tokenIn(a.Sealed)] = true
		}
	}
	held := b.tokens(after)
	for _, a := range b.actors {
		if slices.Contains(held, a.hand) {
			a.hand = ""
		}
	}
}

// verdict: the owner is asked only when nothing of ours is good any more.
func (b *books) verdict(method string, before, after grant.Grant) {
	if method != "Verdict" || after.Health != grant.ReauthorizationRequired || before.Health == after.Health {
		return
	}
	if b.anyLive(b.tokens(after)) {
		b.breaks("a verdict over a live pair in the table")
	}
	if b.anyLive(b.hands()) {
		b.breaks("a verdict while a living holder has a live pair in hand")
	}
}

// home: a ref points to its generation's pair, and never to nothing.
func (b *books) home(method string, before, after grant.Grant) {
	if method != "Settle" {
		return
	}
	if b.shelf.at(after.Ref).token == "" {
		b.breaks("ref %s points to nothing", after.Ref)
	} else if b.committed(before) != b.committed(after) {
		b.breaks("settling put %s in the place of %s", b.committed(after), b.committed(before))
	}
}

// epoch: what an earlier consent brought, or another account's, is worth
// nothing after a new one.
func (b *books) epoch(g grant.Grant) {
	if g.Account != "4711" {
		b.breaks("the account of somebody else was committed")
	}
	for _, t := range b.tokens(g) {
		if p := b.house.tokens[t]; p != nil && p.family != g.Epoch {
			b.breaks("%s is of consent %d, in epoch %d", t, p.family, g.Epoch)
		}
	}
}

// converges: asides do not outlive two commits by exchange, and stay few.
func (b *books) converges(method string, after grant.Grant) {
	for n := range b.survived {
		if _, there := after.Asides[n]; !there {
			delete(b.survived, n)
		}
	}
	for n := range after.Asides {
		if method != "Commit" {
			b.survived[n] += 0
		} else if b.survived[n]++; b.survived[n] > 1 {
			b.breaks("aside %s has outlived two commits", n)
		}
	}
	if len(after.Asides) > 4 {
		b.breaks("%d asides", len(after.Asides))
	}
}

// overdue reports whether an actor acts after its lease, which no design can
// keep it from once it has looked at the clock.
func (a *actor) overdue() bool {
	return a.lease.Lease == nil || time.Now().After(a.lease.Lease.Deadline)
}

// sent: nobody presents what another has presented, unless it knows and the
// outcome was unknown.
func (b *books) sent(a *actor, p *paper) {
	for _, n := range p.senders {
		_, open := a.lease.Attempts[n]
		if n != a.me && !open && !a.overdue() && !b.wasFormer(p) {
			b.breaks("%s presents %s as if first; %s did before", a.name, p.name, n)
		}
	}
	p.senders = append(p.senders, a.me)
}

// wasFormer reports whether a token has more than one generation behind it: it
// was rolled away and comes back as the last hope.
func (b *books) wasFormer(p *paper) bool { return b.formers[p.name] }

// acts: an own reuse in time costs no pair that the lease showed, or that is in
// a living hand. A token that became too late between Recover's look at the
// clock and the request is not counted.
func (b *books) acts(a *actor, p *paper, free bool) {
	again := !free && len(p.senders) > 1
	if a.overdue() || !b.house.ends(p) || !again && !p.superseded {
		return
	}
	ours := slices.DeleteFunc(append(b.tokens(a.lease), b.hands()...), func(t string) bool {
		return !b.house.live(t) || b.house.tokens[t].family != p.family
	})
	if !again && b.house.unordered(p) {
		b.unavoidable = true
		b.tell("        unavoidable: nobody knew that %s is superseded by %s", p.name, p.by.name)
	} else if len(ours) > 0 {
		b.breaks("%s presents %s and revokes %v", a.name, p.name, ours)
	}
}

// left looks at an actor that has come to its own end.
func (b *books) left(a *actor) {
	if a.hand == "" || a.cut || b.house.rotation.Policy == "none" {
		return
	}
	g := b.grant()
	if b.house.live(a.hand) && b.house.tokens[a.hand].family == g.Epoch && !slices.Contains(b.tokens(g), a.hand) {
		b.breaks("%s drops %s, which was in its hand", a.name, a.hand)
	}
}

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
	want, turns := g.Generation+3, 0
	for ; turns < 30; turns++ {
		if g = s.grant(); g.Generation >= want && len(g.Asides) == 0 || g.WakeAt.IsZero() ||
			g.Health == grant.ReauthorizationRequired && len(g.Asides) == 0 {
			break
		}
		s.sleepUntilDue()
		s.nonces++
		a := &actor{stage: s, name: "fair", life: time.Hour, began: time.Now()}
		a.vault = s.shelf.vault(a)
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

// canon is an item in bytes, the same for the same item. Times are relative: no
// decision reads the calendar.
func canon(b []byte, g grant.Grant) []byte {
	num := func(n int64) { b = binary.AppendVarint(b, n) }
	at := func(t time.Time) { num(t.UnixMilli()) }
	num(g.Generation)
	num(g.Epoch)
	num(g.Refused)
	num(int64(g.Failures))
	b = append(b, g.Health...)
	b = append(b, g.Ref...)
	num(g.Placement.Epoch)
	num(int64(g.Placement.Writes))
	for _, name := range g.Placement.Retired {
		b = append(b, name...)
	}
	if g.Enabled {
		b = append(b, '+')
	}
	if g.Inline != nil {
		b = append(b, g.Inline.Data...)
	}
	at(g.WakeAt)
	at(g.RefreshAt)
	at(g.Expires)
	if g.Lease != nil {
		b = append(b, name(g.Lease.Owner)...)
		at(g.Lease.Deadline)
	}
	for _, n := range slices.SortedFunc(maps.Keys(g.Attempts), byName) {
		a := g.Attempts[n]
		b = append(append(b, '!'), name(n)...)
		num(a.Generation)
		at(a.At)
	}
	for _, n := range slices.SortedFunc(maps.Keys(g.Asides), byName) {
		a := g.Asides[n]
		b = append(append(b, '?'), name(n)...)
		b = append(b, a.Sealed.Data...)
		num(a.Base)
		at(a.At)
		if a.Former {
			b = append(b, 'f')
		}
	}
	return b
}

// name is a nonce; those of a callback are random, and there is one.
func name(n grant.Nonce) string {
	if len(n) > 16 {
		return "code"
	}
	return string(n)
}

func byName(a, b grant.Nonce) int { return strings.Compare(name(a), name(b)) }
