package ledger

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"
)

// DayBit is the bit of a day of the month in a set of days.
func DayBit(day int) uint32 { return 1 << (day - 1) }

// DayRange is the set of the days from first to last, both included.
func DayRange(first, last int) uint32 {
	if last < first {
		return 0
	}
	return (1<<last - 1) &^ (1<<(first-1) - 1)
}

// Days yields the days of a set, ascending.
func Days(set uint32) iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; set != 0; set &= set - 1 {
			if !yield(bits.TrailingZeros32(set) + 1) {
				return
			}
		}
	}
}

// Runs yields the first and last day of each run of neighbouring days: what a
// provider that takes date ranges is told.
func Runs(set uint32) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for set != 0 {
			first := bits.TrailingZeros32(set)
			n := bits.TrailingZeros32(^(set >> first))
			if !yield(first+1, first+n) {
				return
			}
			set &^= DayRange(first+1, first+n)
		}
	}
}

// EachDay yields the span's days of the month.
func (s Span) EachDay() iter.Seq[int] { return Days(s.Days) }

// Count is the number of fields of cells that the span covers.
func (s Span) Count() int { return bits.OnesCount32(s.Days) }

// Dates yields the span's nights.
func (s Span) Dates() iter.Seq[Date] {
	return func(yield func(Date) bool) {
		for day := range Days(s.Days) {
			if !yield(s.Page.Date(day)) {
				return
			}
		}
	}
}

// Count is the number of fields of cells that the spans cover.
func Count(spans []Span) int {
	n := 0
	for _, s := range spans {
		n += s.Count()
	}
	return n
}

// compare orders spans by page, field and stamp, days last.
func (s Span) compare(t Span) int {
	return cmp.Or(s.Page.Compare(t.Page), cmp.Compare(s.Field, t.Field),
		cmp.Compare(s.Stamp.Revision, t.Stamp.Revision), cmp.Compare(s.Stamp.Heal, t.Stamp.Heal),
		cmp.Compare(s.Days, t.Days))
}

// Join returns the same set of stamped fields in its one canonical form:
// sorted, with all days of one page, field and stamp in one span, none empty.
func Join(spans []Span) []Span {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, Span.compare)
	out := sorted[:0]
	for _, s := range sorted {
		if s.Days == 0 {
			continue
		}
		if n := len(out) - 1; n >= 0 && sameButDays(out[n], s) {
			out[n].Days |= s.Days
			continue
		}
		out = append(out, s)
	}
	return out
}

func sameButDays(s, t Span) bool {
	s.Days, t.Days = 0, 0
	return s == t
}

// Without returns spans less the fields of cells that any of the others names,
// at whatever stamp.
func Without(spans, others []Span) []Span {
	type place struct {
		page  PageKey
		field Field
	}
	taken := map[place]uint32{}
	for _, o := range others {
		taken[place{o.Page, o.Field}] |= o.Days
	}
	var out []Span
	for _, s := range spans {
		if s.Days &^= taken[place{s.Page, s.Field}]; s.Days != 0 {
			out = append(out, s)
		}
	}
	return out
}

// Halve cuts spans in two, so that a chunk that was refused as a whole can be
// sent in parts until the culprit stands alone. The second half is empty when
// there is one cell's field or none.
func Halve(spans []Span) (first, second []Span) {
	left := (Count(spans) + 1) / 2
	for _, s := range spans {
		a, b := s, s
		a.Days, b.Days = 0, 0
		for day := range Days(s.Days) {
			if left > 0 {
				a.Days |= DayBit(day)
				left--
			} else {
				b.Days |= DayBit(day)
			}
		}
		first, second = appendSpan(first, a), appendSpan(second, b)
	}
	return first, second
}

func appendSpan(spans []Span, s Span) []Span {
	if s.Days == 0 {
		return spans
	}
	return append(spans, s)
}

// PagesOf lists the pages that the spans touch, sorted, each once.
func PagesOf(spans []Span) []PageKey {
	var keys []PageKey
	for _, s := range spans {
		keys = append(keys, s.Page)
	}
	slices.SortFunc(keys, PageKey.Compare)
	return slices.Compact(keys)
}
