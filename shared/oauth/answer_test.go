package oauth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// at is when the requests of these tests began.
var at = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// judged is the outcome of one answer, without a network.
func judged(p profile.Token, status int, body string, header ...string) Outcome {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return judge(p, answer{status: status, header: h, body: secret.New(body), received: at}, at)
}

func TestJudge_WhatProvidersCallAPair(t *testing.T) {
	for name, body := range map[string]string{
		"by the letter":       letter,
		"nothing but a token": `{"access_token":"at-1"}`,
		"type in capitals":    `{"access_token":"at-1","token_type":"BEARER"}`,
		"type of a gateway":   `{"access_token":"at-1","token_type":"BearerToken"}`,
		"type null":           `{"access_token":"at-1","token_type":null}`,
		"type a number":       `{"access_token":"at-1","token_type":1}`,
		"byte order mark":     "\xef\xbb\xbf" + `{"access_token":"at-1"}`,
		"white space":         " \r\n {\"access_token\":\"at-1\"}\n\n",
		"more members":        `{"access_token":"at-1","api_domain":"https://x","created_at":1,"nested":{"a":[1,2]}}`,
		"error null":          `{"access_token":"at-1","error":null}`,
		"error empty":         `{"access_token":"at-1","error":""}`,
		"error false":         `{"access_token":"at-1","error":false,"success":true}`,
		"error zero":          `{"access_token":"at-1","error":0,"errors":[]}`,
		"refresh null":        `{"access_token":"at-1","refresh_token":null}`,
		"escaped":             `{"access_token":"at\u002d1"}`,
	} {
		if out := judged(basic, 200, minted(body)); out.Class != Issued || out.Pair.Access.Reveal() != accessOne {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
	if out := judged(basic, 201, good); out.Class != Issued {
		t.Errorf("201: outcome is %+v", out)
	}
}

// Bytes that reached us are kept, whatever our parser thinks of them.
func TestJudge_UnreadableIsKept(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
	}{
		"not JSON":                    {200, "access_token=at-1&expires=60"},
		"a page":                      {200, "<html>please log in</html>"},
		"broken JSON":                 {200, `{"access_token":"at-1"`},
		"two documents":               {200, letter + letter},
		"a list":                      {200, "[" + letter + "]"},
		"another name":                {200, `{"jwt":"at-1"}`},
		"token a number":              {200, `{"access_token":12345}`},
		"token empty":                 {200, `{"access_token":"","refresh_token":"rt-2"}`},
		"token breaks a header":       {200, `{"access_token":"at\r\nX-Evil: 1"}`},
		"token not ASCII":             {200, `{"access_token":"åt"}`},
		"token not UTF-8":             {200, "{\"access_token\":\"\xff\"}"},
		"refresh token unreadable":    {200, `{"access_token":"at-1","refresh_token":{"value":"rt-2"}}`},
		"refresh token a number":      {200, `{"access_token":"at-1","refresh_token":7}`},
		"proof of possession":         {200, `{"access_token":"at-1","token_type":"DPoP"}`},
		"mac":                         {200, `{"access_token":"at-1","token_type":"mac"}`},
		"token beside an error":       {200, `{"access_token":"at-1","error":"server_error"}`},
		"token beside success false":  {200, `{"access_token":"at-1","success":false}`},
		"token in a server's trouble": {500, `{"access_token":"at-1","refresh_token":"rt-2"}`},
		"too deep":                    {200, strings.Repeat("[", 20000)},
	} {
		body := minted(row.body)
		out := judged(basic, row.status, body)
		if out.Class != Unreadable || out.Raw.Reveal() != body {
			t.Errorf("%s: outcome is %+v", name, out)
		}
		if !out.Pair.Access.Empty() {
			t.Errorf("%s: there is a pair too", name)
		}
	}
}

// A success without a byte in it: the credential may be spent, and there is
// nothing to keep.
func TestJudge_EmptySuccessIsUnknown(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204} {
		if out := judged(basic, status, ""); out.Class != Unknown || !out.Raw.Empty() {
			t.Errorf("%d: outcome is %+v", status, out)
		}
	}
}

func TestExchange_TooLongIsKeptAside(t *testing.T) {
	body := minted(`{"access_token":"at-1","padding":"`) + strings.Repeat("x", 2*largestAnswer) + `"}`
	p := newProvider(t, says(200, body))
	out := NewClient(Config{}).Exchange(t.Context(), basic, refreshAt(p.URL))
	if out.Class != Unreadable || out.Raw.Reveal() != body[:largestAnswer] {
		t.Errorf("class is %s, %d bytes kept", out.Class, len(out.Raw.Reveal()))
	}
	just := good + strings.Repeat(" ", largestAnswer-len(good))
	p = newProvider(t, says(200, just))
	if out := NewClient(Config{}).Exchange(t.Context(), basic, refreshAt(p.URL)); out.Class != Issued {
		t.Errorf("an answer of just %d bytes is %+v", largestAnswer, out)
	}
}

// A long page of a broken proxy is no pair.
func TestExchange_TooLongRefusalIsNotKept(t *testing.T) {
	p := newProvider(t, says(502, strings.Repeat("x", 2*largestAnswer)))
	if out := NewClient(Config{}).Exchange(t.Context(), basic, refreshAt(p.URL)); out.Class != Unknown || !out.Raw.Empty() {
		t.Errorf("outcome is %+v", out)
	}
}

