package dialect

import (
	"net/url"
	"slices"
	"strings"

	"bellhop/shared/ledger"
)

// cloudbedsPlan is one rate of getRatePlans.
type cloudbedsPlan struct {
	RateID loose            `json:"rateID"`
	Nights []cloudbedsNight `json:"roomRateDetailed"`
}

// cloudbedsNight is one night of a rate. The specification calls the amount
// rateBase, answers seen in public call it rate. Blocked is not in the
// specification: where it is absent, stop_sell is not compared.
type cloudbedsNight struct {
	Date              string `json:"date"`
	Rate              told   `json:"rate"`
	RateBase          told   `json:"rateBase"`
	MinLos            told   `json:"minLos"`
	MaxLos            told   `json:"maxLos"`
	ClosedToArrival   told   `json:"closedToArrival"`
	ClosedToDeparture told   `json:"closedToDeparture"`
	Blocked           told   `json:"blocked"`
}

// told is a value of which it matters whether the answer has it at all: null is
// told, and means that nothing is set.
type told struct {
	yes  bool
	text loose
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *told) UnmarshalJSON(b []byte) error {
	v.yes = true
	return v.text.UnmarshalJSON(b)
}

// Readable reports whether getRatePlans tells a field.
func (cloudbeds) Readable(f ledger.Field) bool { return cloudbedsFields[f] != "" }

// Read asks getRatePlans for the window's rates. Its endDate is the day of
// departure: the last night told is the one before.
func (c cloudbeds) Read(t Target, w Window, _ string) Call {
	var rates []string
	for _, k := range w.Keys {
		if rate, err := c.Address(t, k.Room, k.Plan); err == nil {
			rates = append(rates, rate)
		}
	}
	slices.Sort(rates)
	q := url.Values{
		"startDate": {w.From.String()}, "endDate": {(w.To + 1).String()},
		"detailedRates": {"true"}, "rateIDs": {strings.Join(slices.Compact(rates), ",")},
	}
	if t.Connection.RemoteProperty != "" {
		q.Set("propertyIDs", t.Connection.RemoteProperty)
	}
	return t.get("/getRatePlans", q.Encode())
}

// JudgeRead reads getRatePlans, which has no pages.
func (cloudbeds) JudgeRead(t Target, _ Window, a Answer) ReadOutcome {
	o, done := a.byStatus()
	if done {
		return readOutcome(o)
	}
	var b struct {
		cloudbedsAnswer
		Data []cloudbedsPlan `json:"data"`
	}
	if !a.decode(&b) || b.Success == nil {
		return ReadOutcome{Kind: Unknown, Why: "the rates cannot be read"}
	}
	if !*b.Success {
		o.Kind, _ = byWords(b.Message)
		o.Why = clean(b.Message)
		return readOutcome(o)
	}
	out := ReadOutcome{Kind: Applied}
	for _, plan := range b.Data {
		room, rate, ok := t.ours(string(plan.RateID))
		for _, n := range plan.Nights {
			if date, err := ledger.ParseDate(n.Date); ok && err == nil {
				out.Cells = append(out.Cells, Held{Room: room, Plan: rate, Date: date, Values: n.values(t)})
			}
		}
	}
	return out
}

// values normalises one night. A length of stay that is null is none.
func (n cloudbedsNight) values(t Target) map[ledger.Field]int64 {
	v := map[ledger.Field]int64{}
	if price := n.Rate; price.yes || n.RateBase.yes {
		if !price.yes {
			price = n.RateBase
		}
		v[ledger.Price] = money(price.text, t.Decimals)
	}
	for field, value := range map[ledger.Field]told{ledger.MinStay: n.MinLos, ledger.MaxStay: n.MaxLos} {
		if value.yes && value.text == "" {
			v[field] = 0
		} else if value.yes {
			v[field] = count(value.text)
		}
	}
	for field, value := range map[ledger.Field]told{
		ledger.ClosedToArrival: n.ClosedToArrival, ledger.ClosedToDeparture: n.ClosedToDeparture, ledger.StopSell: n.Blocked,
	} {
		if value.yes {
			v[field] = truth(value.text)
		}
	}
	return v
}
