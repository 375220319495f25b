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
// was written, and each is ErrConflict to errors.Is. Any other error means that
// the outcome is unknown.
//
// Where pages are named to a lane, naming none means that any may be dirty
// ([Lane.All]). Times are kept to the millisecond.
type Store interface {
	// Lane reads the lane, consistently; a zero Lane when it was never bumped.
	Lane(ctx context.Context, id connection.ID) (Lane, error)
	// LaneAndPages reads both in one consistent batch, for the take-in.
	LaneAndPages(ctx context.Context, id connection.ID, keys []PageKey) (Lane, []Page, error)
	// Pages reads these pages consistently, in the order of keys, at Version 0
	// where none was written.
	Pages(ctx context.Context, id connection.ID, keys []PageKey) ([]Page, error)
	// PageKeys lists every page of a connection, sorted: for All and for
	// reconciling.
	PageKeys(ctx context.Context, id connection.ID) ([]PageKey, error)
	// EachPage calls yield for every page of a connection, in the order of
	// keys, until it returns false: for counting what waits. It reads
	// eventually consistently.
	EachPage(ctx context.Context, id connection.ID, yield func(Page) bool) error
	// WritePage writes p as version p.Version+1 if the stored version is
	// p.Version. Page first, bump second: see docs/protocols.md, "Cover".
	WritePage(ctx context.Context, id connection.ID, p Page) error

	// Bump adds work to the lane, without a condition, and returns it. A wake
	// that is there stays; otherwise it is now.
	Bump(ctx context.Context, id connection.ID, keys []PageKey, now time.Time) (Lane, error)
	// BumpTake adds work and takes the lane, in one write fenced by takes; not
	// while the lane is on hold. Whoever takes ends the hold. A take that is
	// refused although the nonce is the holder's has landed before and counts
	// as a success, of this method and of Take.
	BumpTake(ctx context.Context, w TakeWrite) (Lane, error)
	// Take takes the lane, fenced by takes. It looks at no hold: whoever read
	// the lane decides about that.
	Take(ctx context.Context, w TakeWrite) (Lane, error)
	// Mark writes what is about to be sent, if I hold the lane, and may close
	// my former, recorded mark in the same write.
	Mark(ctx context.Context, w MarkWrite) (Lane, error)
	// Close removes my marks, if I hold the lane.
	Close(ctx context.Context, w CloseWrite) (Lane, error)
	// Release ends the holding if nothing was added since seq was read and the
	// open marks are exactly those that it closes and the others that it knows.
	// Pages, hold and counts of failures end with it, and the wake unless
	// another's mark needs it.
	Release(ctx context.Context, w ReleaseWrite) error
	// Hold ends the holding and leaves the work for later.
	Hold(ctx context.Context, w HoldWrite) error
	// Reopen writes a fresh mark for cells that were sent by somebody who has
	// lost the lane since, and wakes the lane now. It has no condition.
	Reopen(ctx context.Context, id connection.ID, mark string, m Mark, now time.Time) error
	// HealMark closes another's due mark: in one transaction with the page
	// whose cells go out once more, or alone when nothing newer is desired
	// (pages empty).
	HealMark(ctx context.Context, w HealWrite) error

	// PutJob writes a job, without a condition: the same job twice is one.
	PutJob(ctx context.Context, j Job) error
	Job(ctx context.Context, id connection.ID, job string) (Job, error) // ErrNoJob
	Jobs(ctx context.Context, id connection.ID) ([]Job, error)          // those open
	// PollLater moves a job's next poll and counts it. A job that has ended
	// meanwhile stays so, without an error.
	PollLater(ctx context.Context, id connection.ID, job string, wake time.Time) error
	// EndJob deletes the job, in one transaction with the pages that become
	// dirty by it and the lane's wake (pages empty: alone, and without a
	// condition).
	EndJob(ctx context.Context, id connection.ID, job string, pages []Page, now time.Time) error

	// StartReadback begins a read-back; one that runs already is left alone.
	StartReadback(ctx context.Context, r Readback) error
	Readback(ctx context.Context, id connection.ID) (Readback, error) // ErrNoReadback
	// StepReadback moves the cursor from r's to next's (next nil: the end), in
	// one transaction with the pages that drifted and the lane's wake. Without
	// pages it is a write of the cursor alone.
	StepReadback(ctx context.Context, r Readback, next *Readback, pages []Page, now time.Time) error

	// Seen remembers an event id until a time at least, and reports whether it
	// was there already.
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
// failures and its refused generation.
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

// HoldWrite ends a holding with work left. A zero Until leaves no hold behind,
// only the wake.
type HoldWrite struct {
	Connection connection.ID
	Nonce      string
	Closes     []string
	Until      time.Time
	Why        string
	WakeAt     time.Time // [Lane.WakeAfterHold]; never zero: work is left
	Failures   int       // the new count
	Hops       int
	Refused    int64 // see [Lane.Refused]; 0 clears it
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

// ErrNoWake refuses a hold without a wake: its work would be forgotten.
var ErrNoWake = errors.New("a hold needs a wake")

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

// Is reports that a refused lane write is [ErrConflict].
func (c *LaneConflict) Is(target error) bool { return target == ErrConflict }

// PageConflict is the refusal of a page write, with the page as it is.
type PageConflict struct {
	Current Page
}

// Error implements error.
func (c *PageConflict) Error() string {
	return fmt.Sprintf("page %s/%s/%s is at version %d", c.Current.Key.Room, c.Current.Key.Plan, c.Current.Key.Month, c.Current.Version)
}

// Is reports that a refused page write is [ErrConflict].
func (c *PageConflict) Is(target error) bool { return target == ErrConflict }

// OwnTake makes the refusal of a take whose nonce is already the holder's into
// the success that it was: the write had landed before and its answer was lost,
// or the network delivered it twice. Stores call it at the end of every take.
func OwnTake(l Lane, err error, nonce string) (Lane, error) {
	var c *LaneConflict
	if errors.As(err, &c) && c.Current.HeldBy(nonce) {
		return c.Current, nil
	}
	return l, err
}
