package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

const (
	// windowPages is how many months of rate plans are compared in one step.
	windowPages = 10
	// mostReads bounds the provider's pages that one window may have.
	mostReads = 50
	// stepTries is how often a step is made again when pages changed under it,
	// before it is left to the next wake.
	stepTries = 3
	// windowTime is what a step may take: no step is begun with less left.
	windowTime = 20 * time.Second
)

// wakeReadback goes on with a connection's read-back, or begins one: after a
// consent, or because a person wants to know.
func (d *Drainer) wakeReadback(ctx context.Context, id connection.ID) error {
	s, err := d.site(ctx, id)
	if err != nil {
		return err
	}
	if s.profile.API.Verify != "read" {
		return nil
	}
	r, err := d.readback(ctx, s)
	if err != nil {
		return err
	}
	if r.WakeAt.After(d.Now().Add(early)) {
		return nil
	}
	for d.remaining(ctx) > windowTime {
		next, err := d.step(ctx, s, r)
		if err != nil || next == nil {
			return err
		}
		if r = *next; r.WakeAt.After(d.Now()) {
			break
		}
	}
	d.wakeSoon(ctx, wake.Message{Kind: wake.Readback, Connection: s.ID, At: later(r.WakeAt, d.Now())})
	return nil
}

// readback returns the one that runs, or starts one over everything from today
// on.
func (d *Drainer) readback(ctx context.Context, s site) (ledger.Readback, error) {
	r, err := d.Ledger.Readback(ctx, s.ID)
	if !errors.Is(err, ledger.ErrNoReadback) {
		return r, err
	}
	now := d.Now()
	r = ledger.Readback{Connection: s.ID, From: s.today(now).String(), Started: now, WakeAt: now}
	if err := d.Ledger.StartReadback(ctx, r); err != nil {
		return r, fmt.Errorf("starting a read-back of %s: %w", s.ID, err)
	}
	return d.Ledger.Readback(ctx, s.ID) // another's, if it was faster
}

// step compares one window. It returns the read-back as it goes on, nil when
// that was the last window. The pages are read before the provider is, so that a
// push between the two shows as a changed page, never as drift.
func (d *Drainer) step(ctx context.Context, s site, r ledger.Readback) (*ledger.Readback, error) {
	for range stepTries {
		keys, cursor, err := d.window(ctx, s, r)
		if err != nil {
			return nil, err
		}
		if len(keys) == 0 {
			return nil, d.endReadback(ctx, s, r)
		}
		next := r
		drifted, wait, err := d.compare(ctx, s, keys, &next)
		if err != nil {
			return nil, err
		}
		if next.WakeAt = d.Now(); wait.IsZero() {
			next.Cursor = cursor
		} else {
			next.WakeAt, drifted = wait, nil
		}
		err = d.Ledger.StepReadback(ctx, r, &next, drifted, d.Now())
		if errors.Is(err, ledger.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("moving the read-back of %s: %w", s.ID, err)
		}
		return &next, nil
	}
	r.WakeAt = d.Now().Add(s.profile.API.Settle.D())
	return &r, nil
}

// window lists the pages that come after the cursor: some of one month. The
// cursor is the last page of the window before, month first.
func (d *Drainer) window(ctx context.Context, s site, r ledger.Readback) (keys []ledger.PageKey, cursor string, err error) {
	all, err := d.Ledger.PageKeys(ctx, s.ID)
	if err != nil {
		return nil, "", fmt.Errorf("listing the pages of %s: %w", s.ID, err)
	}
	from, err := ledger.ParseDate(r.From)
	if err != nil {
		return nil, "", fmt.Errorf("reading the start of a read-back of %s: %w", s.ID, err)
	}
	slices.SortFunc(all, func(a, b ledger.PageKey) int { return strings.Compare(place(a), place(b)) })
	for _, k := range all {
		if k.Month < from.Month() || place(k) <= r.Cursor {
			continue
		}
		if len(keys) == windowPages || len(keys) > 0 && k.Month != keys[0].Month {
			break
		}
		keys, cursor = append(keys, k), place(k)
	}
	return keys, cursor, nil
}

// place orders pages by month, so that the nights that sell next are compared
// first.
func place(k ledger.PageKey) string { return k.Month + "#" + k.Room + "#" + k.Plan }

// endReadback closes it, and lets what drifted go out.
func (d *Drainer) endReadback(ctx context.Context, s site, r ledger.Readback) error {
	err := d.Ledger.StepReadback(ctx, r, nil, nil, d.Now())
	if errors.Is(err, ledger.ErrConflict) {
		return nil // another has gone on with it
	}
	if err != nil {
		return fmt.Errorf("ending the read-back of %s: %w", s.ID, err)
	}
	d.noteReadback(ctx, s, r)
	return d.drainIfFree(ctx, s)
}
