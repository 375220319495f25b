package granttest

import (
	"context"
	"time"

	"bellhop/shared/grant"
)

// SetEnabled implements [grant.Store].
func (m *Memory) SetEnabled(ctx context.Context, id grant.ID, enabled bool, wake time.Time) error {
	return m.change(ctx, "SetEnabled", id, func(g *grant.Grant) bool {
		g.Enabled = enabled
		if enabled && !wake.IsZero() {
			g.WakeAt = wake
		}
		return true
	})
}

// Retry implements [grant.Store].
func (m *Memory) Retry(ctx context.Context, w grant.RetryWrite) error {
	return m.change(ctx, "Retry", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Generation || !retriable(*g) || held(*g, w.At, grant.Skew) {
			return false
		}
		g.Refused, g.Failures, g.Rejections, g.Held, g.WakeAt = 0, 0, 0, "", w.At
		cure(g)
		alert(g, w.At)
		return true
	})
}

// retriable reports whether a grant waits for a person and has a credential to
// try once more.
func retriable(g grant.Grant) bool {
	switch g.Health {
	case grant.ReauthorizationRequired:
		return g.Reason != grant.NeverConnected && g.Reason != grant.RevokedByUs
	case grant.ScopeUpdateRequired:
		return g.WakeAt.IsZero()
	}
	return false
}

// Revoke implements [grant.Store].
func (m *Memory) Revoke(ctx context.Context, w grant.RevokeWrite) error {
	return m.change(ctx, "Revoke", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Generation || !owns(*g, w.Me) || !only(g.Asides, w.Asides) {
			return false
		}
		g.Generation++
		g.Inline, g.Ref, g.RefreshExpires, g.RefreshRenewed = nil, "", time.Time{}, false
		g.Health, g.Reason, g.Refused, g.Failures, g.Rejections = grant.ReauthorizationRequired, grant.RevokedByUs, 0, 0, 0
		g.Lease, g.WakeAt, g.Held = nil, time.Time{}, ""
		clear(g.Attempts)
		clear(g.Asides)
		return true
	})
}

// SetHome implements [grant.Store].
func (m *Memory) SetHome(ctx context.Context, id grant.ID, home string) error {
	return m.change(ctx, "SetHome", id, func(g *grant.Grant) bool {
		g.Home = home
		return true
	})
}

// Foretell implements [grant.Store].
func (m *Memory) Foretell(ctx context.Context, w grant.ForetellWrite) error {
	return m.change(ctx, "Foretell", w.ID, func(g *grant.Grant) bool {
		if g.Foretold.Dies.Sub(w.Foretold.Dies).Abs() <= grant.SameDeath && g.Foretold.Days <= w.Foretold.Days {
			return false
		}
		g.Foretold = w.Foretold
		return true
	})
}

// Remove implements [grant.Store].
func (m *Memory) Remove(ctx context.Context, w grant.RemoveWrite) error {
	return m.faulty(ctx, "Remove", func() error {
		g, ok := m.grants[w.ID]
		switch {
		case !ok:
			return grant.ErrNotFound
		case g.Enabled || held(g, w.At, grant.Skew):
			return &grant.Conflict{Write: "Remove", Current: Clone(g)}
		}
		delete(m.grants, w.ID)
		return nil
	})
}
