// Package oauth speaks to token endpoints: one request, no redirects, no blind
// retry, and every answer put into one class. It exists beside the well-known
// libraries because each of them does at least one thing that loses a
// single-use refresh token: finding the client authentication style by sending
// twice, replaying a POST, following a redirect, or printing the answer's body
// in an error.
package oauth

import (
	"net/http"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// Class is what an exchange has come to. It is found once, from the table in
// classes.json, and everything after branches on it alone.
type Class string

// The classes.
const (
	Issued     Class = "issued"      // a readable pair
	Unreadable Class = "unreadable"  // a success that our parser refuses: keep the body aside
	Dead       Class = "dead"        // invalid_grant: a hypothesis, see docs/refresh-cycle.md
	BadClient  Class = "bad_client"  // invalid_client or 401: our registration, never the grant
	BadScope   Class = "bad_scope"   // invalid_scope: what we ask for is not allowed
	BadRequest Class = "bad_request" // our own configuration: unsupported_grant_type, invalid_request
	Throttled  Class = "throttled"   // 429, or a 400 that means it: not spent, come back at RetryAt
	Outage     Class = "outage"      // 503 with Retry-After: not spent, come back at RetryAt
	NotSent    Class = "not_sent"    // certainly never left this machine
	Unknown    Class = "unknown"     // anything else: the credential may be spent
)

// Spent reports whether the presented credential may have been used up by an
// exchange of this class without its successor having reached us.
func (c Class) Spent() bool { return c == Unknown }

// Outcome is one exchange, judged. Its printable fields hold no secret.
type Outcome struct {
	Class Class
	// Pair is set for Issued alone. Its Refresh is empty when the answer named
	// none, and the presented one stays good (RFC 6749 section 6): whoever
	// commits the pair carries it over.
	Pair grant.Pair
	// Raw is the answer's body, for Unreadable alone.
	Raw secret.Text
	// Status is the HTTP status, 0 when there was none; Code the OAuth error
	// code when it is one of the registered ones, "other" for any other.
	Status int
	Code   string
	// Reason is why a credential is dead, for Dead alone, where the provider
	// says it: [grant.Expired] or [grant.Revoked]; empty otherwise.
	Reason grant.Reason
	// Cause says in one of a few words why there is no readable answer, for the
	// log alone: "endpoint", "credential", "late", "connect", "timeout",
	// "broken", "cut_short", "too_long", "parse"; empty otherwise.
	Cause string
	// RetryAt is when the provider will listen again; zero when it did not say.
	RetryAt time.Time
	// Account is the provider's account where the answer names it (a claim or a
	// field, by profile); empty otherwise.
	Account string
	// Took bounds the exchange from before its first byte to after its last.
	Took time.Duration
}

// Holds is the class under which the endpoint is to be left alone after this
// answer: Throttled or Outage. A 503 that names no return is an Outage too, though
// it leaves open whether it acted (Unknown). Empty for every other answer.
func (o Outcome) Holds() Class {
	switch {
	case o.Class == Throttled, o.Class == Outage:
		return o.Class
	case o.Class == Unknown && o.Status == http.StatusServiceUnavailable:
		return Outage
	default:
		return ""
	}
}

// Sent reports whether a request may have left this machine: a call that counts.
func (o Outcome) Sent() bool {
	composed := o.Class != BadRequest || o.Status != 0 // else it could not even be written down
	return o.Class != "" && o.Class != NotSent && composed
}

// Request is one presentation of a credential. It is filled from profile,
// client and grant by the caller and holds everything that the exchange needs,
// so that an exchange is a function of it.
type Request struct {
	Kind         grant.Kind
	Endpoint     string // absolute URL; https, or http to a loopback address
	Introspect   string // RFC 7662, to ask for a life that the answer does not tell; empty for none
	ClientID     string
	ClientSecret secret.Text
	Username     secret.Text            // of the password grant
	Password     secret.Text            // of the password grant
	Headers      map[string]secret.Text // values of the profile's secret headers
	Refresh      secret.Text            // for KindRefresh
	Code         secret.Text            // for KindCode
	Verifier     secret.Text            // PKCE code_verifier (RFC 7636) for KindCode
	RedirectURI  string                 // for KindCode; for KindRefresh where the profile wants it
	Scopes       []string               // asked for; sent only with client credentials
	Deadline     time.Time              // wall clock; checked just before the request is written
}
