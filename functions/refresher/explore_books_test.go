package main

import (
	"fmt"
	"slices"
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
	// unavoidable says that a pair was lost in a way that no design can avoid, and
	// lost that one was before the fair worker came.
	unavoidable, lost bool
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
	if method == "Revoke" && b.anyLive(b.tokens(before)) {
		b.breaks("recorded as revoked: %v", slices.DeleteFunc(b.tokens(before), func(t string) bool { return !b.house.live(t) }))
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
	if method != "Settle" || after.Inline != nil {
		return // a pair that stays inline is at home: only the placement changed
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

// sent: nobody presents what another has presented, unless it knows, the outcome
// was unknown, and the policy allows it.
func (b *books) sent(a *actor, p *paper) {
	for _, n := range p.senders {
		_, open := a.lease.Attempts[n]
		if n != a.me && !open && !a.overdue() && !b.wasFormer(p) {
			b.breaks("%s presents %s as if first; %s did before", a.name, p.name, n)
		}
	}
	again := slices.ContainsFunc(p.senders, func(n grant.Nonce) bool { return n != a.me })
	if again && !a.overdue() && !b.wasFormer(p) && !b.allowed(a.lease, a.me, a.leased) {
		b.breaks("%s presents %s again before its time", a.name, p.name)
	}
	p.senders = append(p.senders, a.me)
}

// allowed is what the policy says, at a holder's look at the clock, of presenting
// what another of its snapshot's attempts may have spent: within the grace, else
// at the edge, and when all of them are old.
func (b *books) allowed(g grant.Grant, me grant.Nonce, now time.Time) bool {
	if b.house.rotation.Policy == "none" {
		return true
	}
	old, free := true, true
	for n, x := range g.Attempts {
		if n != me && x.Kind == grant.KindRefresh {
			old = old && !now.Before(x.At.Add(oldAfter))
			free = free && (x.Generation != g.Generation || now.Before(x.At.Add(graceFor)))
		}
	}
	return b.house.rotation.Policy == "grace" && free || old && !now.Before(g.Edge())
}

// wasFormer reports whether a token has more than one generation behind it: it
// was rolled away and comes back as the last hope.
func (b *books) wasFormer(p *paper) bool { return b.formers[p.name] }

// acts: an own reuse costs no pair that the lease showed, or that is in a living
// hand. One that became a reuse between the last look at the clock and the
// request is not counted.
func (b *books) acts(a *actor, p *paper, free bool) {
	again := !free && len(p.senders) > 1
	if a.overdue() || !b.house.ends(p) || !again && !p.superseded {
		return
	}
	ours := slices.DeleteFunc(append(b.tokens(a.lease), b.hands()...), func(t string) bool {
		return !b.house.live(t) || b.house.tokens[t].family != p.family
	})
	if b.grant().Generation != a.lease.Generation {
		b.unavoidable = true
		b.tell("        unavoidable: a dead holder's commit landed between the lease and the request")
	} else if !again && b.house.unordered(p) {
		b.unavoidable = true
		b.tell("        unavoidable: nobody knew that %s is superseded by %s", p.name, p.by.name)
	} else if len(ours) > 0 {
		b.breaks("%s presents %s and revokes %v", a.name, p.name, ours)
	}
}

// left looks at an actor that has come to its own end.
func (b *books) left(a *actor) {
	if a.hand == "" || a.unkept || b.house.rotation.Policy == "none" {
		return
	}
	g := b.grant()
	if b.house.live(a.hand) && b.house.tokens[a.hand].family == g.Epoch && !slices.Contains(b.tokens(g), a.hand) {
		b.breaks("%s drops %s, which was in its hand", a.name, a.hand)
	}
}
