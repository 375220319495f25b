package oauth

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

func withBody(a answer, body string) answer { a.body = secret.New(body); return a }

// example is a refusal that a row is meant for.
func (r row) example() refusal {
	x := refusal{phase: cmp.Or(r.Phase, phaseToken), status: r.Status, code: r.Code, body: r.Body, retryAfter: r.RetryAfter}
	if x.status == 0 && r.Family != 0 {
		x.status = r.Family*100 + 18
	}
	if x.status == 0 {
		x.status = 400
	}
	if x.code == "*" {
		x.code = "never_heard_of"
	}
	return x
}

// Every row is reached by its own example: none is hidden behind an earlier
// one, and none says something else than it looks.
func TestClasses_EveryRow(t *testing.T) {
	for i, r := range classes {
		t.Run(fmt.Sprintf("%02d-%s", i, r.Class), func(t *testing.T) {
			x := r.example()
			for j, earlier := range classes[:i] {
				if earlier.matches(x) {
					t.Errorf("row %d %+v hides row %d %+v", j, earlier, i, r)
				}
			}
			if got := classify(profile.Token{}, x).Class; got != r.Class {
				t.Errorf("classified as %s, want %s", got, r.Class)
			}
			if r.Why == "" {
				t.Error("the row does not say why")
			}
		})
	}
}

// The same walk over the wire.
func TestClasses_EveryRowOverTheWire(t *testing.T) {
	var x refusal
	p := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		if x.retryAfter {
			w.Header().Set("Retry-After", "30")
		}
		body := `{"error_description":"` + x.body + `"`
		if x.code != "" {
			body += `,"error":"` + x.code + `"`
		}
		says(x.status, body+"}")(w, r)
	})
	c := NewClient(Config{})
	for i, r := range classes {
		x = r.example()
		if x.status/100 == 2 && x.code == "" || x.phase != phaseToken {
			continue // every phase is walked against the sandbox, in local/sandbox
		}
		out := c.Exchange(t.Context(), basic, refreshAt(p.URL))
		if out.Class != r.Class || out.Status != x.status {
			t.Errorf("row %d %+v: outcome is %+v", i, r, out)
		}
		if want := x.code; out.Code != want && !(r.Code == "*" && out.Code == other) {
			t.Errorf("row %d: code is %q, want %q", i, out.Code, want)
		}
		if r.RetryAfter == out.RetryAt.IsZero() {
			t.Errorf("row %d: retry at %v", i, out.RetryAt)
		}
	}
}

// Only classes of a refusal may stand in the table, and the last row takes all.
func TestClasses_AreWellFormed(t *testing.T) {
	refusals := []Class{Dead, BadClient, BadScope, BadRequest, Throttled, Outage, Unknown}
	for i, r := range classes {
		if !slices.Contains(refusals, r.Class) {
			t.Errorf("row %d has class %q", i, r.Class)
		}
		if r.Reason != "" && (r.Class != Dead || r.Reason != grant.Expired && r.Reason != grant.Revoked) {
			t.Errorf("row %d %+v gives a reason that nobody knows", i, r)
		}
		if !slices.Contains([]string{"", phaseToken, phasePassword, phaseCode, phaseRevoke, phaseUserInfo}, r.Phase) {
			t.Errorf("row %d has phase %q", i, r.Phase)
		}
		if r.Body != strings.ToLower(r.Body) || r.Status != 0 && r.Family != 0 {
			t.Errorf("row %d %+v can never be meant so", i, r)
		}
	}
	last := classes[len(classes)-1]
	last.Why = ""
	if last != (row{Class: Unknown}) {
		t.Errorf("the last row is %+v: what nothing matches must be unknown", last)
	}
}

// Whatever was not answered readably may have spent the credential: the classes
// that say "not spent" need a reason in the answer.
func TestClasses_NothingReadableIsUnknown(t *testing.T) {
	for status := 100; status < 600; status++ {
		if status == 401 || status == 429 {
			continue // these speak by status alone
		}
		if got := classify(profile.Token{}, refusal{status: status}).Class; got != Unknown {
			t.Errorf("%d without a word is %s", status, got)
		}
		if got := classify(profile.Token{}, refusal{status: status, retryAfter: true}).Class; got != Unknown && status != 503 {
			t.Errorf("%d with Retry-After alone is %s", status, got)
		}
	}
}

// The stories behind the rows.
func TestClasses_Stories(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		body   string
		retry  string
		want   Class
	}{
		{"a throttle that calls itself invalid_grant", 429, `{"error":"invalid_grant"}`, "5", Throttled},
		{"a throttle that calls itself a bad request", 400, `{"error":"Access Denied","error_description":"You have made too many requests continuously"}`, "", Throttled},
		{"503 that names its return", 503, ``, "120", Outage},
		{"503 that does not", 503, ``, "", Unknown},
		{"503 whose return cannot be read", 503, ``, "later", Unknown},
		{"500 with a plain answer", 500, `{"error":"invalid_grant"}`, "", Dead},
		{"500 that does not know", 500, `{"error":"server_error"}`, "", Unknown},
		{"500 with a word of its own", 500, `{"error":"boom"}`, "", Unknown},
		{"401 with the grant's word", 401, `{"error":"invalid_grant"}`, "", Dead},
		{"401 without a word", 401, `Unauthorized`, "", BadClient},
		{"401 about a token", 401, `{"error":"invalid_token"}`, "", BadClient},
		{"400 about a token", 400, `{"error":"invalid_token"}`, "", Dead},
		{"403 of a firewall", 403, `<html>blocked</html>`, "", Unknown},
		{"400 without a word", 400, ``, "", Unknown},
		{"404 page", 404, `<html>`, "", Unknown},
		{"400 with a word of its own", 400, `{"error":"hotel_closed"}`, "", BadRequest},
		{"a wrong client, told as a bad request", 400, `{"error":"invalid_client"}`, "", BadClient},
		{"a client without that grant type", 400, `{"error":"unauthorized_client"}`, "", BadClient},
		{"in capitals", 400, `{"error":"INVALID_GRANT"}`, "", Dead},
	} {
		out := judged(basic, row.status, row.body, "Retry-After", row.retry)
		if out.Class != row.want {
			t.Errorf("%s: outcome is %+v, want %s", row.name, out, row.want)
		}
	}
}

