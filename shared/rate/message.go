// Package rate is the rate update that a PMS sends, by queue or by HTTP: from
// bytes to values that the ledger can merge. A message is outside input. So it
// is read strictly (an unknown field is more likely a misspelt restriction than
// something to pass over), money never becomes a float, and every refusal says
// where, what was given and what to do. What is valid in a message is taken
// whatever else is wrong in it.
//
// docs/rate-update.schema.json says the same as a JSON Schema, as far as a
// schema can; a test holds the two together.
package rate

import (
	"fmt"
	"slices"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// Limits of one message.
const (
	MaxUpdates = 1000
	MaxPages   = 300
	MaxBytes   = 1 << 20 // what SQS carries
	YearsAhead = 3

	// revisionAhead is how far a revision that is declared to be a time may be
	// ahead of our clock: further, and one wild number could mute a cell for
	// ever.
	revisionAhead = 10 * time.Minute

	// problemsEach bounds what is reported of one update, and after
	// problemsInFull one of each has to do: so the report of a whole message
	// fits into a queue message.
	problemsEach   = 3
	problemsInFull = 500
)

// Message is a rate update whose valid parts are taken.
type Message struct {
	// Connection addresses one, Property all connections of a property;
	// exactly one of them is set.
	Connection connection.ID
	Property   string
	// Revision is the PMS's order: for every field of a cell the highest wins.
	Revision int64
	Currency string // ISO 4217; empty when no price is given
	Changes  []Change
}

// Group is what the message addresses, a connection or a property: the
// MessageGroupId under which it waits in the rates queue, so that a busy one
// starves no other.
func (m Message) Group() string {
	if m.Connection != "" {
		return string(m.Connection)
	}
	return m.Property
}

// Change is one valid update: what holds for a range of nights of a room type
// and rate plan. Plan is empty for room-level fields.
type Change struct {
	Index    int // in the message's updates
	Room     string
	Plan     string
	From, To ledger.Date // both inclusive
	Fields   map[ledger.Field]int64
}

// Problem is one thing that is wrong with a message, for the one who sent it.
type Problem struct {
	Index  int    `json:"index"` // of the update; -1 for the message as a whole
	Field  string `json:"field"` // inside the update or the message, "prices.2"; empty for all of it
	Value  string `json:"value"` // as given, cut short
	Reason string `json:"reason"`
}

// String is for people at a terminal.
func (p Problem) String() string {
	where := "message"
	if p.Index >= 0 {
		where = fmt.Sprintf("update %d", p.Index)
	}
	if p.Field != "" {
		where += ", " + p.Field
	}
	if p.Value != "" {
		where += " " + p.Value
	}
	return where + ": " + p.Reason
}

// Parse reads a message. A problem with index -1 means that nothing of it can
// be taken; Changes is empty then. Otherwise Changes holds the valid updates
// and the problems say, for each of the others, why not.
//
// Nights that are over everywhere on earth are cut off a range that began in
// the past; [Message.For] does the same by the property's own calendar.
func Parse(raw []byte, now time.Time) (Message, []Problem) {
	c := &checker{now: now, index: whole, decimals: maxDecimals}
	root := c.read(raw)
	if root == nil {
		return Message{}, c.problems
	}
	m := c.message(root)
	if len(m.Changes) > 0 && pageCount(m.Changes) > MaxPages {
		c.index = whole
		c.refuse("updates", nil, fmt.Sprintf("touches more than %d months of rate plans: split it into several messages", MaxPages))
	}
	if slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Index == whole }) {
		m.Changes = nil
	}
	return m, c.problems
}

// For fits a message to one of the connections that it addresses: what its
// currency, its PMS's kind of revision and its calendar have to say. A problem
// with index -1 means that nothing can be taken for this connection.
func (m Message) For(c connection.Connection, now time.Time) ([]Change, []Problem) {
	if m.Currency != "" && m.Currency != c.Currency {
		return nil, []Problem{{whole, "currency", m.Currency, "the connection is kept in " + c.Currency + ": send prices in it"}}
	}
	if c.RevisionIsTime && m.Revision > now.Add(revisionAhead).UnixMilli() {
		return nil, []Problem{{whole, "revision", fmt.Sprint(m.Revision),
			"is more than ten minutes in the future: send the time in Unix milliseconds, and check the clock that it is from"}}
	}
	today, err := ledger.Today(now, c.Zone)
	if err != nil {
		today = earliestToday(now) // an unknown zone is ours to mend; no update is lost by it
	}
	var changes []Change
	var problems []Problem
	for _, change := range m.Changes {
		if change.To < today {
			problems = append(problems, Problem{change.Index, "to", change.To.String(), pastReason})
			continue
		}
		change.From = max(change.From, today)
		changes = append(changes, change)
	}
	return changes, problems
}

// Wants turns changes into what each page is wanted to be, sorted by page. Of
// changes that name the same field of the same night the later index counts.
func Wants(revision int64, changes []Change) []ledger.Want {
	type place struct {
		page  ledger.PageKey
		field ledger.Field
	}
	taken := map[place]uint32{}
	byPage := map[ledger.PageKey][]ledger.Value{}
	for _, c := range slices.Backward(changes) {
		for page, days := range c.pages() {
			for _, f := range sortedFields(c.Fields) {
				at := place{page, f}
				if left := days &^ taken[at]; left != 0 {
					taken[at] |= left
					byPage[page] = append(byPage[page], ledger.Value{Field: f, Days: left, Value: c.Fields[f]})
				}
			}
		}
	}
	wants := make([]ledger.Want, 0, len(byPage))
	for page, values := range byPage {
		wants = append(wants, ledger.Want{Page: page, Revision: revision, Values: values})
	}
	slices.SortFunc(wants, func(a, b ledger.Want) int { return a.Page.Compare(b.Page) })
	return wants
}

// pageCount is how many pages the changes touch together.
func pageCount(changes []Change) int {
	seen := map[ledger.PageKey]bool{}
	for _, c := range changes {
		for page := range c.pages() {
			seen[page] = true
		}
	}
	return len(seen)
}