func TestJudge_ErrorInsideASuccess(t *testing.T) {
	for body, want := range map[string]struct {
		class Class
		code  string
	}{
		`{"error":"invalid_grant"}`:                                {Dead, "invalid_grant"},
		`{"error":"bad_refresh_token"}`:                            {Dead, "bad_refresh_token"},
		`{"error":{"code":"invalid_client"}}`:                      {BadClient, "invalid_client"},
		`{"error":{"type":"invalid_scope","message":"x"}}`:         {BadScope, "invalid_scope"},
		`{"error":"Invalid Grant"}`:                                {Dead, "invalid_grant"},
		`{"error":true}`:                                           {BadRequest, "other"},
		`{"error":17}`:                                             {BadRequest, "other"},
		`{"error":{"message":"no"}}`:                               {BadRequest, "other"},
		`{"error":"the provider's very own"}`:                      {BadRequest, "other"},
		`{"success":false,"message":"Access token was not found"}`: {BadRequest, "other"},
		`{"success":"false"}`:                                      {BadRequest, "other"},
		`{"success":false,"error_code":"invalid_grant"}`:           {Dead, "invalid_grant"},
		`{"success":false,"error":"server_error"}`:                 {Unknown, "server_error"},
	} {
		out := judged(basic, 200, body)
		if out.Class != want.class || out.Code != want.code || !out.Raw.Empty() {
			t.Errorf("%s: outcome is %+v", body, out)
		}
	}
}

// Absent keeps the old one: the caller carries it over (RFC 6749 section 6).
func TestJudge_AbsentRefreshTokenIsEmpty(t *testing.T) {
	for _, body := range []string{`{"access_token":"a"}`, `{"access_token":"a","refresh_token":null}`, `{"access_token":"a","refresh_token":""}`} {
		if out := judged(basic, 200, body); out.Class != Issued || !out.Pair.Refresh.Empty() {
			t.Errorf("%s: outcome is %+v", body, out)
		}
	}
}

func TestJudge_Scopes(t *testing.T) {
	comma := basic
	comma.ScopeSeparator = ","
	plus := basic
	plus.ScopeSeparator = "+"
	for _, row := range []struct {
		p     profile.Token
		scope string
		want  string // joined by |; "nil" for unchanged
	}{
		{basic, `"a b"`, "a|b"},
		{basic, `"  a   b "`, "a|b"},
		{basic, `"a,b"`, "a,b"},
		{comma, `"a,b, c"`, "a|b|c"},
		{plus, `"read:rate+write:rate"`, "read:rate|write:rate"},
		{basic, `["a","b"]`, "a|b"},
		{basic, `""`, "nil"},
		{basic, `" "`, "nil"},
		{basic, `[]`, "nil"},
		{basic, `null`, "nil"},
		{basic, `7`, "nil"},
		{basic, `{"a":true}`, "nil"},
	} {
		out := judged(row.p, 200, `{"access_token":"a","scope":`+row.scope+`}`)
		got := strings.Join(out.Pair.Scopes, "|")
		if out.Pair.Scopes == nil {
			got = "nil"
		}
		if out.Class != Issued || got != row.want {
			t.Errorf("%s: scopes are %s, want %s", row.scope, got, row.want)
		}
	}
	if out := judged(basic, 200, `{"access_token":"a"}`); out.Pair.Scopes != nil {
		t.Errorf("absent scope is %v: it means unchanged", out.Pair.Scopes)
	}
}

func TestJudge_Account(t *testing.T) {
	token := jwtWith(`{"account":"acc-1","number":12345678901234567,"flag":true}`)
	body := `{"access_token":"` + token + `","id_token":"` + jwtWith(`{"sub":"owner-1"}`) + `",
		"data":{"property":{"id":"p-1"}},"hotel":42,"a.b":"dotted"}`
	for from, want := range map[string]string{
		"none": "", "claim:account": "acc-1", "claim:number": "12345678901234567", "claim:flag": "", "claim:absent": "", "claim:sub": "owner-1",
		"field:data.property.id": "p-1", "field:hotel": "42", "field:a.b": "dotted", "field:data": "", "field:data.absent.id": "",
		"userinfo:property_id": "",
	} {
		p := basic
		p.Account = from
		if out := judged(p, 200, body); out.Class != Issued || out.Account != want {
			t.Errorf("%s: account is %q, want %q", from, out.Account, want)
		}
	}
	p := basic
	p.Account = "claim:sub"
	if out := judged(p, 200, `{"access_token":"opaque"}`); out.Account != "" {
		t.Errorf("an opaque token names account %q", out.Account)
	}
}

// A corrected release reads what an earlier one kept.
func TestReread(t *testing.T) {
	issued := at.Add(-time.Hour)
	out := Reread(basic, secret.New(good), issued)
	if out.Class != Issued || !out.Pair.Issued.Equal(issued) || !out.Pair.Expires.Equal(issued.Add(time.Minute)) {
		t.Errorf("outcome is %+v", out)
	}
	if out := Reread(basic, secret.New("<html>"), issued); out.Class != Unreadable {
		t.Errorf("outcome is %+v", out)
	}
	if out := Reread(basic, secret.New(`{"error":"invalid_grant"}`), issued); out.Class == Issued {
		t.Errorf("outcome is %+v", out)
	}
}
