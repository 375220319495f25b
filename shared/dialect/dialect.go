// Package dialect speaks the rate APIs of providers. What can be said about a
// provider in a table is in its profile (package profile); what needs code is
// here: how a call is written, and what an answer means.
//
// Everything but [Sender] is a function of its arguments: the same cells make
// the same bytes, and an answer is judged by its status, headers and body alone.
// So a retry is the same request under the same idempotency key, and a recorded
// answer is a test.
//
// The way of a rate through the package: [Render] turns dirty cells into
// [Chunk]s, a [Dialect] writes each as a [Call], a [Sender] carries it, and the
// dialect judges the [Answer] into an [Outcome].
package dialect

import (
	"net/http"
	"time"

	"bellhop/shared/ledger"
)

// Dialect is one provider's way of speaking. Implementations keep no state and
// are safe for concurrent use; the conformance suite in this package's tests
// runs on every one of them.
type Dialect interface {
	// Address is the provider's name of what a cell's fields hang on, given our
	// room type and rate plan (empty for room-level fields). Items of one
	// address share the fate of that address: where it is refused, they all
	// are. The error says, to a person, which mapping is missing.
	Address(t Target, room, plan string) (string, error)
	// Write is the call that tells the provider of these items, of which there
	// are never more than the profile allows.
	Write(t Target, items []Item) Call
	// Judge says what became of the items that were written.
	Judge(t Target, items []Item, a Answer) Outcome

	// Poll asks for an asynchronous job by the provider's id.
	Poll(t Target, job string) Call
	// JudgePoll says how far it is.
	JudgePoll(t Target, job ledger.Job, a Answer) JobOutcome

	// Read asks for what the provider holds in a window; next is empty, or what
	// the previous page of the same window named.
	Read(t Target, w Window, next string) Call
	// JudgeRead normalises one page.
	JudgeRead(t Target, w Window, a Answer) ReadOutcome
	// Readable reports whether a read-back tells this field.
	Readable(f ledger.Field) bool
}

// Call is one HTTP request without its credentials.
type Call struct {
	Method string
	URL    string
	Header http.Header // content type, accept; nil for none
	Body   []byte
}

// Answer is what came of a call.
type Answer struct {
	// Sent is false when the request has certainly not left this machine.
	Sent bool
	// Status is 0 when no answer came.
	Status int
	Header http.Header
	// Body is cut at [maxBody]; Cut says that it was.
	Body []byte
	Cut  bool
	// At is when the answer was complete, by our clock; Took since the start.
	At   time.Time
	Took time.Duration
}

// Kind is what a call has come to. Everything after branches on it alone.
type Kind string

// The kinds. Whether a call may have taken effect decides between Outage, which
// certainly has not, and Unknown, which may have or may still.
const (
	Applied      Kind = "applied"   // all items but the rejected ones
	Accepted     Kind = "accepted"  // a job has them
	Refused      Kind = "refused"   // all of it, without saying which item is at fault
	Throttled    Kind = "throttled" // not taken; come back at RetryAt
	Outage       Kind = "outage"    // not taken: no connection, or 503 with Retry-After
	Unauthorized Kind = "auth"      // the token was refused
	ScopeMissing Kind = "scope"     // the token lacks a permission
	Denied       Kind = "denied"    // the property or the API is closed to us: a person must look
	Failed       Kind = "failed"    // the provider says that it broke down; its answer may be stored under the key
	Unknown      Kind = "unknown"   // anything else
)

// Outcome is one call, judged.
type Outcome struct {
	Kind Kind
	Job  string // for Accepted: the provider's id
	// Rejected are items that the provider refused although the call went
	// through.
	Rejected []Rejection
	// RetryAt is when the provider will listen again; zero when it did not say.
	RetryAt time.Time
	// Scopes are those that are missing, as far as the answer names them.
	Scopes []string
	// Shared says of a refusal that it holds for every item of the same
	// address, so that halving may stop when one address stands alone.
	Shared bool
	// Why is for people: the provider's own words, cut and cleaned. Empty when
	// all went well.
	Why string
	// Replayed says that the provider answered from its idempotency store.
	Replayed bool
}

// Rejection is one refused item, by its index in the call.
type Rejection struct {
	Item int
	Why  string
}

// JobOutcome is one poll, judged. Kind is Accepted while the job runs, Applied
// when it is done, Failed when it has ended otherwise or is not known any more;
// the other kinds say, as for a call, why the poll itself told nothing.
type JobOutcome struct {
	Kind    Kind
	RetryAt time.Time // when to ask again; zero when the provider did not say
	// Rejected are the parts of a finished job that were refused.
	Rejected []RejectedRun
	Scopes   []string
	Why      string
}

// RejectedRun is a refusal that a job's end names by what it was about.
type RejectedRun struct {
	ledger.Run
	Why string
}

// Window is what a read-back asks for in one go: some rate plans over some
// dates, both inclusive, never across the end of a month.
type Window struct {
	Keys     []ledger.PageKey
	From, To ledger.Date
}

// ReadOutcome is one page of a read-back. Kind is Applied when it could be read;
// the other kinds are as for a call.
type ReadOutcome struct {
	Kind    Kind
	RetryAt time.Time
	Scopes  []string
	Why     string
	Cells   []Held
	Next    string // names the next page; empty after the last
}

// Held is one cell as the provider has it: values in our own units. A readable
// field that is absent is not set there.
type Held struct {
	Room, Plan string
	Date       ledger.Date
	Values     map[ledger.Field]int64
}
