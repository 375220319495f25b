package ledger

// Want is what one message wants of one page. Values are in the order in which
// they shall be read: of two that name the same field of the same day the later
// one counts.
type Want struct {
	Page     PageKey
	Revision int64
	Values   []Value
}

// Value is one value of one field for a set of days.
type Value struct {
	Field Field
	Days  uint32 // as in [Span]
	Value int64
}

// Conflict is a value that was not taken because the ledger holds another one
// at the very same revision: the PMS contradicts itself, and there is no
// telling which of the two it means. The first to arrive stays.
type Conflict struct {
	Page    PageKey
	Day     int
	Field   Field
	Has     int64
	Refused int64
}

// Merged says what a merge did.
type Merged struct {
	Changed   int // fields of cells whose desired revision rose
	Older     int // fields that the ledger knows newer
	Conflicts []Conflict
}

// Merge returns p with what w wants, field by field the highest revision, and
// what that did. Arrival order does not matter. When nothing changed there is
// nothing to write. p itself stays as it is.
func (p Page) Merge(w Want) (Page, Merged) {
	p = p.Clone()
	var m Merged
	for _, v := range w.last() {
		for day := range Days(v.Days) {
			cell := p.Days[day]
			if cell == nil {
				cell = Cell{}
				p.Days[day] = cell
			}
			e, known := cell[v.Field]
			switch {
			case known && w.Revision < e.Desired.Revision:
				m.Older++
			case known && w.Revision == e.Desired.Revision:
				if e.Value != v.Value {
					m.Conflicts = append(m.Conflicts, Conflict{p.Key, day, v.Field, e.Value, v.Value})
				}
			default:
				cell[v.Field] = e.want(v.Value, w.Revision)
				m.Changed++
			}
		}
	}
	return p, m
}

// want returns the entry with a newer desired value. When the value is the one
// that the ledger has, what is known about it holds for the new revision too:
// what the provider took need not be sent again, what it refused or what is
// contested stays so until the value changes. An older send whose outcome is
// open is healed all the same, because its revision is below the desired one.
func (e Entry) want(value, revision int64) Entry {
	next := Entry{Value: value, Desired: Stamp{Revision: revision}, Accepted: e.Accepted}
	if value != e.Value || e.Desired == (Stamp{}) {
		return next
	}
	if !e.Accepted.Less(e.Desired) {
		next.Accepted = next.Desired
	}
	if e.Rejected == e.Desired.Revision {
		next.Rejected, next.Why = revision, e.Why
	}
	next.Drift, next.Contested = e.Drift, e.Contested
	return next
}

// last returns the values with each day of each field in the last one that
// names it, so that a message never conflicts with itself.
func (w Want) last() []Value {
	taken := map[Field]uint32{}
	out := make([]Value, 0, len(w.Values))
	for i := len(w.Values) - 1; i >= 0; i-- {
		v := w.Values[i]
		v.Days &^= taken[v.Field]
		if v.Days != 0 {
			taken[v.Field] |= v.Days
			out = append(out, v)
		}
	}
	return out
}
