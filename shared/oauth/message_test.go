package oauth

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"testing"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// minting is a request for a token by our own credentials.
func minting(endpoint string) Request {
	return Request{
		Kind: grant.KindClient, Endpoint: endpoint, ClientID: "hotel", ClientSecret: secret.New("cs"),
		Username: secret.New("machine"), Password: secret.New("pw"), Scopes: []string{"a", "b"},
		Headers: map[string]secret.Text{"X-App-Key": secret.New("key")},
	}
}

// What is written in each dialect, and that nothing else is.
func TestExchange_DialectsOnTheWire(t *testing.T) {
	const authorization = "Basic aG90ZWw6Y3M="
	for name, row := range map[string]struct {
		p      profile.Token
		r      func(string) Request
		method string
		where  string // where the parameters must be
		want   map[string]string
		header map[string]string
	}{
		"a form": {inBody, refreshAt, "POST", "form",
			map[string]string{"grant_type": "refresh_token", "refresh_token": refreshOne, "client_id": "hotel", "client_secret": "cs"}, nil},
		"JSON": {profile.Token{Auth: "body", Request: profile.Request{Encoding: "json", Extra: map[string]string{"audience": "api"}}}, minting, "POST", "json",
			map[string]string{"grant_type": "client_credentials", "scope": "a b", "client_id": "hotel", "client_secret": "cs", "audience": "api"}, nil},
		"a query": {profile.Token{Auth: "body", Request: profile.Request{Encoding: "query"}}, refreshAt, "POST", "query",
			map[string]string{"grant_type": "refresh_token", "refresh_token": refreshOne, "client_id": "hotel", "client_secret": "cs"}, nil},
		"GET with a header": {profile.Token{Auth: "none", Request: profile.Request{Method: "GET", Encoding: "header",
			Names: map[string]string{"refresh_token": "refreshToken", "grant_type": "", "client_id": ""}}}, refreshAt, "GET", "none",
			map[string]string{}, map[string]string{"Refreshtoken": refreshOne, "Authorization": ""}},
		"password with Basic and a key": {profile.Token{Grant: "password", Auth: "basic", Request: profile.Request{
			SecretHeaders: []string{"x-app-key"}, Headers: map[string]string{"x-hotel": "h1"}, Names: map[string]string{"scope": ""}}}, minting, "POST", "form",
			map[string]string{"grant_type": "password", "username": "machine", "password": "pw"},
			map[string]string{"Authorization": authorization, "X-App-Key": "key", "X-Hotel": "h1"}},
		"names and words of its own": {profile.Token{Auth: "body", Request: profile.Request{Encoding: "json", RedirectOnRefresh: true,
			Names:      map[string]string{"grant_type": "grantType", "client_id": "agentId", "client_secret": "agentPassword"},
			GrantTypes: map[string]string{"refresh_token": "REFRESH_TOKEN"}}},
			func(u string) Request { r := refreshAt(u); r.RedirectURI = "https://b.example.com/cb"; return r }, "POST", "json",
			map[string]string{"grantType": "REFRESH_TOKEN", "refresh_token": refreshOne, "agentId": "hotel", "agentPassword": "cs", "redirect_uri": "https://b.example.com/cb"}, nil},
		"a public client": {profile.Token{Auth: "none"}, refreshAt, "POST", "form",
			map[string]string{"grant_type": "refresh_token", "refresh_token": refreshOne, "client_id": "hotel"}, map[string]string{"Authorization": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, says(200, good))
			if out := NewClient(Config{}).Exchange(t.Context(), row.p, row.r(p.URL+"/token?tenant=7")); out.Class != Issued {
				t.Fatalf("outcome is %+v", out)
			}
			got := p.requests()[0]
			if got.method != row.method || got.query.Get("tenant") != "7" {
				t.Errorf("asked by %s, with tenant %q", got.method, got.query.Get("tenant"))
			}
			if said := got.said(t, row.where); !maps.Equal(said, row.want) {
				t.Errorf("said %v, want %v", said, row.want)
			}
			for name, want := range row.header {
				if got.header.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
				}
			}
		})
	}
}

// said is what a request carries in the one place, and that no other has any.
func (a asked) said(t *testing.T, where string) map[string]string {
	t.Helper()
	a.query.Del("tenant")
	if where != "query" && len(a.query) > 0 || (where == "query" || where == "none") && a.body != "" {
		t.Errorf("query is %v, body %q", a.query, a.body)
	}
	values := map[string]url.Values{"form": a.form, "query": a.query, "none": {}}[where]
	said := map[string]string{}
	if where == "json" {
		if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%q as %s: %v", a.body, a.header.Get("Content-Type"), err)
		}
	}
	for name := range values {
		said[name] = values.Get(name)
	}
	return said
}

// What the profile wants sent and nobody gave is found before anything is.
func TestExchange_NothingToSend(t *testing.T) {
	password := profile.Token{Grant: "password", Auth: "basic", Request: profile.Request{SecretHeaders: []string{"x-app-key"}}}
	p := newProvider(t, says(200, good))
	for name, spoil := range map[string]func(*Request){
		"no user":             func(r *Request) { r.Username = secret.Text{} },
		"no password":         func(r *Request) { r.Password = secret.Text{} },
		"no key":              func(r *Request) { r.Headers = nil },
		"no client":           func(r *Request) { r.ClientID = "" },
		"key breaks the line": func(r *Request) { r.Headers = map[string]secret.Text{"X-App-Key": secret.New("k\r\nx: 1")} },
	} {
		r := minting(p.URL)
		spoil(&r)
		if out := NewClient(Config{}).Exchange(t.Context(), password, r); out.Class != BadRequest || out.Cause != "credential" {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
	r := refreshAt(p.URL)
	r.Refresh = secret.New("rt\n1")
	inHeader := profile.Token{Auth: "none", Request: profile.Request{Method: "GET", Encoding: "header"}}
	if out := NewClient(Config{}).Exchange(t.Context(), inHeader, r); out.Class != BadRequest {
		t.Errorf("a token that breaks the line: outcome is %+v", out)
	}
	if n := len(p.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// The same request is written the same way every time, so that its digest says
// something.
func TestCompose_IsAFunction(t *testing.T) {
	p := profile.Token{Grant: "password", Auth: "body", Request: profile.Request{Encoding: "json", SecretHeaders: []string{"x-app-key"}}}
	first, _ := compose(p, minting("https://p.example.com/token"))
	for range 20 {
		if again, _ := compose(p, minting("https://p.example.com/token")); !slices.Equal(first.lines(), again.lines()) {
			t.Fatal("two ways to write one request")
		}
	}
}
