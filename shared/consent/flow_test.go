package consent_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/consenttest"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/invtest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
	"bellhop/shared/vault"
)

// keySet is a key set like the template's.
type keySet struct{}

func (keySet) Keys(context.Context) (secret.Text, error) {
	return secret.New(`{"v":1,"stack":"test","current":"k1","k1":"0123456789012345678901234567890123456789012345678901234567890123"}`), nil
}

// table is the grants table as the flow sees it: a consent takes the
// ticket along, as the one transaction does.
type table struct {
	*granttest.Memory
	tickets *consenttest.Memory
}

func (s table) Consent(ctx context.Context, w grant.ConsentWrite) error {
	if err := s.AddTicket(ctx, w.Ticket, w.ID); err != nil {
		return err
	}
	if t, err := s.tickets.Ticket(ctx, w.Ticket); err == nil && !t.Used.IsZero() {
		return grant.ErrTicket
	}
	err := s.Memory.Consent(ctx, w)
	if g, _ := s.Read(ctx, w.ID); g.Epoch == w.Epoch+1 {
		_ = s.tickets.Use(ctx, w.Ticket, w.At)
	}
	return err
}

// bank is the provider's OAuth side: it answers as told and keeps its books. It
// has our secrets too, as a person put them, and a process that read them keeps
// what it read until it is told to forget it.
type bank struct {
	mu       sync.Mutex // guards what follows
	outcome  func(r oauth.Request) oauth.Outcome
	account  string
	askErr   error
	requests []oauth.Request
	revoked  []string
	stored   string // the current one of our secrets
	read     string // what is kept of it
}

func (b *bank) Exchange(_ context.Context, _ profile.Token, r oauth.Request) oauth.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, r)
	return b.outcome(r)
}

func (b *bank) UserInfo(context.Context, string, secret.Text, string) (string, error) {
	return b.account, b.askErr
}

func (b *bank) Revoke(_ context.Context, _ profile.Token, r oauth.Revocation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revoked = append(b.revoked, r.Token.Reveal())
	return nil
}

func (b *bank) ClientSecrets(context.Context, string) (connection.Secrets, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.read == "" {
		b.read = b.stored
	}
	return connection.Secrets{Current: secret.New(b.read), Next: secret.New("next-secret"), Version: "v-" + b.read}, nil
}

func (b *bank) Forget(string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read = ""
}

// bell keeps what was woken.
type bell struct {
	rung []consent.Resumption
	err  error
}

func (b *bell) Resume(_ context.Context, r consent.Resumption) error {
	b.rung = append(b.rung, r)
	return b.err
}

// forty cells wait.
type forty struct{}

func (forty) Waiting(context.Context, []connection.Connection) (int, error) { return 40, nil }

// desk is a flow with one grant that needs its owner, and a link for them.
type desk struct {
	*consent.Flow
	t       *testing.T
	table   table
	tickets *consenttest.Memory
	bank    *bank
	bell    *bell
	clock   time.Time
	link    secret.Text
	log     bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return newDeskOf(t, func(*grant.Grant) {})
}

