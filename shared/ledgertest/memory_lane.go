package ledgertest

import (
	"context"
	"slices"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// Lane implements ledger.Store.
func (m *Memory) Lane(ctx context.Context, id connection.ID) (ledger.Lane, error) {
	var lane ledger.Lane
	err := m.read(ctx, "Lane", id, func(b *book) { lane = b.lane.Clone() })
	return lane, err
}

// Bump implements ledger.Store.
func (m *Memory) Bump(ctx context.Context, id connection.ID, keys []ledger.PageKey, now time.Time) (ledger.Lane, error) {
	return m.laneWrite(ctx, "Bump", id, func(l *ledger.Lane) bool {
		addWork(l, keys)
		wakeIfNone(l, now)
		return true
	})
}

// BumpTake implements ledger.Store.
func (m *Memory) BumpTake(ctx context.Context, w ledger.TakeWrite) (ledger.Lane, error) {
	return m.take(ctx, "BumpTake", w, func(l *ledger.Lane) bool {
		if l.OnHold(w.Now) {
			return false
		}
		addWork(l, w.Pages)
		return true
	})
}

// Take implements ledger.Store.
func (m *Memory) Take(ctx context.Context, w ledger.TakeWrite) (ledger.Lane, error) {
	return m.take(ctx, "Take", w, func(*ledger.Lane) bool { return true })
}

// take fences by takes and the former holder's lease, after more has agreed.
func (m *Memory) take(ctx context.Context, name string, w ledger.TakeWrite, more func(*ledger.Lane) bool) (ledger.Lane, error) {
	lane, err := m.laneWrite(ctx, name, w.Connection, func(l *ledger.Lane) bool {
		if l.Takes != w.Takes || !l.Free(milli(w.Now), w.Margin) || !more(l) {
			return false
		}
		l.Takes++
		l.Holder = &ledger.Holder{Nonce: w.Nonce, LeaseEnd: milli(w.LeaseEnd)}
		l.WakeAt = milli(w.LeaseEnd)
		l.HoldUntil, l.Hold = time.Time{}, ""
		return true
	})
	return ledger.OwnTake(lane, err, w.Nonce)
}

// Mark implements ledger.Store.
func (m *Memory) Mark(ctx context.Context, w ledger.MarkWrite) (ledger.Lane, error) {
	return m.laneWrite(ctx, "Mark", w.Connection, func(l *ledger.Lane) bool {
		if !l.HeldBy(w.Nonce) || !l.Holder.LeaseEnd.After(milli(w.Now)) {
			return false
		}
		removeMarks(l, w.Closes)
		l.Marks[w.ID] = stored(w.Mark)
		if !w.LeaseEnd.IsZero() {
			l.Holder.LeaseEnd, l.WakeAt = milli(w.LeaseEnd), milli(w.LeaseEnd)
		}
		return true
	})
}

// Close implements ledger.Store.
func (m *Memory) Close(ctx context.Context, w ledger.CloseWrite) (ledger.Lane, error) {
	return m.laneWrite(ctx, "Close", w.Connection, func(l *ledger.Lane) bool {
		if !l.HeldBy(w.Nonce) {
			return false
		}
		removeMarks(l, w.Closes)
		if w.Succeeded {
			l.Failures, l.Refused = 0, 0
		}
		return true
	})
}

// Release implements ledger.Store.
func (m *Memory) Release(ctx context.Context, w ledger.ReleaseWrite) error {
	_, err := m.laneWrite(ctx, "Release", w.Connection, func(l *ledger.Lane) bool {
		known := append(slices.Clone(w.Closes), w.Others...)
		if !l.HeldBy(w.Nonce) || l.Seq != w.Seq || len(l.Marks) != len(known) || len(l.Open(known...)) > 0 {
			return false
		}
		removeMarks(l, w.Closes)
		l.Holder, l.Pages, l.All = nil, nil, false
		l.HoldUntil, l.Hold, l.Failures, l.Hops, l.Refused = time.Time{}, "", 0, 0, 0
		l.WakeAt = time.Time{}
		if len(w.Others) > 0 {
			l.WakeAt = milli(w.EarliestDue)
		}
		return true
	})
	return err
}

// Hold implements ledger.Store.
func (m *Memory) Hold(ctx context.Context, w ledger.HoldWrite) error {
	if w.WakeAt.IsZero() {
		return ledger.ErrNoWake
	}
	_, err := m.laneWrite(ctx, "Hold", w.Connection, func(l *ledger.Lane) bool {
		if !l.HeldBy(w.Nonce) {
			return false
		}
		removeMarks(l, w.Closes)
		l.Holder = nil
		l.HoldUntil, l.Hold = milli(w.Until), w.Why
		l.WakeAt, l.Failures, l.Hops, l.Refused = milli(w.WakeAt), w.Failures, w.Hops, w.Refused
		return true
	})
	return err
}

// Reopen implements ledger.Store.
func (m *Memory) Reopen(ctx context.Context, id connection.ID, mark string, v ledger.Mark, now time.Time) error {
	_, err := m.laneWrite(ctx, "Reopen", id, func(l *ledger.Lane) bool {
		l.Marks[mark] = stored(v)
		l.Seq++
		l.WakeAt = milli(now)
		return true
	})
	return err
}

// HealMark implements ledger.Store.
func (m *Memory) HealMark(ctx context.Context, w ledger.HealWrite) error {
	w.Pages = clonePages(w.Pages)
	return m.write(ctx, "HealMark", w.Connection, func(b *book) error {
		_, open := b.lane.Marks[w.Mark]
		if !b.lane.HeldBy(w.Nonce) || len(w.Pages) > 0 && (!open || !b.current(w.Pages)) {
			return ledger.ErrConflict
		}
		removeMarks(&b.lane, []string{w.Mark})
		if len(w.Pages) > 0 {
			b.put(w.Pages)
			addWork(&b.lane, ledger.Keys(w.Pages))
		}
		return nil
	})
}

// laneWrite is one conditional write of the lane alone: f changes it, or
// reports that its condition does not hold, having changed nothing.
func (m *Memory) laneWrite(ctx context.Context, name string, id connection.ID, f func(*ledger.Lane) bool) (ledger.Lane, error) {
	var after ledger.Lane
	err := m.write(ctx, name, id, func(b *book) error {
		next := b.lane.Clone()
		if !f(&next) {
			return &ledger.LaneConflict{Write: name, Current: b.lane.Clone()}
		}
		b.lane = next
		after = next.Clone()
		return nil
	})
	return after, err
}

// addWork is what every write does that adds work.
func addWork(l *ledger.Lane, keys []ledger.PageKey) {
	l.Seq++
	l.All = l.All || len(keys) == 0
	l.Pages = append(l.Pages, keys...)
	slices.SortFunc(l.Pages, ledger.PageKey.Compare)
	l.Pages = slices.Compact(l.Pages)
}

func wakeIfNone(l *ledger.Lane, now time.Time) {
	if l.WakeAt.IsZero() {
		l.WakeAt = milli(now)
	}
}

func removeMarks(l *ledger.Lane, ids []string) {
	for _, id := range ids {
		delete(l.Marks, id)
	}
}

// stored is a mark as a table would give it back.
func stored(v ledger.Mark) ledger.Mark {
	spans, err := ledger.DecodeSpans(ledger.EncodeSpans(v.Spans))
	if err != nil {
		panic(err)
	}
	return ledger.Mark{Spans: spans, Due: milli(v.Due)}
}

// milli is a time as a table keeps it.
func milli(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli())
}
