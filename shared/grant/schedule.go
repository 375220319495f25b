package grant

import (
	"strconv"
	"time"

	"bellhop/shared/jitter"
	"bellhop/shared/profile"
)

// The advisory window before a token's expiry, when the profile has no rule of
// its own: the larger of a share of the life and a margin.
const (
	advisoryShare           = 0.15 // the answer says how long the token lives
	advisoryShareDocumented = 0.20 // only the provider's documentation does
	advisoryMargin          = 120 * time.Second
	// shortestCadence keeps a provider that issues tokens dead on arrival from
	// being asked without pause.
	shortestCadence = 5 * time.Second
	// longestJitter bounds how much earlier than its window a grant may start,
	// so that a fleet that was connected in one minute does not refresh in one.
	longestJitter = time.Minute
)

// TimesOf turns a pair's absolute times into when its grant must be looked at
// again: at expiry minus the advisory window minus a jitter that is the grant's
// own, never before half of the life is over. A token of 60 s is refreshed at
// about 40 s, one of an hour at about 51 min.
func TimesOf(id ID, p Pair, rule profile.RefreshRule) Times {
	life := p.Expires.Sub(p.Issued)
	window := min(advisoryWindow(life, p.Documented, rule), life/2)
	at := p.Expires.Add(-window - lead(id, life))
	if soonest := p.Issued.Add(shortestCadence); at.Before(soonest) {
		at = soonest
	}
	return Times{Issued: p.Issued, Expires: p.Expires, RefreshAt: at, WakeAt: at, RefreshExpires: p.RefreshExpires}
}

// advisoryWindow is how long before its expiry a token is refreshed, at the
// latest.
func advisoryWindow(life time.Duration, documented bool, rule profile.RefreshRule) time.Duration {
	share := advisoryShare
	if documented {
		share = advisoryShareDocumented
	}
	if rule.Share > 0 {
		share = rule.Share
	}
	margin := min(advisoryMargin, life/3)
	if rule.Margin > 0 {
		margin = rule.Margin.D()
	}
	return max(time.Duration(share*float64(life)), margin)
}

// lead is a twentieth of the life at most, the same for a grant every time.
func lead(id ID, life time.Duration) time.Duration {
	return jitter.Of(min(max(life, 0)/20, longestJitter), "jitter", string(id))
}

// LongCall is the most that one call at the provider may take.
const LongCall = 10 * time.Second

// shortLife and the shorter call: a push with a token that lives less than
// shortLife must not take long, or hardly any of the life could be used.
const (
	shortLife     = 5 * time.Minute
	shortCall     = 5 * time.Second
	arrivalMargin = 2 * time.Second // beyond the call's own timeout: skew, transport
)

// CallTimeout is how long one call at the provider may take with a token of
// this life.
func CallTimeout(life time.Duration) time.Duration {
	if life < shortLife {
		return shortCall
	}
	return LongCall
}

// Edge is the mandatory edge: after it the committed access token cannot last a
// call, and nobody pushes with it. Zero before the first commit.
func (g Grant) Edge() time.Time {
	if g.Expires.IsZero() {
		return time.Time{}
	}
	return g.Expires.Add(-CallTimeout(g.Expires.Sub(g.Issued)) - arrivalMargin)
}

// Lasts reports whether the committed access token lives long enough for one
// call that starts now: the gate before every push, and the refresh's word for
// when pushes stop.
func (g Grant) Lasts(now time.Time) bool { return !now.After(g.Edge()) }

// Pauses between exchanges that bring nothing.
const (
	firstPause    = 2 * time.Second
	shortestPause = time.Second
	// longestPause is for tokens that live long; one that lives a minute is
	// tried again within about a minute, as its provider expects of us anyway,
	// unless it is our request that is refused: that seldom passes by itself.
	longestPause  = 15 * time.Minute
	shortLifeRest = 30 * time.Second
	// longestHold bounds what a Retry-After may ask: a wild number must not
	// silence a grant for ever.
	longestHold = 24 * time.Hour
)

// Backoff is how long to wait after one more exchange without a pair: full
// jitter (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/)
// over a doubling ceiling, taken from a hash so that the same grant at the same
// failure waits the same time wherever it is asked.
func (g Grant) Backoff() time.Duration {
	ceiling := min(firstPause<<min(max(g.Failures, 0), 16), longestPause)
	if g.Rejections == 0 {
		ceiling = min(ceiling, max(g.Expires.Sub(g.Issued), shortLifeRest))
	}
	return shortestPause + jitter.Of(ceiling-shortestPause, "backoff", string(g.ID), strconv.FormatInt(g.Generation, 10), strconv.Itoa(g.Failures))
}

// RetryAt is when to try again after the provider said until (zero when it did
// not say).
func (g Grant) RetryAt(until, now time.Time) time.Time {
	if until.After(now) {
		return earliest(until, now.Add(longestHold)).Add(WakeEarly)
	}
	return now.Add(g.Backoff())
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