// newDeskOf is a desk whose grant is edited first.
func newDeskOf(t *testing.T, edit func(*grant.Grant)) *desk {
	t.Helper()
	d := &desk{
		t: t, tickets: &consenttest.Memory{}, bell: &bell{}, clock: time.UnixMilli(1_763_712_000_000),
		bank: &bank{account: "4711", stored: "current-secret"}, link: consent.Random(),
	}
	d.bank.outcome = d.issues("read:rate", "write:rate")
	d.table = table{granttest.NewMemory(), d.tickets}
	inventory := &invtest.Memory{}
	client := invtest.Registration()
	client.RedirectURI = ""
	d.must(inventory.AddClient(t.Context(), client))
	d.must(inventory.Add(t.Context(), invtest.Lisbon()))
	g := grant.Grant{
		ID: "grant-1", Provider: "cloudbeds", Client: "main", Home: grant.HomeSealed, Enabled: true,
		Health: grant.ReauthorizationRequired, Reason: grant.Revoked, Generation: 7, Epoch: 1,
		Account: "4711", Episode: 2, EpisodeSince: d.clock.Add(-time.Hour),
	}
	edit(&g)
	d.must(d.table.Create(t.Context(), g))
	d.must(d.tickets.PutTicket(t.Context(), consent.NewTicket(d.link, g, d.clock, consent.TicketLife)))
	d.Flow = &consent.Flow{
		Grants: d.table, Tickets: d.tickets, Inventory: inventory, Provider: d.bank,
		Vault: vault.New(seal.NewSource(keySet{}, nil), nil), Clients: d.bank, Wakes: d.bell, Backlog: forty{},
		Log: event.New(&d.log, slog.LevelInfo, "test"), Now: func() time.Time { return d.clock },
		PublicURL: "https://connect.example.com",
	}
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// issues answers with a pair of these scopes.
func (d *desk) issues(scopes ...string) func(oauth.Request) oauth.Outcome {
	return func(r oauth.Request) oauth.Outcome {
		return oauth.Outcome{Class: oauth.Issued, Pair: grant.Pair{
			Access: secret.New(secrettest.Mint("access-" + r.Code.Reveal())), Refresh: secret.New(secrettest.Mint("refresh-" + r.Code.Reveal())),
			Scopes: scopes, Issued: d.clock, Expires: d.clock.Add(time.Hour),
		}}
	}
}

// fails answers with a class and no pair.
func fails(c oauth.Class) func(oauth.Request) oauth.Outcome {
	return func(oauth.Request) oauth.Outcome { return oauth.Outcome{Class: c} }
}

// begin clicks the button and returns the state that travels to the provider.
func (d *desk) begin() secret.Text {
	d.t.Helper()
	authorize, o, err := d.Begin(d.t.Context(), d.link)
	if err != nil || authorize == "" {
		d.t.Fatalf("Begin: %q, %+v, %v", authorize, o, err)
	}
	u, err := url.Parse(authorize)
	d.must(err)
	return secret.New(u.Query().Get("state"))
}

func (d *desk) callback(q consent.Query) consent.Ending {
	d.t.Helper()
	e, err := d.Callback(d.t.Context(), q)
	d.must(err)
	return e
}

// consents walks the whole way with a code.
func (d *desk) consents(code string) consent.Ending {
	d.t.Helper()
	return d.callback(consent.Query{State: d.begin(), Code: secret.New(code)})
}

func (d *desk) grant() grant.Grant {
	d.t.Helper()
	g, err := d.table.Read(d.t.Context(), "grant-1")
	d.must(err)
	return g
}

func (d *desk) ended(e consent.Ending, want consent.Code) {
	d.t.Helper()
	if e.Code != want {
		d.t.Errorf("it ended %q, want %q (log: %s)", e.Code, want, d.log.String())
	}
}

// unchanged fails when a walk that failed left a trace in the grant.
func (d *desk) unchanged() {
	d.t.Helper()
	g := d.grant()
	if g.Generation != 7 || g.Epoch != 1 || g.Health != grant.ReauthorizationRequired || g.Account != "4711" {
		d.t.Errorf("the grant has changed: %+v", g)
	}
	if g.Lease != nil || len(g.Attempts) != 0 {
		d.t.Errorf("the walk left its lease or attempt behind: %+v %+v", g.Lease, g.Attempts)
	}
	if len(d.bell.rung) != 0 {
		d.t.Error("something was woken")
	}
	if ticket, err := d.tickets.Ticket(d.t.Context(), consent.Digest(d.link)); err != nil || !ticket.Used.IsZero() {
		d.t.Errorf("the ticket is consumed: %+v, %v", ticket, err)
	}
}

func TestConsent_TheWholeWay(t *testing.T) {
	d := newDesk(t)
	e := d.consents("code-1")
	d.ended(e, consent.Connected)
	g := d.grant()
	if g.Generation != 8 || g.Epoch != 2 || g.Health != grant.OK || len(g.Attempts) != 0 || g.Lease != nil {
		t.Errorf("the grant: %+v", g)
	}
	pair, err := vault.New(seal.NewSource(keySet{}, nil), nil).Open(t.Context(), g)
	if err != nil || pair.Access.Reveal() != secrettest.Mint("access-code-1") || pair.Refresh.Reveal() != secrettest.Mint("refresh-code-1") {
		t.Errorf("the pair cannot be opened: %v", err)
	}
	if ep, _ := d.table.Episode(t.Context(), "grant-1", 2); ep.Waiting != 40 {
		t.Errorf("the episode was told that %d cells waited, want 40", ep.Waiting)
	}
	want := consent.Resumption{Grant: "grant-1", Client: "main", First: g.WakeAt, Connections: []connection.ID{"lisbon-1"}}
	if len(d.bell.rung) != 1 || !reflect.DeepEqual(d.bell.rung[0], want) {
		t.Errorf("woken: %+v, want %+v", d.bell.rung, want)
	}
	if r := d.bank.requests[0]; r.RedirectURI != "https://connect.example.com/oauth/callback" || r.Verifier.Empty() ||
		r.ClientSecret.Reveal() != "current-secret" || r.ClientID != "live_1" || r.Kind != grant.KindCode ||
		r.Endpoint != invtest.Registration().Endpoints.Token || r.Introspect != invtest.Registration().Endpoints.Introspect {
		t.Errorf("the exchange: %+v", r)
	}
	if !strings.Contains(d.log.String(), `"event":"reconnected"`) {
		t.Errorf("nothing says so: %s", d.log.String())
	}
}

func TestBegin_AsksWithPKCE(t *testing.T) {
	d := newDesk(t)
	authorize, _, err := d.Begin(t.Context(), d.link)
	d.must(err)
	u, err := url.Parse(authorize)
	d.must(err)
	q := u.Query()
	for k, want := range map[string]string{
		"response_type": "code", "client_id": "live_1", "code_challenge_method": "S256",
		"redirect_uri": "https://connect.example.com/oauth/callback", "scope": "read:rate write:rate",
	} {
		if q.Get(k) != want {
			t.Errorf("%s = %q, want %q", k, q.Get(k), want)
		}
	}
	if len(q.Get("code_challenge")) != 43 || len(q.Get("state")) != 43 {
		t.Errorf("challenge %q, state %q: not 256 bits", q.Get("code_challenge"), q.Get("state"))
	}
	if again, _, _ := d.Begin(t.Context(), d.link); again == authorize {
		t.Error("two walks share a state")
	}
}

// A grant may have scopes and a token endpoint of its own: they come before the
// profile's, in the question, the exchange and what is found missing.
func TestConsent_GrantOfItsOwn(t *testing.T) {
	d := newDeskOf(t, func(g *grant.Grant) {
		g.Asks, g.TokenURL = []string{"read:rate", "read:hotel"}, "https://eu.example.com/token"
	})
	d.bank.outcome = d.issues("read:rate")
	authorize, offer, err := d.Begin(t.Context(), d.link)
	d.must(err)
	u, err := url.Parse(authorize)
	d.must(err)
	if got := u.Query().Get("scope"); got != "read:rate read:hotel" || len(offer.Scopes) != 2 {
		t.Errorf("asked for %q, offered %v", got, offer.Scopes)
	}
	e := d.callback(consent.Query{State: secret.New(u.Query().Get("state")), Code: secret.New("c-1")})
	if e.Code != consent.PartlyConnected || len(e.Missing) != 1 || e.Missing[0] != "read:hotel" {
		t.Errorf("ended with %+v", e.Result)
	}
	if got := d.bank.requests[0].Endpoint; got != "https://eu.example.com/token" {
		t.Errorf("exchanged at %s", got)
	}
}

func TestShow(t *testing.T) {
	d := newDesk(t)
	o, err := d.Show(t.Context(), d.link)
	if err != nil || o.Code != "" || o.Provider != "Cloudbeds" || len(o.Connections) != 1 || o.Waiting != 40 || len(o.Scopes) != 2 {
		t.Errorf("Show = %+v, %v", o, err)
	}
	// A link that a mail program looked at still works.
	for range 3 {
		if o, _ := d.Show(t.Context(), d.link); o.Code != "" {
			t.Errorf("looking has spoilt the link: %q", o.Code)
		}
	}
}

func TestTicket_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(d *desk)
		want  consent.Code
	}{
		"unknown":             {func(d *desk) { d.link = consent.Random() }, consent.TicketUnknown},
		"too short":           {func(d *desk) { d.link = secret.New("abc") }, consent.TicketUnknown},
		"empty":               {func(d *desk) { d.link = secret.Text{} }, consent.TicketUnknown},
		"not base64":          {func(d *desk) { d.link = secret.New(strings.Repeat("!", 43)) }, consent.TicketUnknown},
		"expired":             {func(d *desk) { d.clock = d.clock.Add(consent.TicketLife) }, consent.TicketExpired},
		"used":                {func(d *desk) { d.consents("code-1") }, consent.AlreadyConnected},
		"another link's came": {func(d *desk) { d.anotherConsents() }, consent.AlreadyConnected},
	} {
		d := newDesk(t)
		c.spoil(d)
		if o, err := d.Show(t.Context(), d.link); err != nil || o.Code != c.want {
			t.Errorf("%s: Show says %q, %v; want %q", name, o.Code, err, c.want)
		}
		if authorize, o, err := d.Begin(t.Context(), d.link); err != nil || authorize != "" || o.Code != c.want {
			t.Errorf("%s: Begin = %q, %q, %v; want %q", name, authorize, o.Code, err, c.want)
		}
	}
}

