package oauth

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// classesJSON is the table of refusals. It is data so that a person can read
// it in one piece and a test can walk it.
//
//go:embed classes.json
var classesJSON []byte

// The phases in which an answer may mean different things.
const (
	phaseToken    = "token"    // refreshing, and minting by the client's own credentials
	phasePassword = "password" // minting by a machine's user and password
	phaseCode     = "code"
	phaseRevoke   = "revoke"
	phaseUserInfo = "userinfo"
	// phaseIntrospect has no rows: what goes wrong there decides nothing.
	phaseIntrospect = "introspect"
)

// row says which class the refusals have that match all of its conditions.
type row struct {
	Phase      string       `json:"phase,omitempty"`       // empty for any
	Status     int          `json:"status,omitempty"`      // HTTP status; 0 for any
	Family     int          `json:"family,omitempty"`      // first digit of the status; 0 for any
	Code       string       `json:"code,omitempty"`        // OAuth error code; "*" for any that is there
	Body       string       `json:"body,omitempty"`        // part of the body, in lower case
	RetryAfter bool         `json:"retry_after,omitempty"` // a readable Retry-After is there
	Class      Class        `json:"class"`
	Reason     grant.Reason `json:"reason,omitempty"` // of dead: expired or revoked, where it says so
	Why        string       `json:"why"`
}

// classes is the table, in its order. It is embedded and walked by a test, so
// a broken one cannot be released; a process that met it could do nothing.
var classes = func() []row {
	var rows []row
	d := json.NewDecoder(bytes.NewReader(classesJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(&rows); err != nil {
		panic(fmt.Sprintf("oauth: decoding classes.json: %v", err))
	}
	return rows
}()

// refusal is what of an answer its class is found by.
type refusal struct {
	phase      string
	status     int
	code       string // normalized; empty when there is none
	body       string // lower case
	retryAfter bool
}

// refusal is what of a its class is found by, given the code that it carries.
func (a answer) refusal(code string) refusal {
	return refusal{
		phase: cmp.Or(a.phase, phaseToken), status: a.status, code: code,
		body: strings.ToLower(a.body.Reveal()), retryAfter: !RetryAfter(a.header, a.received).IsZero(),
	}
}

func (r row) matches(x refusal) bool {
	return (r.Phase == "" || r.Phase == x.phase) &&
		(r.Status == 0 || r.Status == x.status) &&
		(r.Family == 0 || r.Family == x.status/100) &&
		(r.Code == "" || r.Code == x.code || r.Code == "*" && x.code != "") &&
		(r.Body == "" || strings.Contains(x.body, r.Body)) &&
		(!r.RetryAfter || x.retryAfter)
}

// classify finds the row of a refusal: the profile's own rows first, then the
// first row of the table that matches. The table's last row matches all.
func classify(p profile.Token, x refusal) row {
	if r, ok := overridden(p, x); ok {
		return r
	}
	for _, r := range classes {
		if r.matches(x) {
			return r
		}
	}
	return row{Class: Unknown}
}

// overridden finds the first of the profile's own rows that matches.
func overridden(p profile.Token, x refusal) (row, bool) {
	for _, o := range p.Overrides {
		r := row{Phase: o.Phase, Status: o.Status, Code: o.Code, Body: o.Body, Class: Class(o.Class), Reason: grant.Reason(o.Reason)}
		if r.matches(x) {
			return r, true
		}
	}
	return row{}, false
}

// bounded keeps the vocabulary of logged codes closed: a code that neither the
// table nor the profile knows is "other", because its text is the provider's.
func bounded(p profile.Token, code string) string {
	known := code == "" ||
		slices.ContainsFunc(classes, func(r row) bool { return r.Code == code }) ||
		slices.ContainsFunc(p.Overrides, func(o profile.Override) bool { return o.Code == code })
	if known {
		return code
	}
	return other
}
