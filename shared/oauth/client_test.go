package oauth

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// provider is a token endpoint that answers as it was told and remembers what
// it was asked.
type provider struct {
	*httptest.Server
	answer http.HandlerFunc

	mu    sync.Mutex
	asked []asked // guarded by mu
}

type asked struct {
	header http.Header
	path   string
	method string
	form   url.Values
	query  url.Values
	body   string
}

func newProvider(t *testing.T, answer http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // a head without its form: nothing was presented
		}
		form, _ := url.ParseQuery(string(body))
		p.mu.Lock()
		p.asked = append(p.asked, asked{r.Header.Clone(), r.URL.Path, r.Method, form, r.URL.Query(), string(body)})
		p.mu.Unlock()
		p.answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) requests() []asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]asked(nil), p.asked...)
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// basic and inBody are profiles for tests that do not care about more.
var (
	basic  = profile.Token{Auth: "basic", Lifetime: profile.Seconds(time.Hour), Account: "none"}
	inBody = profile.Token{Auth: "body", Lifetime: profile.Seconds(time.Hour), Account: "none"}
)

// The tokens of these tests, made so that they are found wherever they show.
var (
	accessOne  = secrettest.Mint("at-1")
	refreshOne = secrettest.Mint("rt-1")
	refreshTwo = secrettest.Mint("rt-2")
)

// minted is a text with the tokens that it names.
var minted = strings.NewReplacer("at-1", accessOne, `at\u002d1`, secrettest.Mint(`at\u002d1`), "rt-1", refreshOne, "rt-2", refreshTwo).Replace

// letter is a pair by the letter of the RFC, good the same with its tokens in it.
const letter = `{"access_token":"at-1","token_type":"Bearer","expires_in":60,"refresh_token":"rt-2","scope":"rates:read rates:write"}`

var good = minted(letter)

func refreshAt(endpoint string) Request {
	return Request{
		Kind: grant.KindRefresh, Endpoint: endpoint, ClientID: "hotel", ClientSecret: secret.New("cs"), Refresh: secret.New(refreshOne),
	}
}

func TestExchange_Refresh(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 123456789, time.UTC)
	p := newProvider(t, says(200, good))
	out := NewClient(Config{Now: func() time.Time { return now }}).Exchange(t.Context(), basic, refreshAt(p.URL+"/token"))

	if out.Class != Issued || out.Status != 200 || out.Code != "" || out.Cause != "" || !out.Raw.Empty() {
		t.Fatalf("outcome is %+v", out)
	}
	if out.Pair.Access.Reveal() != accessOne || out.Pair.Refresh.Reveal() != refreshTwo {
		t.Error("the pair is not the answer's")
	}
	if got := strings.Join(out.Pair.Scopes, ","); got != "rates:read,rates:write" {
		t.Errorf("scopes are %s", got)
	}
	start := now.Truncate(time.Millisecond)
	if !out.Pair.Issued.Equal(start) || !out.Pair.Expires.Equal(start.Add(time.Minute)) {
		t.Errorf("issued %v, expires %v", out.Pair.Issued, out.Pair.Expires)
	}
}

// A refresh asks for what it must and nothing else: a scope could narrow the
// grant, an Idempotency-Key would make net/http send again.
func TestExchange_RefreshOnTheWire(t *testing.T) {
	p := newProvider(t, says(200, good))
	r := refreshAt(p.URL + "/token")
	r.Scopes = []string{"rates:read"}
	NewClient(Config{}).Exchange(t.Context(), basic, r)

	got := p.requests()[0]
	if got.method != "POST" || got.path != "/token" {
		t.Errorf("asked %s %s", got.method, got.path)
	}
	if want := (url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshOne}}); got.form.Encode() != want.Encode() {
		t.Errorf("form is %v", got.form)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", "Idempotency-Key": "", "Accept-Encoding": "",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q", name, got.header.Get(name))
		}
	}
}

func TestExchange_CodeOnTheWire(t *testing.T) {
	p := newProvider(t, says(200, good))
	NewClient(Config{}).Exchange(t.Context(), inBody, Request{
		Kind: grant.KindCode, Endpoint: p.URL, ClientID: "hotel", ClientSecret: secret.New("cs"),
		Code: secret.New("c0de"), Verifier: secret.New("v"), RedirectURI: "https://bellhop.example.com/oauth/callback",
	})
	want := url.Values{
		"grant_type": {"authorization_code"}, "code": {"c0de"}, "code_verifier": {"v"},
		"redirect_uri": {"https://bellhop.example.com/oauth/callback"}, "client_id": {"hotel"}, "client_secret": {"cs"},
	}
	if got := p.requests()[0]; got.form.Encode() != want.Encode() || got.header.Get("Authorization") != "" {
		t.Errorf("form is %v, authorization %q", got.form, got.header.Get("Authorization"))
	}
}

