package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// update is a rate update as a PMS writes it. Its prices rise with its
// revisions, so that the books alone show whether an older one came over a newer
// one.
type update struct {
	V          int      `json:"v"`
	Connection string   `json:"connection,omitempty"`
	Property   string   `json:"property,omitempty"`
	Revision   int64    `json:"revision"`
	Currency   string   `json:"currency"`
	Updates    []change `json:"updates"`
}

type change struct {
	RoomType string `json:"room_type"`
	RatePlan string `json:"rate_plan,omitempty"`
	From     string `json:"from"`
	To       string `json:"to"`
	Price    string `json:"price,omitempty"`
	MinStay  int    `json:"min_stay,omitempty"`
	StopSell *bool  `json:"stop_sell,omitempty"`
}

// night is the date of a night from now on; 1 is tomorrow's.
func night(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }

// next makes an update that gives some nights, from tomorrow's on, the next
// price, and remembers that it is wanted.
func (h *hotel) next(nights int) update {
	h.revision++
	price := fmt.Sprintf("%d.00", 100+h.revision)
	for n := range nights {
		h.wants(night(n+1), sandbox.FieldPrice, price)
	}
	return update{V: 1, Connection: h.id, Revision: h.revision, Currency: "EUR", Updates: []change{
		{RoomType: room, RatePlan: plan, From: night(1), To: night(nights), Price: price},
	}}
}

// wants notes what the provider must show in the end.
func (h *hotel) wants(date, field, value string) {
	cell := sandbox.CellID{Persona: h.persona, Property: h.id, RoomType: room, RatePlan: plan, Date: date}
	if h.wanted[cell] == nil {
		h.wanted[cell] = map[string]string{}
	}
	h.wanted[cell][field] = value
}

func (u update) body() []byte {
	b, err := json.Marshal(u)
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return b
}

// send puts an update on the rates queue, as a PMS does.
func (h *hotel) send(t *testing.T, u update) {
	t.Helper()
	h.w.enqueue(t, string(u.body()), h.id)
}

func (w *world) enqueue(t *testing.T, body, group string) {
	t.Helper()
	if err := w.Send(t.Context(), w.Outputs.RatesQueueURL, stack.Message{Body: body, Group: group}); err != nil {
		t.Fatal(err)
	}
}

// arrives waits until the provider's books show exactly what is wanted.
func (h *hotel) arrives(t *testing.T, within time.Duration) {
	t.Helper()
	eventually(t, within, "the rates of "+h.id+" at the provider", func() string { return h.lacking(t) })
}

// lacking names a cell that is not as wanted; empty when all are.
func (h *hotel) lacking(t *testing.T) string {
	t.Helper()
	cells, err := h.w.books.Cells(t.Context(), h.id)
	if err != nil {
		t.Fatal(err)
	}
	there := map[sandbox.CellID]map[string]string{}
	for _, c := range cells {
		there[c.CellID] = c.Fields
	}
	for _, id := range slices.SortedFunc(maps.Keys(h.wanted), func(a, b sandbox.CellID) int { return strings.Compare(a.Date, b.Date) }) {
		if !maps.Equal(there[id], h.wanted[id]) {
			return fmt.Sprintf("%s is %v, wanted %v", id.Date, there[id], h.wanted[id])
		}
		delete(there, id)
	}
	if len(there) > 0 {
		return fmt.Sprintf("the provider shows cells that nobody wanted: %v", there)
	}
	return ""
}
