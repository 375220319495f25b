package rate

import (
	"fmt"
	"strconv"

	"bellhop/shared/ledger"
)

// Bounds of the counts.
const (
	maxStay      = 365
	maxAvailable = 9999
)

// draft is an update that is being looked at.
type draft struct {
	c        *checker
	room     string
	plan     string
	from, to *node
	fields   map[ledger.Field]int64
	// first are the fields as they were named, valid or not: the first of each
	// level stands for the level in a problem.
	firstOfPlan, firstOfRoom string
}

// update looks at one entry of the list. It reports everything that is wrong
// with it, up to problemsEach, and false.
func (c *checker) update(n *node) (Change, bool) {
	d := &draft{c: c, fields: map[ledger.Field]int64{}}
	seen := c.members(n, "", map[string]func(*node, string){
		"room_type":           func(n *node, f string) { d.room = d.code(n, f) },
		"rate_plan":           func(n *node, f string) { d.plan = d.code(n, f) },
		"from":                func(n *node, _ string) { d.from = n },
		"to":                  func(n *node, _ string) { d.to = n },
		"price":               d.price,
		"prices":              d.prices,
		"min_stay":            d.count(ledger.MinStay, 1, maxStay),
		"min_stay_through":    d.count(ledger.MinStayThrough, 1, maxStay),
		"max_stay":            d.count(ledger.MaxStay, 0, maxStay),
		"closed_to_arrival":   d.flag(ledger.ClosedToArrival),
		"closed_to_departure": d.flag(ledger.ClosedToDeparture),
		"stop_sell":           d.flag(ledger.StopSell),
		"available":           d.available,
	})
	if n.kind != object {
		return Change{}, false
	}
	d.needed(seen)
	from, to := d.nights()
	d.stays()
	if c.refusals() > 0 {
		return Change{}, false
	}
	return Change{Index: c.index, Room: d.room, Plan: d.plan, From: from, To: to, Fields: d.fields}, true
}

// needed reports what is missing, and fields at the wrong level: availability
// is the room type's, whatever it is sold as; everything else is the rate
// plan's.
func (d *draft) needed(seen map[string]bool) {
	for _, f := range []string{"room_type", "from", "to"} {
		if !seen[f] {
			d.c.refuse(f, nil, "is missing")
		}
	}
	switch {
	case d.firstOfPlan == "" && d.firstOfRoom == "" && d.c.refusals() == 0:
		d.c.refuse("", nil, "says nothing: give a price, a restriction or the availability")
	case seen["rate_plan"] && d.firstOfRoom != "":
		d.c.refuse(d.firstOfRoom, nil, "belongs to the room type: send it in an update of its own, without rate_plan")
	case !seen["rate_plan"] && d.firstOfPlan != "":
		d.c.refuse("rate_plan", nil, "is missing: "+d.firstOfPlan+" belongs to a rate plan")
	}
}

// nights reads the range and cuts off what is over everywhere.
func (d *draft) nights() (from, to ledger.Date) {
	if d.from == nil || d.to == nil {
		return 0, 0
	}
	from, ok1 := d.c.date(d.from, "from")
	to, ok2 := d.c.date(d.to, "to")
	if !ok1 || !ok2 {
		return 0, 0
	}
	today := earliestToday(d.c.now)
	switch {
	case to < from:
		d.c.refuse("to", d.to, "is before from: swap them; to is the last night, inclusive")
	case to < today:
		d.c.refuse("to", d.to, pastReason)
	case to > latestDate(d.c.now):
		d.c.refuse("to", d.to, fmt.Sprintf("is more than %d years ahead", YearsAhead))
	}
	return max(from, today), to
}

// stays refuses a minimum that no stay within the maximum can have.
func (d *draft) stays() {
	longest, limited := d.fields[ledger.MaxStay]
	if !limited || longest == 0 {
		return
	}
	for _, f := range []ledger.Field{ledger.MinStay, ledger.MinStayThrough} {
		if d.fields[f] > longest {
			d.c.refuse(string(f), nil, fmt.Sprintf("is %d, more than max_stay, which is %d: no stay could be both", d.fields[f], longest))
		}
	}
}

func (d *draft) code(n *node, field string) string {
	if n.kind != text || !codes.MatchString(n.text) {
		d.c.refuse(field, n, codeReason)
		return ""
	}
	return n.text
}

// ofPlan notes that a field of the rate plan was given.
func (d *draft) ofPlan(field string) {
	if d.firstOfPlan == "" {
		d.firstOfPlan = field
	}
}

func (d *draft) available(n *node, field string) {
	d.firstOfRoom = field
	d.number(ledger.Available, n, field, 0, maxAvailable)
}

func (d *draft) count(f ledger.Field, least, most int64) func(*node, string) {
	return func(n *node, field string) {
		d.ofPlan(field)
		d.number(f, n, field, least, most)
	}
}

func (d *draft) number(f ledger.Field, n *node, field string, least, most int64) {
	v, ok := integer(n)
	if !ok || v < least || v > most {
		d.c.refuse(field, n, fmt.Sprintf("write a whole number from %d to %d", least, most))
		return
	}
	d.fields[f] = v
}

func (d *draft) flag(f ledger.Field) func(*node, string) {
	return func(n *node, field string) {
		d.ofPlan(field)
		if n.kind != boolean {
			d.c.refuse(field, n, "write true or false")
			return
		}
		d.fields[f] = 0
		if string(n.raw) == "true" {
			d.fields[f] = 1
		}
	}
}

func (d *draft) price(n *node, field string) {
	d.ofPlan(field)
	d.money(ledger.Price, n, field)
}

// prices reads the prices by occupancy.
func (d *draft) prices(n *node, field string) {
	d.ofPlan(field)
	checks := map[string]func(*node, string){}
	for guests := 1; guests <= ledger.MaxOccupancy; guests++ {
		checks[strconv.Itoa(guests)] = func(n *node, field string) { d.money(ledger.PriceFor(guests), n, field) }
	}
	if seen := d.c.members(n, field+".", checks); n.kind == object && len(seen) == 0 {
		d.c.refuse(field, n, "is empty: give a price for at least one number of guests, or leave it out")
	}
}

func (d *draft) money(f ledger.Field, n *node, field string) {
	if n.kind == number {
		d.c.refuse(field, n, `write a price as a string, such as "129.00": a number may be rounded on its way`)
		return
	}
	if n.kind != text {
		d.c.refuse(field, n, `write a price as a string, such as "129.00"`)
		return
	}
	v, err := ParsePrice(n.text, d.c.decimals)
	if err != nil {
		d.c.refuse(field, n, err.Error())
		return
	}
	d.fields[f] = v
}
