package bucket

import (
	"slices"
	"time"

	"bellhop/shared/jitter"
)

// Rules are what a provider's profile asks of a client's bucket. The zero value
// asks nothing.
type Rules struct {
	// Windows are the budgets; all of them hold at once.
	Windows []Window
	// CodeShare is how many calls of each window are kept for authorization
	// codes: a person who reconnects must not wait for the machine.
	CodeShare int
	// OneAtATime lets one exchange of the client go at a time.
	OneAtATime bool
}

// Counted reports whether an exchange must be written down before it is made.
func (r Rules) Counted() bool { return len(r.Windows) > 0 || r.OneAtATime }

// Ask is one exchange that somebody wants to make.
type Ask struct {
	// Grant is whose it is: its own jitter keeps it from coming in one second
	// with all others. Empty for a code.
	Grant string
	// Nonce names this one exchange; it is used once.
	Nonce string
	// Code says that an authorization code is exchanged: it may use the share
	// that is kept for codes, and does not wait for our registration to be mended,
	// because it may be what shows that it is.
	Code bool
	// Lost says that an answer to this credential may be lost, and that the
	// provider gives it again only while its grace lasts: it waits for no hold.
	Lost bool
	// Until is when whoever asks has surely ended.
	Until time.Time
	// SecretVersion is the client secret's that would be presented.
	SecretVersion string
}

// Answer says whether a call may be made now.
type Answer struct {
	// Why is empty for yes, else one of the words of this package.
	Why string
	// At is when to ask again, for a no.
	At time.Time
}

// Goes reports whether it is a yes.
func (a Answer) Goes() bool { return a.Why == "" }

// Take decides whether an exchange may be made now, and writes it down if so:
// counted in the budgets, its turn taken, the try of a refused registration
// used. Whoever saves the returned bucket may make the call; nobody else may. An
// exchange that is written down already may go.
func (b Bucket) Take(r Rules, a Ask, now time.Time) (Bucket, Answer) {
	if b.taken(a) {
		return b, Answer{}
	}
	if no := b.Look(a, now); !no.Goes() {
		return b, no
	}
	if r.OneAtATime && b.Lane.busy(a.Nonce, now) {
		return b, Answer{Why: WhyLane, At: b.Lane.again(a, now)}
	}
	if at := b.free(r, a.Code, now); at.After(now) {
		return b, Answer{Why: WhyBudget, At: at.Add(stagger(a))}
	}
	b = b.count(r, a, now)
	if r.OneAtATime {
		b.Lane = Lane{Owner: a.Nonce, Until: a.Until}
	}
	return b.try(a, now), Answer{}
}

// More decides whether the same exchange may make one more call: with the other
// secret of a rotation, after the first was refused. It has its turn; only the
// budgets are asked.
func (b Bucket) More(r Rules, a Ask, now time.Time) (Bucket, Answer) {
	if slices.ContainsFunc(b.Calls, func(c Call) bool { return c.By == a.Nonce }) {
		return b, Answer{}
	}
	if at := b.free(r, a.Code, now); at.After(now) {
		return b, Answer{Why: WhyBudget, At: at}
	}
	return b.count(r, a, now), Answer{}
}

// Look is the part of Take that needs no write when it is a yes: the provider
// listens, and does not refuse us. Who was told no by it need not ask further.
func (b Bucket) Look(a Ask, now time.Time) Answer {
	if at := b.resumes(a); now.Before(at) {
		return Answer{Why: b.HoldWhy, At: at}
	}
	return b.refuses(a, now)
}

// Writes reports whether an exchange that Look lets go must still be written
// down by Take.
func (b Bucket) Writes(r Rules, a Ask) bool { return r.Counted() || b.Troubled() && !a.Code }

// taken reports whether the exchange is written down already: by a save whose
// answer was lost.
func (b Bucket) taken(a Ask) bool {
	return b.Lane.Owner == a.Nonce || b.Troubled() && b.Trouble.Tried == a.Nonce ||
		slices.ContainsFunc(b.Calls, func(c Call) bool { return c.By == a.Nonce })
}

// longestStagger spreads those who wait for the same free call: the first takes
// it, the others see so without having come in the same second.
const longestStagger = 2 * time.Second

func stagger(a Ask) time.Duration {
	return jitter.Of(longestStagger, "stagger", a.Grant, a.Nonce)
}
