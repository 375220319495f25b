package grant

import (
	"slices"
	"time"

	"bellhop/shared/profile"
)

// When a refresh token is exercised for its own sake.
const (
	// idleShare of the time that it may stay unused has passed by then: an
	// outage may last for the rest.
	idleShare = 0.75
	// shortestAge is how far the end of its age must lie ahead, so that it is
	// used once more before: nearer, each use would lead to the next.
	shortestAge = 10 * time.Minute
	// tellable is how long after another an exchange shows whether it moved the
	// end of that age: sooner, the seconds by which answers err hide it.
	tellable = 30 * time.Second
)

// Following says whether these times renew the refresh token's end, beside the
// pair that they follow. An end that each use renews moves on as time does; one
// that stands still moves by seconds: half the time between the two pairs tells
// them apart, however short the tokens live. After a consent, which follows the
// zero Grant, it may be renewed, until an exchange shows otherwise.
func (t Times) Following(former Grant) Times {
	between := t.Issued.Sub(former.Issued)
	switch {
	case t.RefreshExpires.IsZero() || former.RefreshExpires.IsZero():
		t.RefreshRenewed = !t.RefreshExpires.IsZero()
	case between < tellable:
		t.RefreshRenewed = former.RefreshRenewed
	default:
		t.RefreshRenewed = t.RefreshExpires.Sub(former.RefreshExpires) > between/2
	}
	return t
}

// KeptAlive brings the refresh forward, however long the access token lives, to
// where the refresh token is used before it dies of idleness, or unused of age,
// and to where people are to be told of its end: only a commit finds that out.
// Minting with client credentials has nothing to keep alive.
func (t Times) KeptAlive(id ID, token profile.Token) Times {
	if token.Mints() {
		return t
	}
	at := t.RefreshAt
	if idle := token.RefreshIdle.D(); idle > 0 {
		share := time.Duration(idleShare * float64(idle))
		at = earliest(at, t.Issued.Add(share-lead(id, share)))
	}
	if t.RefreshExpires.Sub(t.Issued) > shortestAge {
		at = earliest(earliest(at, t.RefreshExpires.Add(-advisoryMargin)), t.nextThreshold())
	}
	if soonest := t.Issued.Add(shortestCadence); at.Before(soonest) {
		at = soonest
	}
	if at.Before(t.RefreshAt) {
		t.RefreshAt, t.WakeAt = at, earliest(t.WakeAt, at)
	}
	return t
}

// RefreshEnds is when the refresh token that stands after an answer dies of age:
// as the answer says; from its issue, when it is a new one and the profile knows
// how long they live; else when its predecessor would have died. Rotating alone
// makes no token younger. Zero when nobody knows.
func RefreshEnds(answer Pair, former time.Time, token profile.Token) time.Time {
	switch {
	case !answer.RefreshExpires.IsZero():
		return answer.RefreshExpires
	case !answer.Refresh.Empty() && token.RefreshLifetime > 0:
		return answer.Issued.Add(token.RefreshLifetime.D())
	default:
		return former
	}
}

// Foretold is a forecast that people were told: when the refresh token dies,
// and how many days before that they were told last. The zero value is none.
type Foretold struct {
	Dies time.Time
	Days int // a threshold of [Grant.Forecast]
}

// SameDeath is how far apart two words about one death may be: answers count
// whole seconds, from clocks and at moments of their own, and a token that was
// consented anew dies days later. Of 14, 7 or 1 days nobody misses an hour.
const SameDeath = time.Hour

// same reports whether both are about one death.
func (f Foretold) same(other Foretold) bool { return f.Dies.Sub(other.Dies).Abs() <= SameDeath }

// thresholds are how many days before a death people are told of it, the last
// first.
var thresholds = []int{1, 7, 14}

const day = 24 * time.Hour

// passed reports whether people are to be told with so much left: from up to
// SameDeath before the threshold on, so that an exchange at the threshold has
// passed it although it came early, or moved the end by as much.
func passed(days int, left time.Duration) bool {
	return left <= time.Duration(days)*day+SameDeath
}

// nextThreshold is when the next threshold before the end of age is reached, or
// that end. Where use may renew it, it is not before half of the time to it is
// over: otherwise each use could lead to the next.
func (t Times) nextThreshold() time.Time {
	left := t.RefreshExpires.Sub(t.Issued)
	for _, days := range slices.Backward(thresholds) {
		if passed(days, left) {
			continue
		}
		at := t.RefreshExpires.Add(-time.Duration(days) * day)
		if t.RefreshRenewed {
			at = latest(at, t.Issued.Add(left/2))
		}
		return at
	}
	return t.RefreshExpires
}

// Dies is when the refresh token dies, as things go on: of age, unless each use
// renews it; and when nobody uses it, because a person has switched the grant
// off or because nothing wakes it any more, of age or idleness. Zero when it
// does not, when nobody knows, and when a person is needed already.
func (g Grant) Dies(token profile.Token) time.Time {
	if g.Generation == 0 || g.Health == ReauthorizationRequired {
		return time.Time{}
	}
	used := g.Enabled && !g.WakeAt.IsZero()
	if used && g.RefreshRenewed {
		return time.Time{}
	}
	dies := g.RefreshExpires
	if idle := token.RefreshIdle.D(); idle > 0 && !used {
		if of := g.Issued.Add(idle); dies.IsZero() || of.Before(dies) {
			dies = of
		}
	}
	return dies
}

// Forecast foresees the death of the refresh token. Days is the last threshold
// that was passed: 14, 7 or 1. False while none is near, and when it is over.
// Nothing but its arguments decides it.
func (g Grant) Forecast(token profile.Token, now time.Time) (Foretold, bool) {
	dies := g.Dies(token)
	left := dies.Sub(now)
	if dies.IsZero() || left <= 0 {
		return Foretold{}, false
	}
	for _, days := range thresholds {
		if passed(days, left) {
			return Foretold{Dies: dies, Days: days}, true
		}
	}
	return Foretold{}, false
}

// Foretells reports whether f is news: people were not told of this death at as
// few days or fewer.
func (g Grant) Foretells(f Foretold) bool {
	return !g.Foretold.same(f) || g.Foretold.Days > f.Days
}

// ForetellsAnew reports whether a commit of these times passes a threshold that
// the pair before it had not passed when it was issued: then the alerter is to
// look at the grant, once.
func (g Grant) ForetellsAnew(t Times, token profile.Token) bool {
	after := g
	after.Generation++
	after.Health, after.WakeAt, after.Issued = OK, t.WakeAt, t.Issued
	after.RefreshExpires, after.RefreshRenewed = t.RefreshExpires, t.RefreshRenewed
	f, near := after.Forecast(token, t.Issued)
	if !near || !g.Foretells(f) {
		return false
	}
	former, was := g.Forecast(token, g.Issued)
	return !was || !former.same(f) || former.Days > f.Days
}
