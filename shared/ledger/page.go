package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// keepClosedMonths is how long a page outlives its month: long enough to look
// up what was sold, short enough that the table does not grow for ever.
const keepClosedMonths = 60 * 24 * time.Hour

// ErrKey says that a text does not name a page.
var ErrKey = errors.New("not the name of a page")

// String names the page inside its connection: "DBL#BAR#2026-12". Codes never
// hold a '#'; package rate sees to that.
func (k PageKey) String() string { return k.Room + "#" + k.Plan + "#" + k.Month }

// ParsePageKey reads what [PageKey.String] wrote.
func ParsePageKey(s string) (PageKey, error) {
	part := strings.Split(s, "#")
	if len(part) != 3 || part[0] == "" {
		return PageKey{}, fmt.Errorf("reading %q: %w", s, ErrKey)
	}
	if _, err := DateOf(part[2], 1); err != nil {
		return PageKey{}, fmt.Errorf("reading %q: %w", s, ErrKey)
	}
	return PageKey{Room: part[0], Plan: part[1], Month: part[2]}, nil
}

// Compare orders keys by room, plan and month.
func (k PageKey) Compare(o PageKey) int {
	if c := strings.Compare(k.Room, o.Room); c != 0 {
		return c
	}
	if c := strings.Compare(k.Plan, o.Plan); c != 0 {
		return c
	}
	return strings.Compare(k.Month, o.Month)
}

// Date returns the date of a day of this page's month. A key whose month is not
// one has no dates: the zero Date.
func (k PageKey) Date(day int) Date {
	d, err := DateOf(k.Month, day)
	if err != nil {
		return 0
	}
	return d
}

// Expires is when the page may be deleted: sixty days after its month.
func (k PageKey) Expires() time.Time {
	return k.Date(1).EndOfMonth().utc().Add(keepClosedMonths)
}

// Keys returns the keys of pages, in their order.
func Keys(pages []Page) []PageKey {
	keys := make([]PageKey, len(pages))
	for i, p := range pages {
		keys[i] = p.Key
	}
	return keys
}

// Clone returns a page that shares nothing with p.
func (p Page) Clone() Page {
	days := make(map[int]Cell, len(p.Days))
	for day, cell := range p.Days {
		days[day] = maps.Clone(cell)
	}
	p.Days = days
	return p
}

// sortedDays lists the days that the page says something about.
func (p Page) sortedDays() []int { return slices.Sorted(maps.Keys(p.Days)) }

// change returns a copy of p in which f has seen every entry that the spans of
// this page name, and how many entries f said that it changed. Entries that the
// page does not have are passed over: a page is never made to say more by what
// was sent from it.
func (p Page) change(spans []Span, f func(Entry, Stamp) (Entry, bool)) (Page, int) {
	p, changed := p.Clone(), 0
	for _, s := range spans {
		if s.Page != p.Key {
			continue
		}
		for day := range s.EachDay() {
			e, ok := p.Days[day][s.Field]
			if !ok {
				continue
			}
			if e, ok = f(e, s.Stamp); ok {
				p.Days[day][s.Field] = e
				changed++
			}
		}
	}
	return p, changed
}
