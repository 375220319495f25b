package dialect

import (
	"net/url"
	"strconv"
	"strings"

	"bellhop/shared/ledger"
)

// Unset is the value of a field that the provider says it has not set. No
// desired value is negative, so it differs from all of them.
const Unset int64 = -1

// genericCell is one cell of GET /v2/rates. What was never set is absent.
type genericCell struct {
	RoomType          string           `json:"room_type"`
	RatePlan          string           `json:"rate_plan"`
	Date              string           `json:"date"`
	Price             loose            `json:"price"`
	Prices            map[string]loose `json:"prices"`
	MinStay           loose            `json:"min_stay"`
	MinStayThrough    loose            `json:"min_stay_through"`
	MaxStay           loose            `json:"max_stay"`
	ClosedToArrival   loose            `json:"closed_to_arrival"`
	ClosedToDeparture loose            `json:"closed_to_departure"`
	StopSell          loose            `json:"stop_sell"`
	Available         loose            `json:"available"`
}

// Readable reports true: the API tells every field that it takes.
func (generic) Readable(ledger.Field) bool { return true }

// Read asks for all cells of the window's dates, narrowed to one room type and
// plan where the window has but one.
func (generic) Read(t Target, w Window, next string) Call {
	q := url.Values{"property": {t.Connection.RemoteProperty}, "from": {w.From.String()}, "to": {w.To.String()}}
	if len(w.Keys) == 1 {
		if address, err := t.address(w.Keys[0].Room, w.Keys[0].Plan); err == nil {
			room, plan, _ := strings.Cut(address, "/")
			q.Set("room_type", room)
			if plan != "" {
				q.Set("rate_plan", plan)
			}
		}
	}
	if next != "" {
		q.Set("cursor", next)
	}
	return t.get("/v2/rates", q.Encode())
}

// JudgeRead reads one page of cells.
func (generic) JudgeRead(t Target, _ Window, a Answer) ReadOutcome {
	o, done := a.byStatus()
	if done {
		return readOutcome(o)
	}
	var b struct {
		Items []genericCell `json:"items"`
		Next  string        `json:"next"`
	}
	if !a.decode(&b) {
		return ReadOutcome{Kind: Unknown, Why: "the rates cannot be read"}
	}
	out := ReadOutcome{Kind: Applied, Next: b.Next}
	for _, c := range b.Items {
		if held, ok := c.held(t); ok {
			out.Cells = append(out.Cells, held)
		}
	}
	return out
}

// held normalises a cell; false for one that is not ours.
func (c genericCell) held(t Target) (Held, bool) {
	room, plan, ok := t.ours(c.RoomType + "/" + c.RatePlan)
	date, err := ledger.ParseDate(c.Date)
	if !ok || err != nil {
		return Held{}, false
	}
	h := Held{Room: room, Plan: plan, Date: date, Values: map[ledger.Field]int64{
		ledger.Price:             money(c.Price, t.Decimals),
		ledger.MinStay:           count(c.MinStay),
		ledger.MinStayThrough:    count(c.MinStayThrough),
		ledger.MaxStay:           count(c.MaxStay),
		ledger.ClosedToArrival:   truth(c.ClosedToArrival),
		ledger.ClosedToDeparture: truth(c.ClosedToDeparture),
		ledger.StopSell:          truth(c.StopSell),
		ledger.Available:         count(c.Available),
	}}
	for guests := 1; guests <= ledger.MaxOccupancy; guests++ {
		h.Values[ledger.PriceFor(guests)] = money(c.Prices[strconv.Itoa(guests)], t.Decimals)
	}
	return h, true
}

// money, count and truth read one value; what cannot be read, or is absent, is
// [Unset].
func money(l loose, decimals int) int64 {
	if v, ok := minor(string(l), decimals); ok {
		return v
	}
	return Unset
}

func count(l loose) int64 {
	if v, ok := minor(string(l), 0); ok {
		return v
	}
	return Unset
}

func truth(l loose) int64 {
	switch l {
	case "true", "1":
		return 1
	case "false", "0":
		return 0
	}
	return Unset
}

// readOutcome is what a status says about a read.
func readOutcome(o Outcome) ReadOutcome {
	if o.Kind == Failed || o.Kind == Refused {
		o.Kind = Unknown
	}
	return ReadOutcome{Kind: o.Kind, RetryAt: o.RetryAt, Scopes: o.Scopes, Why: o.Why}
}
