package granttest

import (
	"time"

	"bellhop/shared/grant"
)

// fresh are the times of a pair that was asked for at noon.
var fresh = grant.Times{
	Issued: noon, Expires: noon.Add(time.Minute), RefreshAt: noon.Add(40 * time.Second), WakeAt: noon.Add(40 * time.Second),
	RefreshExpires: noon.Add(30 * 24 * time.Hour), RefreshRenewed: true,
}

func commitWrite(g grant.Grant) grant.CommitWrite {
	return grant.CommitWrite{
		ID: g.ID, Me: "me", Generation: g.Generation, Times: fresh,
		Sealed: grant.Sealed{Key: "k2", Generation: g.Generation, Data: []byte("pair 4")},
	}
}

// committed is what every commit of w changes.
func committed(w grant.CommitWrite) func(*grant.Grant) {
	return func(g *grant.Grant) {
		g.Inline, g.Ref, g.Generation = &w.Sealed, "", w.Generation+1
		g.Issued, g.Expires, g.RefreshAt, g.WakeAt = w.Times.Issued, w.Times.Expires, w.Times.RefreshAt, w.Times.WakeAt
		g.Lease, g.Refused, g.Failures, g.Rejections, g.CommittedBy = nil, 0, 0, 0, w.Me
		g.RefreshExpires, g.RefreshRenewed, g.Held = w.Times.RefreshExpires, w.Times.RefreshRenewed, ""
		delete(g.Attempts, w.Me)
	}
}

func commit(b *bench) {
	g := b.made(and(leased("me"), func(g *grant.Grant) {
		g.Refused, g.Held, g.RefreshExpires = 3, "budget", noon.Add(time.Hour)
		g.Inline, g.Ref = nil, "secret/3" // the settled form gives way to the inline one
		g.Attempts["ancient"] = grant.Attempt{Kind: grant.KindRefresh, Generation: 1, At: noon.Add(-time.Hour)}
	}))
	w := commitWrite(g)
	w.Scopes, w.AlertDue = []string{"rates:read", "rates:write"}, noon
	w.DropAsides, w.DropAttempts = []grant.Nonce{"aside-1", "gone"}, []grant.Nonce{"ancient", "never"}
	b.changes(g, func() error { return b.s.Commit(b.ctx, w) }, and(committed(w), func(g *grant.Grant) {
		delete(g.Asides, "aside-1") // aside-2 came after my snapshot
		delete(g.Attempts, "ancient")
		g.Scopes, g.AlertDue = w.Scopes, noon
	}))
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Commit(b.ctx, w) })

	g = b.made(and(leased("me"), func(g *grant.Grant) { g.RefreshExpires, g.RefreshRenewed = noon.Add(time.Hour), true }))
	w = commitWrite(g)
	w.Times.RefreshExpires, w.Times.RefreshRenewed = time.Time{}, false // of the new refresh token nobody knows
	b.changes(g, func() error { return b.s.Commit(b.ctx, w) }, committed(w))

	g = b.made(leased("me"))
	w = commitWrite(g)
	w.Generation = 2
	b.refuses(g, "the generation has moved", func() error { return b.s.Commit(b.ctx, w) })
	g = b.made(leased("other-holder"))
	b.refuses(g, "my attempt is gone", func() error { return b.s.Commit(b.ctx, commitWrite(g)) })
}

// commitWithoutLease: the attempt is the ticket, the lease is not asked.
func commitWithoutLease(b *bench) {
	g := b.made(and(leased("me"), leased("next")))
	w := commitWrite(g)
	b.changes(g, func() error { return b.s.Commit(b.ctx, w) }, committed(w)) // "next" keeps its attempt
}

func commitFindings(b *bench) {
	dead := func(g *grant.Grant) { g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked }
	scope := func(g *grant.Grant) {
		g.Health, g.Reason, g.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{"rates:write"}
	}
	well := func(g *grant.Grant) { g.Health, g.Reason, g.Missing = grant.OK, "", nil }
	off := func(g *grant.Grant) { g.Enabled = false }
	for _, c := range []struct {
		name   string
		before func(*grant.Grant)
		edit   func(*grant.CommitWrite)
		after  func(*grant.Grant)
	}{
		{"a commit ends a verdict", dead, func(*grant.CommitWrite) {}, well},
		{"a person's disable stays", off, func(*grant.CommitWrite) {}, func(*grant.Grant) {}},
		{"a missing scope stays", scope, func(*grant.CommitWrite) {}, func(*grant.Grant) {}},
		{"a mint for all scopes cures it", scope, func(w *grant.CommitWrite) { w.Cured = true }, well},
		{"under a dead grant the missing scope was not forgotten", and(scope, dead), func(*grant.CommitWrite) {}, scope},
		{"a narrower grant opens an episode", well, func(w *grant.CommitWrite) {
			w.Missing, w.AlertDue, w.Opens = []string{"rates:write"}, noon, true
		}, and(scope, func(g *grant.Grant) { g.Episode, g.EpisodeSince, g.AlertDue = 1, noon, noon })},
		{"known to be narrower, it opens none", scope, func(w *grant.CommitWrite) { w.Missing = []string{"rates:write"} }, scope},
		{"nor when people are to be told of something else", scope, func(w *grant.CommitWrite) {
			w.Missing, w.AlertDue = []string{"rates:write"}, noon
		}, and(scope, func(g *grant.Grant) { g.AlertDue = noon })},
	} {
		b.Logf("%s", c.name)
		g := b.made(and(leased("me"), c.before))
		w := commitWrite(g)
		c.edit(&w)
		b.changes(g, func() error { return b.s.Commit(b.ctx, w) }, and(committed(w), c.after))
	}
}

