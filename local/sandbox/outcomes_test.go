package sandbox_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"bellhop/local/sandbox"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// row is a line of the table of outcomes, as the file has it, or of a profile's
// overrides.
type row struct {
	Phase      string       `json:"phase"`
	Status     int          `json:"status"`
	Family     int          `json:"family"`
	Code       string       `json:"code"`
	Body       string       `json:"body"`
	RetryAfter bool         `json:"retry_after"`
	Class      oauth.Class  `json:"class"`
	Reason     grant.Reason `json:"reason"`
}

// fault makes the sandbox answer as the row describes.
func (r row) fault(endpoint string) sandbox.Fault {
	body := map[string]string{"error_description": r.Body}
	if r.Code != "" {
		body["error"] = map[bool]string{true: "never_heard_of", false: r.Code}[r.Code == "*"]
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	f := sandbox.Fault{Kind: sandbox.FaultAnswer, Endpoint: endpoint, Body: string(b), Header: map[string]string{"Content-Type": "application/json"}}
	f.Status = r.Status
	if f.Status == 0 {
		f.Status = cmp.Or(r.Family, 4)*100 + 18
	}
	if r.RetryAfter {
		f.Header["Retry-After"] = "30"
	}
	return f
}

// found is what an answer was taken for.
type found struct {
	class  oauth.Class
	reason grant.Reason
	status int
}

// asked meets one answer in the phase of a row, and judges it as the product
// does.
func (v *vendor) asked(phase string, p profile.Token) found {
	v.Helper()
	r, base := v.request(), v.url+"/cloudbeds"
	r.Refresh, r.Code = secret.New("rt"), secret.New("code")
	switch phase {
	case "revoke", "userinfo":
		var err error
		if phase == "revoke" {
			err = v.oauth.Revoke(v.Context(), p, oauth.Revocation{Endpoint: base + "/oauth/revoke", ClientID: "hotel", Token: r.Refresh})
		} else {
			_, err = v.oauth.UserInfo(v.Context(), base+"/api/v1.3/userinfo", secret.New("at"), "property_id")
		}
		if phase == "revoke" && err == nil {
			return found{class: oauth.Dead} // gone, which to who revokes is a success
		}
		var refused *oauth.StatusError
		if !errors.As(err, &refused) {
			v.Fatalf("%s brought %v", phase, err)
		}
		return found{class: refused.Class, status: refused.Status}
	case "code":
		r.Kind = grant.KindCode
	case "password":
		r.Kind, p.Grant = grant.KindClient, "password"
	}
	out := v.oauth.Exchange(v.Context(), p, r)
	return found{out.Class, out.Reason, out.Status}
}

// meets sets the fault of a row, asks once, and takes the fault away.
func (v *vendor) meets(r row, p profile.Token) (got found, status int) {
	v.Helper()
	endpoint := "token"
	if r.Phase == "revoke" || r.Phase == "userinfo" {
		endpoint = r.Phase
	}
	f := r.fault(endpoint)
	if _, err := v.admin.AddFault(v.Context(), f); err != nil {
		v.Fatal(err)
	}
	got = v.asked(cmp.Or(r.Phase, "token"), p)
	if r.Phase == "revoke" && got.class == oauth.Dead {
		got.status = f.Status
	}
	if err := v.admin.ClearFaults(v.Context()); err != nil {
		v.Fatal(err)
	}
	return got, f.Status
}

// table reads the product's file: what is walked is what is shipped.
func table(t *testing.T) []row {
	t.Helper()
	b, err := os.ReadFile("../../shared/oauth/classes.json")
	var rows []row
	if err == nil {
		err = json.Unmarshal(b, &rows)
	}
	if err != nil || len(rows) < 30 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows
}

// Every row of the table is reached by an answer over HTTP that only it
// describes, and gives its class: none is in the shadow of an earlier one.
func TestOutcomes_EveryRow(t *testing.T) {
	v := newVendor(t, "bookingsync.json")
	p := profile.Token{Grant: "authorization_code", Auth: "body", Lifetime: 1}
	for i, r := range table(t) {
		t.Run(fmt.Sprintf("%02d-%s%s", i, cmp.Or(r.Code, r.Body, strconv.Itoa(r.Status)), r.Phase), func(t *testing.T) {
			got, status := v.meets(r, p)
			if got != (found{r.Class, r.Reason, status}) {
				t.Errorf("%+v was taken for %+v", r, got)
			}
		})
	}
}

// The same of every override: reached, and saying something else than the
// table would, or it would be a line for nothing.
func TestOutcomes_EveryOverride(t *testing.T) {
	embedded, err := profile.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]profile.Token{}
	for name, p := range embedded {
		all[name] = p.Token
	}
	files, _ := filepath.Glob(filepath.Join(profiles, "*.json"))
	for _, f := range files {
		var p profile.Profile
		decode(t, f, &p)
		all[p.Name] = p.Token
	}
	v, walked := newVendor(t, "bookingsync.json"), 0
	for name, p := range all {
		for i, o := range p.Overrides {
			walked++
			r := row{Phase: o.Phase, Status: o.Status, Code: o.Code, Body: o.Body, Class: oauth.Class(o.Class), Reason: grant.Reason(o.Reason)}
			own := profile.Token{Grant: "authorization_code", Auth: "body", Lifetime: 1, Overrides: p.Overrides}
			got, status := v.meets(r, own)
			if got != (found{r.Class, r.Reason, status}) {
				t.Errorf("%s: override %d %+v was taken for %+v", name, i, o, got)
			}
			own.Overrides = slices.Delete(slices.Clone(own.Overrides), i, i+1)
			if without, _ := v.meets(r, own); without == got {
				t.Errorf("%s: override %d %+v changes nothing", name, i, o)
			}
		}
	}
	if walked < 5 {
		t.Errorf("only %d overrides are there to be walked", walked)
	}
}

