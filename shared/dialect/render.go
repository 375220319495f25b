package dialect

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"bellhop/shared/ledger"
)

// Bounds of a chunk that hold whatever the profile says. A mark lists a chunk's
// spans inside the lane's item, which must stay far below DynamoDB's 400 KB, and
// every kilobyte of it is paid for at each of the lane's writes. A heal changes
// all pages of a mark in one transaction, which takes a hundred items
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html).
const (
	maxItems = 1000
	maxSpans = 500
	maxPages = 90
)

// Item is a run of nights of one room type and rate plan for which the provider
// is told the same: the unit in which APIs count.
type Item struct {
	ledger.Run
	Values []Value // in the order of fields
	// Spans are the stamped fields of cells that the item tells.
	Spans []ledger.Span
}

// Value is one field and what is desired of it, in our units: money in the
// currency's minor units, flags as 0 and 1.
type Value struct {
	Field ledger.Field
	Value int64
}

// Nights is how many the item covers.
func (i Item) Nights() int { return int(i.To-i.From) + 1 }

// Chunk is what travels in one call.
type Chunk struct {
	Items []Item
	Spans []ledger.Span // of all items, joined
}

// Unaddressed are cells that no call can name at the provider.
type Unaddressed struct {
	Spans []ledger.Span
	Why   string
}

// Render puts what spans name into chunks, with the values that pages desire
// now. Equal neighbouring nights become one item; cells that stop sales come
// before all others, because a room sold twice costs more than one sold cheap.
// Fields that the provider does not know are left out. The same input makes the
// same chunks.
func Render(d Dialect, t Target, pages []ledger.Page, spans []ledger.Span) ([]Chunk, []Unaddressed) {
	var lost []Unaddressed
	var items []Item
	for _, plan := range byPlan(t, pages, spans) {
		if _, err := d.Address(t, plan.room, plan.plan); err != nil {
			lost = append(lost, Unaddressed{Spans: plan.spans(), Why: err.Error()})
			continue
		}
		items = append(items, plan.items()...)
	}
	slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(closes(b), closes(a)) })
	return pack(t, items), lost
}

// ratePlan is what is to be told about one room type and rate plan.
type ratePlan struct {
	room, plan string
	nights     map[ledger.Date]night
}

// night is what is to be told about one cell.
type night struct {
	values []Value
	stamps []ledger.Stamp // of values, in their order
}

// byPlan sorts what the spans name by room type and rate plan.
func byPlan(t Target, pages []ledger.Page, spans []ledger.Span) []ratePlan {
	type name struct{ room, plan string }
	at := map[name]ratePlan{}
	page := make(map[ledger.PageKey]ledger.Page, len(pages))
	for _, p := range pages {
		page[p.Key] = p
	}
	for _, s := range ledger.Join(spans) { // sorted by field within a page
		if !t.Carries(s.Field) {
			continue
		}
		n := name{s.Page.Room, s.Page.Plan}
		if _, ok := at[n]; !ok {
			at[n] = ratePlan{n.room, n.plan, map[ledger.Date]night{}}
		}
		at[n].add(page[s.Page], s)
	}
	plans := slices.Collect(maps.Values(at))
	slices.SortFunc(plans, func(a, b ratePlan) int { return cmp.Or(cmp.Compare(a.room, b.room), cmp.Compare(a.plan, b.plan)) })
	return plans
}

// add takes over one span with the page's values.
func (r ratePlan) add(p ledger.Page, s ledger.Span) {
	for day := range s.EachDay() {
		value, ok := p.Value(day, s.Field)
		if !ok {
			continue
		}
		date := p.Key.Date(day)
		n := r.nights[date]
		n.values = append(n.values, Value{s.Field, value})
		n.stamps = append(n.stamps, s.Stamp)
		r.nights[date] = n
	}
}

