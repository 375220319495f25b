package consent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// Flow walks an owner through a consent. All fields but Buckets and Log are needed. It is
// safe for concurrent use.
type Flow struct {
	Grants    grants
	Tickets   Store
	Inventory inventory
	Provider  provider
	Vault     vault
	Clients   clients
	Wakes     wakes
	Backlog   backlog
	// Buckets are what the client's grants share at its token endpoint; nil
	// when nothing is shared.
	Buckets *bucket.Cache
	Log     *event.Log
	Now     func() time.Time
	// PublicURL is where owners and providers see us: the redirect URI of a
	// client that names none of its own is PublicURL/oauth/callback.
	PublicURL string
	// TicketLife bounds the links that the flow makes itself; zero means
	// [TicketLife].
	TicketLife time.Duration
}

// grants is what a consent needs of a [grant.Store].
type grants interface {
	Read(ctx context.Context, id grant.ID) (grant.Grant, error)
	Lease(ctx context.Context, w grant.LeaseWrite) (grant.Grant, error)
	Abandon(ctx context.Context, w grant.ReleaseWrite) error
	Consent(ctx context.Context, w grant.ConsentWrite) error
	Settle(ctx context.Context, w grant.SettleWrite) error
}

// inventory is what a consent needs of a [connection.Inventory].
type inventory interface {
	Client(ctx context.Context, id string) (connection.Client, error)
	ByGrant(ctx context.Context, id grant.ID) ([]connection.Connection, error)
}

// provider is the provider's OAuth side, an [oauth.Client].
type provider interface {
	Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome
	UserInfo(ctx context.Context, endpoint string, access secret.Text, field string) (string, error)
	Revoke(ctx context.Context, p profile.Token, r oauth.Revocation) error
}

// vault seals and settles pairs, keeps what a state must remember, and makes keyed
// digests.
type vault interface {
	Ready(ctx context.Context) error
	Seal(id grant.ID, base int64, p grant.Pair) (grant.Sealed, error)
	Settle(ctx context.Context, g grant.Grant, p grant.Pair) (ref string, at grant.Placement, err error)
	SealBytes(ctx context.Context, label string, plain []byte) (grant.Sealed, error)
	OpenBytes(ctx context.Context, label string, s grant.Sealed) ([]byte, error)
	Digest(ctx context.Context, purpose string, text secret.Text) (string, error)
}

// clients knows the secrets of our registrations. Forget drops what is cached of
// one that the provider refused.
type clients interface {
	ClientSecrets(ctx context.Context, clientID string) (connection.Secrets, error)
	Forget(clientID string)
}

// wakes sends work on its way after a consent.
type wakes interface {
	Resume(ctx context.Context, r Resumption) error
}

// Resumption is what waited for a consent: the grant, at its first wake, and
// its connections' lanes and read-backs, now.
type Resumption struct {
	Grant       grant.ID
	Client      string // ours, which refreshes are grouped by
	First       time.Time
	Connections []connection.ID
}

// backlog counts the cells that wait for these connections together.
type backlog interface {
	Waiting(ctx context.Context, connections []connection.Connection) (int, error)
}

// Offer is what a reconnect page shows before the owner decides.
type Offer struct {
	// Code is empty when there is something to consent to; otherwise it says
	// why not.
	Code        Code
	Grant       grant.Grant
	Provider    string // as people know it
	Connections []connection.Connection
	Scopes      []string // that will be asked for
	Waiting     int      // cells; -1 when nobody could count them
	// Until is when to come again, for Busy.
	Until   time.Time
	Expires time.Time
	// Authorize is the provider's consent page, where the button leads.
	Authorize string
}

// Show returns what the page of a ticket says. It changes nothing, so that a
// mail program that looks at links before people do spoils none.
func (f *Flow) Show(ctx context.Context, t secret.Text) (Offer, error) {
	ticket, code, err := f.ticket(ctx, Digest(t))
	if err != nil || code == TicketUnknown {
		return Offer{Code: code}, err
	}
	o, err := f.offer(ctx, ticket.Grant)
	if err != nil {
		return Offer{}, err
	}
	if r, err := f.registration(ctx, o.Grant); err == nil {
		o.Authorize = r.endpoints.Authorize // without it the button says what is wrong
	}
	o.Expires = ticket.Expires
	if o.Code = code; code == "" && answered(ticket, o.Grant) {
		o.Code = AlreadyConnected
	}
	return o, nil
}

// answered reports whether the consent that a ticket asks for has come, by
// another link. A grant that is well without it is not refused: its owner may be
// asked before it ends.
func answered(t Ticket, g grant.Grant) bool {
	return g.Health == grant.OK && g.Generation > 0 && t.Epoch != g.Epoch
}

