package sandbox_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop/local/sandbox"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

const (
	profiles = "../../shared/profile/testdata/dialects"
	redirect = "http://127.0.0.1:19100/oauth/callback"
	// lasts is the life of the sandbox's access tokens here: no profile documents it,
	// so whoever knows it has read it.
	lasts        = 1234 * time.Second
	refreshLasts = 90 * time.Hour
)

// decode reads a file of test data.
func decode(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// vendor is a running sandbox with one registration that has a dialect.
type vendor struct {
	*testing.T
	p       profile.Token
	client  sandbox.Client
	server  *sandbox.Server
	url     string
	admin   *sandbox.Admin
	oauth   *oauth.Client
	present grant.Pair
}

// newVendor starts the vendor of a file.
func newVendor(t *testing.T, name string) *vendor {
	t.Helper()
	v := &vendor{T: t, oauth: oauth.NewClient(oauth.Config{})}
	var p profile.Profile
	decode(t, filepath.Join(profiles, name), &p)
	v.p = p.Token
	var d struct {
		Persona sandbox.Persona  `json:"persona"`
		Dialect *sandbox.Dialect `json:"dialect"`
	}
	decode(t, filepath.Join("testdata/dialects", name), &d)
	scopes := v.p.Scopes
	if len(scopes) == 0 {
		scopes = []string{"rates:write"}
	}
	v.client = sandbox.Client{
		Persona: d.Persona, ID: "hotel", Secret: "s3cret:%&+", Scopes: scopes, Account: "group",
		RedirectURIs: []string{redirect}, Dialect: d.Dialect,
	}
	v.server = sandbox.New(sandbox.Config{
		AccessTokenLifetime: lasts, RefreshTokenLifetime: refreshLasts, Clients: []sandbox.Client{v.client},
		Properties: []sandbox.Property{{Persona: d.Persona, ID: "1", Account: "group", Currency: "EUR",
			Rates: []sandbox.Rate{{ID: "1", RoomType: "DBL", RatePlan: "BAR"}}}},
	})
	listener := httptest.NewServer(v.server)
	t.Cleanup(listener.Close)
	v.url, v.admin = listener.URL, &sandbox.Admin{BaseURL: listener.URL}
	if d.Persona == sandbox.Cloudbeds {
		v.present = v.consent()
	}
	return v
}

// consent gets the first pair at the persona's own endpoint.
func (v *vendor) consent() grant.Pair {
	v.Helper()
	proof, plain := oauth.NewPKCE(), profile.Token{Auth: "body", Lifetime: profile.Seconds(time.Hour)}
	address, err := oauth.AuthorizeURL(v.p, oauth.Authorization{
		Endpoint: v.url + "/cloudbeds/oauth/authorize", ClientID: v.client.ID, RedirectURI: redirect,
		State: secret.New("a-state-that-is-long-enough"), Challenge: proof.Challenge, Scopes: []string{strings.Join(v.p.Scopes, " ")},
	})
	if err != nil {
		v.Fatal(err)
	}
	back, err := v.admin.Consent(v.Context(), address, "1")
	if err != nil {
		v.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		v.Fatal(err)
	}
	out := v.oauth.Exchange(v.Context(), plain, oauth.Request{
		Kind: grant.KindCode, Endpoint: v.url + "/cloudbeds/api/v1.3/access_token", ClientID: v.client.ID,
		ClientSecret: secret.New(v.client.Secret), Code: secret.New(u.Query().Get("code")), Verifier: proof.Verifier, RedirectURI: redirect,
	})
	if out.Class != oauth.Issued {
		v.Fatalf("the code brought %+v from %s", out, back)
	}
	return out.Pair
}

// request is what the cycle would present.
func (v *vendor) request() oauth.Request {
	kind := grant.KindRefresh
	if v.p.Mints() {
		kind = grant.KindClient
	}
	return oauth.Request{
		Kind: kind, Endpoint: v.url + "/" + string(v.client.Persona) + "/dialects/hotel/token",
		ClientID: v.client.ID, ClientSecret: secret.New(v.client.Secret), Refresh: v.present.Refresh, RedirectURI: redirect,
		Username: secret.New("machine"), Password: secret.New("machine-password"), Scopes: v.p.Scopes,
		Headers: map[string]secret.Text{"X-App-Key": secret.New("the-app-key")},
	}
}

// issued finds a token in the books.
func (v *vendor) issued(kind string, value secret.Text) *sandbox.Token {
	v.Helper()
	all, err := v.admin.Tokens(v.Context())
	if err != nil {
		v.Fatal(err)
	}
	for _, t := range all {
		if t.Kind == kind && t.Value == value.Reveal() {
			return &t
		}
	}
	return nil
}

// eachDialect runs a story for every dialect that there is.
func eachDialect(t *testing.T, story func(v *vendor)) {
	t.Helper()
	files, err := filepath.Glob("testdata/dialects/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d dialects, %v", len(files), err)
	}
	for _, f := range files {
		name := filepath.Base(f)
		t.Run(strings.TrimSuffix(name, ".json"), func(t *testing.T) { story(newVendor(t, name)) })
	}
}