func TestClasses_ProfileComesFirst(t *testing.T) {
	p := basic
	p.Overrides = []profile.Override{
		{Status: 400, Code: "invalid_grant", Body: "maintenance", Class: "outage"},
		{Code: "hotel_closed", Class: "dead"},
		{Status: 503, Class: "unknown"},
	}
	for _, row := range []struct {
		status int
		body   string
		want   Class
		code   string
	}{
		{400, `{"error":"invalid_grant","error_description":"Maintenance window"}`, Outage, "invalid_grant"},
		{400, `{"error":"invalid_grant"}`, Dead, "invalid_grant"},
		{403, `{"error":"hotel_closed"}`, Dead, "hotel_closed"},
		{200, `{"error":"hotel_closed"}`, Dead, "hotel_closed"},
		{503, `{}`, Unknown, ""},
	} {
		if out := judged(p, row.status, row.body, "Retry-After", "5"); out.Class != row.want || out.Code != row.code {
			t.Errorf("%d %s: outcome is %+v, want %s", row.status, row.body, out, row.want)
		}
	}
}

// The profiles' vocabulary of classes is this package's.
func TestClasses_ProfilesKnowTheSame(t *testing.T) {
	for class, ok := range map[Class]bool{
		Dead: true, BadClient: true, BadScope: true, BadRequest: true, Throttled: true, Outage: true, Unknown: true,
		Issued: false, Unreadable: false, NotSent: false,
	} {
		p, err := profile.ByName("generic")
		if err != nil {
			t.Fatal(err)
		}
		p.Token.Overrides = []profile.Override{{Status: 418, Class: string(class)}}
		if valid := p.Validate() == nil; valid != ok {
			t.Errorf("a profile may say %s: %v, want %v", class, valid, ok)
		}
	}
}

// An error inside a success that only its profile knows is an error, unless a
// token is beside it: those bytes are kept whatever is said.
func TestClasses_ProfileKnowsAnErrorInsideASuccess(t *testing.T) {
	p := basic
	p.Overrides = []profile.Override{{Status: 200, Body: "try_again", Class: "throttled"}, {Status: 200, Body: "gone", Class: "dead", Reason: "revoked"}}
	if out := judged(p, 200, `{"status":"try_again"}`, "Retry-After", "7"); out.Class != Throttled || !out.RetryAt.Equal(at.Add(7*time.Second)) || !out.Raw.Empty() {
		t.Errorf("outcome is %+v", out)
	}
	if out := judged(p, 200, `{"status":"gone"}`); out.Class != Dead || out.Reason != grant.Revoked {
		t.Errorf("outcome is %+v", out)
	}
	for name, body := range map[string]string{"a pair": `{"access_token":"gone"}`, "half a pair": `{"access_token":17,"status":"gone"}`, "unknown": `{"status":"fine"}`} {
		if out := judged(p, 200, body); out.Class != Issued && out.Class != Unreadable {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
}

// Expired and revoked are told apart where the provider does, and only there.
func TestClasses_ExpiredOrRevoked(t *testing.T) {
	for body, want := range map[string]grant.Reason{
		`{"error":"invalid_grant","error_description":"The refresh token has expired due to inactivity."}`: grant.Expired,
		`{"error":"invalid_grant","error_description":"Token has been revoked."}`:                          grant.Revoked,
		`{"error":"expired_token"}`: grant.Expired,
		`{"error":"token_revoked"}`: grant.Revoked,
		`{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`:                                      "",
		`{"error":"invalid_grant","error_description":"The provided token is invalid, expired, revoked, does not match the URI"}`: "",
		`{"error":"invalid_grant"}`: "",
	} {
		if out := judged(basic, 400, body); out.Class != Dead || out.Reason != want {
			t.Errorf("%s: outcome is %+v, want reason %q", body, out, want)
		}
	}
}

func TestClass_Spent(t *testing.T) {
	for _, c := range []Class{Issued, Unreadable, Dead, BadClient, BadScope, BadRequest, Throttled, Outage, NotSent} {
		if c.Spent() {
			t.Errorf("%s is told as possibly spent", c)
		}
	}
	if !Unknown.Spent() {
		t.Error("unknown is told as surely not spent")
	}
}

// The table is printed so that a reader feels it: go test -v -run Printed.
func TestClasses_Printed(t *testing.T) {
	for _, r := range classes {
		status := "any"
		switch {
		case r.Status != 0:
			status = strconv.Itoa(r.Status)
		case r.Family != 0:
			status = strconv.Itoa(r.Family) + "xx"
		}
		if r.RetryAfter {
			status += "+Retry-After"
		}
		t.Logf("%-16s %-30s %-20s %s", status, r.Code, r.Body, r.Class)
	}
}
