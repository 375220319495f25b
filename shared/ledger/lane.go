package ledger

import (
	"maps"
	"slices"
	"time"
)

// Free reports whether the lane may be taken as far as its holder goes: there
// is none, or its lease ended more than margin ago. Margin is how far two
// machines' clocks may differ.
func (l Lane) Free(now time.Time, margin time.Duration) bool {
	return l.Holder == nil || l.Holder.LeaseEnd.Add(margin).Before(now)
}

// HeldBy reports whether the holder is the one with this nonce. Nonces are
// fresh for every take, so a refused take whose nonce is there has landed
// before.
func (l Lane) HeldBy(nonce string) bool { return l.Holder != nil && l.Holder.Nonce == nonce }

// OnHold reports whether everybody shall keep away for now.
func (l Lane) OnHold(now time.Time) bool { return l.HoldUntil.After(now) }

// Due reports whether the lane's wake has come.
func (l Lane) Due(now time.Time) bool { return !l.WakeAt.IsZero() && !l.WakeAt.After(now) }

// Idle reports whether there is nothing to do: no page to look at and no mark.
func (l Lane) Idle() bool { return len(l.Pages) == 0 && !l.All && len(l.Marks) == 0 }

// DueMarks lists the marks that are due, the one that waited longest first.
func (l Lane) DueMarks(now time.Time) []string {
	var due []string
	for id, m := range l.Marks {
		if !m.Due.After(now) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b string) int {
		if c := l.Marks[a].Due.Compare(l.Marks[b].Due); c != 0 {
			return c
		}
		if a < b {
			return -1
		}
		return 1
	})
	return due
}

// Open lists the ids of the marks other than those named, sorted: what a
// release leaves open.
func (l Lane) Open(except ...string) []string {
	var open []string
	for _, id := range slices.Sorted(maps.Keys(l.Marks)) {
		if !slices.Contains(except, id) {
			open = append(open, id)
		}
	}
	return open
}

// EarliestDue is when the first of the open marks is due, those named left out;
// zero when there is none.
func (l Lane) EarliestDue(except ...string) time.Time {
	var first time.Time
	for _, id := range l.Open(except...) {
		if due := l.Marks[id].Due; first.IsZero() || due.Before(first) {
			first = due
		}
	}
	return first
}

// WakeAfterHold is when a lane that is held off until a time must be looked at:
// then, or when the first open mark is due, whichever comes first.
func (l Lane) WakeAfterHold(until time.Time, closes ...string) time.Time {
	if due := l.EarliestDue(closes...); !due.IsZero() && due.Before(until) {
		return due
	}
	return until
}

// InFlight lists the spans of all open marks: what a read-back must not judge.
func (l Lane) InFlight() []Span {
	var spans []Span
	for _, m := range l.Marks {
		spans = append(spans, m.Spans...)
	}
	return Join(spans)
}

// Clone returns a lane that shares nothing with l.
func (l Lane) Clone() Lane {
	l.Pages = slices.Clone(l.Pages)
	if l.Holder != nil {
		h := *l.Holder
		l.Holder = &h
	}
	marks := make(map[string]Mark, len(l.Marks))
	for id, m := range l.Marks {
		m.Spans = slices.Clone(m.Spans)
		marks[id] = m
	}
	l.Marks = marks
	return l
}

// Sorted returns the lane with its pages in the order of keys, for stores whose
// table keeps sets without an order.
func (l Lane) Sorted() Lane {
	slices.SortFunc(l.Pages, PageKey.Compare)
	return l
}
