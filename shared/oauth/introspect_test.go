package oauth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// knowing is a provider whose answers say nothing about their token's life, and
// which can be asked for it.
func knowing(t *testing.T, token string, introspect http.HandlerFunc) (*provider, Request) {
	t.Helper()
	p := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/introspect" {
			introspect(w, r)
			return
		}
		says(200, token)(w, r)
	})
	r := refreshAt(p.URL + "/token")
	r.Introspect = p.URL + "/introspect"
	return p, r
}

var silent = minted(`{"access_token":"at-1","refresh_token":"rt-2"}`)

func dated(at time.Time, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", at.Format(http.TimeFormat))
		says(200, body)(w, r)
	}
}

func TestExchange_IntrospectionKnows(t *testing.T) {
	body := fmt.Sprintf(`{"active":true,"iat":%d,"exp":%d,"scope":"x"}`, at.Unix(), at.Unix()+600)
	p, r := knowing(t, silent, dated(at, body))
	out := NewClient(Config{Now: func() time.Time { return at }}).Exchange(t.Context(), basic, r)
	if out.Class != Issued || out.Pair.Documented || out.Pair.Expires.Sub(out.Pair.Issued) != 10*time.Minute || out.Pair.Refresh.Reveal() != refreshTwo {
		t.Errorf("outcome is %+v", out)
	}
	asked := p.requests()
	want := url.Values{"token": {accessOne}, "token_type_hint": {"access_token"}}
	if len(asked) != 2 || asked[1].form.Encode() != want.Encode() || !strings.HasPrefix(asked[1].header.Get("Authorization"), "Basic ") {
		t.Errorf("asked %+v", asked)
	}
}

// Whoever says it in the answer is not asked again, and nobody is asked about
// a refusal.
func TestExchange_IntrospectionOnlyWhenNobodySays(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"expires_in": says(200, good),
		"a JWT":      says(200, `{"access_token":"`+jwtWith(`{"iat":100,"exp":160}`)+`"}`),
		"refused":    says(400, `{"error":"invalid_grant"}`),
		"unreadable": says(200, `<html>`),
	} {
		p := newProvider(t, answer)
		r := refreshAt(p.URL)
		r.Introspect = p.URL + "/introspect"
		NewClient(Config{}).Exchange(t.Context(), basic, r)
		if n := len(p.requests()); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	p := newProvider(t, says(200, silent))
	if out := NewClient(Config{}).Exchange(t.Context(), basic, refreshAt(p.URL)); !out.Pair.Documented || len(p.requests()) != 1 {
		t.Errorf("without an endpoint: outcome is %+v", out)
	}
}

// The pair in hand survives whatever becomes of the question.
func TestExchange_IntrospectionFails(t *testing.T) {
	elsewhere := newProvider(t, says(200, `{"active":true,"exp":9999999999,"iat":9999999000}`))
	for name, introspect := range map[string]http.HandlerFunc{
		"refused": says(401, `{"error":"invalid_client"}`),
		"broken":  says(500, ``),
		"a page":  says(200, `<html>`),
		"redirected": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"hung up": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		},
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		_, r := knowing(t, silent, introspect)
		c := NewClient(Config{})
		c.introspectFor = 100 * time.Millisecond
		out := c.Exchange(t.Context(), basic, r)
		if out.Class != Issued || !out.Pair.Documented || out.Pair.Expires.Sub(out.Pair.Issued) != time.Hour {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
	if n := len(elsewhere.requests()); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
	_, r := knowing(t, silent, says(200, `{}`))
	r.Introspect = "http://example.com/introspect"
	if out := NewClient(Config{}).Exchange(t.Context(), basic, r); out.Class != Issued || !out.Pair.Documented {
		t.Errorf("in the clear: outcome is %+v", out)
	}
}

// However slow, it stays inside the exchange's own bound.
func TestExchange_IntrospectionInsideTheBound(t *testing.T) {
	if introspectFor >= exchangeFor {
		t.Errorf("asking may take %v of %v", introspectFor, exchangeFor)
	}
	if c := NewClient(Config{}); c.introspectFor != introspectFor {
		t.Errorf("a client asks for %v", c.introspectFor)
	}
	_, r := knowing(t, silent, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	began := time.Now()
	out := NewClient(Config{Timeout: 200 * time.Millisecond}).Exchange(t.Context(), basic, r)
	if took := time.Since(began); out.Class != Issued || took > time.Second {
		t.Errorf("outcome is %+v after %v", out, took)
	}
}

func TestIntrospected(t *testing.T) {
	now := at.Unix()
	date := at.Format(http.TimeFormat)
	for name, row := range map[string]struct {
		body, date string
		want       time.Duration // 0: says nothing
	}{
		"both times":               {fmt.Sprintf(`{"active":true,"iat":%d,"exp":%d}`, now, now+60), date, time.Minute},
		"exp alone":                {fmt.Sprintf(`{"active":true,"exp":%d}`, now+60), date, time.Minute},
		"exp alone, their clock":   {fmt.Sprintf(`{"active":true,"exp":%d}`, now+3660), at.Add(time.Hour).Format(http.TimeFormat), time.Minute},
		"as text":                  {fmt.Sprintf(`{"active":true,"exp":"%d"}`, now+60), date, time.Minute},
		"it has lived already":     {fmt.Sprintf(`{"active":true,"iat":%d,"exp":%d}`, now-50, now+10), date, 10 * time.Second},
		"a byte order mark":        {"\xef\xbb\xbf" + fmt.Sprintf(`{"active":true,"exp":%d}`, now+60), date, time.Minute},
		"in the past":              {fmt.Sprintf(`{"active":true,"exp":%d}`, now-1), date, 0},
		"never":                    {`{"active":true,"exp":253402300799}`, date, 0},
		"zero":                     {`{"active":true,"exp":0}`, date, 0},
		"absent":                   {`{"active":true}`, date, 0},
		"not active":               {fmt.Sprintf(`{"active":false,"exp":%d}`, now+60), date, 0},
		"nobody says it is active": {fmt.Sprintf(`{"exp":%d}`, now+60), date, 0},
		"active in words":          {fmt.Sprintf(`{"active":"true","exp":%d}`, now+60), date, 0},
		"null":                     {`null`, date, 0},
		"a list":                   {`[]`, date, 0},
		"nothing":                  {``, date, 0},
	} {
		got, ok := introspected(row.body, http.Header{"Date": {row.date}}, at)
		if got != row.want || ok != (row.want > 0) {
			t.Errorf("%s: lives %v, %v; want %v", name, got, ok, row.want)
		}
	}
}

// A public client says who it is beside the token, and a key travels along.
func TestExchange_IntrospectionInTheClientsOwnWay(t *testing.T) {
	p, r := knowing(t, silent, says(200, `{}`))
	r.Headers = map[string]secret.Text{"X-App-Key": secret.New("key")}
	public := profile.Token{Auth: "none", Lifetime: 1, Request: profile.Request{SecretHeaders: []string{"x-app-key"}}}
	NewClient(Config{}).Exchange(t.Context(), public, r)
	asked := p.requests()
	if len(asked) != 2 || asked[1].form.Get("client_id") != "hotel" || asked[1].form.Has("client_secret") || asked[1].header.Get("X-App-Key") != "key" {
		t.Errorf("asked %+v", asked)
	}
}
