package rate

import (
	"encoding/json"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// wireMessage and wireUpdate are the format as it is written.
type wireMessage struct {
	V          int           `json:"v"`
	Connection connection.ID `json:"connection,omitempty"`
	Property   string        `json:"property,omitempty"`
	Revision   int64         `json:"revision"`
	Currency   string        `json:"currency,omitempty"`
	Updates    []wireUpdate  `json:"updates"`
}

type wireUpdate struct {
	Room              string            `json:"room_type"`
	Plan              string            `json:"rate_plan,omitempty"`
	From              ledger.Date       `json:"from"`
	To                ledger.Date       `json:"to"`
	Price             string            `json:"price,omitempty"`
	Prices            map[string]string `json:"prices,omitempty"`
	MinStay           *int64            `json:"min_stay,omitempty"`
	MinStayThrough    *int64            `json:"min_stay_through,omitempty"`
	MaxStay           *int64            `json:"max_stay,omitempty"`
	ClosedToArrival   *bool             `json:"closed_to_arrival,omitempty"`
	ClosedToDeparture *bool             `json:"closed_to_departure,omitempty"`
	StopSell          *bool             `json:"stop_sell,omitempty"`
	Available         *int64            `json:"available,omitempty"`
}

// Encode writes the message as [Parse] reads it: every update in the order of
// Changes, every price with all of the currency's decimals.
func (m Message) Encode() ([]byte, error) {
	w := wireMessage{V: 1, Connection: m.Connection, Property: m.Property, Revision: m.Revision, Currency: m.Currency}
	decimals := 0
	if m.Currency != "" {
		d, err := Decimals(m.Currency)
		if err != nil {
			return nil, err
		}
		decimals = d
	}
	for _, c := range m.Changes {
		w.Updates = append(w.Updates, c.wire(decimals))
	}
	return json.Marshal(w)
}

func (c Change) wire(decimals int) wireUpdate {
	u := wireUpdate{Room: c.Room, Plan: c.Plan, From: c.From, To: c.To}
	counts := map[ledger.Field]**int64{
		ledger.MinStay: &u.MinStay, ledger.MinStayThrough: &u.MinStayThrough, ledger.MaxStay: &u.MaxStay, ledger.Available: &u.Available,
	}
	flags := map[ledger.Field]**bool{
		ledger.ClosedToArrival: &u.ClosedToArrival, ledger.ClosedToDeparture: &u.ClosedToDeparture, ledger.StopSell: &u.StopSell,
	}
	for f, v := range c.Fields {
		if at, ok := counts[f]; ok {
			*at = &v
		} else if at, ok := flags[f]; ok {
			yes := v != 0
			*at = &yes
		} else if f == ledger.Price {
			u.Price = FormatPrice(v, decimals)
		} else if _, ok := f.Occupancy(); ok {
			if u.Prices == nil {
				u.Prices = map[string]string{}
			}
			u.Prices[string(f[len("price:"):])] = FormatPrice(v, decimals)
		}
	}
	return u
}