func keepAside(b *bench) {
	g := b.made(leased("me"))
	w := grant.AsideWrite{ID: g.ID, Me: "me", Aside: Kept(2), WakeAt: noon}
	b.changes(g, func() error { return b.s.KeepAside(b.ctx, w) }, func(g *grant.Grant) {
		g.Asides["me"], g.Lease, g.WakeAt = w.Aside, nil, noon
		delete(g.Attempts, "me")
	})
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.KeepAside(b.ctx, w) })

	g = b.made(and(leased("me"), leased("next")))
	raw := Kept(3)
	raw.Raw = true
	w = grant.AsideWrite{ID: g.ID, Me: "me", Aside: raw, WakeAt: noon}
	b.changes(g, func() error { return b.s.KeepAside(b.ctx, w) }, func(g *grant.Grant) {
		g.Asides["me"], g.WakeAt, g.Failures, g.Rejections = raw, noon, 3, 0 // the other's lease stays
		delete(g.Attempts, "me")
	})
	g = b.made(nil)
	w.ID = g.ID
	b.refuses(g, "no ticket: my commit had landed, or a new consent came", func() error { return b.s.KeepAside(b.ctx, w) })
}

func rollWrite(g grant.Grant) grant.RollWrite {
	return grant.RollWrite{ID: g.ID, Me: "me", Generation: g.Generation, Aside: "aside-2", Times: fresh}
}

// rolled is what every roll of aside-2 changes.
func rolled(w grant.RollWrite) func(*grant.Grant) {
	return func(g *grant.Grant) {
		a := g.Asides[w.Aside]
		g.Inline, g.Ref, g.Scopes, g.Generation = &a.Sealed, "", a.Scopes, w.Generation+1
		g.Issued, g.Expires, g.RefreshAt, g.WakeAt = w.Times.Issued, w.Times.Expires, w.Times.RefreshAt, w.Times.WakeAt
		g.Lease, g.Refused, g.Held = nil, 0, ""
		g.RefreshExpires, g.RefreshRenewed = w.Times.RefreshExpires, w.Times.RefreshRenewed
		delete(g.Attempts, w.Me)
		delete(g.Asides, w.Aside)
	}
}

func roll(b *bench) {
	g := b.made(and(leased("me"), func(g *grant.Grant) {
		g.Refused, g.Inline, g.Ref = 3, nil, "secret/3"
		g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked
	}))
	w := rollWrite(g)
	w.AlertDue = noon
	b.changes(g, func() error { return b.s.Roll(b.ctx, w) }, and(rolled(w), func(g *grant.Grant) {
		g.Health, g.Reason, g.AlertDue = grant.OK, "", noon // it judged the old pair; aside-1 stays
	}))
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Roll(b.ctx, w) })

	g = b.made(leased("me"))
	w = rollWrite(g)
	former := grant.Aside{Sealed: *g.Inline, Base: 3, At: noon, Issued: g.Issued, Expires: g.Expires, Scopes: g.Scopes, Former: true}
	w.Former = &former
	b.changes(g, func() error { return b.s.Roll(b.ctx, w) }, and(rolled(w), func(g *grant.Grant) {
		g.Asides["former-3"] = former
	}))

	g = b.made(leased("me"))
	w = rollWrite(g)
	w.Revives = true
	b.changes(g, func() error { return b.s.Roll(b.ctx, w) }, and(rolled(w), func(g *grant.Grant) { g.Revived = 4 }))

	for why, change := range map[string]func(*grant.Grant){
		"the generation has moved": func(g *grant.Grant) { g.Generation = 4 },
		"another holds the lease":  leased("next"),
		"my attempt is gone":       func(g *grant.Grant) { delete(g.Attempts, "me") },
		"the aside is gone":        func(g *grant.Grant) { delete(g.Asides, "aside-2") },
	} {
		g := b.made(and(leased("me"), change))
		w := rollWrite(g)
		w.Generation = 3
		b.refuses(g, why, func() error { return b.s.Roll(b.ctx, w) })
	}
}

// rollReread: what a corrected parser read takes the place of the raw bytes.
func rollReread(b *bench) {
	g := b.made(and(leased("me"), func(g *grant.Grant) {
		a := g.Asides["aside-2"]
		a.Raw = true
		g.Asides["aside-2"] = a
	}))
	w := rollWrite(g)
	w.Reread = &grant.Aside{Sealed: grant.Sealed{Key: "k2", Generation: 2, Data: []byte("read at last")}}
	b.changes(g, func() error { return b.s.Roll(b.ctx, w) }, and(rolled(w), func(after *grant.Grant) {
		after.Inline, after.Scopes = &w.Reread.Sealed, g.Scopes // it named no scopes: unchanged
	}))
}
