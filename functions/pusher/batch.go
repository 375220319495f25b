package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/rate"
	"bellhop/shared/wake"
)

// batch is what came with one invocation, sorted by connection.
type batch struct {
	deliveries []*delivery
	lots       []*lot // one for each connection, in the order of arrival
}

// delivery is one message of the queue.
type delivery struct {
	id string

	mu     sync.Mutex
	failed bool // guarded by mu: it must come again
}

func (d *delivery) fail() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = true
}

func (d *delivery) comesAgain() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// lot is what a batch holds for one connection.
type lot struct {
	to      connection.Connection
	updates []*update
	wakes   []wake.Message
}

// update is one message's part for one connection.
type update struct {
	delivery *delivery
	message  rate.Message
	changes  []rate.Change // the valid ones
	problems []rate.Problem
}

// failures lists the messages that must come again. The list is never nil: some
// read null as all of them.
func (b *batch) failures() events.SQSEventResponse {
	out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, d := range b.deliveries {
		if d.failed {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: d.id})
		}
	}
	return out
}

// lot returns the connection's, made on first sight.
func (b *batch) lot(c connection.Connection) *lot {
	for _, l := range b.lots {
		if l.to.ID == c.ID {
			return l
		}
	}
	l := &lot{to: c}
	b.lots = append(b.lots, l)
	return l
}

// sort reads every message and finds the connections that it addresses. A
// message that addresses nobody, or that nothing can be taken of, is reported
// here.
func (p *pusher) sort(ctx context.Context, records []events.SQSMessage) *batch {
	b := &batch{}
	for _, r := range records {
		d := &delivery{id: r.MessageId}
		b.deliveries = append(b.deliveries, d)
		m, err := wake.Decode(r.Body)
		switch {
		case err == nil:
			l := b.lot(connection.Connection{ID: m.Connection})
			l.wakes = append(l.wakes, m)
		case errors.Is(err, wake.ErrNotWake):
			p.sortUpdate(ctx, b, d, r.Body)
		default: // one of ours that is no good: it ends among the dead letters
			p.unheard(ctx, d, "", err)
		}
	}
	return b
}

// sortUpdate reads a rate update and adds it to the lot of each connection that
// it addresses.
func (p *pusher) sortUpdate(ctx context.Context, b *batch, d *delivery, body string) {
	now := p.now()
	m, problems := rate.Parse([]byte(body), now)
	if len(m.Changes) == 0 {
		p.reject(ctx, d, m, m.Connection, problems)
		return
	}
	to, err := p.addressed(ctx, m)
	if err != nil {
		p.unheard(ctx, d, m.Connection, err)
		return
	}
	if len(to) == 0 {
		p.reject(ctx, d, m, m.Connection, append(problems, nobody(m)))
		return
	}
	for _, c := range to {
		l := b.lot(c)
		l.to = c // a wake that came before knew the id alone
		u := &update{delivery: d, message: m}
		var more []rate.Problem
		u.changes, more = m.For(c, now)
		u.problems = append(append(u.problems, problems...), more...)
		l.updates = append(l.updates, u)
	}
}

// addressed finds the connections that a message names; none for a name that is
// not known.
func (p *pusher) addressed(ctx context.Context, m rate.Message) ([]connection.Connection, error) {
	if m.Property != "" {
		to, err := p.inventory.Of(ctx, m.Property)
		if err != nil {
			return nil, fmt.Errorf("finding the connections of property %s: %w", m.Property, err)
		}
		return to, nil
	}
	c, err := p.inventory.Connection(ctx, m.Connection)
	if errors.Is(err, connection.ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding connection %s: %w", m.Connection, err)
	}
	return []connection.Connection{c}, nil
}

// nobody is the problem of a message whose address is not known.
func nobody(m rate.Message) rate.Problem {
	if m.Property != "" {
		return rate.Problem{Index: -1, Field: "property", Value: m.Property, Reason: "has no connection"}
	}
	return rate.Problem{Index: -1, Field: "connection", Value: string(m.Connection), Reason: "is not a connection of this stack"}
}

// unheard is for a message that could not be dealt with: it comes again, and in
// the end among the dead letters.
func (p *pusher) unheard(ctx context.Context, d *delivery, id connection.ID, err error) {
	d.fail()
	p.log.Error(ctx, event.UpdateRefused, slog.String("by", "us"), slog.String("connection", string(id)),
		slog.String("correlation", d.id), slog.Int("problems", 1), slog.String("why", "comes_again"), slog.String("error", err.Error()))
}
