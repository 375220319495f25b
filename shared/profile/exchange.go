package profile

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Request says how a token request is written where a provider departs from
// RFC 6749. Its zero value is the RFC's: a POST of a form.
type Request struct {
	// Method is "POST" (also when empty) or "GET".
	Method string `json:"method,omitempty"`
	// Encoding is where the parameters travel: "form" (also when empty) or
	// "json" in the body, "query" in the address, "header" each in a header of
	// its own.
	Encoding string `json:"encoding,omitempty"`
	// Names are the provider's names of the RFC's parameters (grant_type,
	// client_id, client_secret, refresh_token, code, redirect_uri,
	// code_verifier, scope, username, password). What is not listed keeps its
	// name; a parameter with an empty name is left out. A provider without a
	// name for scope has no scopes.
	Names map[string]string `json:"names,omitempty"`
	// GrantTypes are the provider's values of grant_type, by the RFC's.
	GrantTypes map[string]string `json:"grant_types,omitempty"`
	// Extra are parameters that are always the same, such as an audience.
	Extra map[string]string `json:"extra,omitempty"`
	// Headers are headers that are always the same. SecretHeaders are the names
	// of those whose values are in the client's secret.
	Headers       map[string]string `json:"headers,omitempty"`
	SecretHeaders []string          `json:"secret_headers,omitempty"`
	// RedirectOnRefresh says that a refresh names the redirect URI too.
	RedirectOnRefresh bool `json:"redirect_on_refresh,omitempty"`
}

// Answer says how a token answer is read where a provider departs from RFC
// 6749. Its zero value is the RFC's. Names may be dotted ("data.token").
type Answer struct {
	Access  string `json:"access,omitempty"`  // empty: access_token
	Refresh string `json:"refresh,omitempty"` // empty: refresh_token
	Scope   string `json:"scope,omitempty"`   // empty: scope
	// Expiry is the member with the access token's life (empty: expires_in),
	// written as ExpiryAs says: "seconds" from now (also when empty), "epoch"
	// (Unix seconds or milliseconds), or "rfc3339", which without an offset
	// means UTC.
	Expiry   string `json:"expiry,omitempty"`
	ExpiryAs string `json:"expiry_as,omitempty"`
	// RefreshExpiry is the member with the refresh token's own life, and
	// RefreshExpiryAs how it is written; empty when there is none.
	RefreshExpiry   string `json:"refresh_expiry,omitempty"`
	RefreshExpiryAs string `json:"refresh_expiry_as,omitempty"`
}

// Budget is how many calls one client may make to the token endpoint in any
// Window. It is counted before the call.
type Budget struct {
	Calls  int     `json:"calls"`
	Window Seconds `json:"window"`
	// Cost is how many of the calls one exchange counts as, where the provider
	// counts credits; 0 means 1.
	Cost int `json:"cost,omitempty"`
}

// Name is the provider's name of a parameter; empty when it is left out.
func (r Request) Name(parameter string) string {
	if name, ok := r.Names[parameter]; ok {
		return name
	}
	return parameter
}

// GrantType is the provider's value for one of the RFC's grant types.
func (r Request) GrantType(of string) string {
	if own, ok := r.GrantTypes[of]; ok {
		return own
	}
	return of
}

// parameters are what a token request may have to say.
var parameters = []string{
	"grant_type", "client_id", "client_secret", "refresh_token", "code",
	"redirect_uri", "code_verifier", "scope", "username", "password",
}

// grantTypes are the RFC's values of grant_type that we ever send.
var grantTypes = []string{"authorization_code", "client_credentials", "password", "refresh_token"}

// forbidden are headers that a profile may not set. The idempotency keys would
// make net/http send a credential twice, Expect would hold the body back, the
// rest is written by the client or the transport.
var forbidden = []string{
	"Idempotency-Key", "X-Idempotency-Key", "Expect", "Host", "Content-Length", "Content-Type", "Transfer-Encoding",
	"Connection", "Upgrade", "Te", "Trailer", "Accept", "Accept-Encoding", "User-Agent", "Authorization", "Cookie",
}

