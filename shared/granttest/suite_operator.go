package granttest

import (
	"errors"
	"time"

	"bellhop/shared/grant"
)

func setEnabled(b *bench) {
	g := b.made(leased("holder"))
	b.changes(g, func() error { return b.s.SetEnabled(b.ctx, g.ID, false, noon.Add(time.Hour)) }, func(g *grant.Grant) {
		g.Enabled = false // lease, attempts, asides and wake stay as they are
	})
	b.changes(g, func() error { return b.s.SetEnabled(b.ctx, g.ID, true, noon.Add(time.Hour)) }, func(g *grant.Grant) {
		g.Enabled, g.WakeAt = true, noon.Add(time.Hour)
	})
}

func retry(b *bench) {
	alone := func(g *grant.Grant) { clear(g.Asides) }
	dead := func(g *grant.Grant) {
		g.Health, g.Reason, g.Refused, g.Held = grant.ReauthorizationRequired, grant.Revoked, 3, "suspected"
		g.WakeAt = time.Time{}
	}
	write := func(g grant.Grant) grant.RetryWrite {
		return grant.RetryWrite{ID: g.ID, Generation: 3, At: noon}
	}
	again := func(g *grant.Grant) {
		g.Health, g.Reason, g.Refused, g.Failures, g.Rejections, g.Held = grant.OK, "", 0, 0, 0, ""
		g.WakeAt, g.AlertDue = noon, noon
	}
	g := b.made(and(alone, dead))
	b.changes(g, func() error { return b.s.Retry(b.ctx, write(g)) }, again) // attempts stay: what may be spent is still known
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Retry(b.ctx, write(g)) })

	short := func(g *grant.Grant) { g.Missing = []string{"rates:write"} }
	g = b.made(and(alone, dead, short))
	b.changes(g, func() error { return b.s.Retry(b.ctx, write(g)) }, and(again, func(g *grant.Grant) {
		g.Health, g.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing // that is not taken back
	}))
	refused := and(short, func(g *grant.Grant) {
		g.Health, g.Reason, g.WakeAt = grant.ScopeUpdateRequired, grant.ScopeMissing, time.Time{}
	})
	g = b.made(and(alone, refused)) // what we ask for was refused, and a person has seen to it
	b.changes(g, func() error { return b.s.Retry(b.ctx, write(g)) }, and(again, func(g *grant.Grant) {
		g.Health, g.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing
	}))
	over := and(leased("holder"), func(g *grant.Grant) { g.Lease.Deadline = noon.Add(-time.Minute) })
	g = b.made(and(alone, dead, over))
	b.changes(g, func() error { return b.s.Retry(b.ctx, write(g)) }, again)

	for why, edit := range map[string]func(*grant.Grant){
		"nobody is needed":                                                        func(*grant.Grant) {},
		"there is no credential to try":                                           and(dead, func(g *grant.Grant) { g.Reason = grant.NeverConnected }),
		"there is none any more":                                                  and(dead, func(g *grant.Grant) { g.Reason = grant.RevokedByUs }),
		"the verdict is about another generation":                                 and(dead, func(g *grant.Grant) { g.Generation = 4 }),
		"somebody rolls an answer forward just now":                               and(dead, leased("holder")),
		"a missing scope is no verdict on a token that is refreshed all the same": and(short, func(g *grant.Grant) { g.Health, g.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing }),
	} {
		g := b.made(edit)
		b.refuses(g, why, func() error { return b.s.Retry(b.ctx, write(g)) })
	}
}

