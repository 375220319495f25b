package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
)

// of is the wake with what the grant itself says.
func (w Wake) of(g grant.Grant) Wake {
	w.Generation, w.Client = g.Generation, g.Client
	return w
}

// staleError says that a grant wants a lease, but is not as the wake said.
type staleError struct{ now grant.Grant }

// Error implements error.
func (e *staleError) Error() string {
	return fmt.Sprintf("grant %s is at generation %d of client %s", e.now.ID, e.now.Generation, e.now.Client)
}

// look reads the grant of a wake that does not say what it is.
func (c *Cycle) look(ctx context.Context, w Wake) (grant.Grant, error) {
	g, err := c.Store.Read(ctx, w.Grant)
	if err != nil {
		return g, fmt.Errorf("looking at grant %s: %w", w.Grant, err)
	}
	return g, c.wanted(ctx, g, w, "read")
}

// wanted reports whether the grant is to be leased by us now, seen at the read
// or in the item that refused the lease.
func (c *Cycle) wanted(ctx context.Context, g grant.Grant, w Wake, step string) error {
	now := c.Now()
	switch {
	case !g.Due(now):
		c.settleLeftover(ctx, g)
		return early(g, now)
	case g.Enabled && g.Leased(now):
		c.lost(ctx, g, w, step)
		return ErrNotNow
	case !g.Leasable(now):
		return ErrNotNow
	case g.Crowded("", now):
		c.crowded(ctx, g, w)
		return ErrNotNow
	}
	return nil
}

// longestSoon bounds how much too early a wake may be to be worth sending on. A
// grant that was refreshed late is due that much later the next time, and the
// wakes that the sweep has sent ahead come before their second: a few seconds are
// nothing (see [grant.Grant.Due]), more would leave it to the next sweep, which is
// too late for a token of a minute. A killed holder's message comes back after 20
// seconds, so such a grant is some more late.
const longestSoon = 30 * time.Second

// soon is longestSoon, or less for a token that is refreshed more often: a second
// wake for the refresh that has just been made comes nearly a whole round too
// early, and is not to be kept.
func soon(g grant.Grant) time.Duration {
	if round := g.RefreshAt.Sub(g.Issued); round > 0 {
		return min(longestSoon, round*3/4)
	}
	return longestSoon
}

// laterError is an [ErrNotNow] or an [ErrNoKeys] that knows when.
type laterError struct {
	due time.Time
	err error
}

// Error implements error.
func (e *laterError) Error() string { return e.err.Error() }

// Unwrap returns which of the two it is.
func (e *laterError) Unwrap() error { return e.err }

// Due is when to look again after an [ErrNoKeys], or after an [ErrNotNow] whose
// wake came a little early; zero for whenever the grant's own wake comes.
func Due(err error) time.Time {
	var later *laterError
	if errors.As(err, &later) {
		return later.due
	}
	return time.Time{}
}

// early words that a grant is not due.
func early(g grant.Grant, now time.Time) error {
	if g.WakeAt.IsZero() || g.WakeAt.After(now.Add(soon(g))) || !g.Leasable(now) {
		return ErrNotNow
	}
	return &laterError{due: g.WakeAt, err: ErrNotNow}
}

// lost notes that another worker has the lease, seen at the read or at the
// write.
func (c *Cycle) lost(ctx context.Context, g grant.Grant, w Wake, step string) {
	c.Log.Info(ctx, event.LeaseLost, append(grantAttrs(g, w), slog.String("step", step))...)
}
