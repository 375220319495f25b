// Package profile describes providers as data: how their token endpoint wants
// to be asked, how long tokens live, what a lost answer means, what their rate
// API takes per call. Code that differs per provider is a dialect (package
// dialect); everything that can be said in a table is said here.
//
// Profiles are JSON files embedded in the binary, one per provider, validated
// as a whole at cold start. A fact in one carries its source in the file.
package profile

import (
	"net/url"
	"strings"
	"time"
)

// Profile is one provider.
type Profile struct {
	Name  string   `json:"name"`  // also the dialect's
	Title string   `json:"title"` // as people know it
	Token Token    `json:"token"`
	API   API      `json:"api"`
	Docs  []string `json:"docs"` // sources of the facts in this file
}

// Token says how access is obtained and kept.
type Token struct {
	// Grant is how a connection begins and is kept: "authorization_code" (and
	// refresh_token from then on), or "client_credentials" or "password" (RFC
	// 6749 section 4.3, of a machine's user), by which we mint ourselves.
	Grant     string    `json:"grant"`
	Endpoints Endpoints `json:"endpoints"`
	// Auth is how the client authenticates: "basic" (RFC 6749 section 2.3.1),
	// "body" (beside the other parameters, wherever Request puts those), or
	// "none". It is fixed, never found out by sending twice.
	Auth string `json:"auth"`
	// Request and Answer are the dialect of the token endpoint; their zero
	// values are RFC 6749.
	Request Request  `json:"request,omitzero"`
	Answer  Answer   `json:"answer,omitzero"`
	Scopes  []string `json:"scopes,omitempty"` // exactly what is asked for; wildcards are refused
	// ScopeSeparator is a space unless the provider has another.
	ScopeSeparator string `json:"scope_separator,omitempty"`
	// Lifetime is the documented life of an access token, for answers that do
	// not say (no JWT times, no expires_in).
	Lifetime Seconds `json:"lifetime"`
	// RefreshLifetime and RefreshIdle bound a refresh token's life from its
	// issue and from its last use; 0 for no documented bound.
	RefreshLifetime Seconds `json:"refresh_lifetime,omitempty"`
	RefreshIdle     Seconds `json:"refresh_idle,omitempty"`
	// Rotation says what presenting a refresh token twice means.
	Rotation Rotation `json:"rotation"`
	// OldAccessDies says that a refresh ends the former access token at once:
	// pushes then wait while a lease is live.
	OldAccessDies bool `json:"old_access_dies,omitempty"`
	// Propagation is how long a new token may be refused before it is known
	// everywhere; ScopePropagation the same for a changed scope.
	Propagation      Seconds `json:"propagation,omitempty"`
	ScopePropagation Seconds `json:"scope_propagation,omitempty"`
	// Account says where the account's id comes from: "none", "claim:NAME",
	// "field:NAME" (of the token answer) or "userinfo:NAME".
	Account string `json:"account"`
	// Refresh overrides when a token is refreshed; zero fields mean the rule of
	// docs/design.md section 5.
	Refresh RefreshRule `json:"refresh,omitzero"`
	// Overrides name answers of this provider that the common table of classes
	// would misread; see package oauth.
	Overrides []Override `json:"overrides,omitempty"`
	// Budgets are sliding windows in which the token endpoint takes only so
	// many calls of one client; none when no limit is documented. CodeShare of
	// the calls are kept back for authorization codes: a reconnecting owner
	// must not wait for tomorrow because of our refreshing.
	Budgets   []Budget `json:"budgets,omitempty"`
	CodeShare int      `json:"code_share,omitempty"`
	// OneAtATime says that exchanges of one client must not overlap, such as
	// where parallel use revokes a token family.
	OneAtATime bool `json:"one_at_a_time,omitempty"`
	// Bucket is who waits after a 429 or 503 of the token endpoint, pushes
	// included: the "connection" (also when empty), the "account", or the
	// "client".
	Bucket string `json:"bucket,omitempty"`
}