// ticket reads a ticket and says why it does not work, if it does not.
func (f *Flow) ticket(ctx context.Context, digest string) (Ticket, Code, error) {
	if digest == "" {
		return Ticket{}, TicketUnknown, nil
	}
	t, err := f.Tickets.Ticket(ctx, digest)
	switch {
	case errors.Is(err, ErrUnknown):
		return Ticket{}, TicketUnknown, nil
	case err != nil:
		return Ticket{}, "", err
	case !t.Used.IsZero():
		return t, AlreadyConnected, nil
	case !t.Works(f.Now()):
		return t, TicketExpired, nil
	}
	return t, "", nil
}

// offer gathers what a page says about a grant.
func (f *Flow) offer(ctx context.Context, id grant.ID) (Offer, error) {
	g, err := f.Grants.Read(ctx, id)
	if err != nil {
		return Offer{}, fmt.Errorf("reading grant %s: %w", id, err)
	}
	p, err := profile.ByName(g.Provider)
	if err != nil {
		return Offer{}, fmt.Errorf("grant %s: %w", id, err)
	}
	connections, err := f.Inventory.ByGrant(ctx, id)
	if err != nil {
		return Offer{}, fmt.Errorf("listing connections of grant %s: %w", id, err)
	}
	return Offer{
		Grant: g, Provider: p.Title, Connections: connections, Scopes: asks(g, p.Token),
		Waiting: f.waiting(ctx, connections),
	}, nil
}

// waiting counts, or says -1: nobody's consent waits for a number.
func (f *Flow) waiting(ctx context.Context, connections []connection.Connection) int {
	n, err := f.Backlog.Waiting(ctx, connections)
	if err != nil {
		return -1
	}
	return n
}

// Begin starts a walk: it returns the provider's consent page, with a fresh
// state and PKCE challenge, or an offer that says why there is none. The
// address is for this owner's browser alone.
func (f *Flow) Begin(ctx context.Context, t secret.Text) (authorize string, o Offer, err error) {
	o, err = f.Show(ctx, t)
	if err != nil || o.Code != "" {
		return "", o, err
	}
	r, err := f.registration(ctx, o.Grant)
	if err != nil {
		return "", o, err
	}
	if o.Until = f.busy(ctx, r.profile.Token, o.Grant); !o.Until.IsZero() {
		o.Code = Busy
		return "", o, nil
	}
	state, proof := Random(), oauth.NewPKCE()
	authorize, err = oauth.AuthorizeURL(r.profile.Token, oauth.Authorization{
		Endpoint: r.endpoints.Authorize, ClientID: r.client.ClientID, RedirectURI: r.redirect,
		State: state, Challenge: proof.Challenge, Scopes: o.Scopes,
	})
	if err != nil {
		return "", o, fmt.Errorf("grant %s: %w", o.Grant.ID, err)
	}
	return authorize, o, f.remember(ctx, state, memory{ticket: t, verifier: proof.Verifier}, o.Grant.ID)
}

// remember writes the state of a walk that begins.
func (f *Flow) remember(ctx context.Context, state secret.Text, m memory, id grant.ID) error {
	digest := Digest(state)
	sealed, err := f.Vault.SealBytes(ctx, stateLabel(digest), m.encode())
	if err != nil {
		return fmt.Errorf("sealing the state of grant %s: %w", id, err)
	}
	return f.Tickets.PutState(ctx, State{
		Digest: digest, Ticket: Digest(m.ticket), Grant: id, Sealed: sealed, Expires: f.Now().Add(StateLife),
	})
}

// registration is our side of a grant: profile, client, and what follows from
// both.
type registration struct {
	profile   profile.Profile
	client    connection.Client
	endpoints profile.Endpoints
	redirect  string
}

func (f *Flow) registration(ctx context.Context, g grant.Grant) (registration, error) {
	p, err := profile.ByName(g.Provider)
	if err != nil {
		return registration{}, fmt.Errorf("grant %s: %w", g.ID, err)
	}
	c, err := f.Inventory.Client(ctx, g.Client)
	if err != nil {
		return registration{}, fmt.Errorf("reading client %s: %w", g.Client, err)
	}
	redirect := c.RedirectURI
	if redirect == "" {
		redirect = f.PublicURL + "/oauth/callback"
	}
	return registration{profile: p, client: c, endpoints: c.EndpointsOver(p.Token.Endpoints).With(g.TokenURL), redirect: redirect}, nil
}

// missing lists what was asked for and not given. Nil granted means that the
// answer named no scopes, which says: all of them (RFC 6749 section 5.1).
func missing(asked, granted []string) []string {
	if granted == nil {
		return nil
	}
	var m []string
	for _, s := range asked {
		if !slices.Contains(granted, s) {
			m = append(m, s)
		}
	}
	return m
}
