package profile

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestValidate_EachMistakeOfADialectIsNamed(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(*Token)
		says  string
	}{
		{"method", func(p *Token) { p.Request.Method = "PUT" }, `token.request.method "PUT"`},
		{"method in lower case", func(p *Token) { p.Request.Method = "get" }, `token.request.method "get"`},
		{"encoding", func(p *Token) { p.Request.Encoding = "xml" }, `token.request.encoding "xml"`},
		{"GET with a form", func(p *Token) { p.Request.Method = "GET" }, "a GET has no body"},
		{"GET with JSON", func(p *Token) { p.Request = Request{Method: "GET", Encoding: "json"} }, "a GET has no body"},
		{"unknown parameter", func(p *Token) { p.Request.Names = map[string]string{"token": "x"} }, `token.request.names "token"`},
		{"two under one name", func(p *Token) { p.Request.Names = map[string]string{"code": "client_id"} }, `"client_id" stands for two parameters`},
		{"unknown grant type", func(p *Token) { p.Request.GrantTypes = map[string]string{"refresh": "R"} }, `token.request.grant_types "refresh"`},
		{"extra as a parameter", func(p *Token) { p.Request.Extra = map[string]string{"scope": "x"} }, `token.request.extra: "scope"`},
		{"extra without name", func(p *Token) { p.Request.Extra = map[string]string{"": "x"} }, `token.request.extra: ""`},
		{"header with a space", func(p *Token) { p.Request.Headers = map[string]string{"x app": "1"} }, `"x app" cannot be a header`},
		{"header that breaks the line", func(p *Token) { p.Request.Headers = map[string]string{"x": "1\r\ny: 2"} }, `the value of "x"`},
		{"header that is replayed", func(p *Token) { p.Request.SecretHeaders = []string{"idempotency-key"} }, `"idempotency-key" cannot be a header`},
		{"header that holds back", func(p *Token) { p.Request.Headers = map[string]string{"expect": "100-continue"} }, `"expect" cannot be a header`},
		{"header of ours", func(p *Token) { p.Request.SecretHeaders = []string{"Authorization"} }, `"Authorization" cannot be a header`},
		{"header twice", func(p *Token) {
			p.Request = Request{Headers: map[string]string{"x-a": "1"}, SecretHeaders: []string{"X-A"}}
		}, `header "X-A" is named twice`},
		{"parameter that is no header", func(p *Token) { p.Request = Request{Encoding: "header", Names: map[string]string{"code": "the code"}} }, `"the code" cannot be a header`},
		{"expiry", func(p *Token) { p.Answer.ExpiryAs = "minutes" }, `token.answer.expiry_as "minutes"`},
		{"refresh expiry", func(p *Token) { p.Answer = Answer{RefreshExpiry: "x", RefreshExpiryAs: "days"} }, `token.answer.refresh_expiry_as "days"`},
		{"refresh expiry of nothing", func(p *Token) { p.Answer.RefreshExpiryAs = "epoch" }, "name refresh_expiry too"},
		{"budget of nothing", func(p *Token) { p.Budgets = []Budget{{Window: 1}} }, "token.budgets[0]: give calls and window"},
		{"budget of no time", func(p *Token) { p.Budgets = []Budget{{Calls: 1}} }, "token.budgets[0]: give calls and window"},
		{"window twice", func(p *Token) { p.Budgets = []Budget{{Calls: 1, Window: 1}, {Calls: 2, Window: 1}} }, "token.budgets[1]: window"},
		{"too dear", func(p *Token) { p.Budgets = []Budget{{Calls: 3, Window: 1, Cost: 4}} }, "token.budgets[0].cost 4"},
		{"share of nothing", func(p *Token) { p.CodeShare = 1 }, "there is no budget to share"},
		{"share of all", func(p *Token) { p.CodeShare, p.Budgets = 5, []Budget{{Calls: 5, Window: 1}} }, "would leave none for refreshing"},
		{"negative share", func(p *Token) { p.CodeShare = -1 }, "token.code_share -1: it cannot be negative"},
		{"bucket", func(p *Token) { p.Bucket = "planet" }, `token.bucket "planet"`},
		{"introspection in the clear", func(p *Token) { p.Endpoints.Introspect = "http://example.com/i" }, "token.endpoints.introspect: use https"},
		{"scopes where there are none", func(p *Token) { p.Request.Names = map[string]string{"scope": ""} }, "token.scopes"},
		{"scope twice", func(p *Token) { p.Scopes = []string{"a", "a"} }, `"a" is there twice`},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := valid(t)
			row.spoil(&p.Token)
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want it to say %q", err, row.says)
			}
		})
	}
}

