package ledger

import (
	"maps"
	"math/bits"
	"slices"
)

// Dirty lists what the provider has not been told and should be, for nights
// from a date on (zero: all), joined. Each span's stamp is the desired one, so
// the list is what a chunk sends and its mark remembers; [Page.Value] gives the
// values.
func (p Page) Dirty(from Date) []Span {
	var out []Span
	still := p.Key.from(from)
	for day, cell := range p.Days {
		if still&DayBit(day) == 0 {
			continue
		}
		for field, e := range cell {
			if e.Dirty() {
				out = append(out, Span{Page: p.Key, Field: field, Days: DayBit(day), Stamp: e.Desired})
			}
		}
	}
	return Join(out)
}

// IsDirty reports whether [Page.Dirty] would list anything.
func (p Page) IsDirty(from Date) bool { return p.Waiting(from) > 0 }

// Waiting counts the cells (nights of a room and plan, not their fields) of
// which something is dirty, from a date on.
func (p Page) Waiting(from Date) int {
	n := 0
	still := p.Key.from(from)
	for day, cell := range p.Days {
		if still&DayBit(day) != 0 && cell.dirty() {
			n++
		}
	}
	return n
}

func (c Cell) dirty() bool {
	for _, e := range c {
		if e.Dirty() {
			return true
		}
	}
	return false
}

// Value is the desired value of a field on a day, if the page has one.
func (p Page) Value(day int, f Field) (int64, bool) {
	e, ok := p.Days[day][f]
	return e.Value, ok
}

// Values lists every desired value of the page, equal neighbours joined, in the
// order of fields and days.
func (p Page) Values() []Value {
	type place struct {
		field Field
		value int64
	}
	at := map[place]uint32{}
	for day, cell := range p.Days {
		for f, e := range cell {
			at[place{f, e.Value}] |= DayBit(day)
		}
	}
	out := make([]Value, 0, len(at))
	for k, days := range at {
		out = append(out, Value{Field: k.field, Days: days, Value: k.value})
	}
	slices.SortFunc(out, func(a, b Value) int {
		if a.Field != b.Field {
			if a.Field < b.Field {
				return -1
			}
			return 1
		}
		return bits.TrailingZeros32(a.Days) - bits.TrailingZeros32(b.Days)
	})
	return out
}

// Fields lists the fields that the page knows, sorted.
func (p Page) Fields() []Field {
	seen := map[Field]bool{}
	for _, cell := range p.Days {
		for f := range cell {
			seen[f] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// from is the set of the month's days that are not before a date.
func (k PageKey) from(date Date) uint32 {
	first := k.Date(1)
	switch {
	case date <= first:
		return DayRange(1, 31)
	case date > first+30:
		return 0
	default:
		return DayRange(int(date-first)+1, 31)
	}
}
