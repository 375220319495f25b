package granttest

import (
	"context"
	"time"

	"bellhop/shared/grant"
)

// Lease implements [grant.Store].
func (m *Memory) Lease(ctx context.Context, w grant.LeaseWrite) (grant.Grant, error) {
	var snapshot grant.Grant
	err := m.change(ctx, "Lease", w.ID, func(g *grant.Grant) bool {
		if held(*g, w.At, w.Skew) || g.Generation != w.Generation {
			return false
		}
		if !w.AnyHealth && (!g.Enabled || !due(*g, w.At) || g.Health == grant.ReauthorizationRequired && len(g.Asides) == 0) {
			return false
		}
		g.Lease = &grant.Lease{Owner: w.Me, Deadline: w.Deadline}
		g.Attempts[w.Me] = grant.Attempt{Kind: w.Kind, Generation: w.Generation, At: w.At}
		snapshot = Clone(*g)
		return true
	})
	return snapshot, err
}

// Release implements [grant.Store].
func (m *Memory) Release(ctx context.Context, w grant.ReleaseWrite) error {
	return m.change(ctx, "Release", w.ID, func(g *grant.Grant) bool {
		if !owns(*g, w.Me) {
			return false
		}
		end(g, w)
		return true
	})
}

// Abandon implements [grant.Store].
func (m *Memory) Abandon(ctx context.Context, w grant.ReleaseWrite) error {
	return m.change(ctx, "Abandon", w.ID, func(g *grant.Grant) bool {
		forHolder := w.Failed || !w.WakeAt.IsZero()
		if !attempted(*g, w.Me) || forHolder && !owns(*g, w.Me) {
			return false
		}
		delete(g.Attempts, w.Me)
		end(g, w)
		return true
	})
}

// Commit implements [grant.Store].
func (m *Memory) Commit(ctx context.Context, w grant.CommitWrite) error {
	return m.change(ctx, "Commit", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Generation || !attempted(*g, w.Me) {
			return false
		}
		inline(g, w.Sealed, w.Times, w.Scopes)
		g.Generation++
		g.Lease, g.Refused, g.Failures, g.Rejections, g.CommittedBy = nil, 0, 0, 0, w.Me
		delete(g.Attempts, w.Me)
		for _, n := range w.DropAttempts {
			delete(g.Attempts, n)
		}
		for _, n := range w.DropAsides {
			delete(g.Asides, n)
		}
		switch {
		case len(w.Missing) > 0:
			g.Missing = w.Missing
		case w.Cured:
			g.Missing = nil
		}
		cure(g)
		if w.Opens {
			open(g, w.AlertDue)
		}
		alert(g, w.AlertDue)
		return true
	})
}

// KeepAside implements [grant.Store].
func (m *Memory) KeepAside(ctx context.Context, w grant.AsideWrite) error {
	return m.change(ctx, "KeepAside", w.ID, func(g *grant.Grant) bool {
		if !attempted(*g, w.Me) {
			return false
		}
		g.Asides[w.Me] = w.Aside
		delete(g.Attempts, w.Me)
		end(g, grant.ReleaseWrite{Me: w.Me, WakeAt: w.WakeAt, Failed: w.Aside.Raw})
		return true
	})
}

// Roll implements [grant.Store].
func (m *Memory) Roll(ctx context.Context, w grant.RollWrite) error {
	return m.change(ctx, "Roll", w.ID, func(g *grant.Grant) bool {
		a, kept := g.Asides[w.Aside]
		if g.Generation != w.Generation || !owns(*g, w.Me) || !attempted(*g, w.Me) || !kept {
			return false
		}
		if w.Reread != nil {
			a = *w.Reread
		}
		inline(g, a.Sealed, w.Times, a.Scopes)
		g.Generation++
		g.Lease, g.Refused = nil, 0
		delete(g.Attempts, w.Me)
		delete(g.Asides, w.Aside)
		if w.Revives {
			g.Revived = g.Generation
		}
		if w.Former != nil {
			g.Asides[grant.FormerNonce(w.Generation)] = *w.Former
		}
		cure(g)
		alert(g, w.AlertDue)
		return true
	})
}

// Refuse implements [grant.Store].
func (m *Memory) Refuse(ctx context.Context, w grant.RefuseWrite) error {
	return m.change(ctx, "Refuse", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Generation || !attempted(*g, w.Me) {
			return false
		}
		g.Doubted = 0
		g.Refused = w.Generation
		if w.Doubted {
			g.Doubted = w.Generation
		}
		delete(g.Attempts, w.Me)
		end(g, grant.ReleaseWrite{Me: w.Me, WakeAt: w.WakeAt, Held: w.Held})
		return true
	})
}

// Verdict implements [grant.Store].
func (m *Memory) Verdict(ctx context.Context, w grant.VerdictWrite) error {
	return m.change(ctx, "Verdict", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Generation || !owns(*g, w.Me) || !only(g.Asides, w.PassedOver) {
			return false
		}
		find(g, w.Health, w.Reason, w.Missing)
		if !w.Same {
			open(g, w.At)
		}
		delete(g.Attempts, w.Me)
		g.Lease, g.WakeAt, g.Held = nil, time.Time{}, ""
		return true
	})
}

// Judge implements [grant.Store].
func (m *Memory) Judge(ctx context.Context, w grant.JudgeWrite) error {
	return m.change(ctx, "Judge", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Presented || held(*g, w.At, w.Skew) || g.Health != grant.OK {
			return false
		}
		find(g, w.Health, w.Reason, w.Missing)
		open(g, w.At)
		return true
	})
}

// Hasten implements [grant.Store].
func (m *Memory) Hasten(ctx context.Context, w grant.HastenWrite) error {
	return m.change(ctx, "Hasten", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Presented || held(*g, w.At, w.Skew) || g.Health == grant.ReauthorizationRequired {
			return false
		}
		if !w.Person && (g.Failures > 0 || g.Held != "") {
			return false
		}
		g.RefreshAt, g.WakeAt = w.At, w.At
		return true
	})
}

// Settle implements [grant.Store].
func (m *Memory) Settle(ctx context.Context, w grant.SettleWrite) error {
	return m.change(ctx, "Settle", w.ID, func(g *grant.Grant) bool {
		if g.Generation != w.Generation || g.Placement.Epoch > w.Placement.Epoch {
			return false
		}
		g.Placement = w.Placement
		if w.Ref != "" {
			g.Ref, g.Inline = w.Ref, nil
		}
		return true
	})
}

// Consent implements [grant.Store].
func (m *Memory) Consent(ctx context.Context, w grant.ConsentWrite) error {
	badTicket := false
	err := m.change(ctx, "Consent", w.ID, func(g *grant.Grant) bool {
		if g.Epoch != w.Epoch {
			return false
		}
		if w.Ticket != "" {
			t := m.tickets[w.Ticket]
			if t == nil || t.used || t.grant != w.ID {
				badTicket = true
				return false
			}
			t.used = true
		}
		consent(g, w)
		if w.Episode != 0 {
			if m.episodes[w.ID] == nil {
				m.episodes[w.ID] = map[int64]Episode{}
			}
			m.episodes[w.ID][w.Episode] = Episode{Waiting: w.Waiting, Reconnected: w.At}
		}
		return true
	})
	if badTicket {
		return grant.ErrTicket
	}
	return err
}
