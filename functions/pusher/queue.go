package main

import (
	"context"
	"fmt"
	"time"

	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

// outbound is a queue of SQS that takes wakes.
type outbound struct {
	queue *sqs.Queue
}

// Send encodes one wake and sends it.
func (o outbound) Send(ctx context.Context, w wake.Send) error {
	err := o.queue.Send(ctx, sqs.Message{Body: wake.Encode(w.Message), Group: w.Group, Delay: w.Delay})
	if err != nil {
		return fmt.Errorf("sending a wake of kind %s: %w", w.Message.Kind, err)
	}
	return nil
}

// sleep waits for d, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