func TestValidate_ADialectThatIsRight(t *testing.T) {
	p := valid(t)
	p.Token.Grant, p.Token.Auth, p.Token.Scopes = "password", "basic", nil
	p.Token.Request = Request{
		Method: http.MethodPost, Encoding: "json", Names: map[string]string{"scope": "", "username": "agentId", "grant_type": ""},
		GrantTypes: map[string]string{"refresh_token": "REFRESH_TOKEN"}, Extra: map[string]string{"audience": "api"},
		Headers: map[string]string{"x-hotel": "1"}, SecretHeaders: []string{"x-app-key"},
	}
	p.Token.Answer = Answer{Access: "data.token", Expiry: "expiryDate", ExpiryAs: "rfc3339", RefreshExpiry: "r", RefreshExpiryAs: "epoch"}
	p.Token.Budgets, p.Token.CodeShare = []Budget{{Calls: 5, Window: Seconds(24 * time.Hour)}, {Calls: 2, Window: Seconds(time.Minute)}}, 1
	p.Token.OneAtATime, p.Token.Bucket = true, "client"
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func TestRequest_NamesAndValues(t *testing.T) {
	r := Request{Names: map[string]string{"refresh_token": "refreshToken", "grant_type": ""}, GrantTypes: map[string]string{"refresh_token": "REFRESH"}}
	for parameter, want := range map[string]string{"refresh_token": "refreshToken", "grant_type": "", "client_id": "client_id"} {
		if got := r.Name(parameter); got != want {
			t.Errorf("%s is called %q, want %q", parameter, got, want)
		}
	}
	if r.GrantType("refresh_token") != "REFRESH" || r.GrantType("password") != "password" {
		t.Error("grant types are not the profile's")
	}
}

func TestToken_MintsAndNeedsSecret(t *testing.T) {
	for name, row := range map[string]struct {
		p              Token
		mints, secrets bool
	}{
		"client credentials": {Token{Grant: "client_credentials", Auth: "basic"}, true, true},
		"password":           {Token{Grant: "password", Auth: "none"}, true, true},
		"consent":            {Token{Grant: "authorization_code", Auth: "body"}, false, true},
		"public":             {Token{Grant: "authorization_code", Auth: "none"}, false, false},
		"key in a header":    {Token{Grant: "authorization_code", Auth: "none", Request: Request{SecretHeaders: []string{"x"}}}, false, true},
	} {
		if row.p.Mints() != row.mints || row.p.NeedsSecret() != row.secrets {
			t.Errorf("%s: mints %v, needs a secret %v", name, row.p.Mints(), row.p.NeedsSecret())
		}
	}
}

func TestCheckScopes(t *testing.T) {
	if err := CheckScopes([]string{"rates:read", "rates:write"}); err != nil {
		t.Error(err)
	}
	if err := CheckScopes(nil); err != nil {
		t.Error(err)
	}
	err := CheckScopes([]string{"*", "a b", "x", "x", "admin", ""})
	for _, want := range []string{`"*" asks for everything`, `"a b" is not one`, `"x" is there twice`, `"admin" asks`, `"" is not one`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != 4 {
		t.Errorf("%d problems, want 5", n+1)
	}
	if !slices.Contains(parameters, "scope") {
		t.Error("scope is no parameter")
	}
}

func TestEndpoints_With(t *testing.T) {
	all := Endpoints{Token: "https://a.example/token", Revoke: "https://a.example/revoke", Introspect: "https://a.example/introspect", API: "https://api.example"}
	for token, want := range map[string]Endpoints{
		"":                          all,
		"https://A.example/hotel-7": {Token: "https://A.example/hotel-7", Revoke: all.Revoke, Introspect: all.Introspect, API: all.API},
		"https://b.example/token":   {Token: "https://b.example/token", API: all.API},
	} {
		if got := all.With(token); got != want {
			t.Errorf("%q: %+v, want %+v", token, got, want)
		}
	}
}