func TestExchange_ClientCredentialsOnTheWire(t *testing.T) {
	p := newProvider(t, says(200, good))
	r := Request{Kind: grant.KindClient, Endpoint: p.URL, ClientID: "hotel", ClientSecret: secret.New("cs"), Scopes: []string{"a", "b"}}
	c := NewClient(Config{})
	c.Exchange(t.Context(), basic, r)
	comma := basic
	comma.ScopeSeparator = ","
	c.Exchange(t.Context(), comma, r)
	r.Scopes = nil
	c.Exchange(t.Context(), basic, r)

	for i, want := range []string{"a b", "a,b", ""} {
		got := p.requests()[i].form
		if got.Get("grant_type") != "client_credentials" || got.Get("scope") != want || got.Has("scope") != (want != "") {
			t.Errorf("form %d is %v", i, got)
		}
	}
}

// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined
// and encoded again.
func TestExchange_BasicEncodesBothHalves(t *testing.T) {
	p := newProvider(t, says(200, good))
	r := refreshAt(p.URL)
	r.ClientID, r.ClientSecret = "hotel:1 é", secret.New("100%+&=:ä")
	NewClient(Config{}).Exchange(t.Context(), basic, r)

	encoded := strings.TrimPrefix(p.requests()[0].header.Get("Authorization"), "Basic ")
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if want := "hotel%3A1+%C3%A9:100%25%2B%26%3D%3A%C3%A4"; string(b) != want {
		t.Errorf("sent %q, want %q", b, want)
	}
	if p.requests()[0].form.Has("client_secret") {
		t.Error("the secret went twice")
	}
}

// What cannot be sent is our own configuration, and no request at all.
func TestExchange_Unfit(t *testing.T) {
	p := newProvider(t, says(200, good))
	for name, spoil := range map[string]func(*Request){
		"endpoint/empty":     func(r *Request) { r.Endpoint = "" },
		"endpoint/plain":     func(r *Request) { r.Endpoint = "http://token.example.com/" },
		"endpoint/user":      func(r *Request) { r.Endpoint = strings.Replace(p.URL, "http://", "http://u:p@", 1) },
		"credential/refresh": func(r *Request) { r.Refresh = secret.Text{} },
		"credential/code":    func(r *Request) { r.Kind = grant.KindCode },
		"credential/client":  func(r *Request) { r.ClientID = "" },
		"credential/kind":    func(r *Request) { r.Kind = "password" },
	} {
		r := refreshAt(p.URL)
		spoil(&r)
		out := NewClient(Config{}).Exchange(t.Context(), basic, r)
		cause, _, _ := strings.Cut(name, "/")
		if out.Class != BadRequest || out.Cause != cause || out.Class.Spent() {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
	if n := len(p.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// An outcome is logged: no part of an answer or a request may be seen in it.
func TestExchange_OutcomePrintsNoSecret(t *testing.T) {
	for name, body := range map[string]string{
		"issued":     strings.NewReplacer("at-1", "canary", "rt-2", "canary").Replace(good),
		"unreadable": `{"access_token":"canary`,
		"dead":       `{"error":"invalid_grant","error_description":"canary"}`,
		"own code":   `{"error":"canary"}`,
	} {
		status := 200
		if strings.Contains(body, "error") {
			status = 400
		}
		p := newProvider(t, says(status, body))
		r := refreshAt(p.URL)
		r.Refresh, r.ClientSecret = secret.New("canary"), secret.New("canary")
		out := NewClient(Config{}).Exchange(t.Context(), basic, r)
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s"} {
			if printed := fmt.Sprintf(verb, out) + fmt.Sprintf(verb, r); strings.Contains(printed, "canary") {
				t.Errorf("%s: %s prints %s", name, verb, printed)
			}
		}
	}
}

func TestExchange_TellsHowLongItTook(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(100 * time.Millisecond)
		return now
	}
	p := newProvider(t, says(200, good))
	out := NewClient(Config{Now: clock}).Exchange(context.Background(), basic, refreshAt(p.URL))
	if out.Took < 200*time.Millisecond || out.Took > time.Second {
		t.Errorf("took %v", out.Took)
	}
	if !out.Pair.Issued.Equal(time.Date(2026, 11, 21, 8, 0, 0, 1e8, time.UTC)) {
		t.Errorf("issued %v: not the start of the request", out.Pair.Issued)
	}
}
