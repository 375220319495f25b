package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"bellhop/shared/connection"
	"bellhop/shared/drain"
	"bellhop/shared/event"
	"bellhop/shared/ledger"
	"bellhop/shared/rate"
	"bellhop/shared/sqs"
)

// takeIn merges all of a lot's updates into the ledger at once. The holding is
// not nil when the lane was free. When it fails, the messages come again: what
// was written until then does no harm.
func (p *pusher) takeIn(ctx context.Context, l *lot) *drain.Holding {
	var wants []ledger.Want
	var of []*update // of wants, in their order
	for _, u := range l.updates {
		for _, w := range rate.Wants(u.message.Revision, u.changes) {
			wants, of = append(wants, w), append(of, u)
		}
	}
	if len(wants) == 0 {
		return nil
	}
	taken, held, err := p.drainer.TakeIn(ctx, l.to.ID, wants)
	if err != nil {
		for _, u := range l.updates {
			p.unheard(ctx, u.delivery, l.to.ID, err)
		}
		return nil
	}
	for i, conflicts := range taken.Conflicts {
		of[i].contradicts(conflicts, l.to)
	}
	p.noteTaken(ctx, l, taken)
	return held
}

// noteTaken writes one event for each message; the counts are of all of them
// together, because they were merged together.
func (p *pusher) noteTaken(ctx context.Context, l *lot, taken drain.Taken) {
	for _, u := range l.updates {
		p.log.Info(ctx, event.UpdateTaken, slog.String("connection", string(l.to.ID)), slog.String("provider", l.to.Provider),
			slog.String("correlation", u.delivery.id), slog.Int64("revision", u.message.Revision),
			slog.Int("messages", len(l.updates)), slog.Int("cells", taken.Changed), slog.Int("older", taken.Older))
	}
}

// contradicts adds a problem for every change that the ledger has otherwise at
// the very same revision.
func (u *update) contradicts(conflicts []ledger.Conflict, c connection.Connection) {
	for _, k := range conflicts {
		date := k.Page.Date(k.Day)
		for _, change := range slices.Backward(u.changes) {
			_, says := change.Fields[k.Field]
			if !says || change.Room != k.Page.Room || change.Plan != k.Page.Plan || date < change.From || date > change.To {
				continue
			}
			p := rate.Problem{Index: change.Index, Field: string(k.Field), Value: value(k.Field, k.Refused, c),
				Reason: "contradicts " + value(k.Field, k.Has, c) + ", which came first with the same revision: send a higher revision"}
			if !slices.Contains(u.problems, p) { // once, however many nights
				u.problems = append(u.problems, p)
			}
			break
		}
	}
}

// value writes a field's value as the PMS would.
func value(f ledger.Field, v int64, c connection.Connection) string {
	decimals, err := rate.Decimals(c.Currency)
	if f.Money() && err == nil {
		return rate.FormatPrice(v, decimals)
	}
	return strconv.FormatInt(v, 10)
}

// report sends what is wrong with a lot's updates to the rejected queue. What
// comes again is reported then.
func (p *pusher) report(ctx context.Context, l *lot) {
	for _, u := range l.updates {
		if len(u.problems) > 0 && !u.delivery.comesAgain() {
			p.reject(ctx, u.delivery, u.message, l.to.ID, u.problems)
		}
	}
}

// rejection is a message of the rejected queue: what could not be taken of one
// update, and why.
type rejection struct {
	V          int            `json:"v"`
	Message    string         `json:"message_id"` // of the original
	Connection connection.ID  `json:"connection,omitempty"`
	Property   string         `json:"property,omitempty"`
	Revision   int64          `json:"revision,omitempty"`
	Problems   []rate.Problem `json:"problems"`
}

// reject reports problems. They are not retried, and not dropped without a
// trace: if the report cannot be sent, the original comes again.
func (p *pusher) reject(ctx context.Context, d *delivery, m rate.Message, id connection.ID, problems []rate.Problem) {
	body, err := json.Marshal(rejection{1, d.id, id, m.Property, m.Revision, problems})
	if err == nil {
		err = p.rejected.Send(ctx, sqs.Message{Body: string(body)})
	}
	if err != nil {
		p.unheard(ctx, d, id, fmt.Errorf("reporting a refused update: %w", err))
		return
	}
	first := problems[0]
	p.log.Warn(ctx, event.UpdateRefused, slog.String("by", "us"), slog.String("connection", string(id)),
		slog.String("correlation", d.id), slog.Int("problems", len(problems)), slog.Int("index", first.Index),
		slog.String("field", first.Field), slog.String("why", first.Reason))
	p.log.Count(event.UpdatesRefused, float64(len(problems)), "")
}

// push drains the lane. A table that stops answering in the middle costs nothing
// but time: the lane's wake stands.
func (p *pusher) push(ctx context.Context, held *drain.Holding) {
	if held == nil {
		return
	}
	if err := held.Drain(ctx); err != nil {
		p.putBack(ctx, held.Connection(), err)
	}
}

// wake brings a lot's wakes to the drainer. A wake is a hint: one that comes to
// nothing is sent again by the sweep.
func (p *pusher) wake(ctx context.Context, l *lot) {
	for _, w := range l.wakes {
		if err := p.drainer.Wake(ctx, w); err != nil {
			p.putBack(ctx, l.to.ID, err)
		}
	}
}

func (p *pusher) putBack(ctx context.Context, id connection.ID, err error) {
	p.log.Error(ctx, event.ChunkPutBack, slog.String("connection", string(id)),
		slog.String("why", "error"), slog.Time("until", p.now()), slog.String("error", err.Error()))
	p.log.Count(event.ChunksPutBack, 1, "")
}
