package granttest

import (
	"errors"
	"time"

	"bellhop/shared/grant"
)

// leaseWrite asks for a lease of g at noon.
func leaseWrite(g grant.Grant) grant.LeaseWrite {
	return grant.LeaseWrite{
		ID: g.ID, Me: "me", Kind: grant.KindRefresh, Generation: g.Generation,
		At: noon, Deadline: noon.Add(15 * time.Second), Skew: 2 * time.Second,
	}
}

// takes runs a lease that must be given, and holds snapshot and item to it.
func (b *bench) takes(before grant.Grant, w grant.LeaseWrite) {
	b.Helper()
	var snapshot grant.Grant
	b.changes(before, func() (err error) {
		snapshot, err = b.s.Lease(b.ctx, w)
		return err
	}, func(g *grant.Grant) {
		g.Lease = &grant.Lease{Owner: w.Me, Deadline: w.Deadline}
		g.Attempts[w.Me] = grant.Attempt{Kind: w.Kind, Generation: w.Generation, At: w.At}
	})
	Same(b.T, snapshot, b.now(before.ID))
}

func (b *bench) notTaken(before grant.Grant, why string, w grant.LeaseWrite) {
	b.Helper()
	b.refuses(before, why, func() error {
		_, err := b.s.Lease(b.ctx, w)
		return err
	})
}

func lease(b *bench) {
	g := b.made(nil)
	b.takes(g, leaseWrite(g))

	g = b.made(nil)
	w := leaseWrite(g)
	w.Generation = 2
	b.notTaken(g, "the generation has moved", w)

	// A lease is over for others when its deadline and the skew have passed:
	// not in that very millisecond, but in the next.
	endsAt := func(deadline time.Time) func(*grant.Grant) {
		return and(leased("holder"), func(g *grant.Grant) { g.Lease.Deadline = deadline })
	}
	g = b.made(endsAt(noon.Add(-2 * time.Second)))
	b.notTaken(g, "deadline + skew = now", leaseWrite(g))
	g = b.made(endsAt(noon.Add(-2*time.Second - time.Millisecond)))
	b.takes(g, leaseWrite(g)) // the former holder's attempt stays
}

func leaseHealth(b *bench) {
	g := b.made(func(g *grant.Grant) { g.Enabled = false })
	b.notTaken(g, "a person switched it off", leaseWrite(g))

	dead := func(g *grant.Grant) { g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked }
	alone := func(g *grant.Grant) { clear(g.Asides) }
	g = b.made(and(dead, alone))
	b.notTaken(g, "dead, and no answer may still be rolled", leaseWrite(g))
	g = b.made(dead)
	b.takes(g, leaseWrite(g)) // an aside may be the cure

	g = b.made(and(alone, func(g *grant.Grant) {
		g.Health, g.Reason, g.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{"rates:write"}
	}))
	b.takes(g, leaseWrite(g)) // such a token is kept alive

	g = b.made(and(dead, alone, func(g *grant.Grant) { g.Enabled = false }))
	w := leaseWrite(g)
	w.AnyHealth, w.Kind = true, grant.KindCode
	b.takes(g, w) // the callback comes to mend it
	g = b.made(leased("holder"))
	w = leaseWrite(g)
	w.AnyHealth = true
	b.notTaken(g, "the callback waits its turn too", w)
}

// leaseDue: a grant that is not due is not leased, whatever its message says; a
// few seconds before its refresh it is.
func leaseDue(b *bench) {
	wakes := func(refresh, wake time.Duration) func(*grant.Grant) {
		return func(g *grant.Grant) { g.RefreshAt, g.WakeAt = noon.Add(refresh), noon.Add(wake) }
	}
	for why, edit := range map[string]func(*grant.Grant){
		"its refresh is further than five seconds":  wakes(5*time.Second+time.Millisecond, 5*time.Second+time.Millisecond),
		"another wake is further than one second":   wakes(0, time.Second+time.Millisecond),
		"nothing is to come":                        func(g *grant.Grant) { g.WakeAt = time.Time{} },
		"nothing is to come, and nothing ever was":  func(g *grant.Grant) { g.WakeAt, g.RefreshAt = time.Time{}, time.Time{} },
		"it is paused although its refresh is over": wakes(-time.Hour, time.Minute),
	} {
		g := b.made(edit)
		b.notTaken(g, why, leaseWrite(g))
	}
	for _, edit := range []func(*grant.Grant){
		wakes(5*time.Second, 5*time.Second), wakes(0, time.Second), wakes(time.Hour, -time.Hour),
		func(g *grant.Grant) { g.RefreshAt = time.Time{} }, // never committed: woken all the same
	} {
		g := b.made(edit)
		b.takes(g, leaseWrite(g))
	}
	g := b.made(func(g *grant.Grant) { g.WakeAt = time.Time{} })
	w := leaseWrite(g)
	w.AnyHealth = true
	b.takes(g, w) // people come when they come
}

