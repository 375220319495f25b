package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// addClient is `clients add`.
type addClient struct {
	ID            string        `arg:"" help:"Our name for it, e.g. cloudbeds-prod."`
	Provider      string        `required:"" help:"Provider profile."`
	ClientID      string        `required:"" help:"The provider's client id."`
	RedirectURI   string        `help:"Redirect URI registered there; the stack's own by default."`
	TokenURL      string        `help:"Token endpoint, where it is not the profile's."`
	AuthorizeURL  string        `help:"Authorization endpoint, where it is not the profile's."`
	RevokeURL     string        `help:"Revocation endpoint, where it is not the profile's."`
	IntrospectURL string        `help:"Introspection endpoint (RFC 7662), where it is not the profile's."`
	UserinfoURL   string        `help:"Userinfo endpoint, where it is not the profile's."`
	APIURL        string        `name:"api-url" help:"Base of the rate API, where it is not the profile's."`
	Rotation      string        `help:"What presenting a refresh token twice means, where it is not the profile's." enum:",none,grace,detect" default:""`
	Grace         time.Duration `help:"How long a rotated refresh token answers again, for --rotation grace."`
}

// Run adds the client. The secret is written first: a client in the inventory
// without its secret would make grants fail, a secret without a client harms
// nobody.
func (a *addClient) Run(ctx context.Context, d *desk) error {
	p, err := profile.ByName(a.Provider)
	if err != nil {
		return refuse("%v", err)
	}
	c := a.client(d)
	if err := connection.CheckEndpoints(c.EndpointsOver(p.Token.Endpoints), p); err != nil {
		return refuse("%v", err)
	}
	if _, err := d.inventory.Client(ctx, a.ID); err == nil {
		return connection.ErrClientExists
	}
	a.warn(d, p, c)
	if err := a.identify(ctx, d, p.Token); err != nil {
		return err
	}
	if err := d.inventory.AddClient(ctx, c); err != nil {
		return err
	}
	return d.print(table{rows: [][]string{{"client", c.ID}, {"provider", p.Title}, {"redirect URI to register", c.RedirectURI}}, data: c})
}

// identify asks for what proves to the provider who we are, and stores it.
func (a *addClient) identify(ctx context.Context, d *desk, t profile.Token) error {
	if !t.NeedsSecret() {
		return nil
	}
	s, err := credentials(ctx, t, newPrompt(d.in, d.errs))
	if err != nil {
		return err
	}
	if _, err := d.secrets.Change(ctx, a.ID, func(connection.Secrets) connection.Secrets { return s }); err != nil {
		return fmt.Errorf("storing the secrets: %w", err)
	}
	return nil
}

// credentials are all that a provider wants to see of us, asked for in the order
// in which they are piped in: client secret, user name and password, headers.
func credentials(ctx context.Context, t profile.Token, p *prompt) (s connection.Secrets, err error) {
	want := func(what string) (text secret.Text) {
		if err == nil {
			text, err = p.secret(ctx, what)
		}
		return text
	}
	if t.Auth != "none" {
		s.Current = want("client secret")
	}
	if t.Grant == "password" {
		s.Username, s.Password = want("user name"), want("password")
	}
	for _, name := range t.Request.SecretHeaders {
		if s.Headers == nil {
			s.Headers = map[string]secret.Text{}
		}
		s.Headers[http.CanonicalHeaderKey(name)] = want("header " + name)
	}
	return s, err
}

func (a *addClient) client(d *desk) connection.Client {
	c := connection.Client{
		ID: a.ID, Provider: a.Provider, ClientID: a.ClientID, RedirectURI: a.RedirectURI, Created: d.now(),
		Endpoints: profile.Endpoints{Token: a.TokenURL, Authorize: a.AuthorizeURL, Revoke: a.RevokeURL,
			Introspect: a.IntrospectURL, UserInfo: a.UserinfoURL, API: a.APIURL},
	}
	if c.RedirectURI == "" {
		c.RedirectURI = d.defaults.RedirectURI
	}
	if a.Rotation != "" {
		c.Rotation = &profile.Rotation{Policy: a.Rotation, Grace: profile.Seconds(a.Grace)}
	}
	return c
}

// presentsAgainAfter is when a killed holder's credential is presented again:
// its own message comes back 20 seconds after it was received, and the next
// holder starts within two (docs/design.md, section 5).
const presentsAgainAfter = 22 * time.Second

// warn says, before anything is written, what the operator should know.
func (a *addClient) warn(d *desk, p profile.Profile, c connection.Client) {
	r := p.Token.Rotation
	if c.Rotation != nil {
		r = *c.Rotation
	}
	if r.Policy == "grace" && r.Grace.D() < presentsAgainAfter {
		fmt.Fprintf(d.errs, "bellhop: warning: after a crash the refresh token is presented again within %v, but this provider's grace is %v: such a grant will need its owner\n",
			presentsAgainAfter, r.Grace.D())
	}
}

// listClients is `clients list`.
type listClients struct{}

// Run lists the clients, never their secrets.
func (listClients) Run(ctx context.Context, d *desk) error {
	all, err := d.inventory.Clients(ctx)
	if err != nil {
		return err
	}
	t := table{head: []string{"CLIENT", "PROVIDER", "CLIENT ID", "REDIRECT URI", "ADDED"}, data: all}
	for _, c := range all {
		t.rows = append(t.rows, []string{c.ID, c.Provider, c.ClientID, c.RedirectURI, c.Created.Format(time.DateOnly)})
	}
	return d.print(t)
}
