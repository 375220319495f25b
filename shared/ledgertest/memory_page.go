package ledgertest

import (
	"context"
	"maps"
	"slices"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// LaneAndPages implements ledger.Store.
func (m *Memory) LaneAndPages(ctx context.Context, id connection.ID, keys []ledger.PageKey) (ledger.Lane, []ledger.Page, error) {
	var lane ledger.Lane
	var pages []ledger.Page
	err := m.read(ctx, "LaneAndPages", id, func(b *book) {
		lane, pages = b.lane.Clone(), b.pagesAt(keys)
	})
	return lane, pages, err
}

// Pages implements ledger.Store.
func (m *Memory) Pages(ctx context.Context, id connection.ID, keys []ledger.PageKey) ([]ledger.Page, error) {
	var pages []ledger.Page
	err := m.read(ctx, "Pages", id, func(b *book) { pages = b.pagesAt(keys) })
	return pages, err
}

// PageKeys implements ledger.Store.
func (m *Memory) PageKeys(ctx context.Context, id connection.ID) ([]ledger.PageKey, error) {
	var keys []ledger.PageKey
	err := m.read(ctx, "PageKeys", id, func(b *book) { keys = b.keys() })
	return keys, err
}

// EachPage implements ledger.Store.
func (m *Memory) EachPage(ctx context.Context, id connection.ID, yield func(ledger.Page) bool) error {
	var pages []ledger.Page
	err := m.read(ctx, "EachPage", id, func(b *book) { pages = b.pagesAt(b.keys()) })
	for _, p := range pages {
		if !yield(p) {
			break
		}
	}
	return err
}

// WritePage implements ledger.Store.
func (m *Memory) WritePage(ctx context.Context, id connection.ID, p ledger.Page) error {
	p = p.Clone() // the caller may go on with its own before a late write lands
	return m.write(ctx, "WritePage", id, func(b *book) error {
		if !b.current([]ledger.Page{p}) {
			return &ledger.PageConflict{Current: b.page(p.Key)}
		}
		b.put([]ledger.Page{p})
		return nil
	})
}

// PutJob implements ledger.Store.
func (m *Memory) PutJob(ctx context.Context, j ledger.Job) error {
	return m.write(ctx, "PutJob", j.Connection, func(b *book) error {
		j.Spans = stored(ledger.Mark{Spans: j.Spans}).Spans
		j.Runs = slices.Clone(j.Runs)
		j.Started, j.Deadline, j.WakeAt = milli(j.Started), milli(j.Deadline), milli(j.WakeAt)
		b.jobs[j.ID] = j
		return nil
	})
}

// Job implements ledger.Store.
func (m *Memory) Job(ctx context.Context, id connection.ID, job string) (ledger.Job, error) {
	var j ledger.Job
	found := false
	err := m.read(ctx, "Job", id, func(b *book) { j, found = b.jobs[job] })
	if err == nil && !found {
		err = ledger.ErrNoJob
	}
	return j, err
}

// Jobs implements ledger.Store.
func (m *Memory) Jobs(ctx context.Context, id connection.ID) ([]ledger.Job, error) {
	var jobs []ledger.Job
	err := m.read(ctx, "Jobs", id, func(b *book) {
		for _, name := range slices.Sorted(maps.Keys(b.jobs)) {
			jobs = append(jobs, b.jobs[name])
		}
	})
	return jobs, err
}

// PollLater implements ledger.Store.
func (m *Memory) PollLater(ctx context.Context, id connection.ID, job string, wake time.Time) error {
	return m.write(ctx, "PollLater", id, func(b *book) error {
		if j, ok := b.jobs[job]; ok {
			j.WakeAt = milli(wake)
			j.Polls++
			b.jobs[job] = j
		}
		return nil
	})
}

// EndJob implements ledger.Store.
func (m *Memory) EndJob(ctx context.Context, id connection.ID, job string, pages []ledger.Page, now time.Time) error {
	pages = clonePages(pages)
	return m.write(ctx, "EndJob", id, func(b *book) error {
		_, open := b.jobs[job]
		if len(pages) > 0 && (!open || !b.current(pages)) {
			return ledger.ErrConflict
		}
		delete(b.jobs, job)
		b.dirty(pages, now)
		return nil
	})
}

// StartReadback implements ledger.Store.
func (m *Memory) StartReadback(ctx context.Context, r ledger.Readback) error {
	return m.write(ctx, "StartReadback", r.Connection, func(b *book) error {
		if b.readback == nil {
			b.readback = storedReadback(r)
		}
		return nil
	})
}

// Readback implements ledger.Store.
func (m *Memory) Readback(ctx context.Context, id connection.ID) (ledger.Readback, error) {
	var r *ledger.Readback
	err := m.read(ctx, "Readback", id, func(b *book) { r = b.readback })
	if err != nil {
		return ledger.Readback{}, err
	}
	if r == nil {
		return ledger.Readback{}, ledger.ErrNoReadback
	}
	return *r, nil
}

// StepReadback implements ledger.Store.
func (m *Memory) StepReadback(ctx context.Context, r ledger.Readback, next *ledger.Readback, pages []ledger.Page, now time.Time) error {
	pages = clonePages(pages)
	if next != nil {
		next = storedReadback(*next)
	}
	return m.write(ctx, "StepReadback", r.Connection, func(b *book) error {
		at := b.readback
		if at == nil || at.Cursor != r.Cursor || !at.Started.Equal(milli(r.Started)) || !b.current(pages) {
			return ledger.ErrConflict
		}
		b.readback = next
		b.dirty(pages, now)
		return nil
	})
}

// Seen implements ledger.Store.
func (m *Memory) Seen(ctx context.Context, id connection.ID, event string, _ time.Time) (bool, error) {
	var was bool
	err := m.write(ctx, "Seen", id, func(b *book) error {
		was = b.seen[event]
		b.seen[event] = true
		return nil
	})
	return was, err
}

// keys lists the connection's pages, sorted.
func (b *book) keys() []ledger.PageKey {
	return slices.SortedFunc(maps.Keys(b.pages), ledger.PageKey.Compare)
}

func (b *book) pagesAt(keys []ledger.PageKey) []ledger.Page {
	pages := make([]ledger.Page, len(keys))
	for i, k := range keys {
		pages[i] = b.page(k)
	}
	return pages
}

// dirty writes pages that became dirty, and the lane's work and wake with them.
func (b *book) dirty(pages []ledger.Page, now time.Time) {
	if len(pages) == 0 {
		return
	}
	b.put(pages)
	addWork(&b.lane, ledger.Keys(pages))
	wakeIfNone(&b.lane, now)
}

func clonePages(pages []ledger.Page) []ledger.Page {
	out := make([]ledger.Page, len(pages))
	for i, p := range pages {
		out[i] = p.Clone()
	}
	return out
}

func storedReadback(r ledger.Readback) *ledger.Readback {
	r.Started, r.WakeAt = milli(r.Started), milli(r.WakeAt)
	return &r
}
