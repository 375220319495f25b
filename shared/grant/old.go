package grant

import (
	"maps"
	"slices"
	"time"
)

// When a holder has surely ended. They are measured from its lease's start,
// which is written in the attempt.
const (
	// FunctionTimeout is the refresher's; the template says the same.
	FunctionTimeout = 20 * time.Second
	oldAfter        = FunctionTimeout + 5*time.Second
	veryOldAfter    = 10 * time.Minute
)

// Old reports whether Lambda has ended this attempt's holder: nobody will come
// with an answer to it any more, except by a copy of a write already sent.
func (a Attempt) Old(now time.Time) bool { return !now.Before(a.At.Add(oldAfter)) }

// VeryOld reports whether not even a stray copy of the holder's writes is to be
// expected: another's commit may drop the attempt.
func (a Attempt) VeryOld(now time.Time) bool { return !now.Before(a.At.Add(veryOldAfter)) }

// VeryOldAttempts names the attempts that my commit drops.
func (g Grant) VeryOldAttempts(me Nonce, now time.Time) []Nonce {
	var old []Nonce
	for _, n := range slices.Sorted(maps.Keys(g.Attempts)) {
		if n != me && g.Attempts[n].VeryOld(now) {
			old = append(old, n)
		}
	}
	return old
}

// KnownAsides names the asides of this snapshot: what a commit that began with
// it may drop.
func (g Grant) KnownAsides() []Nonce { return slices.Sorted(maps.Keys(g.Asides)) }

// oldAt is when every attempt of these will be old; zero for none.
func oldAt(attempts []Attempt) time.Time {
	var at time.Time
	for _, a := range attempts {
		at = latest(at, a.At.Add(oldAfter))
	}
	return at
}

// foreign lists the attempts of others. With refreshOnly, those that present no
// refresh token are left out: minting with client credentials and exchanging a
// code spend nothing that we hold.
func (g Grant) foreign(me Nonce, refreshOnly bool) []Attempt {
	var others []Attempt
	for n, a := range g.Attempts {
		if n != me && (!refreshOnly || a.Kind == KindRefresh) {
			others = append(others, a)
		}
	}
	return others
}
