package main

import (
	"context"
	"errors"
	"time"

	"bellhop/shared/consent"
	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

// wakes sends work on its way after a consent.
type wakes struct {
	refresh queue
	rates   queue
	now     func() time.Time
}

// Resume wakes the grant in the second of its first refresh, as far as a queue
// can wait, and each connection's lane and read-back at once.
func (w wakes) Resume(ctx context.Context, r consent.Resumption) error {
	now := w.now()
	var waiting []sqs.Message
	for _, kind := range []wake.Kind{wake.Lane, wake.Readback} { // what waits goes out before it is compared
		for _, c := range r.Connections {
			m := wake.Message{Kind: kind, Connection: c, At: now}
			waiting = append(waiting, sqs.Message{Body: wake.Encode(m), Group: string(c)})
		}
	}
	err := w.rates.SendBatch(ctx, waiting)
	delay := r.First.Sub(now)
	if delay > sqs.MaxDelay {
		return err // too far for a queue: the sweep wakes it
	}
	first := wake.Message{Kind: wake.Grant, Grant: r.Grant, At: r.First}
	return errors.Join(err, w.refresh.SendBatch(ctx, []sqs.Message{{Body: wake.Encode(first), Group: r.Client, Delay: delay}}))
}
