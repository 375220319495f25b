package profile

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestLoad_TheEmbeddedProfilesAreValid(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"generic", "cloudbeds"} {
		if all[name].Name != name {
			t.Errorf("there is no profile %s", name)
		}
	}
}

// What one caller does to the map must not reach the next.
func TestLoad_IsNotShared(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	clear(all)
	if _, err := ByName("generic"); err != nil {
		t.Error(err)
	}
}

func TestByName_UnknownSaysWhatThereIs(t *testing.T) {
	_, err := ByName("opera")
	if !errors.Is(err, ErrUnknown) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{`"opera"`, "cloudbeds", "generic"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestGeneric_MintsWithoutSpending(t *testing.T) {
	p, err := ByName("generic")
	if err != nil {
		t.Fatal(err)
	}
	if p.Token.Grant != "client_credentials" || p.Token.Auth != "basic" || p.Token.Rotation.Policy != "none" {
		t.Errorf("token is %+v", p.Token)
	}
	if p.Token.Endpoints != (Endpoints{}) {
		t.Errorf("endpoints are %+v: a generic provider has none of its own", p.Token.Endpoints)
	}
	if p.API.Items != 200 || p.API.Nights != 1000 || p.API.Idempotency != "Idempotency-Key" || p.API.JobDeadline.D() != 5*time.Minute {
		t.Errorf("api is %+v", p.API)
	}
}

func TestCloudbeds_NeverRisksTheFamily(t *testing.T) {
	p, err := ByName("cloudbeds")
	if err != nil {
		t.Fatal(err)
	}
	if p.Token.Rotation.Policy != "detect" {
		t.Errorf("rotation is %+v: undocumented means the policy that loses nothing", p.Token.Rotation)
	}
	if p.Token.Auth != "body" || p.API.Items != 30 || p.API.Pace != (Pace{5, Seconds(time.Second)}) {
		t.Errorf("profile is %+v", p)
	}
	if source, name := p.Token.AccountFrom(); source != "userinfo" || name != "property_id" {
		t.Errorf("account comes from %s %s", source, name)
	}
	if slices.Contains(p.API.Fields, "available") || !slices.Contains(p.API.Fields, "stop_sell") {
		t.Errorf("fields are %v", p.API.Fields)
	}
}

func TestToken_AccountFrom(t *testing.T) {
	for account, want := range map[string][2]string{
		"none": {"none", ""}, "claim:sub": {"claim", "sub"}, "field:a.b": {"field", "a.b"}, "userinfo:urn:x": {"userinfo", "urn:x"},
	} {
		if source, name := (Token{Account: account}).AccountFrom(); source != want[0] || name != want[1] {
			t.Errorf("%s gave %s, %s", account, source, name)
		}
	}
}

// valid is a profile that passes; each row below breaks one thing.
func valid(t *testing.T) Profile {
	t.Helper()
	p, err := ByName("cloudbeds")
	if err != nil {
		t.Fatal(err)
	}
	p.Token.Scopes = slices.Clone(p.Token.Scopes)
	p.API.Fields = slices.Clone(p.API.Fields)
	p.API.Ignored = slices.Clone(p.API.Ignored)
	return p
}

func TestValidate_EachMistakeIsNamed(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(*Profile)
		says  string
	}{
		{"no name", func(p *Profile) { p.Name = "" }, "name is missing"},
		{"no title", func(p *Profile) { p.Title = "" }, "title is missing"},
		{"no sources", func(p *Profile) { p.Docs = nil }, "docs is empty"},
		{"implicit grant", func(p *Profile) { p.Token.Grant = "implicit" }, `token.grant "implicit"`},
		{"auth by trial", func(p *Profile) { p.Token.Auth = "auto" }, `token.auth "auto"`},
		{"no scopes", func(p *Profile) { p.Token.Scopes = nil }, "token.scopes is empty"},
		{"star", func(p *Profile) { p.Token.Scopes[0] = "*" }, `"*" asks for everything`},
		{"star behind a colon", func(p *Profile) { p.Token.Scopes[0] = "rates:*" }, `"rates:*" asks for everything`},
		{"star behind a dot", func(p *Profile) { p.Token.Scopes[0] = "rates.*" }, `"rates.*" asks for everything`},
		{"admin", func(p *Profile) { p.Token.Scopes[0] = "admin" }, `"admin" asks for everything`},
		{"admin of rates", func(p *Profile) { p.Token.Scopes[0] = "rates:Admin" }, `"rates:Admin" asks for everything`},
		{"admin first", func(p *Profile) { p.Token.Scopes[0] = "admin.read" }, `"admin.read" asks for everything`},
		{"an administrator's", func(p *Profile) { p.Token.Scopes[0] = "administrator" }, `"administrator" asks for everything`},
		{"an administrator's of rates", func(p *Profile) { p.Token.Scopes[0] = "rates:administrator" }, `"rates:administrator" asks for everything`},
		{"several admins'", func(p *Profile) { p.Token.Scopes[0] = "admins" }, `"admins" asks for everything`},
		{"a hotel admin's", func(p *Profile) { p.Token.Scopes[0] = "hotelAdmin" }, `"hotelAdmin" asks for everything`},
		{"a super admin's", func(p *Profile) { p.Token.Scopes[0] = "superadmin" }, `"superadmin" asks for everything`},
		{"administration", func(p *Profile) { p.Token.Scopes[0] = "manage:administration" }, `"manage:administration" asks for everything`},
		{"two scopes in one", func(p *Profile) { p.Token.Scopes[0] = "a b" }, `"a b" is not one scope`},
		{"separator", func(p *Profile) { p.Token.ScopeSeparator = "x" }, "token.scope_separator"},
		{"no lifetime", func(p *Profile) { p.Token.Lifetime = 0 }, "token.lifetime 0s"},
		{"negative lifetime", func(p *Profile) { p.Token.Lifetime = Seconds(-time.Second) }, "token.lifetime -1s"},
		{"negative idle", func(p *Profile) { p.Token.RefreshIdle = -1 }, "token.refresh_idle"},
		{"share of all", func(p *Profile) { p.Token.Refresh.Share = 1 }, "token.refresh.share 1"},
		{"rotation by hope", func(p *Profile) { p.Token.Rotation.Policy = "hope" }, `rotation.policy "hope"`},
		{"grace without time", func(p *Profile) { p.Token.Rotation = Rotation{Policy: "grace"} }, "rotation.grace 0s"},
		{"time without grace", func(p *Profile) { p.Token.Rotation.Grace = 1 }, "rotation.grace 1ns"},
		{"account from nowhere", func(p *Profile) { p.Token.Account = "header:X" }, `token.account "header:X"`},
		{"account unsaid", func(p *Profile) { p.Token.Account = "" }, `token.account ""`},
		{"account without name", func(p *Profile) { p.Token.Account = "claim:" }, `token.account "claim:"`},
		{"http", func(p *Profile) { p.Token.Endpoints.Token = "http://api.example.com/token" }, "token.endpoints.token: use https"},
		{"relative", func(p *Profile) { p.Token.Endpoints.API = "/api" }, "token.endpoints.api: not an absolute URL"},
		{"override of success", func(p *Profile) { p.Token.Overrides = []Override{{Status: 400, Class: "issued"}} }, `token.overrides[0].class "issued"`},
		{"override of all", func(p *Profile) { p.Token.Overrides = []Override{{Class: "dead"}} }, "token.overrides[0] matches every answer"},
		{"override of another phase", func(p *Profile) { p.Token.Overrides = []Override{{Phase: "push", Status: 400, Class: "dead"}} }, `token.overrides[0].phase "push"`},
		{"override for a reason of its own", func(p *Profile) { p.Token.Overrides = []Override{{Status: 400, Class: "dead", Reason: "tired"}} }, `token.overrides[0].reason "tired"`},
		{"override with a reason of nothing", func(p *Profile) { p.Token.Overrides = []Override{{Status: 400, Class: "outage", Reason: "expired"}} }, "of class dead"},
		{"override in capitals", func(p *Profile) { p.Token.Overrides = []Override{{Body: "Slow", Class: "throttled"}} }, "write it in lower case"},
		{"no fields", func(p *Profile) { p.API.Fields = nil }, "api.fields is empty"},
		{"unknown field", func(p *Profile) { p.API.Fields[0] = "colour" }, `api.fields "colour"`},
		{"field twice", func(p *Profile) { p.API.Ignored[0] = "price" }, `"price" is named twice`},
		{"field forgotten", func(p *Profile) { p.API.Ignored = p.API.Ignored[1:] }, `field "occupancy_prices" is neither pushed nor said to be ignored`},
		{"negative items", func(p *Profile) { p.API.Items = -1 }, "api.items -1"},
		{"no pace", func(p *Profile) { p.API.Pace.Window = 0 }, "api.pace"},
		{"no settling", func(p *Profile) { p.API.Settle = 0 }, "api.settle"},
		{"deadline before poll", func(p *Profile) { p.API.JobDeadline = 1 }, "api.job_deadline"},
		{"verify by hope", func(p *Profile) { p.API.Verify = "maybe" }, `api.verify "maybe"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := valid(t)
			row.spoil(&p)
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want it to say %q", err, row.says)
			}
		})
	}
}

func TestValidate_ReportsAllTogether(t *testing.T) {
	p := valid(t)
	p.Title, p.Token.Auth, p.API.Verify = "", "", ""
	err := p.Validate()
	if n := len(strings.Split(err.Error(), "\n")); n != 3 {
		t.Errorf("%d problems reported, want 3: %v", n, err)
	}
}

func TestRotation_Validate(t *testing.T) {
	for _, r := range []Rotation{{Policy: "none"}, {Policy: "detect"}, {Policy: "grace", Grace: Seconds(30 * time.Second)}} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if (Rotation{Policy: "grace", Grace: -1}).Validate() == nil {
		t.Error("a negative grace passed")
	}
}

func TestCheckURL(t *testing.T) {
	for _, good := range []string{
		"https://api.example.com/token", "https://api.example.com:8443/t?tenant=1", "http://127.0.0.1:8780/token",
		"http://localhost/token", "http://LOCALHOST:1/token", "http://[::1]:8780/token", "http://127.9.9.9/",
	} {
		if err := CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "token", "/token", "//api.example.com/token", "https:///token", "https://:443/", "http://api.example.com/token",
		"http://localhost.example.com/", "http://127.0.0.1.example.com/", "http://10.0.0.1/", "ftp://127.0.0.1/", "https://u:p@example.com/",
		"https://example.com/#f", "file:///etc/passwd", "https://exa mple.com/", "HTTP://example.com", "http://0.0.0.0/",
	} {
		if CheckURL(bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

// An endpoint's query may be secret: the error must not repeat it.
func TestCheckURL_DoesNotRepeatTheURL(t *testing.T) {
	for _, u := range []string{"http://example.com/?key=canary", "https://user:canary@example.com/", "%zz?canary"} {
		if err := CheckURL(u); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func TestRead_MisspeltSettingIsRefused(t *testing.T) {
	dir := fstest.MapFS{"a.json": {Data: []byte(`{"name":"a","tokens":{}}`)}}
	if _, err := read(dir); err == nil || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("got %v", err)
	}
}

func TestRead_ProblemsOfAllFilesTogether(t *testing.T) {
	dir := fstest.MapFS{
		"a.json": {Data: []byte(`{"name":"b"}`)},
		"c.json": {Data: []byte(`{`)},
		"d.json": {Data: []byte(`{"name":"d"}{}`)},
	}
	_, err := read(dir)
	for _, want := range []string{`name is "b": it must be the file's, "a"`, "c.json", "something follows"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestSeconds_JSON(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "0.25": 250 * time.Millisecond, "3600": time.Hour, "-2": -2 * time.Second,
	} {
		var s Seconds
		if err := json.Unmarshal([]byte(text), &s); err != nil || s.D() != want {
			t.Errorf("%s read as %v, %v", text, s.D(), err)
		}
		if b, err := json.Marshal(s); err != nil || string(b) != text {
			t.Errorf("%v written as %s, %v", s.D(), b, err)
		}
	}
	for _, bad := range []string{`"60"`, "1e300", "-1e300", "9223372037", "true"} {
		var s Seconds
		if json.Unmarshal([]byte(bad), &s) == nil {
			t.Errorf("%s was read as %v", bad, s.D())
		}
	}
}

func TestProfile_SurvivesJSON(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range all {
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back Profile
		if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(p, back) {
			t.Errorf("%s came back as %+v, %v", name, back, err)
		}
	}
}
