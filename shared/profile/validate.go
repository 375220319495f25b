package profile

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// The closed vocabularies of a profile. The classes are those of package oauth
// that a refusal can have; a test there holds the two lists together.
var (
	grants    = []string{"client_credentials", "authorization_code", "password"}
	auths     = []string{"basic", "body", "none"}
	policies  = []string{"none", "grace", "detect"}
	verifies  = []string{"read", "none"}
	classes   = []string{"dead", "bad_client", "bad_scope", "bad_request", "throttled", "outage", "unknown"}
	reasons   = []string{"expired", "revoked"}
	fields    = []string{"price", "occupancy_prices", "min_stay", "min_stay_through", "max_stay", "closed_to_arrival", "closed_to_departure", "stop_sell", "available"}
	sources   = []string{"claim", "field", "userinfo"}
	separator = " ,+;|"
)

// Validate reports everything that is wrong with p, all of it together.
func (p Profile) Validate() error {
	var v problems
	v.check(p.Name != "", "name is missing")
	v.check(p.Title != "", "title is missing")
	v.check(len(p.Docs) > 0, "docs is empty: every fact needs its source")
	p.Token.validate(&v)
	p.API.validate(&v)
	return errors.Join(v...)
}

// problems collects what is wrong, in the order of the file.
type problems []error

func (v *problems) check(ok bool, format string, args ...any) {
	if !ok {
		*v = append(*v, fmt.Errorf(format, args...))
	}
}

func (v *problems) oneOf(what, value string, known []string) {
	v.check(slices.Contains(known, value), "%s %q: use one of %s", what, value, strings.Join(known, ", "))
}

func (t Token) validate(v *problems) {
	v.oneOf("token.grant", t.Grant, grants)
	v.oneOf("token.auth", t.Auth, auths)
	t.Endpoints.validate(v)
	t.Request.validate(v)
	t.Answer.validate(v)
	v.check((len(t.Scopes) > 0) == (t.Request.Name("scope") != ""),
		"token.scopes is empty: name exactly what is asked for (or, where there are no scopes, give scope the empty name in token.request.names)")
	if err := CheckScopes(t.Scopes); err != nil {
		*v = append(*v, fmt.Errorf("token.scopes: %w", err))
	}
	v.check(t.ScopeSeparator == "" || len(t.ScopeSeparator) == 1 && strings.Contains(separator, t.ScopeSeparator),
		"token.scope_separator %q: use one of %q", t.ScopeSeparator, separator)
	v.check(t.Lifetime > 0, "token.lifetime %v: it must be above zero, for answers that do not say", t.Lifetime.D())
	for _, d := range []struct {
		name  string
		value Seconds
	}{
		{"refresh_lifetime", t.RefreshLifetime}, {"refresh_idle", t.RefreshIdle}, {"propagation", t.Propagation},
		{"scope_propagation", t.ScopePropagation}, {"refresh.margin", t.Refresh.Margin},
	} {
		v.check(d.value >= 0, "token.%s %v: it cannot be negative", d.name, d.value.D())
	}
	v.check(t.Refresh.Share >= 0 && t.Refresh.Share < 1, "token.refresh.share %v: it is a share of the life, from 0 to below 1", t.Refresh.Share)
	t.Rotation.validate(v)
	t.validateBudgets(v)
	validateAccount(t.Account, v)
	for i, o := range t.Overrides {
		v.oneOf(fmt.Sprintf("token.overrides[%d].class", i), o.Class, classes)
		v.oneOf(fmt.Sprintf("token.overrides[%d].phase", i), o.Phase, []string{"", "token", "password", "code", "revoke"})
		v.check(o.Reason == "" || o.Class == "dead" && slices.Contains(reasons, o.Reason),
			"token.overrides[%d].reason %q: use expired or revoked, of class dead", i, o.Reason)
		v.check(o.Status != 0 || o.Code != "" || o.Body != "", "token.overrides[%d] matches every answer", i)
		v.check(o.Body == strings.ToLower(o.Body), "token.overrides[%d].body %q: write it in lower case", i, o.Body)
	}
}