// The categories of docs/design.md section 10, in the ways in which providers
// really say them.
func TestOutcomes_Stories(t *testing.T) {
	v := newVendor(t, "bookingsync.json")
	p := profile.Token{Grant: "authorization_code", Auth: "body", Lifetime: 1}
	for name, row := range map[string]struct {
		status int
		body   string
		retry  string
		want   oauth.Class
		reason grant.Reason
	}{
		"expired":                             {400, `{"error":"invalid_grant","error_description":"The refresh token has expired due to inactivity"}`, "", oauth.Dead, grant.Expired},
		"revoked":                             {400, `{"error":"token_revoked"}`, "", oauth.Dead, grant.Revoked},
		"dead, and nobody says why":           {400, `{"error":"invalid_grant"}`, "", oauth.Dead, ""},
		"scope":                               {400, `{"error":"invalid_scope"}`, "", oauth.BadScope, ""},
		"outage":                              {503, `<html>maintenance</html>`, "120", oauth.Outage, ""},
		"throttled":                           {429, ``, "30", oauth.Throttled, ""},
		"throttled, and calls it a grant's":   {429, `{"error":"invalid_grant"}`, "", oauth.Throttled, ""},
		"throttled, and calls it a request's": {400, `{"error":"Access Denied","error_description":"You have made too many requests continuously"}`, "", oauth.Throttled, ""},
		"client configuration":                {401, ``, "", oauth.BadClient, ""},
		"client configuration, said":          {400, `{"error":"invalid_client"}`, "", oauth.BadClient, ""},
		"local configuration":                 {400, `{"error":"unsupported_grant_type"}`, "", oauth.BadRequest, ""},
		"500 for everything, unsaid":          {500, ``, "", oauth.Unknown, ""},
		"500 for everything, said":            {500, `{"error":"invalid_grant"}`, "", oauth.Dead, ""},
		"200 with success false":              {200, `{"success":false,"message":"no"}`, "", oauth.BadRequest, ""},
		"200 with success false and a code":   {200, `{"success":false,"error":"invalid_grant"}`, "", oauth.Dead, ""},
		"a proxy's page":                      {502, `<html>`, "", oauth.Unknown, ""},
		"a firewall's page":                   {403, `<html>`, "", oauth.Unknown, ""},
	} {
		f := sandbox.Fault{Kind: sandbox.FaultAnswer, Endpoint: "token", Status: row.status, Body: row.body}
		if row.retry != "" {
			f.Header = map[string]string{"Retry-After": row.retry}
		}
		if _, err := v.admin.AddFault(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if got := v.asked("token", p); got != (found{row.want, row.reason, row.status}) {
			t.Errorf("%s: taken for %+v", name, got)
		}
		if err := v.admin.ClearFaults(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// The same answer, by what was asked for.
func TestOutcomes_ByPhase(t *testing.T) {
	v := newVendor(t, "bookingsync.json")
	p := profile.Token{Grant: "authorization_code", Auth: "body", Lifetime: 1}
	for _, said := range []struct {
		status int
		code   string
		want   map[string]oauth.Class
	}{
		{401, "", map[string]oauth.Class{"token": oauth.BadClient, "password": oauth.BadClient, "code": oauth.BadClient, "revoke": oauth.BadClient, "userinfo": oauth.Dead}},
		{400, "invalid_grant", map[string]oauth.Class{"token": oauth.Dead, "password": oauth.BadClient, "code": oauth.Dead}},
		{401, "invalid_token", map[string]oauth.Class{"token": oauth.BadClient, "revoke": oauth.Dead, "userinfo": oauth.Dead}},
		{400, "unsupported_token_type", map[string]oauth.Class{"revoke": oauth.BadRequest}},
		{400, "", map[string]oauth.Class{"token": oauth.Unknown, "revoke": oauth.BadRequest}},
		{400, "invalid_code", map[string]oauth.Class{"token": oauth.BadRequest, "code": oauth.Dead}},
		{403, "insufficient_scope", map[string]oauth.Class{"userinfo": oauth.BadScope}},
	} {
		for phase, want := range said.want {
			if got, _ := v.meets(row{Phase: phase, Status: said.status, Code: said.code}, p); got.class != want {
				t.Errorf("%d %s to %s: taken for %+v, want %s", said.status, said.code, phase, got, want)
			}
		}
	}
}

// What the sandbox was told to say is what goes over the wire.
func TestFaults_AnswerAsGiven(t *testing.T) {
	v := newVendor(t, "zoho.json")
	f := sandbox.Fault{Kind: sandbox.FaultAnswer, Endpoint: "token", Count: 1, Status: 418, Header: map[string]string{"X-Why": "teapot"}, Body: "short"}
	if _, err := v.admin.AddFault(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(v.url+"/cloudbeds/dialects/hotel/token", "", nil) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 418 || r.Header.Get("X-Why") != "teapot" || r.ContentLength != 5 {
		t.Errorf("answered %d, %v, %d bytes", r.StatusCode, r.Header, r.ContentLength)
	}
	for _, wrong := range []sandbox.Fault{{Kind: sandbox.FaultAnswer}, {Kind: sandbox.FaultAnswer, Status: 100}, {Kind: sandbox.FaultError, Status: 500}} {
		if _, err := v.admin.AddFault(t.Context(), wrong); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}
