package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// script answers as a story tells it.
type script struct {
	offer     consent.Offer
	authorize string
	ending    consent.Ending
	err       error
	ticket    secret.Text
	query     consent.Query
}

func (s *script) Show(_ context.Context, t secret.Text) (consent.Offer, error) {
	s.ticket = t
	return s.offer, s.err
}

func (s *script) Begin(_ context.Context, t secret.Text) (string, consent.Offer, error) {
	s.ticket = t
	return s.authorize, s.offer, s.err
}

func (s *script) Callback(_ context.Context, q consent.Query) (consent.Ending, error) {
	s.query = q
	return s.ending, s.err
}

// lisbon is what an owner in Lisbon is asked for.
func lisbon() consent.Offer {
	return consent.Offer{
		Grant: grant.Grant{
			Health: grant.ReauthorizationRequired, Reason: grant.Revoked, Account: "4711",
			EpisodeSince: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), Generation: 3,
		},
		Provider: "Cloudbeds", Connections: []connection.Connection{{ID: "lisbon-1", Hotel: "Hotel <b>Lisboa</b>"}},
		Scopes: []string{"read:rate", "write:rate"}, Waiting: 184,
		Expires: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), Authorize: "https://hotels.cloudbeds.com/oauth?x=1",
	}
}

func withScript(t *testing.T, s *script) *house {
	h := newHouse(t)
	h.consents = s
	return h
}

// safe fails unless a page has every header that keeps it to its one reader.
func safe(t *testing.T, what string, r response) {
	t.Helper()
	csp := r.Headers["Content-Security-Policy"]
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action "} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: the policy lacks %q: %s", what, want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
		t.Errorf("%s: the policy allows too much: %s", what, csp)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
	} {
		if r.Headers[name] != want {
			t.Errorf("%s: %s is %q, want %q", what, name, r.Headers[name], want)
		}
	}
	if strings.Contains(r.Body, "<script") || strings.Contains(r.Body, "javascript:") {
		t.Errorf("%s: there is a script", what)
	}
}

var styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

func TestPage_TheStyleIsTheOneThatIsAllowed(t *testing.T) {
	r := offerPage(lisbon())
	m := styleElement.FindStringSubmatch(r.Body)
	if m == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(m[1]))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(r.Headers["Content-Security-Policy"], want) {
		t.Errorf("the browser would refuse the style: %s is not in %s", want, r.Headers["Content-Security-Policy"])
	}
}