func revoke(b *bench) {
	write := func(g grant.Grant) grant.RevokeWrite {
		return grant.RevokeWrite{ID: g.ID, Me: "me", Generation: 3, Asides: []grant.Nonce{"aside-1", "aside-2"}}
	}
	off := func(g *grant.Grant) { g.Enabled = false }
	busy := func(g *grant.Grant) {
		g.Refused, g.Held, g.Missing = 3, "budget", []string{"rates:write"}
		g.RefreshExpires, g.RefreshRenewed = noon.Add(time.Hour), true
		g.Health, g.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing
	}
	g := b.made(and(leased("me"), off, busy))
	b.changes(g, func() error { return b.s.Revoke(b.ctx, write(g)) }, func(g *grant.Grant) {
		g.Generation, g.Inline, g.RefreshExpires, g.RefreshRenewed = 4, nil, time.Time{}, false
		g.Health, g.Reason, g.Refused, g.Failures, g.Rejections, g.Held = grant.ReauthorizationRequired, grant.RevokedByUs, 0, 0, 0, ""
		g.Lease, g.WakeAt = nil, time.Time{}
		clear(g.Attempts) // whoever comes with an answer has no ticket any more
		clear(g.Asides)
	})
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Revoke(b.ctx, write(g)) })
	w := commitWrite(g)
	w.Me = "other"
	b.refuses(b.now(g.ID), "a commit that comes too late", func() error { return b.s.Commit(b.ctx, w) })

	for why, edit := range map[string]func(*grant.Grant){
		"the generation has moved":       and(leased("me"), func(g *grant.Grant) { g.Generation = 4 }),
		"another holds the lease":        and(leased("me"), leased("next")),
		"an answer came meanwhile":       and(leased("me"), func(g *grant.Grant) { g.Asides["late"] = Kept(3) }),
		"another aside than those there": and(leased("me"), func(g *grant.Grant) { delete(g.Asides, "aside-1"); g.Asides["x"] = Kept(1) }),
	} {
		g := b.made(edit)
		b.refuses(g, why, func() error { return b.s.Revoke(b.ctx, write(g)) })
	}
}

func setHome(b *bench) {
	g := b.made(and(leased("holder"), func(g *grant.Grant) {
		g.Inline, g.Ref, g.Placement = nil, "1/v3", grant.Placement{Epoch: 1, Writes: 3, Since: noon}
	}))
	b.changes(g, func() error { return b.s.SetHome(b.ctx, g.ID, grant.HomeSealed) }, func(g *grant.Grant) {
		g.Home = grant.HomeSealed // the pair is where it was
	})
}

func foretell(b *bench) {
	dies := noon.Add(5 * 24 * time.Hour)
	g := b.made(nil)
	tell := func(at time.Time, days int) error {
		return b.s.Foretell(b.ctx, grant.ForetellWrite{ID: g.ID, Foretold: grant.Foretold{Dies: at, Days: days}})
	}
	for _, days := range []int{14, 7} {
		b.changes(b.now(g.ID), func() error { return tell(dies, days) }, func(g *grant.Grant) {
			g.Foretold = grant.Foretold{Dies: dies, Days: days}
		})
		for _, drift := range []time.Duration{-grant.SameDeath, 0, grant.SameDeath} {
			b.refuses(b.now(g.ID), "told already", func() error { return tell(dies.Add(drift), days) })
		}
	}
	b.refuses(b.now(g.ID), "told at fewer days", func() error { return tell(dies, 14) })
	for _, other := range []time.Time{dies.Add(24 * time.Hour), dies.Add(-time.Hour), dies.Add(time.Millisecond)} {
		b.changes(b.now(g.ID), func() error { return tell(other, 14) }, func(g *grant.Grant) {
			g.Foretold = grant.Foretold{Dies: other, Days: 14} // another token, another death
		})
	}
}

func remove(b *bench) {
	off := func(g *grant.Grant) { g.Enabled = false }
	for why, edit := range map[string]func(*grant.Grant){
		"a person has not switched it off":   func(*grant.Grant) {},
		"somebody may come with an answer":   and(off, leased("holder")),
		"its lease is over but for the skew": and(off, leased("holder"), func(g *grant.Grant) { g.Lease.Deadline = noon.Add(-2 * time.Second) }),
	} {
		g := b.made(edit)
		b.refuses(g, why, func() error { return b.s.Remove(b.ctx, grant.RemoveWrite{ID: g.ID, At: noon}) })
	}
	g := b.made(off)
	w := grant.RemoveWrite{ID: g.ID, At: noon}
	if err := b.s.Remove(b.ctx, w); err != nil {
		b.Fatal(err)
	}
	if _, err := b.s.Read(b.ctx, g.ID); !errors.Is(err, grant.ErrNotFound) {
		b.Errorf("after Remove: %v, want ErrNotFound", err)
	}
	if err := b.s.Remove(b.ctx, w); !errors.Is(err, grant.ErrNotFound) {
		b.Errorf("a copy of Remove: %v, want ErrNotFound", err)
	}
}
