package sandbox

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

const authorize = "/cloudbeds/oauth/authorize?"

func TestConsent_PageNamesWhoAsksForWhat(t *testing.T) {
	w := newWorld(t, Config{})
	r := w.send("GET", authorize+authorizeQuery().Encode(), "", nil)
	w.want("status", r.status, 200)
	for _, text := range []string{"bellhop", "1001", "owner-a", "write:rate", `value="allow"`, `value="deny"`, `value="2002" selected`} {
		if !strings.Contains(r.body, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func TestConsent_LoginHintPreselects(t *testing.T) {
	w := newWorld(t, Config{})
	for _, hint := range []string{"1001", "owner-a"} {
		query := authorizeQuery()
		query.Set("login_hint", hint)
		r := w.send("GET", authorize+query.Encode(), "", nil)
		if !strings.Contains(r.body, `value="1001" selected`) {
			t.Errorf("hint %q preselects nothing", hint)
		}
	}
	if _, err := w.admin.Consent(t.Context(), w.url+authorize+authorizeQuery().Encode(), ""); err != nil {
		t.Errorf("consenting for the preselected property: %v", err)
	}
	w.want("property", w.lastRequest().Property, "2002")
}

func TestConsent_Denied(t *testing.T) {
	w := newWorld(t, Config{})
	r := w.form(authorize+authorizeQuery().Encode(), url.Values{"decision": {"deny"}, "property": {"1001"}})
	target, _ := url.Parse(r.header.Get("Location"))
	w.want("error", target.Query().Get("error"), "access_denied")
	w.want("state", target.Query().Get("state"), "state-0123456789")
}

func TestConsent_NarrowedScopesStayNarrow(t *testing.T) {
	w := newWorld(t, Config{})
	r := w.form(authorize+authorizeQuery().Encode(), url.Values{
		"decision": {"allow"}, "property": {"1001"}, "granted_scope": {"read:rate"},
	})
	target, _ := url.Parse(r.header.Get("Location"))
	answer := w.form(cbToken, codeForm(target.Query().Get("code")))
	w.want("scope", answer.text(t, "scope"), "read:rate")
	p := w.pair(w.refresh(w.pair(answer).refresh))
	push := w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-01", "100"))
	w.want("status", push.status, 403)
	w.want("challenge", push.header.Get("WWW-Authenticate"), `Bearer error="insufficient_scope", scope="write:rate"`)
	w.want("outcome", w.summary().Pushes[PushForbidden], 1)
}

func TestConsent_WhatIsNotRegisteredNeverRedirects(t *testing.T) {
	w := newWorld(t, Config{})
	for name, spoil := range map[string]func(url.Values){
		"unknown client":        func(v url.Values) { v.Set("client_id", "nobody") },
		"another path":          func(v url.Values) { v.Set("redirect_uri", callback+"/x") },
		"another loopback port": func(v url.Values) { v.Set("redirect_uri", strings.Replace(callback, "21001", "21002", 1)) },
		"no redirect":           func(v url.Values) { v.Del("redirect_uri") },
	} {
		query := authorizeQuery()
		spoil(query)
		for _, r := range []reply{
			w.send("GET", authorize+query.Encode(), "", nil),
			w.form(authorize+query.Encode(), url.Values{"decision": {"allow"}, "property": {"1001"}}),
		} {
			w.want(name, r.status, 400)
			w.want(name, r.header.Get("Location"), "")
		}
	}
}

func TestConsent_OtherMistakesAreToldByRedirect(t *testing.T) {
	w := newWorld(t, Config{})
	for name, c := range map[string]struct {
		spoil func(url.Values)
		want  string
	}{
		"no PKCE":        {func(v url.Values) { v.Del("code_challenge"); v.Del("code_challenge_method") }, "invalid_request"},
		"plain PKCE":     {func(v url.Values) { v.Set("code_challenge_method", "plain") }, "invalid_request"},
		"default method": {func(v url.Values) { v.Del("code_challenge_method") }, "invalid_request"},
		"implicit":       {func(v url.Values) { v.Set("response_type", "token") }, "unsupported_response_type"},
		"scope":          {func(v url.Values) { v.Set("scope", "delete:everything") }, "invalid_scope"},
		"short state":    {func(v url.Values) { v.Set("state", "x") }, "invalid_state"},
	} {
		query := authorizeQuery()
		c.spoil(query)
		r := w.send("GET", authorize+query.Encode(), "", nil)
		target, _ := url.Parse(r.header.Get("Location"))
		if target == nil || target.Query().Get("error") != c.want && !strings.Contains(target.Fragment, c.want) {
			t.Errorf("%s: status %d, redirect %v, want %s", name, r.status, target, c.want)
		}
	}
}

func TestConsent_TheFormCannotChangeTheRequest(t *testing.T) {
	w := newWorld(t, Config{})
	query := authorizeQuery()
	query.Set("scope", "read:rate")
	r := w.form(authorize+query.Encode(), url.Values{
		"decision": {"allow"}, "property": {"1001"}, "scope": {"read:rate write:rate"}, "granted_scope": {"read:rate", "write:rate"},
	})
	target, _ := url.Parse(r.header.Get("Location"))
	w.want("scope", w.form(cbToken, codeForm(target.Query().Get("code"))).text(t, "scope"), "read:rate")
}

func TestConsent_WithoutDecisionOrForAnUnknownProperty(t *testing.T) {
	w := newWorld(t, Config{})
	w.want("no decision", w.form(authorize+authorizeQuery().Encode(), url.Values{"property": {"1001"}}).status, 400)
	if _, err := w.admin.Consent(t.Context(), w.url+authorize+authorizeQuery().Encode(), "9999"); err == nil {
		t.Error("an unknown property consented")
	}
	query := authorizeQuery()
	query.Set("code_challenge_method", "plain")
	if _, err := w.admin.Consent(t.Context(), w.url+authorize+query.Encode(), "1001"); !errors.Is(err, ErrDenied) {
		t.Errorf("a redirect without a code: %v", err)
	}
}

func TestRevokeConsent_EndsAllOfTheAccountUntilItConsentsAgain(t *testing.T) {
	w := newWorld(t, Config{})
	a, b, pending := w.connect("1001"), w.connect("2002"), w.code("1001")
	ended, err := w.admin.RevokeConsent(t.Context(), RevokeConsent{Persona: Cloudbeds, Account: "owner-a"})
	if err != nil || ended == 0 {
		t.Fatalf("ended %d tokens: %v", ended, err)
	}
	w.want("access", w.alive(a.access), false)
	w.want("refresh", w.refresh(a.refresh).status, 400)
	w.want("a code that was waiting", w.form(cbToken, codeForm(pending)).status, 400)
	w.want("the other owner", w.alive(b.access), true)
	w.want("consenting again", w.alive(w.connect("1001").access), true)
}
