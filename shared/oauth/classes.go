package oauth

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bellhop/shared/profile"
)

// classesJSON is the table of refusals. It is data so that a person can read
// it in one piece and a test can walk it.
//
//go:embed classes.json
var classesJSON []byte

// row says which class the refusals have that match all of its conditions.
type row struct {
	Status     int    `json:"status,omitempty"`      // HTTP status; 0 for any
	Family     int    `json:"family,omitempty"`      // first digit of the status; 0 for any
	Code       string `json:"code,omitempty"`        // OAuth error code; "*" for any that is there
	Body       string `json:"body,omitempty"`        // part of the body, in lower case
	RetryAfter bool   `json:"retry_after,omitempty"` // a readable Retry-After is there
	Class      Class  `json:"class"`
	Why        string `json:"why"`
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
	status     int
	code       string // normalized; empty when there is none
	body       string // lower case
	retryAfter bool
}

func (r row) matches(x refusal) bool {
	return (r.Status == 0 || r.Status == x.status) &&
		(r.Family == 0 || r.Family == x.status/100) &&
		(r.Code == "" || r.Code == x.code || r.Code == "*" && x.code != "") &&
		(r.Body == "" || strings.Contains(x.body, r.Body)) &&
		(!r.RetryAfter || x.retryAfter)
}

// classify finds the class of a refusal: the profile's own rows first, then the
// first row of the table that matches. The table's last row matches all.
func classify(p profile.Token, x refusal) Class {
	for _, o := range p.Overrides {
		if (row{Status: o.Status, Code: o.Code, Body: o.Body}).matches(x) {
			return Class(o.Class)
		}
	}
	for _, r := range classes {
		if r.matches(x) {
			return r.Class
		}
	}
	return Unknown
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
