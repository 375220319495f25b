package torture

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bellhop/local/sandbox"
)

// books is everything that the audit judges from: what the provider has issued,
// seen and answered, what the table has answered, and what every grant held when
// it had come to rest.
type books struct {
	tokens        []sandbox.Token
	presentations []sandbox.Presentation
	requests      []sandbox.Request
	journal       map[string][]entry
	ends          []end
	grants        map[string]bool // ours; others' tokens are none of our business
}

// end is a grant at rest.
type end struct {
	grant, state, reason string
	refresh              string // the refresh token that it holds
	asides               int
}

// presentation is one arrival of a refresh token that the provider's logic saw.
type presentation struct {
	sandbox.Presentation
	at    time.Time
	token *sandbox.Token
	fault string // that its request met
}

// byGrant sorts the presentations of refresh tokens by grant and then by the
// time of their arrival. What a fault kept from the provider's logic was not
// presented. It is one pass: the books of a long run hold hundreds of thousands.
func (b *books) byGrant() map[string][]presentation {
	all := map[string][]presentation{}
	for _, p := range b.presentations {
		if p.Kind != sandbox.RefreshToken || p.Endpoint != "token" || p.Token == 0 ||
			p.Reason == sandbox.ReasonUnseen || p.Reason == sandbox.ReasonUnexamined {
			continue
		}
		t := &b.tokens[p.Token-1]
		if b.grants[t.Property] {
			x := presentation{Presentation: p, at: time.UnixMilli(p.At), token: t}
			if p.Request > 0 && p.Request <= len(b.requests) {
				x.fault = b.requests[p.Request-1].Fault
			}
			all[t.Property] = append(all[t.Property], x)
		}
	}
	for _, of := range all {
		slices.SortStableFunc(of, func(x, y presentation) int { return cmp.Compare(x.At, y.At) })
	}
	return all
}

// lease is one holder's time, put together from the journal.
type lease struct {
	entry
	fate act // how it ended: leased while it stayed open
}

// leases are a grant's, in the order in which the table granted them.
func leases(entries []entry) []lease {
	var all []lease
	at := map[string]int{}
	for _, e := range entries {
		switch i, held := at[e.me]; {
		case e.act == leased:
			at[e.me] = len(all)
			all = append(all, lease{e, leased})
		case held && e.act != released && e.me != "":
			all[i].fate = e.act
		}
	}
	return all
}

// candidates are the leases under which something that arrived at a moment may
// have been sent: landed before, and not over for longer than a frozen process
// may oversleep. Neither end of a write's own time is known, so the wider one
// counts.
func candidates(all []lease, at time.Time) []lease {
	const lasts = 15*time.Second + 5*time.Second
	from, _ := slices.BinarySearchFunc(all, at.Add(-lasts), func(l lease, t time.Time) int { return l.at.Compare(t) })
	to := from
	// The provider's clock counts whole milliseconds, rounded down.
	for to < len(all) && !all[to].began.After(at.Add(time.Millisecond)) {
		to++
	}
	return all[from:to]
}

// clock is a moment as the stories tell it.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// finding is a promise that was broken, with its story.
type finding struct {
	grant      string
	what       string
	generation int // in the provider's books; 0 when it is not about one
	story      []string
}

// String is for people.
func (f finding) String() string {
	head := f.what + ": grant " + f.grant
	return head + "\n      " + strings.Join(f.story, "\n      ")
}
