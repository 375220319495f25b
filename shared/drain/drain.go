// Package drain carries what the ledger desires to the providers. One holder of
// a connection's lane pushes on behalf of everybody; each step is one write of
// docs/protocols.md, in an order in which a crash after any of them loses
// nothing: the raw message covers what was just written to a page, the mark
// covers what was just sent, and a wake covers all the rest.
//
// The story is told by [Drainer.TakeIn] (an update comes), [Drainer.Wake]
// (something is due) and [Holding.Drain] (what whoever has the lane does). Every
// effect goes through the fields of a [Drainer], time included, so that a
// scheduler can own them all.
package drain

import (
	"context"
	"errors"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/dialect"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

// Times of the protocol.
const (
	// leaseFor is how long a lane is taken for, and how far a mark renews it.
	leaseFor = 30 * time.Second
	// margin is how far two machines' clocks may differ.
	margin = 2 * time.Second
	// sendWithin is how long after its mark a request may still leave.
	sendWithin = 2 * time.Second
	// recordWithin is what recording an answer and closing its mark may take;
	// no chunk is begun that would leave less.
	recordWithin = 5 * time.Second
	// early is how much before its second a lane's wake is waited for instead
	// of being dropped.
	early = 2 * time.Second
)

// inventory is what a drain reads of [connection.Inventory].
type inventory interface {
	Connection(ctx context.Context, id connection.ID) (connection.Connection, error)
	Client(ctx context.Context, id string) (connection.Client, error)
}

// grants is what a drain needs of [grant.Store].
type grants interface {
	Read(ctx context.Context, id grant.ID) (grant.Grant, error)
	Judge(ctx context.Context, w grant.JudgeWrite) error
	Hasten(ctx context.Context, w grant.HastenWrite) error
}

// sender is [dialect.Sender].
type sender interface {
	Send(ctx context.Context, c dialect.Call, with dialect.Credentials, timeout time.Duration) dialect.Answer
}

// queue takes one wake. A wake that is not sent costs a minute: the sweep finds
// the item.
type queue interface {
	Send(ctx context.Context, s wake.Send) error
}

// Drainer pushes. All fields must be set, except Buckets and Log. It is safe for concurrent
// use, and meant to be made once for each process: it remembers the pace of
// every property.
type Drainer struct {
	Ledger    ledger.Store
	Inventory inventory
	Grants    grants
	Tokens    *Tokens
	Sender    sender
	// Buckets are what connections share at their providers' token endpoints;
	// with nil each waits alone.
	Buckets *bucket.Cache
	Rates   queue // lanes, jobs and read-backs
	Refresh queue // grants
	Log     *event.Log
	Now     func() time.Time
	// Sleep waits, or returns early with ctx's error.
	Sleep func(ctx context.Context, d time.Duration) error
	// Fresh makes a name that was never used before: of a holder, a mark.
	Fresh func() string

	paces paces
	sites sites
}

// errEnded says that a holding has ended as it should: released, held, or lost
// to somebody else. It never leaves the package.
var errEnded = errors.New("the holding has ended")

// notCarried is the reason of a field that the provider does not know: it is in
// the ledger and never sent.
const notCarried = "not_carried"

// remaining is how long the invocation may still work. Without a deadline it is
// for ever.
func (d *Drainer) remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 1<<63 - 1
	}
	return deadline.Sub(d.Now())
}
