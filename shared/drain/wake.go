package drain

import (
	"context"
	"fmt"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

// Wake looks at what a wake is about, and acts if it is due: a wake is a hint.
// An error means that a table could not be reached; the wake in the table stands.
func (d *Drainer) Wake(ctx context.Context, m wake.Message) error {
	switch m.Kind {
	case wake.Lane:
		return d.wakeLane(ctx, m.Connection)
	case wake.Job:
		return d.wakeJob(ctx, m)
	case wake.Readback:
		return d.wakeReadback(ctx, m.Connection)
	}
	return fmt.Errorf("a wake of kind %q does not belong here", m.Kind)
}

// wakeLane takes the lane and drains it, if it is free and due.
func (d *Drainer) wakeLane(ctx context.Context, id connection.ID) error {
	s, err := d.site(ctx, id)
	if err != nil {
		return err
	}
	lane, ready, err := d.dueLane(ctx, s)
	if err != nil || !ready {
		return err
	}
	h, err := d.take(ctx, s, lane)
	if err != nil || h == nil {
		return err
	}
	if lane.OnHold(d.Now()) && !parked(lane) {
		return h.healOnly(ctx, lane)
	}
	return h.Drain(ctx)
}

// dueLane reads the lane and reports whether there is something to do now. What
// comes due within a moment is waited for: messages come by the second.
func (d *Drainer) dueLane(ctx context.Context, s site) (ledger.Lane, bool, error) {
	for waited := false; ; waited = true {
		lane, err := d.Ledger.Lane(ctx, s.ID)
		if err != nil {
			return lane, false, fmt.Errorf("reading lane %s: %w", s.ID, err)
		}
		if lane.WakeAt.IsZero() {
			return lane, false, nil
		}
		if parked(lane) && lane.Free(d.Now(), margin) {
			_, closed, err := d.gate(ctx, s)
			return lane, err == nil && closed == nil || lane.Due(d.Now()), err
		}
		now := d.Now()
		wait := lane.WakeAt.Sub(now)
		if h := lane.Holder; h != nil { // its lease's end is the wake; then the clocks may differ
			wait = h.LeaseEnd.Add(margin + time.Millisecond).Sub(now)
		}
		if wait <= 0 || waited || wait > early+margin {
			return lane, wait <= 0, nil
		}
		if err := d.Sleep(ctx, wait); err != nil {
			return lane, false, err
		}
	}
}

// parked reports whether the lane waits for its grant: then whoever mended that
// wakes it before its time, and the gate decides.
func parked(l ledger.Lane) bool {
	switch l.Hold {
	case holdHealth, holdDisabled:
		return true
	case holdAuth:
		return l.Refused == 0 // waits for a refresh, which may have come
	}
	return false
}

// healOnly is for a mark that comes due while the provider wants a pause: it is
// healed, and the pause goes on as it was.
func (h *Holding) healOnly(ctx context.Context, before ledger.Lane) error {
	for {
		due := h.others(h.lane.DueMarks(h.d.Now()))
		if len(due) == 0 {
			break
		}
		if err := h.heal(ctx, due[0]); err != nil {
			return err
		}
		if err := h.look(ctx); err != nil {
			return ended(err)
		}
	}
	return ended(h.write(ctx, before.Hold, ledger.HoldWrite{
		Until: before.HoldUntil, Why: before.Hold, WakeAt: h.lane.WakeAfterHold(before.HoldUntil),
		Failures: before.Failures, Refused: before.Refused,
	}))
}

// drainIfFree drains the lane when nobody has it and nothing keeps it waiting.
func (d *Drainer) drainIfFree(ctx context.Context, s site) error {
	lane, err := d.Ledger.Lane(ctx, s.ID)
	if err != nil {
		return fmt.Errorf("reading lane %s: %w", s.ID, err)
	}
	now := d.Now()
	if lane.WakeAt.IsZero() || !lane.Free(now, margin) || lane.OnHold(now) {
		return nil
	}
	h, err := d.take(ctx, s, lane)
	if err != nil || h == nil {
		return err
	}
	return h.Drain(ctx)
}

// ended turns the end of a holding into what it is for others: no error.
func ended(err error) error {
	if err == errEnded {
		return nil
	}
	return err
}
