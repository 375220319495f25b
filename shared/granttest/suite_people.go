package granttest

import (
	"errors"
	"time"

	"bellhop/shared/grant"
)

func refuse(b *bench) {
	g := b.made(leased("me"))
	w := grant.RefuseWrite{ID: g.ID, Me: "me", Generation: 3, WakeAt: noon.Add(25 * time.Second)}
	b.changes(g, func() error { return b.s.Refuse(b.ctx, w) }, func(g *grant.Grant) {
		g.Refused, g.Lease, g.WakeAt = 3, nil, w.WakeAt
		delete(g.Attempts, "me")
	})
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Refuse(b.ctx, w) })

	for _, doubted := range []int64{3, 0} { // the latest word about a refusal counts
		g = b.made(and(leased("me"), func(g *grant.Grant) { g.Doubted, g.Held = 3-doubted, "budget" }))
		w := grant.RefuseWrite{ID: g.ID, Me: "me", Generation: 3, WakeAt: noon.Add(time.Minute), Doubted: doubted == 3}
		if w.Doubted {
			w.Held = "suspected"
		}
		b.changes(g, func() error { return b.s.Refuse(b.ctx, w) }, func(g *grant.Grant) {
			g.Refused, g.Doubted, g.Held, g.Lease, g.WakeAt = 3, doubted, w.Held, nil, w.WakeAt
			delete(g.Attempts, "me")
		})
	}

	g = b.made(and(leased("me"), leased("next")))
	w.ID = g.ID
	b.changes(g, func() error { return b.s.Refuse(b.ctx, w) }, func(g *grant.Grant) {
		g.Refused, g.WakeAt = 3, w.WakeAt // the other's lease stays
		delete(g.Attempts, "me")
	})
	g = b.made(and(leased("me"), func(g *grant.Grant) { g.Generation = 4 }))
	w.ID = g.ID
	b.refuses(g, "the generation has moved", func() error { return b.s.Refuse(b.ctx, w) })
}

func verdictWrite(g grant.Grant) grant.VerdictWrite {
	return grant.VerdictWrite{
		ID: g.ID, Me: "me", Generation: 3, Health: grant.ReauthorizationRequired, Reason: grant.AnswerLost, At: noon,
	}
}

func verdict(b *bench) {
	alone := func(g *grant.Grant) { clear(g.Asides) }
	g := b.made(and(leased("me"), alone, func(g *grant.Grant) { g.Held = "budget" }))
	w := verdictWrite(g)
	judged := func(g *grant.Grant) {
		g.Held = ""
		g.Health, g.Reason = grant.ReauthorizationRequired, grant.AnswerLost
		g.Lease, g.WakeAt = nil, time.Time{}
		delete(g.Attempts, "me") // the other's stays
	}
	b.changes(g, func() error { return b.s.Verdict(b.ctx, w) }, and(judged, func(g *grant.Grant) {
		g.Episode, g.EpisodeSince, g.AlertDue = 1, noon, noon
	}))
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Verdict(b.ctx, w) })

	g = b.made(and(leased("me"), alone, func(g *grant.Grant) { g.Episode, g.EpisodeSince = 4, noon.Add(-time.Hour) }))
	w = verdictWrite(g)
	w.Same = true
	b.changes(g, func() error { return b.s.Verdict(b.ctx, w) }, judged) // people know already

	raw := func(g *grant.Grant) {
		g.Asides["raw"] = grant.Aside{Raw: true, Base: 3, At: noon, Sealed: grant.Sealed{Data: []byte("unread")}}
	}
	g = b.made(and(leased("me"), alone, raw))
	w = verdictWrite(g)
	b.refuses(g, "an aside that I have not seen", func() error { return b.s.Verdict(b.ctx, w) })
	w.PassedOver = []grant.Nonce{"another"}
	b.refuses(g, "another aside than the one I have seen", func() error { return b.s.Verdict(b.ctx, w) })
	w.PassedOver, w.Same = []grant.Nonce{"raw"}, true
	b.changes(g, func() error { return b.s.Verdict(b.ctx, w) }, judged)

	for why, change := range map[string]func(*grant.Grant){
		"the generation has moved": func(g *grant.Grant) { g.Generation = 4 },
		"another holds the lease":  leased("next"),
		"an aside is there":        func(g *grant.Grant) { g.Asides["late"] = Kept(3) },
	} {
		g := b.made(and(leased("me"), alone, change))
		b.refuses(g, why, func() error { return b.s.Verdict(b.ctx, verdictWrite(g)) })
	}
}