// leaseLate: a copy of an old lease lands after its holder has gone and set
// another wake. Nothing is due by that lease's clock, and nobody is held up.
func leaseLate(b *bench) {
	g := b.made(nil)
	w := leaseWrite(g)
	b.takes(g, w)
	if err := b.s.Abandon(b.ctx, grant.ReleaseWrite{ID: g.ID, Me: "me", WakeAt: noon.Add(time.Minute)}); err != nil {
		b.Fatal(err)
	}
	b.notTaken(b.now(g.ID), "a copy that lands when nothing is due", w)
}

// leaseCopy: the SDK's second send of a lease that landed is refused with my
// own lease and attempt in the item, which is how the caller knows.
func leaseCopy(b *bench) {
	g := b.made(nil)
	w := leaseWrite(g)
	b.takes(g, w)
	_, err := b.s.Lease(b.ctx, w)
	var c *grant.Conflict
	if !errors.As(err, &c) || c.Current.Lease == nil || c.Current.Lease.Owner != "me" {
		b.Fatalf("a copy of my lease: %v, want a conflict that shows it to be mine", err)
	}
	if a, mine := c.Current.Attempts["me"]; !mine || !a.At.Equal(w.At) {
		b.Errorf("conflict shows attempt %+v", a)
	}
}

func release(b *bench) {
	g := b.made(leased("me"))
	w := grant.ReleaseWrite{ID: g.ID, Me: "me", WakeAt: noon.Add(time.Minute), Held: "budget", Failed: true}
	b.changes(g, func() error { return b.s.Release(b.ctx, w) }, func(g *grant.Grant) {
		g.Lease, g.WakeAt, g.Held, g.Failures, g.Rejections = nil, w.WakeAt, "budget", 3, 0 // the attempt stays
	})
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Release(b.ctx, w) })

	held := func(g *grant.Grant) { g.Held = "budget" }
	g = b.made(and(leased("me"), held))
	b.changes(g, func() error { return b.s.Release(b.ctx, grant.ReleaseWrite{ID: g.ID, Me: "me"}) }, func(g *grant.Grant) {
		g.Lease = nil // without a wake of its own it leaves why the standing one is late
	})
	g = b.made(and(leased("me"), held))
	b.changes(g, func() error {
		return b.s.Release(b.ctx, grant.ReleaseWrite{ID: g.ID, Me: "me", WakeAt: noon})
	}, func(g *grant.Grant) { g.Lease, g.Held = nil, "" }) // another wake, for another cause

	g = b.made(and(leased("me"), leased("next")))
	b.refuses(g, "another holds the lease", func() error {
		return b.s.Release(b.ctx, grant.ReleaseWrite{ID: g.ID, Me: "me"})
	})
}

func abandon(b *bench) {
	g := b.made(leased("me"))
	w := grant.ReleaseWrite{ID: g.ID, Me: "me", WakeAt: noon.Add(time.Minute), Failed: true, Rejected: true}
	b.changes(g, func() error { return b.s.Abandon(b.ctx, w) }, func(g *grant.Grant) {
		delete(g.Attempts, "me")
		g.Lease, g.WakeAt, g.Failures, g.Rejections = nil, w.WakeAt, 3, 3
	})
	g = b.made(leased("me"))
	w.ID, w.Rejected = g.ID, false // it ends the row
	b.changes(g, func() error { return b.s.Abandon(b.ctx, w) }, func(g *grant.Grant) {
		delete(g.Attempts, "me")
		g.Lease, g.WakeAt, g.Failures, g.Rejections = nil, w.WakeAt, 3, 0
	})
	b.refuses(b.now(g.ID), "a copy", func() error { return b.s.Abandon(b.ctx, w) })

	g = b.made(and(leased("me"), leased("next")))
	b.refuses(g, "a wake is for the holder alone", func() error {
		return b.s.Abandon(b.ctx, grant.ReleaseWrite{ID: g.ID, Me: "me", WakeAt: noon.Add(time.Hour)})
	})
	b.changes(g, func() error {
		return b.s.Abandon(b.ctx, grant.ReleaseWrite{ID: g.ID, Me: "me"})
	}, func(g *grant.Grant) { delete(g.Attempts, "me") }) // the other's lease stays
}
