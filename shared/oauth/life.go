package oauth

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

const (
	// longestLife is the longest life of an access token that we believe. The
	// longest documented one is 24 months; what claims more is a mistake or an
	// absolute time.
	longestLife = 10 * 365 * 24 * time.Hour
	// cautiousLife is for a profile that states none: short, because too soon
	// costs one exchange and too late a night's prices.
	cautiousLife = 5 * time.Minute
	// latestUnix is the year 5138: a claim beyond it is in milliseconds, or a
	// way to write "never".
	latestUnix = 1e11
)

// life is how long the access token is good from the start of its request. The
// token itself is asked first (it is what the API will look at), then the
// answer, then the profile. Each is read as a duration, so that our own clock
// need not be right. It is never zero, negative or endless. documented reports
// that only the profile knew.
func life(p profile.Token, f fields, access secret.Text, h http.Header, start time.Time) (d time.Duration, documented bool) {
	clock, dated := clockOf(h, start)
	if d, ok := jwtLife(claims(access), clock, dated); ok {
		return d, false
	}
	if d, ok := lasts(f.member(cmp.Or(p.Answer.Expiry, "expires_in")), p.Answer.ExpiryAs, clock); ok {
		return d, false
	}
	return cmp.Or(p.Lifetime.D(), cautiousLife), true
}

// refreshLife is the refresh token's own life, where the provider says it.
func refreshLife(names profile.Answer, f fields, h http.Header, start time.Time) (time.Duration, bool) {
	if names.RefreshExpiry == "" {
		return 0, false
	}
	clock, _ := clockOf(h, start)
	return lasts(f.member(names.RefreshExpiry), names.RefreshExpiryAs, clock)
}

// clockOf is what the sender of an answer takes for now, as far as it says.
func clockOf(h http.Header, ours time.Time) (clock time.Time, dated bool) {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date, true
	}
	return ours, false
}

// lasts reads how long something is good, in one of the ways in which providers
// write it. False when it says nothing that can be believed.
func lasts(raw json.RawMessage, as string, clock time.Time) (time.Duration, bool) {
	switch as {
	case "epoch":
		n, ok := number(raw)
		if n > latestUnix {
			n /= 1000 // milliseconds
		}
		return after(n-float64(clock.Unix()), ok)
	case "rfc3339":
		at, ok := instant(raw)
		return after(at.Sub(clock).Seconds(), ok)
	}
	return expiresIn(raw, clock)
}

func after(seconds float64, ok bool) (time.Duration, bool) {
	if !ok {
		return 0, false
	}
	return plausible(seconds)
}

// layouts are how a time is written: RFC 3339, and what passes for it. Without
// an offset it is UTC, as the one provider says that leaves it out
// (https://restapidocs.rmscloud.com).
var layouts = []string{
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05",
}

func instant(raw json.RawMessage) (time.Time, bool) {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return time.Time{}, false
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// jwtLife is exp − iat. Without iat, exp is measured against the answer's own
// clock. A token that was handed out before (some providers mint one and repeat
// it until it dies) has lived already: the answer's Date shows it.
func jwtLife(c jwt.MapClaims, clock time.Time, dated bool) (time.Duration, bool) {
	exp, ok := seconds(c["exp"])
	if !ok || exp > latestUnix {
		return 0, false
	}
	left := exp - float64(clock.Unix())
	iat, ok := seconds(c["iat"])
	if !ok {
		return plausible(left)
	}
	whole, ok := plausible(exp - iat)
	if !ok {
		return 0, false
	}
	if rest, ok := plausible(left); ok && dated {
		return min(whole, rest), true
	}
	return whole, true
}

// expiresIn reads a number of seconds, written as number or string (RFC 6749
// section 5.1 says number). One provider sent the absolute Unix time for a
// while: what is too large for a life is read as one. Zero and less say
// nothing, rather than "expired".
func expiresIn(raw json.RawMessage, clock time.Time) (time.Duration, bool) {
	n, ok := number(raw)
	if n > longestLife.Seconds() {
		n -= float64(clock.Unix())
	}
	return after(n, ok)
}

// number reads a JSON number, or a string that holds one.
func number(raw json.RawMessage) (float64, bool) {
	var v any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return 0, false
	}
	return seconds(v)
}

// plausible turns seconds into a duration if a token can live so long.
func plausible(s float64) (time.Duration, bool) {
	if !(s > 0 && s <= longestLife.Seconds()) {
		return 0, false
	}
	d := time.Duration(s * float64(time.Second)).Truncate(time.Millisecond)
	return d, d > 0
}

// seconds reads a JSON number, or a string that holds one.
func seconds(v any) (float64, bool) {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = strings.TrimSpace(v)
	default:
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, false
	}
	return n, true
}

// claims returns what a token says about itself if it is a JWT, nil otherwise.
// The signature is not checked: the token came from its issuer over TLS, and
// nothing but its times and the account's name is read.
func claims(access secret.Text) jwt.MapClaims {
	c := jwt.MapClaims{}
	t, _, _ := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(access.Reveal(), c)
	if t == nil || t.Claims == nil {
		return nil // not a JWT; an unknown signing method is no obstacle
	}
	return c
}

// account finds the provider's account in the answer, as the profile says:
// "claim:NAME" in the access or the ID token, "field:NAME" beside them. It is
// empty when the answer does not say, or when userinfo must be asked.
func account(p profile.Token, f fields, access secret.Text) string {
	switch source, name := p.AccountFrom(); source {
	case "field":
		return lookup(f, name)
	case "claim":
		id, _ := f.text("id_token")
		return cmp.Or(claimed(access, name), claimed(id, name))
	}
	return ""
}

func claimed(token secret.Text, name string) string {
	switch v := claims(token)[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// lookup finds a string or number by its dotted name ("data.property_id").
func lookup(f fields, name string) string { return scalar(f.member(name)) }

// scalar reads a string or a number as text.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}
