package show

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bellhop/local/sandbox"
)

// message is a rate update as docs/rate-update.md has it, written by somebody
// who has read that page and not our code.
type message struct {
	V          int      `json:"v"`
	Connection string   `json:"connection,omitempty"`
	Property   string   `json:"property,omitempty"`
	Revision   int64    `json:"revision"`
	Currency   string   `json:"currency,omitempty"`
	Updates    []update `json:"updates"`
}

// update is one part of it; a nil field stays as it is.
type update struct {
	RoomType          string            `json:"room_type"`
	RatePlan          string            `json:"rate_plan,omitempty"`
	From              string            `json:"from"`
	To                string            `json:"to"` // inclusive
	Price             *string           `json:"price,omitempty"`
	Prices            map[string]string `json:"prices,omitempty"`
	MinStay           *int              `json:"min_stay,omitempty"`
	MinStayThrough    *int              `json:"min_stay_through,omitempty"`
	MaxStay           *int              `json:"max_stay,omitempty"`
	ClosedToArrival   *bool             `json:"closed_to_arrival,omitempty"`
	ClosedToDeparture *bool             `json:"closed_to_departure,omitempty"`
	StopSell          *bool             `json:"stop_sell,omitempty"`
	Available         *int              `json:"available,omitempty"`
}

// body is the message as it is sent.
func (m message) body() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("show: encoding a rate update: " + err.Error()) // texts, numbers and flags always encode
	}
	return b
}

// group is its MessageGroupId.
func (m message) group() string {
	if m.Connection != "" {
		return m.Connection
	}
	return m.Property
}

// nights are the dates that an update is about.
func (u update) nights() []string {
	from, err := time.Parse(time.DateOnly, u.From)
	if err != nil {
		return nil
	}
	var all []string
	for d := from; d.Format(time.DateOnly) <= u.To; d = d.AddDate(0, 0, 1) {
		all = append(all, d.Format(time.DateOnly))
	}
	return all
}

// fields are its values in the words of the books.
func (u update) fields() map[string]string {
	all := map[string]string{}
	if u.Price != nil {
		all[sandbox.FieldPrice] = *u.Price
	}
	for guests, price := range u.Prices {
		all[sandbox.FieldPrices+guests] = price
	}
	for field, n := range map[string]*int{
		sandbox.FieldMinStay: u.MinStay, sandbox.FieldMinStayThrough: u.MinStayThrough,
		sandbox.FieldMaxStay: u.MaxStay, sandbox.FieldAvailable: u.Available,
	} {
		if n != nil {
			all[field] = strconv.Itoa(*n)
		}
	}
	for field, b := range map[string]*bool{
		sandbox.FieldClosedToArrival: u.ClosedToArrival, sandbox.FieldClosedToDeparture: u.ClosedToDeparture,
		sandbox.FieldStopSell: u.StopSell,
	} {
		if b != nil {
			all[field] = strconv.FormatBool(*b)
		}
	}
	return all
}

// note remembers what a message wants of the connections that it is for.
func (w *wanted) note(m message, to []*connection) {
	for _, u := range m.Updates {
		fields, nights := u.fields(), u.nights()
		for _, c := range to {
			for field, value := range fields {
				if !c.knows(field) {
					continue
				}
				for _, date := range nights {
					w.add(slot{c.cell(u.RoomType, u.RatePlan, date), field}, said{value, m.Revision})
				}
			}
		}
	}
}

// amount writes minor units with all decimals of the currency.
func amount(minor int64, decimals int) string {
	if decimals == 0 {
		return strconv.FormatInt(minor, 10)
	}
	digits := fmt.Sprintf("%0*d", decimals+1, minor)
	cut := len(digits) - decimals
	return strings.Join([]string{digits[:cut], digits[cut:]}, ".")
}