// Every documented dialect brings a token that the provider has issued, with
// the life that it has there, by one request.
func TestDialects_AreSpoken(t *testing.T) {
	eachDialect(t, func(v *vendor) {
		before, _ := v.admin.Requests(v.Context(), 0)
		out := v.oauth.Exchange(v.Context(), v.p, v.request())
		if out.Class != oauth.Issued || out.Pair.Documented {
			v.Fatalf("outcome is %+v", out)
		}
		token := v.issued(sandbox.AccessToken, out.Pair.Access)
		if token == nil {
			v.Fatal("the provider has not issued that token")
		}
		if off := out.Pair.Expires.Sub(time.UnixMilli(token.ExpiresAt)).Abs(); off > 3*time.Second {
			v.Errorf("expires %v beside the provider's time", off)
		}
		if refresh := v.client.Dialect.Answer["refresh_token"]; (refresh != "" && v.client.Persona == sandbox.Cloudbeds) == out.Pair.Refresh.Empty() {
			v.Errorf("there is no refresh token: %v", out.Pair.Refresh.Empty())
		}
		if v.p.Answer.RefreshExpiry != "" && out.Pair.RefreshExpires.Sub(out.Pair.Issued) != refreshLasts {
			v.Errorf("the refresh token dies at %v", out.Pair.RefreshExpires)
		}
		after, err := v.admin.Requests(v.Context(), len(before))
		if err != nil || len(after) != 1 || after[0].Endpoint != "token" || after[0].Method != v.client.Dialect.Method {
			v.Errorf("%d requests, %v", len(after), err)
		}
	})
}

// Each dialect's way of saying that our registration is refused, and that the
// refresh token is dead, is understood as that.
func TestDialects_RefusalsAreUnderstood(t *testing.T) {
	eachDialect(t, func(v *vendor) {
		if v.p.Auth != "none" {
			r := v.request()
			r.ClientSecret = secret.New("yesterday's")
			if out := v.oauth.Exchange(v.Context(), v.p, r); out.Class != oauth.BadClient {
				v.Errorf("a wrong client secret: outcome is %+v", out)
			}
		}
		if v.client.Persona == sandbox.Cloudbeds {
			r := v.request()
			r.Refresh = secret.New("never-issued")
			if out := v.oauth.Exchange(v.Context(), v.p, r); out.Class != oauth.Dead {
				v.Errorf("an unknown refresh token: outcome is %+v", out)
			}
		}
		if len(v.p.Request.SecretHeaders) > 0 {
			r := v.request()
			r.Headers = map[string]secret.Text{"X-App-Key": secret.New("another-key")}
			if out := v.oauth.Exchange(v.Context(), v.p, r); out.Class != oauth.BadClient {
				v.Errorf("a wrong key: outcome is %+v", out)
			}
		}
	})
}

// A machine's user whose password is wrong is our registration's trouble: no
// owner could consent it away.
func TestDialects_WrongPasswordIsTheClients(t *testing.T) {
	for _, name := range []string{"ohip.json", "rms.json"} {
		v := newVendor(t, name)
		r := v.request()
		r.Password = secret.New("yesterday's")
		if out := v.oauth.Exchange(t.Context(), v.p, r); out.Class != oauth.BadClient {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
}

// The sandbox is strict: the RFC's own words are refused, or answered
// unreadably, where the vendor has others. So a dialect that is not spoken is
// noticed.
func TestDialects_TheRFCIsNotEnough(t *testing.T) {
	for _, name := range []string{
		"absolute", "beds24", "booking", "bookingsync", "deliverect", "hospitable", "hostfully", "ohip", "rms", "zoho",
	} {
		v := newVendor(t, name+".json")
		plain := profile.Token{Grant: v.p.Grant, Auth: v.p.Auth, Lifetime: v.p.Lifetime}
		if out := v.oauth.Exchange(t.Context(), plain, v.request()); out.Class == oauth.Issued {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
}

// A provider whose answers do not say how long a token lives, and which can be
// asked (RFC 7662), is asked.
func TestDialects_LifeByIntrospection(t *testing.T) {
	v := newVendor(t, "hostfully.json")
	delete(v.client.Dialect.Answer, "expires_in")
	r := v.request()
	silent := v.oauth.Exchange(t.Context(), v.p, r)
	if silent.Class != oauth.Issued || !silent.Pair.Documented {
		t.Fatalf("outcome is %+v", silent)
	}
	r.Refresh, r.Introspect = silent.Pair.Refresh, v.url+"/cloudbeds/oauth/introspect"
	out := v.oauth.Exchange(t.Context(), v.p, r)
	if out.Class != oauth.Issued || out.Pair.Documented {
		t.Fatalf("outcome is %+v", out)
	}
	token := v.issued(sandbox.AccessToken, out.Pair.Access)
	if off := out.Pair.Expires.Sub(time.UnixMilli(token.ExpiresAt)).Abs(); off > 3*time.Second {
		t.Errorf("expires %v beside the provider's time", off)
	}
}
