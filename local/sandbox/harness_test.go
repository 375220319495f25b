package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	callback = "http://127.0.0.1:21001/oauth/callback"
	verifier = "a-code-verifier-that-is-long-enough-for-rfc-7636"
)

// world is a running sandbox with one client and two properties per persona,
// and the clock in the test's hand.
type world struct {
	*testing.T
	server *Server
	url    string
	admin  *Admin
	http   *http.Client

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T, c Config) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	c.Now = w.clock
	c.Clients = append(c.Clients,
		Client{Persona: Generic, ID: "pms", Secret: "generic-secret", Account: "group", Scopes: []string{"rates:write", "rates:read"}},
		Client{Persona: Generic, ID: "rival", Secret: "rival-secret", Account: "rivals", Scopes: []string{"rates:write", "rates:read"}},
		Client{Persona: Cloudbeds, ID: "bellhop", Secret: "cb-secret", NextSecret: "cb-next", RedirectURIs: []string{callback},
			Scopes: []string{"read:rate", "write:rate"}, DefaultProperty: "2002"},
		Client{Persona: Cloudbeds, ID: "rival", Secret: "cb-rival", RedirectURIs: []string{callback}, Scopes: []string{"read:rate"}},
	)
	c.Properties = append(c.Properties,
		Property{Persona: Generic, ID: "P1", Account: "group", Currency: "EUR", Rates: []Rate{
			{RoomType: "DBL", RatePlan: "BAR"}, {RoomType: "DBL", RatePlan: "NRF", Derived: true}, {RoomType: "SGL", RatePlan: "BAR"}}},
		Property{Persona: Generic, ID: "P2", Account: "rivals", Currency: "JPY", Rates: []Rate{{RoomType: "DBL", RatePlan: "BAR"}}},
		Property{Persona: Cloudbeds, ID: "1001", Account: "owner-a", Currency: "EUR", RateLimit: -1, Rates: []Rate{
			{ID: "37", RoomType: "DBL", RatePlan: "BAR"}, {ID: "38", RoomType: "DBL", RatePlan: "NRF", Derived: true}, {ID: "39", RoomType: "SGL", RatePlan: "BAR"}}},
		Property{Persona: Cloudbeds, ID: "2002", Account: "owner-b", Currency: "EUR", Rates: []Rate{{ID: "50", RoomType: "DBL", RatePlan: "BAR"}}},
	)
	w.server = New(c)
	listener := httptest.NewServer(w.server)
	t.Cleanup(listener.Close)
	w.url, w.admin = listener.URL, &Admin{BaseURL: listener.URL}
	w.http = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // a reset must not be blamed on a stale connection and retried
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// reply is an answer with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("status %d, body %q: %v", r.status, r.body, err)
	}
	return v
}

func (r reply) text(t testing.TB, name string) string {
	t.Helper()
	text, _ := r.json(t)[name].(string)
	return text
}

// send does a request and fails the test when no answer comes.
func (w *world) send(method, path, body string, header map[string]string) reply {
	w.Helper()
	r, err := w.try(method, path, body, header)
	if err != nil {
		w.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// try does a request whose answer may be lost.
func (w *world) try(method, path, body string, header map[string]string) (reply, error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := w.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(text)}, err
}

func (w *world) form(path string, values url.Values) reply {
	w.Helper()
	return w.send("POST", path, values.Encode(), formHeader)
}

var formHeader = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}

const (
	cbToken  = "/cloudbeds/api/v1.3/access_token"
	genToken = "/generic/oauth/token"
)

// authorizeQuery is a correct authorization request.
func authorizeQuery() url.Values {
	challenge := sha256.Sum256([]byte(verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {"bellhop"}, "redirect_uri": {callback},
		"scope": {"read:rate write:rate"}, "state": {"state-0123456789"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
}

// code lets the owner of a property consent and returns the code.
func (w *world) code(property string) string {
	w.Helper()
	target, err := w.admin.Consent(w.Context(), w.url+"/cloudbeds/oauth/authorize?"+authorizeQuery().Encode(), property)
	if err != nil {
		w.Fatal(err)
	}
	u, err := url.Parse(target)
	if err != nil || u.Query().Get("state") != "state-0123456789" {
		w.Fatalf("redirect to %q (%v)", target, err)
	}
	return u.Query().Get("code")
}

func codeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
		"client_id": {"bellhop"}, "client_secret": {"cb-secret"},
	}
}

func refreshForm(token string) url.Values {
	return url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"bellhop"}, "client_secret": {"cb-secret"},
	}
}