func (r Request) validate(v *problems) {
	v.check(slices.Contains([]string{"", http.MethodPost, http.MethodGet}, r.Method), "token.request.method %q: use POST or GET", r.Method)
	v.check(slices.Contains([]string{"", "form", "json", "query", "header"}, r.Encoding),
		"token.request.encoding %q: use form, json, query or header", r.Encoding)
	v.check(r.Method != http.MethodGet || r.Encoding == "query" || r.Encoding == "header",
		"token.request.encoding %q: a GET has no body, use query or header", r.Encoding)
	r.validateNames(v)
	r.validateHeaders(v)
}

// validateNames wants known parameters, and no two under one name.
func (r Request) validateNames(v *problems) {
	for _, p := range slices.Sorted(maps.Keys(r.Names)) {
		v.oneOf("token.request.names", p, parameters)
	}
	for _, g := range slices.Sorted(maps.Keys(r.GrantTypes)) {
		v.oneOf("token.request.grant_types", g, grantTypes)
	}
	seen := map[string]bool{}
	for _, p := range parameters {
		if name := r.Name(p); name != "" {
			v.check(!seen[name], "token.request.names: %q stands for two parameters", name)
			seen[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Extra)) {
		v.check(name != "" && !seen[name], "token.request.extra: %q is empty or a parameter's name", name)
	}
}

// validateHeaders wants names that may be headers. With encoding header, the
// parameters are headers too.
func (r Request) validateHeaders(v *problems) {
	names := slices.Concat(slices.Sorted(maps.Keys(r.Headers)), r.SecretHeaders)
	if r.Encoding == "header" {
		names = slices.Concat(names, slices.Sorted(maps.Keys(r.Extra)))
		for _, p := range parameters {
			if name := r.Name(p); name != "" {
				names = append(names, name)
			}
		}
	}
	seen := map[string]bool{}
	for _, name := range names {
		canonical := http.CanonicalHeaderKey(name)
		v.check(headerName(name) && !slices.Contains(forbidden, canonical), "token.request: %q cannot be a header of it", name)
		v.check(!seen[canonical], "token.request: header %q is named twice", name)
		seen[canonical] = true
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		v.check(!strings.ContainsFunc(r.Headers[name], func(c rune) bool { return c < 0x20 || c > 0x7e }),
			"token.request.headers: the value of %q cannot travel in a header", name)
	}
}

// headerName reports whether s is a token of RFC 9110 section 5.6.2.
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		alphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		return !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

func (a Answer) validate(v *problems) {
	as := []string{"", "seconds", "epoch", "rfc3339"}
	v.check(slices.Contains(as, a.ExpiryAs), "token.answer.expiry_as %q: use seconds, epoch or rfc3339", a.ExpiryAs)
	v.check(slices.Contains(as, a.RefreshExpiryAs), "token.answer.refresh_expiry_as %q: use seconds, epoch or rfc3339", a.RefreshExpiryAs)
	v.check(a.RefreshExpiry != "" || a.RefreshExpiryAs == "", "token.answer.refresh_expiry_as %q: name refresh_expiry too", a.RefreshExpiryAs)
}

// validateBudgets wants every window once, and calls left for refreshing where
// some are kept back for authorization codes.
func (t Token) validateBudgets(v *problems) {
	windows := map[Seconds]bool{}
	for i, b := range t.Budgets {
		v.check(b.Calls > 0 && b.Window > 0, "token.budgets[%d]: give calls and window, both above zero", i)
		v.check(!windows[b.Window], "token.budgets[%d]: window %v is there twice", i, b.Window.D())
		v.check(b.Cost >= 0 && b.Cost <= b.Calls, "token.budgets[%d].cost %d: one exchange must fit into the budget", i, b.Cost)
		v.check(t.CodeShare*max(b.Cost, 1) < b.Calls, "token.code_share %d: the budget of %d calls would leave none for refreshing", t.CodeShare, b.Calls)
		windows[b.Window] = true
	}
	v.check(t.CodeShare >= 0, "token.code_share %d: it cannot be negative", t.CodeShare)
	v.check(t.CodeShare == 0 || len(t.Budgets) > 0, "token.code_share %d: there is no budget to share", t.CodeShare)
	v.check(slices.Contains([]string{"", "connection", "account", "client"}, t.Bucket), "token.bucket %q: use connection, account or client", t.Bucket)
}