// A grant that is well, whose access will end of age, is consented to anew
// before: by the link that was made for it, once.
func TestConsent_BeforeTheEnd(t *testing.T) {
	d := newDeskOf(t, func(g *grant.Grant) {
		g.Health, g.Reason = grant.OK, ""
		g.RefreshExpires = g.EpisodeSince.Add(7 * 24 * time.Hour)
	})
	other := consent.Random()
	d.must(d.tickets.PutTicket(t.Context(), consent.NewTicket(other, d.grant(), d.clock, consent.TicketLife)))
	good := d.bank.outcome
	d.bank.outcome = func(r oauth.Request) oauth.Outcome {
		out := good(r)
		out.Pair.RefreshExpires = d.clock.Add(10 * 24 * time.Hour)
		return out
	}
	if o, err := d.Show(t.Context(), d.link); err != nil || o.Code != "" {
		t.Errorf("the page says %q, %v", o.Code, err)
	}
	d.ended(d.consents("code-1"), consent.Connected)
	g := d.grant()
	if g.Generation != 8 || g.Epoch != 2 || g.Health != grant.OK || !g.AlertDue.IsZero() || len(d.bell.rung) != 1 {
		t.Errorf("the grant: %+v", g)
	}
	if f, near := g.Forecast(profile.Token{}, d.clock); near {
		t.Errorf("its end is foretold again, at once: %+v", f)
	}
	if o, err := d.Show(t.Context(), other); err != nil || o.Code != consent.AlreadyConnected {
		t.Errorf("another link of the same time says %q, %v", o.Code, err)
	}
}

