package bucket

import (
	"strconv"
	"time"

	"bellhop/shared/jitter"
)

// Pauses when the provider does not say how long: full jitter
// (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/)
// over a ceiling that doubles with each hold in a row.
const (
	shortestHold = time.Second
	firstHold    = 4 * time.Second
	mostHold     = 15 * time.Minute
	// longestHold bounds what a provider may ask: a wild number must not silence
	// a fleet for ever.
	longestHold = 24 * time.Hour
)

// How those who waited come back: at most about twenty a second, and all within
// some minutes. A bucket whose grants nobody has counted is taken for one of
// two hundred.
const (
	betweenTwo   = 50 * time.Millisecond
	uncounted    = 200
	shortestBack = 2 * time.Second
	longestBack  = 5 * time.Minute
)

// Hold notes that the provider wants to be left alone: until then, or, where it
// did not say (zero, or past), for a while that grows with each hold in a row.
// Those who were told the same during one hold extend it at most; only a hold
// that begins when the former is over counts as another. A hold is never
// shortened.
func (b Bucket) Hold(why string, until, now time.Time) Bucket {
	held := now.Before(b.HoldUntil)
	if !until.After(now) {
		if held {
			return b
		}
		until = now.Add(b.unsaid())
	}
	if most := now.Add(longestHold); until.After(most) {
		until = most
	}
	if !held {
		b.Holds++
		b.HoldWhy = why
	}
	if until.After(b.HoldUntil) {
		b.HoldUntil, b.HoldWhy = until, why
	}
	return b
}

// unsaid is how long the next hold lasts when the provider does not say.
func (b Bucket) unsaid() time.Duration {
	ceiling := min(firstHold<<min(max(b.Holds, 0), 16), mostHold)
	return shortestHold + jitter.Of(ceiling-shortestHold, "hold", b.Name, strconv.Itoa(b.Holds), strconv.FormatInt(b.HoldUntil.UnixMilli(), 10))
}

// Heard notes that the provider answered a call: the next hold is a first one
// again. What it demanded before stands.
func (b Bucket) Heard() Bucket {
	b.Holds = 0
	return b
}

// Resumes is when this grant or connection may come again: some time after the
// hold's end, its own, so that a thousand do not come in one second. Zero when
// there never was a hold.
func (b Bucket) Resumes(id string) time.Time {
	if b.HoldUntil.IsZero() {
		return time.Time{}
	}
	return b.HoldUntil.Add(b.spread("resume", id))
}

// spread is a grant's own part of the time that all grants of the bucket take to
// come back.
func (b Bucket) spread(what, id string) time.Duration {
	n := b.Grants
	if n <= 0 {
		n = uncounted
	}
	back := min(max(time.Duration(n)*betweenTwo, shortestBack), longestBack)
	return jitter.Of(back, what, id)
}

// resumes is when an exchange may be made again. A code waits for the hold alone:
// there are few, and a person waits with it. Zero for a lost answer: what comes
// after its grace comes too late.
func (b Bucket) resumes(a Ask) time.Time {
	switch {
	case a.Lost:
		return time.Time{}
	case a.Code:
		return b.HoldUntil
	default:
		return b.Resumes(a.Grant)
	}
}
