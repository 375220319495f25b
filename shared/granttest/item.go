package granttest

import (
	"maps"
	"slices"
	"time"

	"bellhop/shared/grant"
)

// Clone copies a grant so deeply that neither shares memory with the other. Its
// maps are never nil.
func Clone(g grant.Grant) grant.Grant {
	c := g
	if g.Inline != nil {
		s := clonedSeal(*g.Inline)
		c.Inline = &s
	}
	if g.Lease != nil {
		l := *g.Lease
		c.Lease = &l
	}
	c.Missing, c.Scopes, c.Asks = slices.Clone(g.Missing), slices.Clone(g.Scopes), slices.Clone(g.Asks)
	c.Placement.Retired = slices.Clone(g.Placement.Retired)
	c.Attempts = map[grant.Nonce]grant.Attempt{}
	maps.Copy(c.Attempts, g.Attempts)
	c.Asides = map[grant.Nonce]grant.Aside{}
	for n, a := range g.Asides {
		a.Sealed, a.Scopes = clonedSeal(a.Sealed), slices.Clone(a.Scopes)
		c.Asides[n] = a
	}
	return c
}

func clonedSeal(s grant.Sealed) grant.Sealed {
	s.Data = slices.Clone(s.Data)
	return s
}

// held reports whether a lease is live for others: no owner, or deadline + skew
// < now.
func held(g grant.Grant, now time.Time, skew time.Duration) bool {
	return g.Lease != nil && !g.Lease.Deadline.Before(now.Add(-skew))
}

// due reports whether a grant's wake has come, or will within what it may be
// early: RefreshEarly for a refresh's own, WakeEarly for another.
func due(g grant.Grant, now time.Time) bool {
	soon, sooner := now.Add(grant.WakeEarly), now.Add(grant.RefreshEarly)
	switch {
	case g.WakeAt.IsZero():
		return false
	case g.WakeAt.Equal(g.RefreshAt):
		return !g.WakeAt.After(sooner)
	default:
		return !g.WakeAt.After(soon)
	}
}

func owns(g grant.Grant, me grant.Nonce) bool { return g.Lease != nil && g.Lease.Owner == me }

func attempted(g grant.Grant, me grant.Nonce) bool {
	_, ok := g.Attempts[me]
	return ok
}

// only reports whether exactly these asides are there.
func only(asides map[grant.Nonce]grant.Aside, these []grant.Nonce) bool {
	for _, n := range these {
		if _, ok := asides[n]; !ok {
			return false
		}
	}
	return len(asides) == len(these)
}

// end ends my lease where it is mine, and sets the wake and the failures.
func end(g *grant.Grant, w grant.ReleaseWrite) {
	if owns(*g, w.Me) {
		g.Lease = nil
	}
	if !w.WakeAt.IsZero() {
		g.WakeAt, g.Held = w.WakeAt, w.Held
	}
	if w.Failed {
		g.Failures++
		g.Rejections++
		if !w.Rejected {
			g.Rejections = 0
		}
	}
}

// inline makes sealed the committed pair.
func inline(g *grant.Grant, sealed grant.Sealed, t grant.Times, scopes []string) {
	g.Inline, g.Ref = &sealed, ""
	g.Issued, g.Expires, g.RefreshAt, g.WakeAt = t.Issued, t.Expires, t.RefreshAt, t.WakeAt
	g.RefreshExpires, g.RefreshRenewed, g.Held = t.RefreshExpires, t.RefreshRenewed, ""
	if scopes != nil {
		g.Scopes = scopes
	}
}

// find records a finding. A missing scope beneath a dead grant stays known.
func find(g *grant.Grant, h grant.Health, r grant.Reason, missing []string) {
	if h == grant.ScopeUpdateRequired {
		g.Missing = append([]string{}, missing...)
		if g.Health != grant.ReauthorizationRequired {
			cure(g)
		}
		return
	}
	g.Health, g.Reason = h, r
}

// cure ends a reauthorization_required: what remains is a missing scope, if one
// stands, or nothing.
func cure(g *grant.Grant) {
	g.Health, g.Reason = grant.OK, ""
	if g.Missing != nil {
		g.Health, g.Reason = grant.ScopeUpdateRequired, grant.ScopeMissing
	}
}

// open opens an episode.
func open(g *grant.Grant, at time.Time) {
	g.Episode++
	g.EpisodeSince = at
	alert(g, at)
}

func alert(g *grant.Grant, due time.Time) {
	if !due.IsZero() {
		g.AlertDue = due
	}
}

// consent makes the pair of a new consent the committed one.
func consent(g *grant.Grant, w grant.ConsentWrite) {
	inline(g, w.Sealed, w.Times, w.Scopes)
	g.Generation++
	g.Epoch++
	g.Account = w.Account
	g.Attempts, g.Asides = map[grant.Nonce]grant.Attempt{}, map[grant.Nonce]grant.Aside{}
	g.Lease, g.Refused, g.Failures, g.Rejections, g.Missing = nil, 0, 0, 0, nil
	if len(w.Missing) > 0 {
		g.Missing = w.Missing
	}
	cure(g)
	switch {
	case len(w.Missing) > 0:
		open(g, w.At)
	case w.Episode != 0:
		alert(g, w.At)
	}
}