// anotherConsents commits a consent that did not come by the desk's link.
func (d *desk) anotherConsents() {
	d.t.Helper()
	d.must(d.table.Memory.Consent(d.t.Context(), grant.ConsentWrite{ID: "grant-1", Epoch: 1, Account: "4711", At: d.clock}))
}

func TestCallback_SecondArrivalOnlySeesTheResult(t *testing.T) {
	d := newDesk(t)
	q := consent.Query{State: d.begin(), Code: secret.New("code-1")}
	d.ended(d.callback(q), consent.Connected)
	for range 2 {
		d.ended(d.callback(q), consent.Connected)
	}
	if len(d.bank.requests) != 1 {
		t.Errorf("the code was presented %d times", len(d.bank.requests))
	}
	if g := d.grant(); g.Epoch != 2 {
		t.Errorf("epoch %d after a reload", g.Epoch)
	}
}

func TestCallback_TwoArrivalsAtOnce(t *testing.T) {
	d := newDesk(t)
	q := consent.Query{State: d.begin(), Code: secret.New("code-1")}
	codes := make(chan consent.Code, 8)
	for range cap(codes) {
		go func() {
			e, err := d.Callback(t.Context(), q)
			if err != nil {
				t.Error(err)
			}
			codes <- e.Code
		}()
	}
	for range cap(codes) {
		if c := <-codes; c != consent.Connected && c != consent.Interrupted {
			t.Errorf("an arrival ended %q", c)
		}
	}
	if len(d.bank.requests) != 1 {
		t.Errorf("the code was presented %d times", len(d.bank.requests))
	}
}

