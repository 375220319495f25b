package oauth

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// RFC 7636 appendix B.
func TestPKCE_TheRFCsExample(t *testing.T) {
	if got := challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge is %s", got)
	}
}

func TestNewPKCE_FreshAndLongEnough(t *testing.T) {
	a, b := NewPKCE(), NewPKCE()
	if a.Verifier.Equal(b.Verifier) || a.Challenge == b.Challenge {
		t.Error("two proofs are the same")
	}
	if v := a.Verifier.Reveal(); len(v) != 43 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("verifier of %d characters, or of the wrong ones", len(v))
	}
	if a.Challenge != challenge(a.Verifier.Reveal()) {
		t.Error("the challenge is not the verifier's")
	}
}

func asking() Authorization {
	return Authorization{
		Endpoint: "https://provider.example.com/oauth?tenant=7", ClientID: "hotel", RedirectURI: "https://b.example.com/oauth/callback?x=1&y=2",
		State: secret.New("st&te"), Challenge: "ch",
	}
}

func TestAuthorizeURL(t *testing.T) {
	got, err := AuthorizeURL(profile.Token{Scopes: []string{"read:rate", "write:rate"}}, asking())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"tenant": {"7"}, "response_type": {"code"}, "client_id": {"hotel"}, "redirect_uri": {"https://b.example.com/oauth/callback?x=1&y=2"},
		"state": {"st&te"}, "code_challenge": {"ch"}, "code_challenge_method": {"S256"}, "scope": {"read:rate write:rate"},
	}
	if u.Host != "provider.example.com" || u.Path != "/oauth" || u.Query().Encode() != want.Encode() {
		t.Errorf("url is %s", got)
	}
}

func TestAuthorizeURL_ScopesOfItsOwn(t *testing.T) {
	a := asking()
	a.Scopes = []string{"write:rate"}
	got, err := AuthorizeURL(profile.Token{Scopes: []string{"read:rate"}, ScopeSeparator: ","}, a)
	if err != nil || !strings.Contains(got, "scope=write%3Arate&") {
		t.Errorf("url is %s, %v", got, err)
	}
}

// Without state or challenge the answer could be somebody else's.
func TestAuthorizeURL_RefusesHalf(t *testing.T) {
	for name, spoil := range map[string]func(*Authorization){
		"endpoint": func(a *Authorization) { a.Endpoint = "http://provider.example.com/oauth" },
		"client":   func(a *Authorization) { a.ClientID = "" },
		"redirect": func(a *Authorization) { a.RedirectURI = "" },
		"state":    func(a *Authorization) { a.State = secret.Text{} },
		"proof":    func(a *Authorization) { a.Challenge = "" },
	} {
		a := asking()
		spoil(&a)
		if u, err := AuthorizeURL(profile.Token{}, a); err == nil || strings.Contains(err.Error(), "st&te") {
			t.Errorf("no %s: %s, %v", name, u, err)
		}
	}
}

func TestRevoke_OnTheWire(t *testing.T) {
	p := newProvider(t, says(200, ""))
	r := Revocation{Endpoint: p.URL + "/revoke", ClientID: "hotel", ClientSecret: secret.New("cs"), Token: secret.New(refreshOne), Hint: "refresh_token"}
	c := NewClient(Config{})
	if err := c.Revoke(t.Context(), inBody, r); err != nil {
		t.Fatal(err)
	}
	r.Hint = ""
	if err := c.Revoke(t.Context(), basic, r); err != nil {
		t.Fatal(err)
	}
	first, second := p.requests()[0], p.requests()[1]
	if want := (url.Values{"token": {refreshOne}, "token_type_hint": {"refresh_token"}, "client_id": {"hotel"}, "client_secret": {"cs"}}); first.form.Encode() != want.Encode() {
		t.Errorf("form is %v", first.form)
	}
	if user := second.header.Get("Authorization"); second.form.Encode() != "token="+refreshOne || !strings.HasPrefix(user, "Basic ") {
		t.Errorf("form is %v, authorization %q", second.form, user)
	}
}

func TestRevoke_Refused(t *testing.T) {
	p := newProvider(t, says(503, `{"error":"canary"}`))
	err := NewClient(Config{}).Revoke(t.Context(), basic, Revocation{Endpoint: p.URL, ClientID: "hotel", Token: secret.New("canary")})
	var status *StatusError
	if !errors.As(err, &status) || status.Status != 503 || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
	if err := NewClient(Config{}).Revoke(t.Context(), basic, Revocation{Endpoint: "http://example.com/?canary"}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a plain endpoint: %v", err)
	}
}

// That the token is gone already is what was wanted, however the provider says
// it: a revocation can be repeated.
func TestRevoke_GoneAlready(t *testing.T) {
	p := newProvider(t, says(400, `{"error":"invalid_token"}`))
	r := Revocation{Endpoint: p.URL, ClientID: "hotel", Token: secret.New(refreshOne)}
	if err := NewClient(Config{}).Revoke(t.Context(), basic, r); err != nil {
		t.Error(err)
	}
}

func TestUserInfo(t *testing.T) {
	p := newProvider(t, says(200, `{"property_id":"p-7","data":{"number":12},"roles":["x"]}`))
	c := NewClient(Config{})
	for field, want := range map[string]string{"property_id": "p-7", "data.number": "12", "roles": "", "absent": "", "data.absent": ""} {
		got, err := c.UserInfo(t.Context(), p.URL+"/userinfo", secret.New(accessOne), field)
		if err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", field, got, err, want)
		}
	}
	if r := p.requests()[0]; r.method != "GET" || r.header.Get("Authorization") != "Bearer "+accessOne {
		t.Errorf("asked by %s with %q", r.method, r.header.Get("Authorization"))
	}
}

func TestUserInfo_Trouble(t *testing.T) {
	gone := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
	})
	refused := newProvider(t, says(401, `{"error":"canary"}`))
	elsewhere := newProvider(t, says(200, `{"id":"x"}`))
	redirect := newProvider(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	c := NewClient(Config{})
	for name, endpoint := range map[string]string{
		"gone": gone.URL + "/?canary", "refused": refused.URL, "redirected": redirect.URL, "plain": "http://example.com/canary",
	} {
		got, err := c.UserInfo(t.Context(), endpoint, secret.New("canary"), "id")
		if err == nil || got != "" || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if len(elsewhere.requests()) != 0 {
		t.Error("the token was carried elsewhere")
	}
	if _, err := c.UserInfo(t.Context(), gone.URL, secret.New("a"), "id"); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("gone: %v", err)
	}
	page := newProvider(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	if got, err := c.UserInfo(t.Context(), page.URL, secret.New("a"), "id"); err != nil || got != "" {
		t.Errorf("a page names account %q, %v", got, err)
	}
}
