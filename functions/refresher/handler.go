package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/refresh"
	"bellhop/shared/wake"
)

// refresher keeps token pairs alive, one grant at a time, and once a minute
// finds out what is due.
type refresher struct {
	cycle   *refresh.Cycle
	sweeper *sweeper
	wakes   queue // the refresh queue: our own next looks
	log     *event.Log
	now     func() time.Time
}

// Handle takes what Lambda brings: a batch of the refresh queue, or the
// schedule's tick.
func (r *refresher) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var in struct {
		Records []events.SQSMessage `json:"Records"`
		V       int                 `json:"v"`
		Sweep   *string             `json:"sweep"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	switch {
	case len(in.Records) > 0:
		return r.batch(ctx, in.Records), nil
	case in.V == 1 && in.Sweep != nil:
		return nil, r.sweeper.sweep(ctx, wake.NewTick(*in.Sweep, r.now()))
	}
	return nil, errors.New("event is neither a batch of the refresh queue nor a tick of the schedule")
}

// refresh brings one grant's token pair to its next generation. The order of
// its steps is the promise that no refresh token is lost or spent twice;
// docs/refresh-cycle.md says what is true after a crash at each of them. It
// answers when to look again, zero when the grant's own wake is soon enough.
func (r *refresher) refresh(ctx context.Context, w refresh.Wake) (again time.Time, err error) {
	run, err := r.cycle.Lease(ctx, w)
	if errors.Is(err, refresh.ErrNotNow) || errors.Is(err, refresh.ErrNoKeys) || errors.Is(err, grant.ErrNotFound) {
		return refresh.Due(err), nil // too early, another worker has it, or no keys yet: a normal result
	}
	if err != nil {
		return time.Time{}, err
	}
	defer run.End(ctx) // tells the client's other grants, and one event, what it came to

	switch plan := run.Recover(ctx); plan.Step {
	case grant.Roll:
		return run.Roll(ctx, plan) // an answer survived; the exchange follows under a new lease
	case grant.Wait:
		return run.Abandon(ctx, plan.Until) // may be spent: push on, present it once at the edge
	case grant.Conclude:
		return run.AfterInvalidGrant(ctx) // was refused before: no second time
	}

	answer := run.Exchange(ctx)
	if answer.Class != oauth.Issued {
		return run.Conclude(ctx, answer) // one conditional write, by the answer's class
	}
	if err := run.Commit(ctx, answer.Pair); err != nil {
		return run.KeepAside(ctx, err) // bytes in hand are never dropped
	}
	return run.Settle(ctx) // the pair moves home
}