func TestCallback_SecondTab(t *testing.T) {
	d := newDesk(t)
	first, second := d.begin(), d.begin()
	d.ended(d.callback(consent.Query{State: first, Code: secret.New("code-1")}), consent.Connected)
	d.ended(d.callback(consent.Query{State: second, Code: secret.New("code-2")}), consent.AlreadyConnected)
	if len(d.bank.requests) != 1 {
		t.Error("the second tab's code was presented, although the ticket was used")
	}
}

func TestCallback_WrongStates(t *testing.T) {
	for name, state := range map[string]secret.Text{
		"none": {}, "made up": consent.Random(), "too short": secret.New("abc"), "the ticket itself": newDesk(t).link,
	} {
		d := newDesk(t)
		e := d.callback(consent.Query{State: state, Code: secret.New("code-1")})
		d.ended(e, consent.StateUnknown)
		if !e.Again.Empty() || e.Provider != "" {
			t.Errorf("%s: a stranger learns something: %+v", name, e)
		}
		d.unchanged()
		if len(d.bank.requests) != 0 {
			t.Errorf("%s: a code without a state was presented", name)
		}
	}
}

func TestCallback_StateExpired(t *testing.T) {
	d := newDesk(t)
	state := d.begin()
	d.clock = d.clock.Add(consent.StateLife)
	e := d.callback(consent.Query{State: state, Code: secret.New("code-1")})
	d.ended(e, consent.StateExpired)
	if !e.Again.Equal(d.link) {
		t.Error("the page has no way back")
	}
	d.unchanged()
}

func TestCallback_RefusedAtTheProvider(t *testing.T) {
	for name, c := range map[string]struct {
		query consent.Query
		want  consent.Code
	}{
		"the owner said no":      {consent.Query{Error: "access_denied"}, consent.Denied},
		"another error":          {consent.Query{Error: "server_error"}, consent.ProviderRefused},
		"neither code nor error": {consent.Query{}, consent.ProviderRefused},
		"no beside a code":       {consent.Query{Error: "access_denied", Code: secret.New("c")}, consent.Denied},
	} {
		d := newDesk(t)
		c.query.State = d.begin()
		e := d.callback(c.query)
		d.ended(e, c.want)
		d.unchanged()
		if !e.Again.Equal(d.link) || len(d.bank.requests) != 0 {
			t.Errorf("%s: no way back, or something was presented", name)
		}
		d.ended(d.consents("code-2"), consent.Connected) // the same link again
	}
}

func TestCallback_AnotherAccount(t *testing.T) {
	d := newDesk(t)
	d.bank.account = "999"
	e := d.consents("code-1")
	d.ended(e, consent.OtherAccount)
	if e.Account != "999" || e.Pinned != "4711" || !e.Again.Equal(d.link) {
		t.Errorf("the page says %+v", e.Result)
	}
	if len(d.bank.revoked) != 1 || d.bank.revoked[0] != secrettest.Mint("refresh-code-1") {
		t.Errorf("revoked %v, want the issued refresh token", d.bank.revoked)
	}
	d.unchanged()
	d.bank.account = "4711"
	d.ended(d.consents("code-2"), consent.Connected)
}

func TestCallback_FirstConsentPinsTheAccount(t *testing.T) {
	d := newDesk(t)
	d.must(d.table.Create(t.Context(), grant.Grant{
		ID: "new", Provider: "cloudbeds", Client: "main", Home: grant.HomeSealed, Enabled: true,
		Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected,
	}))
	d.link = consent.Random()
	d.must(d.tickets.PutTicket(t.Context(), consent.NewTicket(d.link, grant.Grant{ID: "new"}, d.clock, consent.TicketLife)))
	d.bank.account = "888"
	d.ended(d.consents("code-1"), consent.Connected)
	if g, err := d.table.Read(t.Context(), "new"); err != nil || g.Account != "888" || g.Generation != 1 || g.Health != grant.OK {
		t.Errorf("the grant: %+v, %v", g, err)
	}
}

