package granttest

import (
	"testing"

	"bellhop/shared/grant"
)

func TestHome_IsAHome(t *testing.T) {
	HomeSuite(t, func(*testing.T) grant.Home { return &Home{} })
}

// What Check is for: it must see each of these.
func TestCheck_SeesWhatIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		change func(*grant.Grant)
	}{
		"a lease without an attempt":  {"Lease", func(g *grant.Grant) { g.Lease = &grant.Lease{Owner: "me"} }},
		"both forms of a pair":        {"Settle", func(g *grant.Grant) { g.Ref = "x" }},
		"no form of it":               {"Settle", func(g *grant.Grant) { g.Inline = nil }},
		"two generations at once":     {"Commit", func(g *grant.Grant) { g.Generation += 2 }},
		"a generation by the wrong":   {"Release", func(g *grant.Grant) { g.Generation++ }},
		"a person undone":             {"Commit", func(g *grant.Grant) { g.Generation++; g.Enabled = false }},
		"an epoch without a consent":  {"Commit", func(g *grant.Grant) { g.Generation++; g.Epoch++ }},
		"nobody looks again":          {"Release", func(g *grant.Grant) { g.WakeAt = g.EpisodeSince }},
		"a verdict by the wrong":      {"Refuse", func(g *grant.Grant) { g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked }},
		"a verdict over an aside":     {"Verdict", func(g *grant.Grant) { g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked }},
		"an aside dropped by release": {"Release", func(g *grant.Grant) { delete(g.Asides, "aside-1") }},
		"two dropped by a roll":       {"Roll", func(g *grant.Grant) { g.Generation++; clear(g.Asides) }},
		"another's attempt ended":     {"Release", func(g *grant.Grant) { clear(g.Attempts) }},
		"the pair changed in place":   {"Refuse", func(g *grant.Grant) { g.Inline = &grant.Sealed{Data: []byte("other")} }},
	} {
		before := Living("g", nil)
		after := Clone(before)
		c.change(&after)
		if broken := Check(c.method, before, after); len(broken) == 0 {
			t.Errorf("%s: not seen", name)
		}
	}
	before := Living("g", nil)
	if broken := Check("Release", before, Clone(before)); len(broken) != 0 {
		t.Errorf("nothing happened, and it complains: %v", broken)
	}
}
