// Package ledger is what is true about rates: for every cell the desired values
// with their revisions, and what the provider has accepted. Messages say what
// changed; a push renders what is true now. The package holds the values (pages,
// lanes, marks, jobs) and the pure decisions over them, and one contract,
// [Store], for the rates table. It knows no AWS.
//
// docs/protocols.md lists every conditional write and the mutations that break
// it.
package ledger

import (
	"time"

	"bellhop/shared/connection"
)

// Stamp orders the versions of one field of one cell: by the PMS's revision,
// then by our heals. A heal sends the same value again under a new stamp.
type Stamp struct {
	Revision int64
	Heal     int
}

// Less orders stamps.
func (s Stamp) Less(t Stamp) bool {
	return s.Revision < t.Revision || s.Revision == t.Revision && s.Heal < t.Heal
}

// Field is one thing that can be said about a cell: "price", "price:2" (two
// guests), "min_stay", "min_stay_through", "max_stay", "closed_to_arrival",
// "closed_to_departure", "stop_sell", "available".
type Field string

// Entry is one field of one cell. Values are integers throughout: money in the
// currency's minor units, restrictions as counts, flags as 0 and 1.
type Entry struct {
	Value    int64 // desired
	Desired  Stamp
	Accepted Stamp // of what the provider took last; zero for never
	// Rejected is the revision that the provider refused, with the reason; it
	// is not sent again until the value changes or a person says so.
	Rejected int64
	Why      string
	// Drift counts read-backs that found another value; after two the field is
	// contested: listed, alerted, not fought over.
	Drift     int
	Contested bool
}

// Dirty reports whether the provider has not been told what is desired, and
// should be.
func (e Entry) Dirty() bool {
	return e.Accepted.Less(e.Desired) && e.Rejected != e.Desired.Revision && !e.Contested
}

// Cell is one (room type, rate plan, date): its fields.
type Cell map[Field]Entry

// PageKey names a month of cells: the unit of writing. Plan is empty for
// room-level fields such as availability.
type PageKey struct {
	Room  string
	Plan  string
	Month string // "2026-12"
}

// Page is a month of cells under a version. Version 0 means that it was never
// written.
type Page struct {
	Key     PageKey
	Version int64
	Days    map[int]Cell // by day of month, 1-based; absent days say nothing
}

// Span is a compact set of stamped fields: these days of this page, this field,
// at this stamp. What a chunk sends, a mark remembers and a job waits for are
// lists of spans.
type Span struct {
	Page  PageKey
	Field Field
	Days  uint32 // bit n-1 set = day n
	Stamp Stamp
}

// Lane is the right to push for one connection, and what is known to be dirty.
type Lane struct {
	Connection connection.ID
	Seq        int64 // +1 by every write that adds work
	Takes      int64 // +1 by every take: fences the next one
	// Pages may be dirty; All means that any may.
	Pages  []PageKey
	All    bool
	Holder *Holder
	Marks  map[string]Mark
	// HoldUntil keeps everybody away, and Hold says why in a bounded word
	// ("throttled", "auth", "scope", "denied", "health", "disabled", "outage",
	// "unknown").
	HoldUntil time.Time
	Hold      string
	WakeAt    time.Time // zero: nothing to come
	Failures  int       // chunks in a row that did not go through: paces the next hold
	// Refused is the generation of the last token that the provider answered
	// with 401 although it was old enough to be known everywhere; 0 for none.
	// A second one in a row is a verdict. A hold sets it, a chunk that went
	// through and a release clear it.
	Refused int64
	// Hops counts waits in a row that went by the queue; Lambda stops a chain
	// of about 16 invocations, so longer ones go by the wake alone.
	Hops int
}

// Holder has the lane until LeaseEnd.
type Holder struct {
	Nonce    string
	LeaseEnd time.Time
}

// Mark says what is being sent, from before the request leaves until its answer
// is recorded. One that is left open is healed when due.
type Mark struct {
	Spans []Span
	Due   time.Time
}

// Job is an asynchronous call that the provider has accepted and not finished.
type Job struct {
	Connection connection.ID
	ID         string // the provider's
	Spans      []Span
	// Runs are what the items of the call were about, in their order, for
	// providers whose results name an item by its index alone. Stores keep them
	// as they are; empty for providers that name rate and dates.
	Runs     []Run
	Started  time.Time
	Deadline time.Time // when it is given up and its cells are dirty again
	WakeAt   time.Time // next poll
	Polls    int
}

// Run is a range of nights of one room type and rate plan, both ends included.
type Run struct {
	Room, Plan string
	From, To   Date
}

// Readback is a walk through a connection's rates at the provider. The cursor is
// apart from the token's state, so a timeout or a new token loses no page.
type Readback struct {
	Connection connection.ID
	Cursor     string // opaque; "" at the beginning
	From, To   string // dates, inclusive
	Started    time.Time
	WakeAt     time.Time
	Compared   int
	Drifted    int
}