// pair is what a token endpoint answers.
type pair struct{ access, refresh string }

func (w *world) pair(r reply) pair {
	w.Helper()
	if r.status != 200 {
		w.Fatalf("status %d: %s", r.status, r.body)
	}
	return pair{r.text(w, "access_token"), r.text(w, "refresh_token")}
}

// connect consents for a property and exchanges the code.
func (w *world) connect(property string) pair {
	w.Helper()
	return w.pair(w.form(cbToken, codeForm(w.code(property))))
}

func (w *world) refresh(token string) reply {
	w.Helper()
	return w.form(cbToken, refreshForm(token))
}

// clientToken gets a generic access token.
func (w *world) clientToken() string {
	w.Helper()
	return w.pair(w.form(genToken, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"pms"}, "client_secret": {"generic-secret"},
	})).access
}

func bearerHeader(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// alive says whether a cloudbeds access token is accepted.
func (w *world) alive(token string) bool {
	w.Helper()
	return w.send("GET", "/cloudbeds/api/v1.3/userinfo", "", bearerHeader(token)).status == 200
}

func (w *world) batch(token, key, body string) reply {
	w.Helper()
	return w.send("POST", "/generic/v2/rates/batch", body, batchHeader(token, key))
}

func batchHeader(token, key string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token, "Idempotency-Key": key, "Content-Type": "application/json"}
}

func (w *world) patch(token string, form url.Values) reply {
	w.Helper()
	return w.send("POST", "/cloudbeds/api/v1.3/patchRate", form.Encode(), patchHeader(token))
}

func patchHeader(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token, "Content-Type": formHeader["Content-Type"]}
}

// oneRate is a correct patchRate with one interval.
func oneRate(rateID, from, to, rate string) url.Values {
	return url.Values{
		"rates[0][rateID]": {rateID}, "rates[0][interval][startDate]": {from},
		"rates[0][interval][endDate]": {to}, "rates[0][interval][rate]": {rate},
	}
}

// switches changes a persona's settings.
func (w *world) switches(p Persona, change func(*Switches)) {
	w.Helper()
	v, err := w.admin.Switches(w.Context(), p)
	if err != nil {
		w.Fatal(err)
	}
	change(&v)
	if err := w.admin.SetSwitches(w.Context(), p, v); err != nil {
		w.Fatal(err)
	}
}

func (w *world) fault(f Fault) Fault {
	w.Helper()
	added, err := w.admin.AddFault(w.Context(), f)
	if err != nil {
		w.Fatal(err)
	}
	return added
}

func (w *world) summary() Summary {
	w.Helper()
	m, err := w.admin.Summary(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// lastRequest is the newest one in the books. Its answer may still be on its
// way into them when the client already has it, so this waits for the end.
func (w *world) lastRequest() Request {
	w.Helper()
	for range 200 {
		all, err := w.admin.Requests(w.Context(), 0)
		if err != nil {
			w.Fatal(err)
		}
		if len(all) > 0 && all[len(all)-1].AnsweredAt != 0 {
			return all[len(all)-1]
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatal("the last request never ended in the books")
	return Request{}
}

// lastReason is why the newest presentation ended as it did.
func (w *world) lastReason() string {
	w.Helper()
	all, err := w.admin.Presentations(w.Context(), 0)
	if err != nil || len(all) == 0 {
		w.Fatalf("no presentation (%v)", err)
	}
	return all[len(all)-1].Reason
}

// value is a field of a cell at present, empty when it was never set.
func (w *world) value(property, room, plan, date, field string) string {
	w.Helper()
	cells, err := w.admin.Cells(w.Context(), property)
	if err != nil {
		w.Fatal(err)
	}
	for _, c := range cells {
		if c.RoomType == room && c.RatePlan == plan && c.Date == date {
			return c.Fields[field]
		}
	}
	return ""
}

func (w *world) want(what string, got, want any) {
	w.Helper()
	if got != want {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}
