package connection

import (
	"reflect"
	"strings"
	"testing"

	"bellhop/shared/profile"
)

func lisbon() Connection {
	return Connection{ID: "lisbon-1", Grant: "lisbon-1", Property: "LIS", Zone: "Europe/Lisbon", Currency: "EUR",
		Mappings: map[string]string{"DBL/BAR": "4711", "DBL/": "17"}}
}

func TestCheck_TakesAGoodConnection(t *testing.T) {
	if err := lisbon().Check(); err != nil {
		t.Error(err)
	}
}

func TestCheck_SaysWhatIsWrongAndWhatToDo(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*Connection)
		want  string
	}{
		"hash in id":      {func(c *Connection) { c.ID = "a#b" }, "connection id"},
		"slash in id":     {func(c *Connection) { c.ID = "a/b" }, "connection id"},
		"empty id":        {func(c *Connection) { c.ID = "" }, "connection id"},
		"long id":         {func(c *Connection) { c.ID = ID(strings.Repeat("x", 65)) }, "1 to 64"},
		"grant":           {func(c *Connection) { c.Grant = "ä" }, "grant id"},
		"property":        {func(c *Connection) { c.Property = "" }, "property"},
		"zone":            {func(c *Connection) { c.Zone = "Lisbon" }, "Europe/Lisbon"},
		"no zone":         {func(c *Connection) { c.Zone = "" }, "IANA"},
		"machine's zone":  {func(c *Connection) { c.Zone = "Local" }, "IANA"},
		"currency":        {func(c *Connection) { c.Currency = "EURO" }, "ISO 4217"},
		"mapping no plan": {func(c *Connection) { c.Mappings = map[string]string{"DBL": "1"} }, "ROOM/PLAN=ID"},
		"mapping to none": {func(c *Connection) { c.Mappings = map[string]string{"DBL/BAR": ""} }, "ROOM/PLAN=ID"},
		"mapping no room": {func(c *Connection) { c.Mappings = map[string]string{"/BAR": "1"} }, "ROOM/PLAN=ID"},
	} {
		c := lisbon()
		row.spoil(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want a word of %q", name, err, row.want)
		}
	}
}

func TestCheck_ReportsAllTogether(t *testing.T) {
	err := Connection{}.Check()
	for _, want := range []string{"connection id", "grant id", "property", "time zone", "currency"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name the %s", err, want)
		}
	}
}

func TestEndpointsOver_AClientOverridesOneByOne(t *testing.T) {
	base := profile.Endpoints{Token: "https://p/token", API: "https://p/api"}
	got := Client{Endpoints: profile.Endpoints{API: "http://127.0.0.1:1/api", Revoke: "https://p/revoke"}}.EndpointsOver(base)
	want := profile.Endpoints{Token: "https://p/token", API: "http://127.0.0.1:1/api", Revoke: "https://p/revoke"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	ours := reflect.ValueOf(&profile.Endpoints{}).Elem()
	for i := range ours.NumField() {
		ours.Field(i).SetString("https://ours/" + ours.Type().Field(i).Name)
	}
	if all := ours.Interface().(profile.Endpoints); (Client{Endpoints: all}).EndpointsOver(base) != all {
		t.Errorf("not every endpoint can be overridden: %+v", Client{Endpoints: all}.EndpointsOver(base))
	}
}

func TestCheckEndpoints(t *testing.T) {
	machine := profile.Profile{Title: "Generic", Token: profile.Token{Grant: "client_credentials", Account: "none"}}
	consent := profile.Profile{Title: "Consent", Token: profile.Token{Grant: "authorization_code", Account: "userinfo:id"}}
	full := profile.Endpoints{Token: "https://p/t", API: "https://p/a", Authorize: "https://p/z", UserInfo: "https://p/u"}
	for name, row := range map[string]struct {
		p    profile.Profile
		edit func(*profile.Endpoints)
		want string // empty: fine
	}{
		"machine":                  {machine, func(*profile.Endpoints) {}, ""},
		"machine needs no consent": {machine, func(e *profile.Endpoints) { e.Authorize = "" }, ""},
		"no token endpoint":        {machine, func(e *profile.Endpoints) { e.Token = "" }, "--token-url"},
		"no API":                   {machine, func(e *profile.Endpoints) { e.API = "" }, "--api-url"},
		"in the clear":             {machine, func(e *profile.Endpoints) { e.Token = "http://example.com/t" }, "https"},
		"loopback in the clear":    {machine, func(e *profile.Endpoints) { e.Token = "http://127.0.0.1:9/t" }, ""},
		"revocation in the clear":  {machine, func(e *profile.Endpoints) { e.Revoke = "http://example.com/r" }, "--revoke-url"},
		"asking in the clear":      {machine, func(e *profile.Endpoints) { e.Introspect = "http://example.com/i" }, "--introspect-url"},
		"asking at home":           {machine, func(e *profile.Endpoints) { e.Introspect = "http://127.0.0.1:9/i" }, ""},
		"consent without page":     {consent, func(e *profile.Endpoints) { e.Authorize = "" }, "--authorize-url"},
		"consent without userinfo": {consent, func(e *profile.Endpoints) { e.UserInfo = "" }, "--userinfo-url"},
	} {
		e := full
		row.edit(&e)
		err := CheckEndpoints(e, row.p)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

func TestLabels_DifferByPurposeAndConnection(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range []string{SigningLabel("a"), SigningLabel("b"), WebhookLabel("a"), WebhookLabel("b")} {
		if seen[l] {
			t.Errorf("label %q twice", l)
		}
		seen[l] = true
	}
}
