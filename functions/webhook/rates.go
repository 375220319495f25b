package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/rate"
	"bellhop/shared/sqs"
)

// read finds what of a rate update can be taken for the connection whose
// address it was sent to, and what is wrong with the rest.
func (h *webhook) read(k knock) (rate.Message, []rate.Problem) {
	now := h.now()
	m, problems := rate.Parse(k.body, now)
	if p, ok := misaddressed(m, k.connection); ok {
		return rate.Message{}, append(problems, p)
	}
	var more []rate.Problem
	m.Changes, more = m.For(k.connection, now)
	return m, append(problems, more...)
}

// misaddressed reports a message that names somebody else. A property is
// somebody else too: its other connections have secrets of their own, and this
// sender has not shown them.
func misaddressed(m rate.Message, c connection.Connection) (rate.Problem, bool) {
	const reason = "this address takes updates for the connection in its path: name that one, or send each to its own"
	switch {
	case m.Property != "":
		return rate.Problem{Index: -1, Field: "property", Value: m.Property, Reason: reason}, true
	case m.Connection != "" && m.Connection != c.ID:
		return rate.Problem{Index: -1, Field: "connection", Value: string(m.Connection), Reason: reason}, true
	}
	return rate.Problem{}, false
}

// enqueue hands the valid updates over, in the form in which a PMS sends them
// to the queue itself.
func (h *webhook) enqueue(ctx context.Context, id connection.ID, m rate.Message) error {
	body, err := m.Encode()
	if err != nil {
		return fmt.Errorf("writing the update of %s: %w", id, err)
	}
	return h.rates.SendBatch(ctx, []sqs.Message{{Body: string(body), Group: string(id)}})
}

// answer is what the PMS reads.
type answer struct {
	Taken    int            `json:"taken"` // updates
	Problems []rate.Problem `json:"problems,omitempty"`
}

// report says what was taken: 202 when all of it was, else 422 with every
// problem, although the rest is taken all the same.
func (h *webhook) report(ctx context.Context, id connection.ID, m rate.Message, problems []rate.Problem) response {
	a := answer{Taken: len(m.Changes), Problems: problems}
	status := http.StatusAccepted
	if len(problems) > 0 {
		status = http.StatusUnprocessableEntity
		h.log.Warn(ctx, event.UpdateRefused, slog.String("connection", string(id)), slog.Int("problems", len(problems)))
		h.log.Count(event.UpdatesRefused, 1, "")
	}
	b, err := json.Marshal(a)
	if err != nil {
		return plain(http.StatusInternalServerError) // numbers and strings: never
	}
	r := plain(status)
	r.Headers["Content-Type"], r.Body = "application/json", string(b)
	return r
}
