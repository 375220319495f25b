package granttest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"bellhop/shared/grant"
)

// Watch makes t fail for every write of m that breaks an invariant of the
// protocol, whoever sent it and whenever it lands. It takes m.Written.
func Watch(t testing.TB, m *Memory) {
	m.Written = func(method string, before, after grant.Grant) {
		for _, broken := range Check(method, before, after) {
			t.Errorf("%s broke an invariant: %s", method, broken)
		}
	}
}

// Check lists the invariants that one write broke: what only some writes may
// do, and what is true of every item.
func Check(method string, before, after grant.Grant) []string {
	c := checks{method: method}
	c.state(after)
	if before.ID != "" {
		c.step(before, after)
	}
	return c.broken
}

type checks struct {
	method string
	broken []string
}

func (c *checks) hold(ok bool, format string, args ...any) {
	if !ok {
		c.broken = append(c.broken, fmt.Sprintf(format, args...))
	}
}

// by reports whether the write is one of these.
func (c *checks) by(methods ...string) bool { return slices.Contains(methods, c.method) }

// state is what is true of an item after any write.
func (c *checks) state(g grant.Grant) {
	if g.Generation > 0 && g.Reason != grant.RevokedByUs {
		c.hold((g.Inline != nil) != (g.Ref != ""), "pair of generation %d is in both forms or none", g.Generation)
		c.hold(!g.Expires.IsZero(), "a committed pair has no expiry")
	}
	c.hold(g.Refused <= g.Generation, "generation %d is refused before it came", g.Refused)
	if g.Lease != nil {
		_, attempted := g.Attempts[g.Lease.Owner]
		c.hold(attempted, "a lease without an attempt: the next holder would present unknowingly")
	}
	wanted := g.Enabled && g.Health != grant.ReauthorizationRequired && g.Health != grant.ScopeUpdateRequired
	c.hold(!wanted || !g.WakeAt.IsZero() || g.Lease != nil, "a living grant that nobody will look at again")
	c.hold((g.Health == grant.OK) == (g.Reason == ""), "health %s with reason %q", g.Health, g.Reason)
}

// step is what a write may change.
func (c *checks) step(before, after grant.Grant) {
	moved := after.Generation - before.Generation
	c.hold(moved == 0 || moved == 1 && c.by("Commit", "Roll", "Consent", "Revoke"), "generation went from %d to %d", before.Generation, after.Generation)
	c.hold(moved == 1 || !c.by("Commit", "Roll", "Consent", "Revoke"), "a pair was committed under an old generation")
	c.hold(after.Epoch == before.Epoch || c.by("Consent"), "epoch went from %d to %d", before.Epoch, after.Epoch)
	c.hold(after.Enabled == before.Enabled || c.by("SetEnabled"), "a person's switch was turned by the machine")
	c.hold(moved == 1 || c.by("Settle") || reflect.DeepEqual(before.Inline, after.Inline) && before.Ref == after.Ref,
		"the pair changed under its generation")
	c.health(before, after)
	c.open(before, after)
}

func (c *checks) health(before, after grant.Grant) {
	if before.Health == after.Health {
		return
	}
	if after.Health == grant.ReauthorizationRequired {
		c.hold(c.by("Verdict", "Judge", "Revoke"), "the owner was asked for nothing")
	}
	if before.Health == grant.ReauthorizationRequired {
		c.hold(c.by("Commit", "Roll", "Consent", "Retry"), "a verdict vanished")
	}
}

// open is about attempts and asides: who may end which.
func (c *checks) open(before, after grant.Grant) {
	if c.by("Consent", "Revoke") {
		return // a new epoch, or the end of this one: what was open is worth nothing
	}
	var ended []grant.Nonce
	for n := range maps.Keys(before.Attempts) {
		if _, still := after.Attempts[n]; !still {
			ended = append(ended, n)
		}
	}
	c.hold(len(ended) <= 1 || c.by("Commit"), "attempts %v ended at once", ended)
	c.hold(len(ended) == 0 || c.by("Abandon", "Commit", "KeepAside", "Roll", "Refuse", "Verdict"), "attempts %v ended", ended)
	dropped := 0
	for n := range before.Asides {
		if _, still := after.Asides[n]; !still {
			dropped++
		}
	}
	c.hold(dropped == 0 || c.by("Commit") || c.by("Roll") && dropped == 1, "%d asides were dropped", dropped)
	c.hold(!c.by("Verdict") || after.Health != grant.ReauthorizationRequired || !usable(after), "a verdict over an answer that was not tried")
}

// usable reports whether an aside is there that can be presented.
func usable(g grant.Grant) bool {
	for _, a := range g.Asides {
		if !a.Raw {
			return true
		}
	}
	return false
}