// items joins neighbouring nights that are told the same.
func (r ratePlan) items() []Item {
	var items []Item
	for _, date := range slices.Sorted(maps.Keys(r.nights)) {
		n := r.nights[date]
		if i := len(items) - 1; i >= 0 && items[i].To+1 == date && slices.Equal(items[i].Values, n.values) {
			items[i].To = date
			items[i].Spans = append(items[i].Spans, r.spansOf(date)...)
			continue
		}
		items = append(items, Item{
			Run:    ledger.Run{Room: r.room, Plan: r.plan, From: date, To: date},
			Values: n.values, Spans: r.spansOf(date),
		})
	}
	return items
}

// spansOf lists what is told about one night.
func (r ratePlan) spansOf(date ledger.Date) []ledger.Span {
	n := r.nights[date]
	key := ledger.PageKey{Room: r.room, Plan: r.plan, Month: date.Month()}
	spans := make([]ledger.Span, len(n.values))
	for i, v := range n.values {
		spans[i] = ledger.Span{Page: key, Field: v.Field, Days: ledger.DayBit(date.Day()), Stamp: n.stamps[i]}
	}
	return spans
}

func (r ratePlan) spans() []ledger.Span {
	var spans []ledger.Span
	for date := range r.nights {
		spans = append(spans, r.spansOf(date)...)
	}
	return ledger.Join(spans)
}

// closes is 1 for an item that stops sales.
func closes(i Item) int {
	for _, v := range i.Values {
		if v.Field.Closes(v.Value) {
			return 1
		}
	}
	return 0
}

// pack fills chunks in the order of the items, within the profile's bounds.
func pack(t Target, items []Item) []Chunk {
	p := packer{items: cmp.Or(t.API.Items, maxItems), nights: cmp.Or(t.API.Nights, math.MaxInt)}
	for _, item := range items {
		for item.Nights() > p.nights {
			var head Item
			head, item = item.split(item.From + ledger.Date(p.nights))
			p.add(head)
		}
		p.add(item)
	}
	p.flush()
	return p.full
}

// packer fills one chunk after the other.
type packer struct {
	items, nights int // bounds of a call
	full          []Chunk
	open          Chunk
	taken         int // nights in the open chunk
	// Of the open chunk: its spans without their days, which is its joined
	// size, and its pages.
	spans map[ledger.Span]bool
	pages map[ledger.PageKey]bool
}

// add puts an item into the open chunk, or into a new one if it does not fit.
func (p *packer) add(item Item) {
	item.Spans = ledger.Join(item.Spans)
	months := len(ledger.PagesOf(item.Spans))
	if len(p.open.Items) == p.items || p.taken+item.Nights() > p.nights ||
		len(p.spans)+len(item.Spans) > maxSpans || len(p.pages)+months > maxPages {
		p.flush()
	}
	if p.spans == nil {
		p.spans, p.pages = map[ledger.Span]bool{}, map[ledger.PageKey]bool{}
	}
	p.open.Items = append(p.open.Items, item)
	p.open.Spans = append(p.open.Spans, item.Spans...)
	p.taken += item.Nights()
	for _, s := range item.Spans {
		s.Days = 0
		p.spans[s], p.pages[s.Page] = true, true
	}
}

// flush ends the open chunk.
func (p *packer) flush() {
	if len(p.open.Items) > 0 {
		p.open.Spans = ledger.Join(p.open.Spans)
		p.full = append(p.full, p.open)
	}
	p.open, p.taken, p.spans, p.pages = Chunk{}, 0, nil, nil
}

// split cuts an item before a date inside it.
func (i Item) split(at ledger.Date) (head, tail Item) {
	head, tail = i, i
	head.To, tail.From = at-1, at
	head.Spans, tail.Spans = nil, nil
	for _, s := range i.Spans {
		for day := range s.EachDay() {
			one := s
			one.Days = ledger.DayBit(day)
			if s.Page.Date(day) < at {
				head.Spans = append(head.Spans, one)
			} else {
				tail.Spans = append(tail.Spans, one)
			}
		}
	}
	return head, tail
}
