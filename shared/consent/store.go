package consent

import (
	"context"
	"errors"
	"time"
)

// Store is the contract of tickets and states. Implementations are safe for
// concurrent use, and package consenttest's suite runs on every one of them. A
// ticket is consumed by nobody here: that is part of the one transaction of
// [grant.Store.Consent].
//
// An error that is none of the sentinels means that the outcome is unknown.
type Store interface {
	// PutTicket writes a ticket; one of that digest that is there already is
	// left as it is.
	PutTicket(ctx context.Context, t Ticket) error
	// Ticket is strongly consistent. ErrUnknown when there is none.
	Ticket(ctx context.Context, digest string) (Ticket, error)
	// PutState writes a new state.
	PutState(ctx context.Context, s State) error
	// Consume marks a state as used, once, and returns it. ErrUsed comes with
	// the state as it is, so that a second arrival can be shown its result;
	// ErrUnknown when there is none. By is fresh for every call, so that a
	// write whose answer was lost recognizes its own success.
	Consume(ctx context.Context, digest, by string, now time.Time) (State, error)
	// Conclude writes what came of a consumed state.
	Conclude(ctx context.Context, digest string, r Result) error
}

// Errors of a Store.
var (
	ErrUnknown = errors.New("no such ticket or state")
	ErrUsed    = errors.New("state was used already")
)
