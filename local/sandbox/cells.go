package sandbox

import (
	"cmp"
	"slices"
	"time"
)

// Names of the fields of a cell in the books, the same for both personas.
// A price for n guests is FieldPrices + n, for example "prices.2".
const (
	FieldPrice             = "price"
	FieldPrices            = "prices."
	FieldMinStay           = "min_stay"
	FieldMinStayThrough    = "min_stay_through"
	FieldMaxStay           = "max_stay"
	FieldClosedToArrival   = "closed_to_arrival"
	FieldClosedToDeparture = "closed_to_departure"
	FieldStopSell          = "stop_sell"
	FieldAvailable         = "available"
)

// CellID names a cell: one room type and rate plan on one night. RatePlan is
// empty where availability was given for the room type alone.
type CellID struct {
	Persona  Persona `json:"persona"`
	Property string  `json:"property"`
	RoomType string  `json:"room_type"`
	RatePlan string  `json:"rate_plan"`
	Date     string  `json:"date"` // 2026-12-01, the property's own calendar
}

// Cell is what a cell holds at present. Values are text: a price with all
// decimals of its currency, an integer, "true" or "false". A field that was
// never written is absent.
type Cell struct {
	CellID
	Fields map[string]string `json:"fields"`
}

// Change is one application of a value to a field, also when the value was
// the same before.
type Change struct {
	N int `json:"n"` // counts from 1, in the order of application
	CellID
	Field string `json:"field"`
	Value string `json:"value"`
	// AppliedAt is when the value took effect, in Unix milliseconds; for jobs
	// and late application that is after the request was answered.
	AppliedAt int64 `json:"applied_at"`
	Request   int   `json:"request"` // the number of the request that brought it
}

// fieldValue is one field of a cell with its new value.
type fieldValue struct{ field, value string }

// nights is one part of an accepted push: the same values for a run of dates.
type nights struct {
	roomType, ratePlan string
	dates              []string
	values             []fieldValue
}

// cells holds the present values and their history. Values that are due later
// wait here; settle applies them when their time has come, so a late value
// overtakes a newer one exactly as it would at a provider.
type cells struct {
	history []Change
	present map[propertyKey]map[CellID]map[string]int // field -> index into history
	waiting []Change                                  // AppliedAt is when they are due
}

func newCells() *cells {
	return &cells{present: map[propertyKey]map[CellID]map[string]int{}}
}

// schedule plans the values of a push for the moment due.
func (c *cells) schedule(p *Property, part nights, request int, due int64) {
	for _, date := range part.dates {
		for _, v := range part.values {
			c.waiting = append(c.waiting, Change{
				CellID:    CellID{p.Persona, p.ID, part.roomType, part.ratePlan, date},
				Field:     v.field,
				Value:     v.value,
				AppliedAt: due,
				Request:   request,
			})
		}
	}
}

// settle applies what is due at now, oldest first; at the same millisecond in
// the order in which it was accepted.
func (c *cells) settle(now int64) {
	var due []Change
	c.waiting = slices.DeleteFunc(c.waiting, func(w Change) bool {
		if w.AppliedAt > now {
			return false
		}
		due = append(due, w)
		return true
	})
	slices.SortStableFunc(due, func(a, b Change) int { return cmp.Compare(a.AppliedAt, b.AppliedAt) })
	for _, change := range due {
		c.apply(change)
	}
}

func (c *cells) apply(change Change) {
	change.N = len(c.history) + 1
	c.history = append(c.history, change)
	key := propertyKey{change.Persona, change.Property}
	if c.present[key] == nil {
		c.present[key] = map[CellID]map[string]int{}
	}
	if c.present[key][change.CellID] == nil {
		c.present[key][change.CellID] = map[string]int{}
	}
	c.present[key][change.CellID][change.Field] = change.N - 1
}

// cell returns the present values of one cell; nil means none was written.
func (c *cells) cell(id CellID) map[string]string {
	at := c.present[propertyKey{id.Persona, id.Property}][id]
	if at == nil {
		return nil
	}
	fields := make(map[string]string, len(at))
	for field, i := range at {
		fields[field] = c.history[i].Value
	}
	return fields
}

// list returns the cells of a property that keep lets through, by room type,
// rate plan and date.
func (c *cells) list(key propertyKey, keep func(CellID) bool) []Cell {
	found := []Cell{}
	for id := range c.present[key] {
		if keep(id) {
			found = append(found, Cell{CellID: id})
		}
	}
	slices.SortFunc(found, func(a, b Cell) int { return a.CellID.compare(b.CellID) })
	for i := range found {
		found[i].Fields = c.cell(found[i].CellID)
	}
	return found
}

func (id CellID) compare(other CellID) int {
	return cmp.Or(
		cmp.Compare(id.RoomType, other.RoomType),
		cmp.Compare(id.RatePlan, other.RatePlan),
		cmp.Compare(id.Date, other.Date),
	)
}

// dates returns every night from first to last, both included. It reports
// false when either is not a date, when they are reversed, or when there are
// more than limit of them.
func dates(first, last string, limit int) ([]string, bool) {
	from, count := span(first, last)
	if count == 0 || count > limit {
		return nil, false
	}
	all := make([]string, count)
	for i := range all {
		all[i] = from.AddDate(0, 0, i).Format(time.DateOnly)
	}
	return all, true
}

// span returns the first night and the number of nights from first to last,
// both included; zero when they are not dates or are reversed.
func span(first, last string) (time.Time, int) {
	from, err1 := time.Parse(time.DateOnly, first)
	to, err2 := time.Parse(time.DateOnly, last)
	if err1 != nil || err2 != nil || to.Before(from) {
		return from, 0
	}
	return from, int((to.Unix()-from.Unix())/(24*60*60)) + 1 // UTC: every day has 24 hours
}
