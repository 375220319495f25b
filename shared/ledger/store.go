package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/connection"
)

// Store is the rates table: one method for each line of docs/protocols.md.
// Implementations are safe for concurrent use, and package ledgertest's suite
// runs on every one of them.
//
// A lane write whose condition does not hold returns a [*LaneConflict], a page
// write a [*PageConflict], a transaction [ErrConflict]; each means that nothing
// was written. Any other error means that the outcome is unknown.
type Store interface {
	// Lane reads the lane, consistently; a zero Lane when it was never bumped.
	Lane(ctx context.Context, id connection.ID) (Lane, error)
	// LaneAndPages reads both in one consistent batch, for the take-in.
	LaneAndPages(ctx context.Context, id connection.ID, keys []PageKey) (Lane, []Page, error)
	// Pages reads these pages consistently, in the order of keys, at Version 0
	// where none was written.
	Pages(ctx context.Context, id connection.ID, keys []PageKey) ([]Page, error)
	// PageKeys lists every page of a connection: for All, for reconciling, for
	// counting what waits.
	PageKeys(ctx context.Context, id connection.ID) ([]PageKey, error)
	// WritePage writes p as version p.Version+1 if the stored version is
	// p.Version. Page first, bump second: see docs/protocols.md, "Cover".
	WritePage(ctx context.Context, id connection.ID, p Page) error

	// Bump adds work to the lane, without a condition, and returns it.
	Bump(ctx context.Context, id connection.ID, keys []PageKey, now time.Time) (Lane, error)
	// BumpTake adds work and takes the lane, in one write fenced by takes.
	BumpTake(ctx context.Context, w TakeWrite) (Lane, error)
	// Take takes the lane, fenced by takes.
	Take(ctx context.Context, w TakeWrite) (Lane, error)
	// Mark writes what is about to be sent, if I hold the lane, and may close
	// my former, recorded mark in the same write.
	Mark(ctx context.Context, w MarkWrite) (Lane, error)
	// Close removes my marks, if I hold the lane.
	Close(ctx context.Context, w CloseWrite) (Lane, error)
	// Release ends the holding and, if nothing was added since seq was read
	// and no mark but those that it closes is open, removes pages and wake.
	Release(ctx context.Context, w ReleaseWrite) error
	// Hold ends the holding and leaves the work for later.
	Hold(ctx context.Context, w HoldWrite) error
	// Reopen writes a fresh mark for cells that were sent by somebody who has
	// lost the lane since. It has no condition.
	Reopen(ctx context.Context, id connection.ID, mark string, m Mark, now time.Time) error
	// HealMark closes another's due mark: in one transaction with the page
	// whose cells go out once more, or alone when nothing newer is desired
	// (pages empty).
	HealMark(ctx context.Context, w HealWrite) error

	// PutJob writes a job, without a condition: the same job twice is one.
	PutJob(ctx context.Context, j Job) error
	Job(ctx context.Context, id connection.ID, job string) (Job, error) // ErrNoJob
	Jobs(ctx context.Context, id connection.ID) ([]Job, error)          // those open
	// PollLater moves a job's next poll, if it is still open.
	PollLater(ctx context.Context, id connection.ID, job string, wake time.Time) error
	// EndJob deletes the job, in one transaction with the pages that become
	// dirty by it and the lane's wake (pages empty: alone).
	EndJob(ctx context.Context, id connection.ID, job string, pages []Page, now time.Time) error

	// StartReadback begins a read-back; one that runs already is left alone.
	StartReadback(ctx context.Context, r Readback) error
	Readback(ctx context.Context, id connection.ID) (Readback, error) // ErrNoReadback
	// StepReadback moves the cursor from r's to next's (next nil: the end), in
	// one transaction with the pages that drifted and the lane's wake.
	StepReadback(ctx context.Context, r Readback, next *Readback, pages []Page, now time.Time) error

	// Seen remembers an event id until a time, and reports whether it was
	// there already.
	Seen(ctx context.Context, id connection.ID, event string, until time.Time) (bool, error)
}

// TakeWrite takes a lane.
type TakeWrite struct {
	Connection connection.ID
	Takes      int64  // as read
	Nonce      string // fresh for every take
	Now        time.Time
	LeaseEnd   time.Time
	Margin     time.Duration // how far two clocks may differ
	Pages      []PageKey     // for BumpTake
}

// MarkWrite opens a mark.
type MarkWrite struct {
	Connection connection.ID
	Nonce      string // the holder's
	ID         string // fresh for every send
	Mark       Mark
	Closes     []string // my recorded marks
	Now        time.Time
	LeaseEnd   time.Time // later than before, or zero to leave it
}

// CloseWrite closes marks of mine. Succeeded resets the lane's count of
// failures.
type CloseWrite struct {
	Connection connection.ID
	Nonce      string
	Closes     []string
	Succeeded  bool
}

// ReleaseWrite ends a holding in peace.
type ReleaseWrite struct {
	Connection connection.ID
	Nonce      string
	Seq        int64    // as read before the pages
	Closes     []string // my marks that end with it
	// Others are the ids of the marks that stay open, as read; EarliestDue is
	// the wake that they need. Empty Others removes the wake.
	Others      []string
	EarliestDue time.Time
}

// HoldWrite ends a holding with work left.
type HoldWrite struct {
	Connection connection.ID
	Nonce      string
	Closes     []string
	Until      time.Time
	Why        string
	WakeAt     time.Time // min(Until, earliest due of the open marks)
	Failures   int       // the new count
	Hops       int
}

// HealWrite closes a due mark.
type HealWrite struct {
	Connection connection.ID
	Nonce      string
	Mark       string
	Pages      []Page // with heals counted up, at the versions read
}

// ErrConflict says that a transaction's condition did not hold: read again.
var ErrConflict = errors.New("ledger changed meanwhile")

// ErrNoJob and ErrNoReadback say that there is none.
var (
	ErrNoJob      = errors.New("no such job")
	ErrNoReadback = errors.New("no read-back is running")
)

// LaneConflict is the refusal of a lane write, with the lane as it is.
type LaneConflict struct {
	Write   string
	Current Lane
}

// Error implements error.
func (c *LaneConflict) Error() string {
	return fmt.Sprintf("%s refused: lane %s is at take %d", c.Write, c.Current.Connection, c.Current.Takes)
}

// PageConflict is the refusal of a page write, with the page as it is.
type PageConflict struct {
	Current Page
}

// Error implements error.
func (c *PageConflict) Error() string {
	return fmt.Sprintf("page %s/%s/%s is at version %d", c.Current.Key.Room, c.Current.Key.Plan, c.Current.Key.Month, c.Current.Version)
}
