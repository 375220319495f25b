package main

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/connection"
	"bellhop/shared/drain"
	"bellhop/shared/event"
	"bellhop/shared/sqs"
)

// atOnce bounds how many connections one invocation works on side by side. A
// batch has ten messages; one that addresses a property may name several.
const atOnce = 16

// inventory is what finding the addressed connections needs.
type inventory interface {
	Connection(ctx context.Context, id connection.ID) (connection.Connection, error)
	Of(ctx context.Context, property string) ([]connection.Connection, error)
}

// sender is a queue that takes a message.
type sender interface {
	Send(ctx context.Context, m sqs.Message) error
}

// pusher takes rate updates into the ledger and carries what it desires to the
// providers.
type pusher struct {
	drainer   *drain.Drainer
	inventory inventory
	rejected  sender // what cannot be taken, with the reason
	log       *event.Log
	now       func() time.Time
}

// Handle takes a batch of the rates queue: updates of the PMS, and our own
// wakes. What is in the ledger is acknowledged, whatever becomes of the push: a
// wake in the table stands for it. What could not be taken in because a table
// does not answer comes back; what can never be taken is reported and does not.
func (p *pusher) Handle(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	b := p.sort(ctx, e.Records) // whom each message addresses, and what is wrong with it
	p.each(b, func(l *lot) {    // every connection by itself: a slow one holds up no other
		held := p.takeIn(ctx, l) // page first, bump second
		p.report(ctx, l)         // what was invalid for this connection
		p.push(ctx, held)        // whoever has the lane drains it for everybody
		p.wake(ctx, l)           // what has come due
	})
	return b.failures(), nil
}

// each works on every connection of the batch, some side by side.
func (p *pusher) each(b *batch, work func(*lot)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, l := range b.lots {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			work(l)
		})
	}
	all.Wait()
}