func TestOfferPage(t *testing.T) {
	s := &script{offer: lisbon()}
	r := withScript(t, s).answers(readRequest(t, "reconnect.json"), 200)
	safe(t, "offer", r)
	for _, want := range []string{
		"Hotel &lt;b&gt;Lisboa&lt;/b&gt;", "Cloudbeds", "4711", "read:rate", "write:rate", "184 nightly rates",
		"no longer accepts our access", "What happens next", "28 November 2026", `<form method="post">`, `lang="en"`,
	} {
		if !strings.Contains(r.Body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if s.ticket.Reveal() != "dGhpcyBpcyBhbiBleGFtcGxlIG9mIGEgdGlja2V0ISE" {
		t.Errorf("asked for the ticket %q", s.ticket.Reveal())
	}
	// Chromium holds the redirect after a form to form-action, too.
	if csp := r.Headers["Content-Security-Policy"]; !strings.Contains(csp, "form-action 'self' https://hotels.cloudbeds.com;") {
		t.Errorf("the button's redirect would be blocked: %s", csp)
	}
}

func TestOfferPage_FirstConnection(t *testing.T) {
	o := lisbon()
	o.Grant = grant.Grant{Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected}
	o.Waiting = 0
	r := offerPage(o)
	if !strings.Contains(r.Body, "Connect Hotel") || strings.Contains(r.Body, "Interrupted since") || strings.Contains(r.Body, "Account there") {
		t.Errorf("the page says:\n%s", r.Body)
	}
}

// A grant that works is renewed before its end: nothing is interrupted, although
// it was once.
func TestOfferPage_BeforeTheEnd(t *testing.T) {
	o := lisbon()
	o.Grant.Health, o.Grant.Reason, o.Waiting = grant.OK, "", 0
	r := offerPage(o)
	if !strings.Contains(r.Body, "before it ends") || strings.Contains(r.Body, "Interrupted since") || !strings.Contains(r.Body, `<form method="post">`) {
		t.Errorf("the page says:\n%s", r.Body)
	}
}

func TestOfferPage_MissingPermissions(t *testing.T) {
	o := lisbon()
	o.Grant.Health, o.Grant.Reason, o.Grant.Missing = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{"write:rate"}
	if r := offerPage(o); !strings.Contains(r.Body, "Of these missing") {
		t.Errorf("the page does not name what is missing:\n%s", r.Body)
	}
}

func TestOfferPage_EveryReasonHasItsWords(t *testing.T) {
	seen := map[string]bool{}
	for _, reason := range []grant.Reason{grant.NeverConnected, grant.Revoked, grant.AnswerLost, grant.Expired, grant.TokenRejected, grant.ScopeMissing} {
		o := lisbon()
		o.Grant.Reason = reason
		if seen[why(o)] {
			t.Errorf("%s reads like another", reason)
		}
		seen[why(o)] = true
	}
}

func TestBeginConsent_RedirectsByGet(t *testing.T) {
	s := &script{offer: lisbon(), authorize: "https://hotels.cloudbeds.com/oauth?state=x"}
	h := withScript(t, s)
	r := h.answers(request{RouteKey: "POST /reconnect/{ticket}", PathParameters: map[string]string{"ticket": "T"}}, 303)
	if r.Headers["Location"] != s.authorize || r.Headers["Cache-Control"] != "no-store" || r.Headers["Referrer-Policy"] != "no-referrer" {
		t.Errorf("headers %v", r.Headers)
	}
	if strings.Contains(h.log.String(), "state=x") {
		t.Error("the state is in the log")
	}
}

func TestBeginConsent_NothingToBegin(t *testing.T) {
	s := &script{offer: consent.Offer{Code: consent.TicketExpired}}
	r := withScript(t, s).answers(request{RouteKey: "POST /reconnect/{ticket}"}, 410)
	safe(t, "expired", r)
}

func TestEndConsent_Example(t *testing.T) {
	s := &script{ending: consent.Ending{Result: consent.Result{Code: consent.Connected}, Provider: "Cloudbeds"}}
	r := withScript(t, s).answers(readRequest(t, "callback.json"), 200)
	safe(t, "connected", r)
	if s.query.Code.Reveal() != "example-authorization-code" || s.query.State.Empty() || s.query.Error != "" {
		t.Errorf("read %q %q %q", s.query.Code.Reveal(), s.query.State.Reveal(), s.query.Error)
	}
}

// A parameter that comes twice is none: nobody can add a second state or code.
func TestQueryOf(t *testing.T) {
	for raw, want := range map[string]string{
		"code=a&state=b":              "a b ",
		"error=access_denied&state=b": " b access_denied",
		"code=a&state=b&state=c":      "a  ",
		"code=a&code=a&state=b":       " b ",
		"code=%zz&state=b":            "  ",
		"code=a%20b&state=b":          "a b b ",
		"":                            "  ",
	} {
		q := queryOf(request{RawQueryString: raw})
		if got := q.Code.Reveal() + " " + q.State.Reveal() + " " + q.Error; got != want {
			t.Errorf("%q: read %q, want %q", raw, got, want)
		}
	}
}

func TestEndingPage_EveryResultHasItsPage(t *testing.T) {
	titles := map[string]consent.Code{}
	for _, code := range consent.Codes() {
		e := consent.Ending{
			Result:   consent.Result{Code: code, Account: "999", Pinned: "4711", Missing: nil},
			Provider: "Cloudbeds", Connections: lisbon().Connections,
		}
		if code.Again() {
			e.Again = secret.New("TICKET")
		}
		r := endingPage(e, "https://connect.example.com")
		safe(t, string(code), r)
		if _, ok := endings[code]; !ok {
			t.Errorf("%s has no page", code)
		}
		title := endings[code].title
		if other, taken := titles[title]; taken {
			t.Errorf("%s and %s have one title", code, other)
		}
		titles[title] = code
		if strings.ContainsAny(r.Body[strings.Index(r.Body, "<main>"):], "{}") {
			t.Errorf("%s: something was not filled in:\n%s", code, r.Body)
		}
		if code.Again() != strings.Contains(r.Body, `href="https://connect.example.com/reconnect/TICKET"`) {
			t.Errorf("%s: the way back is there: %v, want %v", code, !code.Again(), code.Again())
		}
		if (r.StatusCode == 200) != (code.Succeeded() || code == consent.AlreadyConnected || code == consent.Denied) {
			t.Errorf("%s answers %d", code, r.StatusCode)
		}
	}
}

func TestEndingPage_OtherAccountIsNamed(t *testing.T) {
	r := endingPage(consent.Ending{
		Result:   consent.Result{Code: consent.OtherAccount, Account: "<999>", Pinned: "4711"},
		Provider: "Cloudbeds", Connections: lisbon().Connections,
	}, "")
	if !strings.Contains(r.Body, "&lt;999&gt;") || !strings.Contains(r.Body, "4711") {
		t.Errorf("the page does not name the accounts:\n%s", r.Body)
	}
}

func TestEndingPage_PartlyConnectedLeadsOn(t *testing.T) {
	r := endingPage(consent.Ending{
		Result: consent.Result{Code: consent.PartlyConnected, Missing: []string{"write:rate"}}, Again: secret.New("NEXT"),
	}, "https://connect.example.com")
	if !strings.Contains(r.Body, "write:rate") || !strings.Contains(r.Body, "/reconnect/NEXT") {
		t.Errorf("the page says:\n%s", r.Body)
	}
}

func TestPages_OurTrouble(t *testing.T) {
	for _, route := range []string{"GET /reconnect/{ticket}", "POST /reconnect/{ticket}", "GET /oauth/callback"} {
		h := withScript(t, &script{err: errors.New("table is down")})
		r := h.answers(request{RouteKey: route}, 503)
		safe(t, route, r)
		if strings.Contains(r.Body, "table is down") || r.Headers["Retry-After"] == "" {
			t.Errorf("%s: the page says too much, or not when", route)
		}
		if !strings.Contains(h.log.String(), "table is down") {
			t.Errorf("%s: the log does not say why", route)
		}
	}
}