func verdictScope(b *bench) {
	g := b.made(and(leased("me"), func(g *grant.Grant) { clear(g.Asides) }))
	w := verdictWrite(g)
	w.Health, w.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing
	b.changes(g, func() error { return b.s.Verdict(b.ctx, w) }, func(g *grant.Grant) {
		g.Health, g.Reason, g.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{} // none was named
		g.Lease, g.WakeAt = nil, time.Time{}
		g.Episode, g.EpisodeSince, g.AlertDue = 1, noon, noon
		delete(g.Attempts, "me")
	})
}

func judge(b *bench) {
	write := func(g grant.Grant) grant.JudgeWrite {
		return grant.JudgeWrite{
			ID: g.ID, Presented: 3, Health: grant.ScopeUpdateRequired, Reason: grant.ScopeMissing,
			Missing: []string{"rates:write"}, At: noon, Skew: 2 * time.Second,
		}
	}
	told := func(g *grant.Grant) { g.Episode, g.EpisodeSince, g.AlertDue = 1, noon, noon }
	g := b.made(nil)
	b.changes(g, func() error { return b.s.Judge(b.ctx, write(g)) }, and(told, func(g *grant.Grant) {
		g.Health, g.Reason, g.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{"rates:write"}
	}))
	b.refuses(b.now(g.ID), "the grant is not ok any more", func() error { return b.s.Judge(b.ctx, write(g)) })

	g = b.made(and(leased("holder"), func(g *grant.Grant) { g.Lease.Deadline = noon.Add(-time.Minute) }))
	w := write(g)
	w.Health, w.Reason, w.Missing = grant.ReauthorizationRequired, grant.TokenRejected, nil
	b.changes(g, func() error { return b.s.Judge(b.ctx, w) }, and(told, func(g *grant.Grant) {
		g.Health, g.Reason = grant.ReauthorizationRequired, grant.TokenRejected // a lease that is over does not count
	}))

	g = b.made(leased("holder"))
	b.refuses(g, "somebody refreshes it just now", func() error { return b.s.Judge(b.ctx, write(g)) })
	g = b.made(func(g *grant.Grant) { g.Generation = 4 })
	b.refuses(g, "the verdict is about an older generation", func() error { return b.s.Judge(b.ctx, write(g)) })
}

func hasten(b *bench) {
	write := func(g grant.Grant) grant.HastenWrite {
		return grant.HastenWrite{ID: g.ID, Presented: 3, At: noon, Skew: 2 * time.Second}
	}
	due := func(g *grant.Grant) { g.RefreshAt, g.WakeAt = noon, noon }
	well := func(g *grant.Grant) { g.Failures = 0 }
	g := b.made(well)
	b.changes(g, func() error { return b.s.Hasten(b.ctx, write(g)) }, due)
	g = b.made(and(well, func(g *grant.Grant) {
		g.Health, g.Reason, g.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{"s"}
	}))
	b.changes(g, func() error { return b.s.Hasten(b.ctx, write(g)) }, due) // its token is kept alive too

	g = b.made(func(g *grant.Grant) { g.Failures, g.Held = 3, "bad_client" })
	w := write(g)
	w.Person = true // who has come to mend it
	b.changes(g, func() error { return b.s.Hasten(b.ctx, w) }, due)

	for why, edit := range map[string]func(*grant.Grant){
		"somebody refreshes it just now":         leased("holder"),
		"the token is of an older generation":    func(g *grant.Grant) { g.Generation = 4 },
		"a person is needed":                     func(g *grant.Grant) { g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked },
		"the next exchange has its time already": func(g *grant.Grant) { g.Failures = 1 },
		"something holds the next exchange":      func(g *grant.Grant) { g.Held = "budget" },
	} {
		g := b.made(and(well, edit))
		b.refuses(g, why, func() error { return b.s.Hasten(b.ctx, write(g)) })
	}
}

func settle(b *bench) {
	g := b.made(leased("next"))
	w := grant.SettleWrite{ID: g.ID, Generation: 3, Ref: "grant/1/v3", Placement: grant.Placement{
		Epoch: 1, Writes: 3, Since: noon, Retired: []string{"grant/0"},
	}}
	settled := func(g *grant.Grant) { g.Inline, g.Ref, g.Placement = nil, w.Ref, w.Placement }
	b.changes(g, func() error { return b.s.Settle(b.ctx, w) }, settled)
	b.changes(g, func() error { return b.s.Settle(b.ctx, w) }, settled) // a copy changes nothing

	g = b.made(func(g *grant.Grant) { g.Generation = 4 })
	w.ID = g.ID
	b.refuses(g, "the pair at home is not the committed one", func() error { return b.s.Settle(b.ctx, w) })

	g = b.made(func(g *grant.Grant) { g.Placement = grant.Placement{Epoch: 2, Writes: 1, Retired: []string{"grant/1"}} })
	w.ID = g.ID
	b.refuses(g, "a copy from before the move to the next epoch", func() error { return b.s.Settle(b.ctx, w) })

	g = b.made(nil)
	w = grant.SettleWrite{ID: g.ID, Generation: 3, Placement: grant.Placement{Epoch: 2, Retired: []string{"grant/1"}}}
	b.changes(g, func() error { return b.s.Settle(b.ctx, w) }, func(g *grant.Grant) { g.Placement = w.Placement }) // it stays inline
}

