package refresh

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
)

// Settle moves the committed pair home and then says so in the table. Nothing
// about safety depends on it: a pair that cannot move now stays inline, sealed,
// and the next refresh or a later wake settles. It never fails a refresh.
func (r *Run) Settle(ctx context.Context) (again time.Time, err error) {
	g := r.snapshot
	g.Generation++
	g.Inline, g.Ref = &r.sealed, ""
	r.report.settled(r.c.settle(ctx, g, r.pair))
	return time.Time{}, nil
}

// settleLeftover settles a pair whose committer did not come to it.
func (c *Cycle) settleLeftover(ctx context.Context, g grant.Grant) {
	if !g.SettleDue(c.Now()) {
		return
	}
	p, err := c.Vault.Open(ctx, g)
	if err == nil {
		c.settle(ctx, g, p)
	}
}

// settle puts the pair of g's generation home: first there, then the ref, so
// that a ref never points to nothing. It reports whether the pair is where it
// belongs.
func (c *Cycle) settle(ctx context.Context, g grant.Grant, p grant.Pair) bool {
	ctx, cancel := bounded(ctx, settleFor)
	defer cancel()
	ref, at, err := c.Vault.Settle(ctx, g, p)
	inline := errors.Is(err, grant.ErrInline)
	if inline && at.Same(g.Placement) {
		return true
	}
	if err == nil || inline { // inline: only what another home had of the grant changes
		err = c.Store.Settle(ctx, grant.SettleWrite{ID: g.ID, Generation: g.Generation, Ref: ref, Placement: at})
		if _, moved := conflict(err); moved {
			return true // a newer pair is there: it settles itself
		}
	}
	if err != nil {
		c.Log.Warn(ctx, event.SettleDeferred, slog.String("grant", string(g.ID)), slog.String("provider", g.Provider),
			slog.Int64("generation", g.Generation), slog.String("why", err.Error()))
		c.Log.Count(event.PairsNotSettled, 1, g.Provider)
	}
	return err == nil
}