// Mints reports whether we obtain tokens by our own credentials: no owner
// consents, and asking spends nothing.
func (t Token) Mints() bool { return t.Grant == "client_credentials" || t.Grant == "password" }

// NeedsSecret reports whether a request needs anything of the client's secret.
func (t Token) NeedsSecret() bool {
	return t.Auth != "none" || t.Grant == "password" || len(t.Request.SecretHeaders) > 0
}

// Rotation is the policy after an exchange whose outcome is unknown.
type Rotation struct {
	// Policy: "none" (the old token stays good), "grace" (it answers again for
	// Grace after its first use), or "detect" (reuse revokes the family).
	Policy string  `json:"policy"`
	Grace  Seconds `json:"grace,omitempty"`
}

// RefreshRule overrides the advisory window: refresh at expiry minus the larger
// of Share of the life (0.15 = at 85 % of it) and Margin.
type RefreshRule struct {
	Share  float64 `json:"share,omitempty"`
	Margin Seconds `json:"margin,omitempty"`
}

// Override is one row that comes before the common table of classes. Empty
// fields match anything.
type Override struct {
	// Phase is what was asked for: "token", "password", "code" or "revoke".
	Phase  string `json:"phase,omitempty"`
	Status int    `json:"status,omitempty"`
	Code   string `json:"code,omitempty"` // OAuth error code
	Body   string `json:"body,omitempty"` // substring of the answer's body, lower case
	Class  string `json:"class"`
	Reason string `json:"reason,omitempty"` // of class dead: "expired" or "revoked"
}

// Endpoints are absolute URLs. A client may override each (see
// connection.Client); empty means that the provider has none.
type Endpoints struct {
	Token      string `json:"token"`
	Authorize  string `json:"authorize,omitempty"`
	Revoke     string `json:"revoke,omitempty"`
	Introspect string `json:"introspect,omitempty"` // RFC 7662
	UserInfo   string `json:"userinfo,omitempty"`
	API        string `json:"api,omitempty"`
}

// With returns the endpoints of a connection whose token endpoint is its own;
// empty for none. When that is on another host, the revocation and introspection
// endpoints beside the former one are left out: they do not know its tokens, and
// one would take what it does not know for revoked (RFC 7009 section 2.2).
func (e Endpoints) With(token string) Endpoints {
	if token == "" {
		return e
	}
	if Host(token) != Host(e.Token) {
		e.Revoke, e.Introspect = "", ""
	}
	e.Token = token
	return e
}

// Host is the host and port of a URL, in lower case; empty for what is no URL.
func Host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// API says what the provider's rate API takes.
type API struct {
	// Items and Nights bound one call; 0 for no bound.
	Items  int `json:"items"`
	Nights int `json:"nights,omitempty"`
	// Fields are the cell fields that the provider knows ("price",
	// "price:N" as "occupancy_prices", "min_stay", …). Lists, for people, the
	// rest: fields that we take in and never push there.
	Fields  []string `json:"fields"`
	Ignored []string `json:"ignored,omitempty"`
	// Pace is the property's own limit: Requests per Window.
	Pace Pace `json:"pace"`
	// Settle is how long after our deadline a call may still take effect.
	Settle Seconds `json:"settle"`
	// Job bounds an asynchronous job: first poll, and when it is given up.
	JobPoll     Seconds `json:"job_poll,omitempty"`
	JobDeadline Seconds `json:"job_deadline,omitempty"`
	// Verify says whether rates can be read back: "read" or "none".
	Verify string `json:"verify"`
	// Idempotency names the request header for the key; empty for none.
	Idempotency string `json:"idempotency,omitempty"`
}

// Pace is a request rate.
type Pace struct {
	Requests int     `json:"requests"`
	Window   Seconds `json:"window"`
}

// Seconds is a duration that JSON writes as a number of seconds.
type Seconds time.Duration

// D is the duration.
func (s Seconds) D() time.Duration { return time.Duration(s) }
