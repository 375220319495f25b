package oauth

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestRetry caps what a Retry-After may ask of us: a provider that gives its
// budget back once a day is believed, one that says a year is not.
const longestRetry = 24 * time.Hour

// RetryAfter returns when the sender of h will listen again, from its
// Retry-After header: seconds or an HTTP date (RFC 9110 section 10.2.3). It is
// zero when there is no readable one, never before now, and at most a day
// ahead. A date is taken relative to the answer's own Date, so that neither
// clock needs to be right.
func RetryAfter(h http.Header, now time.Time) time.Time {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return time.Time{}
	}
	wait, ok := retrySeconds(value)
	if !ok {
		wait, ok = retryDate(value, h.Get("Date"), now)
	}
	if !ok {
		return time.Time{}
	}
	return now.Add(min(max(wait, 0), longestRetry))
}

// retrySeconds reads a number of seconds. The RFC knows whole ones; a fraction
// is rounded up, because too early is what it warns of.
func retrySeconds(value string) (time.Duration, bool) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, false
	}
	n = min(max(math.Ceil(n), 0), longestRetry.Seconds())
	return time.Duration(n) * time.Second, true
}

// retryDate reads an HTTP date, against the sender's clock where it told it.
func retryDate(value, date string, now time.Time) (time.Duration, bool) {
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if sent, err := http.ParseTime(date); err == nil {
		return at.Sub(sent), true
	}
	return at.Sub(now), true
}
