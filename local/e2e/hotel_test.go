package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/local/sandbox"
)

// hotel is a property that is connected at one provider: what it is called on
// both sides, and what its PMS wants the provider to show. It belongs to one
// story.
type hotel struct {
	w *world

	id      string // of the connection; the property's name at the provider is the same
	client  string // of ours
	grant   string
	account string // at the provider
	persona sandbox.Persona
	signing string // the PMS's secret
	hooks   string // the provider's webhook secret
	link    string // for the owner, as `connections add` printed it

	revision int64
	wanted   map[sandbox.CellID]map[string]string
	// unordered says that the story made the provider itself act out of order.
	unordered bool
}

// booking says how a hotel is connected; zero fields have the defaults of
// newHotel.
type booking struct {
	persona  sandbox.Persona
	client   string   // default: one of the hotel's own
	property string   // the PMS's name; default: the connection's
	jobs     bool     // generic: the property works with jobs
	rotation []string // flags of `clients add`; cloudbeds' default: a grace of 30 s
	hooks    bool     // the provider signs webhooks
}

// Every room is sold as a double at the best available rate; its name at
// cloudbeds is this.
const (
	room, plan = "DBL", "BAR"
	rateID     = "4711"
)

// newHotel makes a property at the provider and connects it with the operator's
// command. Whether it is healthy then is the provider's matter.
func newHotel(t *testing.T, w *world, id string, b booking) *hotel {
	t.Helper()
	h := &hotel{
		w: w, id: id, client: b.client, grant: id, account: "account-" + id, persona: b.persona,
		wanted: map[sandbox.CellID]map[string]string{},
	}
	if h.client == "" {
		h.client = "client-" + id
		w.register(t, h.client, b)
	}
	if b.persona == sandbox.Generic {
		h.grant, h.account = h.client, "account-"+h.client
	}
	h.build(t, b)
	h.connect(t, b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hotels = append(w.hotels, h)
	return h
}

// build makes the property known at the provider.
func (h *hotel) build(t *testing.T, b booking) {
	t.Helper()
	err := h.w.books.AddProperty(t.Context(), sandbox.Property{
		Persona: b.persona, ID: h.id, Account: h.account, Currency: "EUR", Jobs: b.jobs,
		Rates: []sandbox.Rate{{ID: rateID, RoomType: room, RatePlan: plan}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// connect runs `connections add`.
func (h *hotel) connect(t *testing.T, b booking) {
	t.Helper()
	property := b.property
	if property == "" {
		property = "pms-" + h.id
	}
	args := []string{
		"--json", "connections", "add", h.id, "--client", h.client, "--property", property, "--hotel", "Hotel " + h.id,
		"--remote-property", h.id, "--currency", "EUR", "--zone", "Europe/Lisbon",
		"--owner-name", "Owner of " + h.id, "--owner-contact", h.id + "@example.com",
	}
	if b.persona == sandbox.Cloudbeds {
		args = append(args, "--map", room+"/"+plan+"="+rateID)
	}
	input := ""
	if b.hooks {
		h.hooks = newReceiver().secret // any secret of that form
		args, input = append(args, "--webhook"), h.hooks+"\n"
	}
	var said struct {
		Signing string `json:"signing_secret"`
		Link    string `json:"link"`
	}
	if err := json.Unmarshal([]byte(h.w.must(t, input, args...)), &said); err != nil {
		t.Fatalf("reading what connections add printed: %v", err)
	}
	h.signing, h.link = said.Signing, said.Link
	h.rest(t)
}

// register makes our client known on both sides.
func (w *world) register(t *testing.T, id string, b booking) {
	t.Helper()
	base := fmt.Sprintf("%s/%s", w.books.BaseURL, b.persona)
	c := sandbox.Client{Persona: b.persona, ID: "id-" + id, Secret: "secret-of-" + id, Account: "account-" + id}
	args := []string{"clients", "add", id, "--provider", string(b.persona), "--client-id", c.ID}
	switch b.persona {
	case sandbox.Generic:
		c.Scopes = []string{"rates:read", "rates:write"}
		args = append(args, "--token-url", base+"/oauth/token", "--api-url", base)
	case sandbox.Cloudbeds:
		c.Account = ""
		c.Scopes, c.RedirectURIs = []string{"read:rate", "write:rate"}, []string{w.Outputs.RedirectURI}
		args = append(args, "--token-url", base+"/api/v1.3/access_token", "--authorize-url", base+"/oauth/authorize",
			"--userinfo-url", base+"/api/v1.3/userinfo", "--revoke-url", base+"/oauth/revoke", "--api-url", base+"/api/v1.3")
		if b.rotation == nil {
			b.rotation = []string{"--rotation", "grace", "--grace", "30s"}
		}
		args = append(args, b.rotation...)
	}
	if err := w.books.AddClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.must(t, c.Secret+"\n", args...)
}

// rest switches the connection off when its story is over, so that nothing of it
// is at work while other stories measure theirs.
func (h *hotel) rest(t *testing.T) {
	t.Cleanup(func() { h.w.bellhop(t, "", "connections", "disable", h.id) })
}

// consent walks the owner through the link: our page, the provider's consent
// page as the owner of that property, and back. It returns the last page.
func (h *hotel) consent(t *testing.T, link, property string) page {
	t.Helper()
	w := h.w
	if shown := w.visit(t, "GET", link); shown.status != 200 || !strings.Contains(shown.body, "Hotel "+h.id) {
		t.Fatalf("the reconnect page answers %d and does not name the hotel:\n%s", shown.status, shown.body)
	}
	begun := w.visit(t, "POST", link)
	if begun.status != 303 {
		t.Fatalf("the button answers %d, want a redirect to the provider:\n%s", begun.status, begun.body)
	}
	back, err := w.books.Consent(t.Context(), begun.header.Get("Location"), property)
	if err != nil {
		t.Fatal(err)
	}
	return w.visit(t, "GET", back)
}

// status is what `connections show` says.
type status struct {
	State      string `json:"state"`
	Reason     string `json:"reason"`
	Generation int64  `json:"generation"`
	Settled    bool   `json:"settled"`
	Waiting    int    `json:"cells_waiting"`
	Hold       string `json:"hold"`
}

func (h *hotel) status(t *testing.T) status {
	t.Helper()
	var s status
	if err := json.Unmarshal([]byte(h.w.must(t, "", "--json", "connections", "show", h.id)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// becomes waits until the connection is in a state.
func (h *hotel) becomes(t *testing.T, within time.Duration, state string) status {
	t.Helper()
	var s status
	eventually(t, within, h.id+" is "+state, func() string {
		if s = h.status(t); s.State != state {
			return fmt.Sprintf("it is %s (%s)", s.State, s.Reason)
		}
		return ""
	})
	return s
}

// healthy waits until there is a committed pair; who is refreshing is healthy.
func (h *hotel) healthy(t *testing.T, within time.Duration) {
	t.Helper()
	eventually(t, within, h.id+" is healthy", func() string {
		if s := h.status(t); s.Generation == 0 || s.State != "healthy" && s.State != "refreshing" {
			return fmt.Sprintf("it is %s (%s) in generation %d", s.State, s.Reason, s.Generation)
		}
		return ""
	})
}

// connected makes a hotel whose owner has consented, where one must.
func connected(t *testing.T, w *world, id string, b booking) *hotel {
	t.Helper()
	h := newHotel(t, w, id, b)
	if b.persona == sandbox.Cloudbeds {
		if last := h.consent(t, h.link, h.id); last.status != 200 {
			t.Fatalf("the callback answers %d:\n%s", last.status, last.body)
		}
	}
	h.healthy(t, 15*time.Second)
	return h
}
