package bucket

import (
	"cmp"
	"strings"
	"time"
)

// Trouble is an episode in which the provider refused our registration: the
// client, not its grants. There is one at a time, and one alert for it.
type Trouble struct {
	Episode int64     // counts from 1
	Since   time.Time // of the first refusal
	// Grant is the one that was refused first (empty for a code), and Refusals
	// counts those that count: of other grants or of codes, or of the same grant
	// when nobody else was answered for some minutes. A single one may be about
	// one grant alone, whatever the provider calls it; from the second on it is
	// about us, and people hear.
	Grant    string
	Refusals int
	Over     time.Time // of the first answer that was no refusal of ours; zero while it lasts
	// Code and Status are the provider's words, from a bounded vocabulary.
	Code   string
	Status int
	// Payload is a keyed digest of the request that was refused, never the
	// request; SecretVersion the version of the client's secret that it carried.
	// They are those of the latest refusal; one without a digest, when nobody could
	// make it, leaves the former.
	Payload       string
	SecretVersion string
	// Tried is the nonce of the latest exchange that was let through to see
	// whether it is over, NextTry when there may be another.
	Tried   string
	NextTry time.Time
	// Alone are the grants that were refused while others were answered, and
	// not answered since, in the order in which that was found out. They stay
	// from one episode to the next.
	Alone []Alone
	// Told is the alerter's own: "opened/slack" and "recovered/slack" say when
	// that channel was told so, anything else that it is just being told.
	Told map[string]time.Time
}

// toldOver reports whether anybody has heard that the episode is over, or may
// be hearing it now.
func (t Trouble) toldOver() bool {
	for what := range t.Told {
		if !strings.HasPrefix(what, "opened/") {
			return true
		}
	}
	return false
}

// Ours reports whether the refusals are about our registration, and not about
// one grant alone: only then people hear of them.
func (t Trouble) Ours() bool { return t.Refusals > 1 }

// WithTold returns the bucket with what was told about its trouble, which it
// must have. An empty told is none.
func (b Bucket) WithTold(told map[string]time.Time) Bucket {
	t := *b.Trouble
	if t.Told = told; len(told) == 0 {
		t.Told = nil
	}
	b.Trouble = &t
	return b
}

// How far apart exchanges are tried while our registration is refused. Nobody is
// judged by their answer, and no token is spent by it. One with another secret
// than the refused is tried sooner, but not at once: for some minutes after a
// change, processes disagree about which is the new one.
const (
	tryEvery = 3 * time.Minute
	tryOther = 20 * time.Second
)

// Troubled reports whether the registration is refused, as far as we know.
func (b Bucket) Troubled() bool { return b.Trouble != nil && b.Trouble.Over.IsZero() }

// refuses tells an exchange to wait while the registration is refused, but for
// the one that tries.
func (b Bucket) refuses(a Ask, now time.Time) Answer {
	if !b.Troubled() || a.Code {
		return Answer{}
	}
	next := b.Trouble.NextTry
	if a.SecretVersion != b.Trouble.SecretVersion {
		next = next.Add(tryOther - tryEvery)
	} else if a.Grant != "" && (a.Grant == b.Trouble.Grant || b.Trouble.alone(a.Grant) >= 0) {
		next = next.Add(tryOther) // the others go first: their answer says whose trouble it is
	}
	if !now.Before(next) {
		return Answer{}
	}
	return Answer{Why: WhyClient, At: next.Add(b.spread("try", a.Grant))}
}

// try notes that an exchange was let through although the registration is
// refused.
func (b Bucket) try(a Ask, now time.Time) Bucket {
	if !b.Troubled() || a.Code {
		return b
	}
	t := *b.Trouble
	t.Tried, t.NextTry = a.Nonce, now.Add(tryEvery)
	if !t.Ours() {
		t.NextTry = now.Add(tryOther) // whoever tries may die of it
	}
	b.Trouble = &t
	return b
}

// ClientRefusal is how the provider refused our registration.
type ClientRefusal struct {
	Grant         string // whose exchange it was; empty for a code's, which always counts
	Code          string
	Status        int
	Payload       string
	SecretVersion string
}

// ClientRefused notes that our registration was refused. The first refusal opens
// an episode and lets another grant try at once; a second one holds all others
// and owes an alert. A refusal that comes before anybody was told that the last
// episode is over goes on with that: they need not hear of either.
//
// A grant that is refused while others are answered is no trouble of the client:
// it opens no further episode, and is no second grant in another's.
func (b Bucket) ClientRefused(r ClientRefusal, now time.Time) Bucket {
	var t Trouble
	if b.Trouble != nil {
		t = *b.Trouble
	}
	if i := t.alone(r.Grant); i >= 0 {
		t = t.refusedAgain(i)
		b.Trouble = &t
		return b
	}
	if !b.Troubled() {
		if b.AlertDue.IsZero() || t.toldOver() {
			t = Trouble{Episode: t.Episode + 1, Since: now, Alone: t.Alone}
		}
		t.Grant, t.Over, t.NextTry = r.Grant, time.Time{}, now
	}
	same := r.Grant != "" && r.Grant == t.Grant && now.Before(t.Since.Add(tryEvery))
	if t.Refusals != 1 || !same {
		if t.Refusals++; t.Refusals == 2 {
			b.AlertDue = now
		}
	}
	t.NextTry = later(t.NextTry, now.Add(t.holdsFor()))
	t.Code, t.Status, t.Payload, t.SecretVersion = r.Code, r.Status, cmp.Or(r.Payload, t.Payload), r.SecretVersion
	b.Trouble = &t
	return b
}

// holdsFor is how long a refusal holds the others.
func (t Trouble) holdsFor() time.Duration {
	if !t.Ours() {
		return 0
	}
	return tryEvery
}

// ClientAccepted notes that the provider answered an exchange of this grant
// without refusing our registration: an episode that lasted is over, and people
// who were told of it are to hear so. The grant that opened it, when that is
// another, is refused alone from now on, until it is answered itself.
func (b Bucket) ClientAccepted(grant string, now time.Time) Bucket {
	if b.Trouble == nil {
		return b
	}
	t := b.Trouble.answered(grant)
	if b.Troubled() {
		if t.Grant != grant {
			t = t.found()
		}
		t.Over = now
		if t.Ours() {
			b.AlertDue = now
		}
	}
	b.Trouble = &t
	return b
}