func consentWrite(g grant.Grant) grant.ConsentWrite {
	return grant.ConsentWrite{
		ID: g.ID, Epoch: 1, Times: fresh, Scopes: []string{"rates:read"}, Account: "hotel-7", At: noon,
		Sealed: grant.Sealed{Key: "k1", Generation: 3, Data: []byte("consented " + string(g.ID))},
	}
}

// consented is what every consent of w changes.
func consented(w grant.ConsentWrite) func(*grant.Grant) {
	return func(g *grant.Grant) {
		g.Inline, g.Ref, g.Scopes, g.Account = &w.Sealed, "", w.Scopes, w.Account
		g.Issued, g.Expires, g.RefreshAt, g.WakeAt = w.Times.Issued, w.Times.Expires, w.Times.RefreshAt, w.Times.WakeAt
		g.Generation++
		g.Epoch++
		g.Health, g.Reason, g.Missing = grant.OK, "", nil
		g.Lease, g.Refused, g.Failures, g.Rejections = nil, 0, 0, 0
		g.RefreshExpires, g.RefreshRenewed, g.Held = w.Times.RefreshExpires, w.Times.RefreshRenewed, ""
		clear(g.Attempts)
		clear(g.Asides)
	}
}

func consentStory(b *bench) {
	dead := func(g *grant.Grant) {
		g.Health, g.Reason, g.Missing = grant.ReauthorizationRequired, grant.Revoked, []string{"rates:write"}
		g.Refused, g.Enabled, g.Held = 3, false, "budget"
	}
	g := b.made(and(dead, leased("somebody else")))
	w := consentWrite(g)
	b.changes(g, func() error { return b.s.Consent(b.ctx, w) }, consented(w)) // but a person's disable stays

	g = b.made(nil)
	w = consentWrite(g)
	w.Epoch = 0
	b.refuses(g, "another consent came first", func() error { return b.s.Consent(b.ctx, w) })

	g = b.made(nil)
	w = consentWrite(g)
	w.Missing = []string{"rates:write"}
	b.changes(g, func() error { return b.s.Consent(b.ctx, w) }, and(consented(w), func(g *grant.Grant) {
		g.Health, g.Reason, g.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, w.Missing
		g.Episode, g.EpisodeSince, g.AlertDue = 1, noon, noon
	}))
}

func consentTicket(b *bench) {
	tickets, ok := b.s.(Tickets)
	if !ok {
		b.Skip("this store has no tickets")
	}
	g := b.made(func(g *grant.Grant) {
		g.Health, g.Reason, g.Episode, g.EpisodeSince = grant.ReauthorizationRequired, grant.Revoked, 5, noon.Add(-time.Hour)
	})
	if err := errors.Join(tickets.AddTicket(b.ctx, "digest", g.ID), tickets.AddTicket(b.ctx, "others", "another grant")); err != nil {
		b.Fatal(err)
	}
	w := consentWrite(g)
	w.Episode, w.Waiting = 5, 42
	for _, bad := range []string{"unknown", "others"} {
		w.Ticket = bad
		if err := b.s.Consent(b.ctx, w); !errors.Is(err, grant.ErrTicket) {
			b.Errorf("ticket %q: %v, want ErrTicket", bad, err)
		}
		Same(b.T, b.now(g.ID), g)
	}
	w.Ticket = "digest"
	b.changes(g, func() error { return b.s.Consent(b.ctx, w) }, and(consented(w), func(g *grant.Grant) { g.AlertDue = noon }))
	e, err := tickets.Episode(b.ctx, g.ID, 5)
	if err != nil || e.Waiting != 42 || !e.Reconnected.Equal(noon) {
		b.Errorf("episode says %+v, %v", e, err)
	}

	after := b.now(g.ID)
	again := consentWrite(after)
	again.Epoch, again.Ticket, again.Sealed.Data = 2, "digest", []byte("a second click")
	if err := b.s.Consent(b.ctx, again); !errors.Is(err, grant.ErrTicket) {
		b.Errorf("a ticket used twice: %v, want ErrTicket", err)
	}
	Same(b.T, b.now(g.ID), after)
}
