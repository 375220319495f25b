package ledger

// contestedAfter is how many read-backs may find another value before we stop
// fighting over a field: the provider, or somebody at it, means it.
const contestedAfter = 2

// ExpiredUnsent is the reason of a field whose night passed before the provider
// could be told.
const ExpiredUnsent = "expired_unsent"

// Record returns p with what was sent as accepted, by maximum: it never takes
// back what a later send recorded, never touches what is desired, and so never
// clears an update that came meanwhile. The number of entries that changed is 0
// when there is nothing to write.
func (p Page) Record(sent []Span) (Page, int) {
	return p.change(sent, func(e Entry, s Stamp) (Entry, bool) {
		if !e.Accepted.Less(s) {
			return e, false
		}
		e.Accepted = s
		return e, true
	})
}

// Reject returns p with what was sent as refused by the provider, for a reason.
// It is not sent again at that revision; a newer value is.
func (p Page) Reject(sent []Span, why string) (Page, int) {
	return p.change(sent, func(e Entry, s Stamp) (Entry, bool) {
		if s.Revision <= e.Rejected {
			return e, false
		}
		e.Rejected, e.Why = s.Revision, why
		return e, true
	})
}

// Again returns p with a new stamp on what was sent and is still what is
// desired. It is for a provider that answers a retry from its store of
// idempotency keys with the failure that it stored: only another key helps.
func (p Page) Again(sent []Span) (Page, int) {
	return p.change(sent, func(e Entry, s Stamp) (Entry, bool) {
		if e.Desired != s {
			return e, false
		}
		return e.heal(), true
	})
}

// HealMark returns p with a new stamp on every field of a due mark that is
// desired newer than the mark sent it: the old value may have arrived last. A
// field that is desired as it was sent needs none; it is dirty if nobody
// recorded it.
func (p Page) HealMark(sent []Span) (Page, int) {
	return p.change(sent, func(e Entry, s Stamp) (Entry, bool) {
		if e.Desired.Revision <= s.Revision {
			return e, false
		}
		return e.heal(), true
	})
}

// EndJob returns p with a new stamp on the fields of an ended job that have to
// go out once more: those desired newer than the job carried them, because the
// job may have been applied after the newer send; and, when the job failed,
// vanished or took too long, those that are still desired as it carried them.
func (p Page) EndJob(sent []Span, applied bool) (Page, int) {
	return p.change(sent, func(e Entry, s Stamp) (Entry, bool) {
		newer := e.Desired.Revision > s.Revision
		undone := !applied && e.Desired == s
		if !newer && !undone {
			return e, false
		}
		return e.heal(), true
	})
}

// Differ lists the settled fields of p that the provider holds otherwise: not
// those that are dirty, refused or contested, nor those that skip names because
// a mark or a job has them in flight. A field that the provider does not report
// is not compared.
func (p Page) Differ(found []Value, skip []Span) []Span {
	var out []Span
	for _, v := range found {
		for day := range Days(v.Days) {
			e, ok := p.Days[day][v.Field]
			if ok && e.settled() && e.Value != v.Value {
				out = append(out, Span{Page: p.Key, Field: v.Field, Days: DayBit(day), Stamp: e.Desired})
			}
		}
	}
	return Without(Join(out), skip)
}

// settled reports whether the provider has taken what is desired and nothing
// about it is in question.
func (e Entry) settled() bool {
	return !e.Accepted.Less(e.Desired) && e.Rejected != e.Desired.Revision && !e.Contested
}

// Drift returns p after a read-back found other values in these fields: they
// are healed twice and then contested.
func (p Page) Drift(differ []Span) (Page, int) {
	return p.change(differ, func(e Entry, s Stamp) (Entry, bool) {
		if e.Desired != s || e.Contested {
			return e, false
		}
		if e.Drift >= contestedAfter {
			e.Contested = true
			return e, true
		}
		e.Drift++
		return e.heal(), true
	})
}

// Expire returns p with the dirty fields of nights before today refused as
// [ExpiredUnsent], so that each is counted once, and never as delivered.
func (p Page) Expire(today Date) (Page, int) {
	var gone []Span
	for _, s := range p.Dirty(0) {
		if s.Days &^= p.Key.from(today); s.Days != 0 {
			gone = append(gone, s)
		}
	}
	return p.Reject(gone, ExpiredUnsent)
}

// heal returns the same value under a new stamp.
func (e Entry) heal() Entry {
	e.Desired.Heal++
	return e
}
