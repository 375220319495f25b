package main

import (
	"context"
	"fmt"

	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

// outbound is a queue of SQS.
type outbound struct {
	queue *sqs.Queue
}

// send encodes wakes and sends them.
func (o outbound) send(ctx context.Context, wakes []wake.Send) error {
	messages := make([]sqs.Message, len(wakes))
	for i, w := range wakes {
		messages[i] = sqs.Message{Body: wake.Encode(w.Message), Group: w.Group, Delay: w.Delay}
	}
	if err := o.queue.SendBatch(ctx, messages); err != nil {
		return fmt.Errorf("sending %d wakes: %w", len(wakes), err)
	}
	return nil
}
