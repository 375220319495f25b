package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/event"
	"bellhop/shared/refresh"
	"bellhop/shared/wake"
)

const (
	// roundsPerWake bounds how many leases one message leads to: a roll and
	// what follows it, or an exchange and its repetition.
	roundsPerWake = 4
	// ownWakes and ownWakesWithin bound the wakes that we send ourselves. What
	// lies further ahead is the sweep's, and so is what keeps failing.
	ownWakes       = 5
	ownWakesWithin = time.Minute
)

// batch handles a batch of the refresh queue, each message by itself: one bad
// record stops no other. The list of failures is never nil, because some read
// null as "all of them".
func (r *refresher) batch(ctx context.Context, records []events.SQSMessage) events.SQSEventResponse {
	failed := make([]bool, len(records))
	var all sync.WaitGroup // at most ten, the mapping's batch size
	for i, record := range records {
		all.Go(func() { failed[i] = r.record(ctx, record) != nil })
	}
	all.Wait()
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, record := range records {
		if failed[i] {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
		}
	}
	return response
}

// record handles one message. An error leaves it to the queue: it comes back
// after the visibility timeout, and ends among the dead letters when that does
// not help, as for a message that is no wake.
func (r *refresher) record(ctx context.Context, record events.SQSMessage) error {
	m, err := wake.Decode(record.Body)
	if err == nil && m.Kind != wake.Grant {
		err = fmt.Errorf("wake of kind %q is not for the refresher", m.Kind)
	}
	if err == nil {
		err = r.bring(ctx, m, record)
	}
	if err != nil {
		r.log.Error(ctx, event.ExchangeFailed, slog.String("grant", string(m.Grant)), slog.String("outcome", "error"),
			slog.String("correlation", record.MessageId), slog.String("error", err.Error()))
	}
	return err
}

// bring refreshes until there is nothing more to do now. What is due again
// within the minute is woken by ourselves: the sweep may be too late for it.
func (r *refresher) bring(ctx context.Context, m wake.Message, record events.SQSMessage) error {
	for round := range roundsPerWake {
		again, err := r.refresh(ctx, refresh.Wake{
			Grant: m.Grant, Generation: m.Generation, Client: m.Client, Correlation: record.MessageId,
		})
		if round > 0 && errors.Is(err, refresh.ErrNoTime) {
			break // what was done is recorded; the rest is another invocation's
		}
		if err != nil || again.IsZero() {
			return err
		}
		m.At = again
		if again.After(r.now()) {
			break
		}
	}
	r.wakeAgain(ctx, m, record.Attributes["MessageGroupId"])
	return nil
}

// wakeAgain sends the wake of m.At. That it may fail is covered by the table's.
func (r *refresher) wakeAgain(ctx context.Context, m wake.Message, group string) {
	ahead := max(m.At.Sub(r.now()), 0)
	if m.Hops++; m.Hops > ownWakes || ahead > ownWakesWithin {
		return
	}
	send := wake.Send{Message: m, Group: group, Delay: ahead.Truncate(time.Second)}
	if err := r.wakes.send(ctx, []wake.Send{send}); err != nil {
		r.log.Warn(ctx, event.ExchangeFailed, slog.String("grant", string(m.Grant)),
			slog.String("outcome", "unsent_wake"), slog.String("error", err.Error()))
	}
}