// CheckScopes reports what is wrong with scopes that somebody wants to ask for:
// one that is a wildcard or an administrator's, one that is none or several, or
// the same one twice. No scopes at all are not its business.
func CheckScopes(scopes []string) error {
	var v problems
	for i, s := range scopes {
		v.check(!tooBroad(s), "%q asks for everything: name exactly what is needed", s)
		v.check(s != "" && !strings.ContainsAny(s, " \t\r\n"), "%q is not one scope", s)
		v.check(!slices.Contains(scopes[:i], s), "%q is there twice", s)
	}
	return errors.Join(v...)
}

// tooBroad reports whether a scope is a wildcard or an administrator's, by
// whatever word with "admin" in it: such a token would be worth stealing, and no
// rate needs it.
func tooBroad(scope string) bool {
	return strings.Contains(scope, "*") || strings.Contains(strings.ToLower(scope), "admin")
}

// Validate reports what is wrong with a policy, for the overrides of a client.
func (r Rotation) Validate() error {
	var v problems
	r.validate(&v)
	return errors.Join(v...)
}

func (r Rotation) validate(v *problems) {
	v.oneOf("rotation.policy", r.Policy, policies)
	v.check((r.Policy == "grace") == (r.Grace > 0) && r.Grace >= 0,
		"rotation.grace %v: policy grace needs one above zero, the others none", r.Grace.D())
}

func validateAccount(account string, v *problems) {
	if account == "none" {
		return
	}
	source, name, ok := strings.Cut(account, ":")
	v.check(ok && name != "" && slices.Contains(sources, source), "token.account %q: use none, claim:NAME, field:NAME or userinfo:NAME", account)
}

// validate leaves empty endpoints alone: a provider that every client has at an
// address of its own (a gateway, a data centre) names none, and the client must.
func (e Endpoints) validate(v *problems) {
	for _, u := range []struct{ name, url string }{
		{"token", e.Token}, {"authorize", e.Authorize}, {"revoke", e.Revoke},
		{"introspect", e.Introspect}, {"userinfo", e.UserInfo}, {"api", e.API},
	} {
		if u.url == "" {
			continue
		}
		if err := CheckURL(u.url); err != nil {
			*v = append(*v, fmt.Errorf("token.endpoints.%s: %w", u.name, err))
		}
	}
}

// CheckURL reports why raw may not carry a secret: it must be absolute and
// https, or http to a loopback address, without user, password or fragment.
// The error never holds the URL, whose query may be secret.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return errors.New("not an absolute URL")
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("user, password and fragment do not belong into an endpoint")
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return errors.New("use https (plain http is for loopback addresses alone)")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (a API) validate(v *problems) {
	v.check(a.Items >= 0 && a.Nights >= 0, "api.items %d, api.nights %d: they cannot be negative", a.Items, a.Nights)
	v.check(len(a.Fields) > 0, "api.fields is empty: nothing could be pushed")
	for i, f := range slices.Concat(a.Fields, a.Ignored) {
		v.oneOf("api.fields", f, fields)
		v.check(!slices.Contains(slices.Concat(a.Fields, a.Ignored)[:i], f), "api.fields: %q is named twice", f)
	}
	for _, f := range fields {
		v.check(slices.Contains(a.Fields, f) || slices.Contains(a.Ignored, f), "api: field %q is neither pushed nor said to be ignored", f)
	}
	v.check(a.Pace.Requests > 0 && a.Pace.Window > 0, "api.pace: give requests and window, both above zero")
	v.check(a.Settle > 0, "api.settle %v: no provider acts at once", a.Settle.D())
	v.check((a.JobPoll > 0) == (a.JobDeadline > 0) && a.JobPoll >= 0 && a.JobDeadline >= a.JobPoll,
		"api.job_poll %v, api.job_deadline %v: give both or neither, the deadline being later", a.JobPoll.D(), a.JobDeadline.D())
	v.oneOf("api.verify", a.Verify, verifies)
}
