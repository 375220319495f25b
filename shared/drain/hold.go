package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/dialect"
	"bellhop/shared/jitter"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

// Why a lane waits, in the bounded words of ledger.Lane.Hold.
const (
	holdThrottled = "throttled"
	holdAuth      = "auth"
	holdScope     = "scope"
	holdDenied    = "denied"
	holdHealth    = "health"
	holdDisabled  = "disabled"
	holdOutage    = "outage"
	holdUnknown   = "unknown"
	// outOfTime is no hold: this invocation's time is up, the next goes on.
	outOfTime = "out_of_time"
)

// holdWords are the reasons that a call's outcome gives by itself.
var holdWords = map[dialect.Kind]string{
	dialect.Throttled:    holdThrottled,
	dialect.Outage:       holdOutage,
	dialect.Denied:       holdDenied,
	dialect.Unauthorized: holdAuth,
	dialect.ScopeMissing: holdScope,
	dialect.Unknown:      holdUnknown,
	dialect.Failed:       holdUnknown,
}

// How long failures are waited out: the first about a second, each further one
// up to twice as long.
const (
	firstBackoff = 2 * time.Second
	mostBackoff  = 15 * time.Minute
	// spread keeps those that were told the same second from coming back in it.
	spread = 500 * time.Millisecond
	// mostHops is how many waits in a row go by the queue. Lambda stops a chain
	// of about 16 invocations; longer waits go by the wake in the table.
	mostHops = 5
)

// pause is why and how long a lane is put on hold.
type pause struct {
	why     string
	until   time.Time // zero: by the number of failures
	failed  bool      // counts as one more chunk that did not go through
	refused int64     // generation of a token that was refused; 0 leaves what was
}

// hold is HOLD: the holding ends with work left. What is answered is closed by
// it; a mark without an answer stays. The holder alone sends the lane back to
// the queue, so there is one message, however many updates come meanwhile.
func (h *Holding) hold(ctx context.Context, p pause) error {
	now := h.d.Now()
	if p.failed {
		h.failures++
	}
	if p.refused != 0 {
		h.refused = p.refused
	}
	w := ledger.HoldWrite{Failures: h.failures, Refused: h.refused, WakeAt: now}
	if p.why != outOfTime {
		w.Why, w.Until = p.why, h.holdUntil(p, now)
		w.WakeAt = h.lane.WakeAfterHold(w.Until, h.answered()...)
	}
	return h.write(ctx, p.why, w)
}

// write is HOLD's write, and the one message that goes with it.
func (h *Holding) write(ctx context.Context, why string, w ledger.HoldWrite) error {
	w.Connection, w.Nonce, w.Closes = h.s.ID, h.nonce, h.answered()
	byQueue := h.before.Hops < mostHops && w.WakeAt.Sub(h.d.Now()) <= wake.MaxDelay
	if byQueue {
		w.Hops = h.before.Hops + 1
	}
	err := h.d.Ledger.Hold(ctx, w)
	var c *ledger.LaneConflict
	if errors.As(err, &c) {
		return h.lost(ctx, c.Current)
	}
	if err != nil {
		return fmt.Errorf("holding lane %s: %w", h.s.ID, err)
	}
	if byQueue {
		h.d.wakeSoon(ctx, wake.Message{Kind: wake.Lane, Connection: h.s.ID, At: w.WakeAt, Hops: w.Hops})
	}
	h.d.notePutBack(ctx, h.s, why, w)
	return errEnded
}

// holdUntil is when the provider said, a little spread, or an exponential wait
// with full jitter.
func (h *Holding) holdUntil(p pause, now time.Time) time.Time {
	seed := fmt.Sprint(h.s.ID, h.lane.Takes)
	if p.until.IsZero() {
		return now.Add(backoff(seed, h.failures))
	}
	return later(p.until, now).Add(jitter.Of(spread, seed))
}

// backoff is the wait after so many failures in a row: exponential, with full
// jitter from a hash, so that the same history waits the same time.
func backoff(seed string, failures int) time.Duration {
	most := mostBackoff
	if n := max(failures, 1) - 1; n < 10 {
		most = min(firstBackoff<<n, mostBackoff)
	}
	return max(jitter.Of(most, seed), most/8)
}

// wakeSoon sends a wake of the rates queue, with the delay that hits its second
// or just after it. One that is not sent is found by the sweep.
func (d *Drainer) wakeSoon(ctx context.Context, m wake.Message) {
	wait := m.At.Sub(d.Now())
	if wait > wake.MaxDelay {
		return
	}
	delay := (max(wait, 0) + time.Second - 1).Truncate(time.Second)
	_ = d.Rates.Send(ctx, wake.Send{Message: m, Group: string(m.Connection), Delay: delay})
}