func TestCallback_AccountUnknown(t *testing.T) {
	d := newDesk(t)
	d.bank.account, d.bank.askErr = "", oauth.ErrNoAnswer
	d.ended(d.consents("code-1"), consent.AccountUnknown)
	if len(d.bank.revoked) != 1 {
		t.Error("what was issued stays good, and nobody has it")
	}
	d.unchanged()
}

func TestCallback_ExchangeFails(t *testing.T) {
	for class, want := range map[oauth.Class]consent.Code{
		oauth.Dead: consent.CodeRefused, oauth.BadRequest: consent.CodeRefused, oauth.BadScope: consent.CodeRefused,
		oauth.BadClient: consent.Misconfigured, oauth.Throttled: consent.TryLater, oauth.Outage: consent.TryLater,
		oauth.NotSent: consent.TryLater, oauth.Unknown: consent.NoAnswer, oauth.Unreadable: consent.NoAnswer,
	} {
		d := newDesk(t)
		d.bank.outcome = fails(class)
		e := d.consents("code-1")
		d.ended(e, want)
		d.unchanged()
		if want.Again() != e.Again.Equal(d.link) {
			t.Errorf("%s: the way back is %v", class, e.Again.Empty())
		}
		if !strings.Contains(d.log.String(), `"why":"`+string(want)+`"`) {
			t.Errorf("%s: the log does not say why: %s", class, d.log.String())
		}
	}
}

func TestCallback_NextClientSecret(t *testing.T) {
	d := newDesk(t)
	good := d.bank.outcome
	d.bank.outcome = func(r oauth.Request) oauth.Outcome {
		if r.ClientSecret.Reveal() == "current-secret" {
			return oauth.Outcome{Class: oauth.BadClient, Status: 401}
		}
		return good(r)
	}
	d.ended(d.consents("code-1"), consent.Connected)
	if len(d.bank.requests) != 2 {
		t.Errorf("%d requests, want one with each secret", len(d.bank.requests))
	}
}

func TestCallback_FewerScopes(t *testing.T) {
	d := newDesk(t)
	d.bank.outcome = d.issues("read:rate")
	e := d.consents("code-1")
	d.ended(e, consent.PartlyConnected)
	if !slices.Equal(e.Missing, []string{"write:rate"}) {
		t.Errorf("missing %v", e.Missing)
	}
	g := d.grant()
	if g.Health != grant.ScopeUpdateRequired || !slices.Equal(g.Missing, []string{"write:rate"}) || g.Generation != 8 {
		t.Errorf("the grant: %+v", g)
	}
	// The page leads on with a link of the new episode.
	ticket, err := d.tickets.Ticket(t.Context(), consent.Digest(e.Again))
	if err != nil || ticket.Episode != g.Episode || e.Again.Equal(d.link) {
		t.Fatalf("the next link: %+v, %v", ticket, err)
	}
	d.link = e.Again
	d.bank.outcome = d.issues("read:rate", "write:rate")
	d.ended(d.consents("code-2"), consent.Connected)
	if g := d.grant(); g.Health != grant.OK || g.Missing != nil {
		t.Errorf("the grant: %+v", g)
	}
}

func TestCallback_NoScopesInTheAnswerMeansAll(t *testing.T) {
	d := newDesk(t)
	d.bank.outcome = d.issues()
	d.ended(d.consents("code-1"), consent.Connected)
	if g := d.grant(); !slices.Equal(g.Scopes, []string{"read:rate", "write:rate"}) {
		t.Errorf("scopes %v", g.Scopes)
	}
}

func TestCallback_WakesAreOnlyTheFastPath(t *testing.T) {
	d := newDesk(t)
	d.bell.err = errors.New("queue is down")
	d.ended(d.consents("code-1"), consent.Connected)
}
