package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// addConnection is `connections add`.
type addConnection struct {
	ID             connection.ID     `arg:"" help:"Our name for it, e.g. lisbon-1."`
	Client         string            `required:"" help:"Which of our clients (see clients list)."`
	Property       string            `required:"" help:"The PMS's name of the property."`
	Hotel          string            `required:"" help:"The hotel's name, as its owner knows it."`
	RemoteProperty string            `required:"" help:"The provider's name of the property."`
	Currency       string            `required:"" help:"ISO 4217 code of its prices."`
	Zone           string            `required:"" help:"IANA time zone of the property, e.g. Europe/Lisbon."`
	OwnerName      string            `help:"Who can consent."`
	OwnerContact   string            `help:"How ops reach them."`
	Map            map[string]string `help:"The provider's rate id for a room type and rate plan, e.g. --map DBL/BAR=4711. Repeatable." mapsep:"none"`
	Grant          grant.ID          `help:"Grant to share. By default one of its own, or the client's where the provider grants per client."`
	Scopes         []string          `help:"Scopes to ask for, where they are not the profile's; * and administrators' are refused."`
	TokenURL       string            `help:"Token endpoint of this connection, where it has one of its own."`
	Home           string            `help:"Where its token pairs live; the stack's default otherwise." enum:",secretsmanager,sealed" default:""`
	RevisionIsTime bool              `help:"The PMS's revisions are Unix milliseconds: refuse one from the future."`
	Webhook        bool              `help:"The provider signs webhooks: read its secret (whsec_...) from a prompt or standard input."`
}

// Run writes the grant, if it is new, then the connection, and tells what comes
// next: a link for the owner, or nothing to do. The grant comes first because a
// connection without one could not be shown, and the connection last of all,
// because its signing secret is shown once: whatever fails before has stored
// none, and the same command again goes on from there.
func (a *addConnection) Run(ctx context.Context, d *desk) error {
	client, err := d.inventory.Client(ctx, a.Client)
	if err != nil {
		return err
	}
	p, err := profile.ByName(client.Provider)
	if err != nil {
		return err
	}
	c := a.connection(d, p)
	if err := errors.Join(c.Check(), a.check()); err != nil {
		return refuse("%v", err)
	}
	if _, err := d.inventory.Connection(ctx, a.ID); err == nil {
		return connection.ErrExists
	}
	signing, err := a.sign(ctx, d, &c)
	if err != nil {
		return err
	}
	if err := a.believe(ctx, d, &c); err != nil {
		return err
	}
	g, err := a.grant(ctx, d, p, c.Grant)
	if err != nil {
		return err
	}
	link := ""
	if g.Health == grant.ReauthorizationRequired {
		if link, err = d.link(ctx, g); err != nil {
			return err
		}
	}
	if err := d.inventory.Add(ctx, c); err != nil {
		return err
	}
	return d.print(added(c, signing, link))
}

// check reports what is wrong with what the grant is to ask, and where.
func (a *addConnection) check() error {
	var problems []error
	if err := profile.CheckScopes(a.Scopes); err != nil {
		problems = append(problems, fmt.Errorf("--scopes: %w", err))
	}
	if a.TokenURL != "" {
		if err := profile.CheckURL(a.TokenURL); err != nil {
			problems = append(problems, fmt.Errorf("--token-url: %w", err))
		}
	}
	return errors.Join(problems...)
}

func (a *addConnection) connection(d *desk, p profile.Profile) connection.Connection {
	id := a.Grant
	if id == "" && p.Token.Mints() {
		id = grant.ID(a.Client) // the provider grants per client: all its properties share one
	}
	if id == "" {
		id = grant.ID(a.ID)
	}
	return connection.Connection{
		ID: a.ID, Property: a.Property, Hotel: a.Hotel, Provider: p.Name, Grant: id, RemoteProperty: a.RemoteProperty,
		Owner: connection.Owner{Name: a.OwnerName, Contact: a.OwnerContact}, Zone: a.Zone, Currency: strings.ToUpper(a.Currency),
		Mappings: a.Map, RevisionIsTime: a.RevisionIsTime, Created: d.now(),
	}
}

// sign makes the secret that the PMS signs with (Standard Webhooks: "whsec_"
// and 32 random bytes) and seals it into the connection.
func (a *addConnection) sign(ctx context.Context, d *desk, c *connection.Connection) (string, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	text := "whsec_" + base64.StdEncoding.EncodeToString(key)
	sealed, err := d.sealer.SealBytes(ctx, connection.SigningLabel(c.ID), []byte(text))
	if err != nil {
		return "", fmt.Errorf("sealing the signing secret: %w", err)
	}
	c.Signing = []grant.Sealed{sealed}
	return text, nil
}

// believe seals the secret with which the provider signs its webhooks.
func (a *addConnection) believe(ctx context.Context, d *desk, c *connection.Connection) error {
	if !a.Webhook {
		return nil
	}
	text, err := newPrompt(d.in, d.errs).secret(ctx, "provider's webhook secret")
	if err != nil {
		return err
	}
	sealed, err := d.sealer.SealBytes(ctx, connection.WebhookLabel(c.ID), []byte(text.Reveal()))
	if err != nil {
		return fmt.Errorf("sealing the webhook secret: %w", err)
	}
	c.WebhookSecret = []grant.Sealed{sealed}
	return nil
}

// grant returns the grant of that id, made now if there is none. One that we
// mint ourselves is due at once; one that needs its owner waits for the link.
func (a *addConnection) grant(ctx context.Context, d *desk, p profile.Profile, id grant.ID) (grant.Grant, error) {
	g := grant.Grant{
		ID: id, Provider: p.Name, Client: a.Client, Home: a.Home, Enabled: true,
		Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected,
		Asks: a.Scopes, TokenURL: a.TokenURL,
	}
	if g.Home == "" {
		g.Home = d.defaults.TokenHome
	}
	if p.Token.Mints() {
		g.Health, g.Reason, g.WakeAt = grant.OK, "", d.now()
	}
	err := d.grants.Create(ctx, g)
	if isTaken(err) {
		return a.shared(ctx, d, id)
	}
	if err != nil {
		return grant.Grant{}, fmt.Errorf("creating grant %s: %w", id, err)
	}
	d.count(ctx, a.Client, 1)
	if !g.WakeAt.IsZero() {
		err = d.wakeGrant(ctx, id, a.Client)
	}
	return g, err
}

// shared reads a grant that is there already and sees that it is the client's.
func (a *addConnection) shared(ctx context.Context, d *desk, id grant.ID) (grant.Grant, error) {
	g, err := d.grants.Read(ctx, id)
	if err == nil && g.Client != a.Client {
		return g, refuse("grant %s belongs to client %s, not to %s", id, g.Client, a.Client)
	}
	if err == nil && (a.Scopes != nil && !slices.Equal(a.Scopes, g.Asks) || a.TokenURL != "" && a.TokenURL != g.TokenURL) {
		return g, refuse("grant %s is there already and asks otherwise: leave out --scopes and --token-url, or give it a grant of its own", id)
	}
	return g, err
}

// added is what is told of a new connection; link is empty where no owner is
// needed.
func added(c connection.Connection, signing, link string) table {
	t := table{rows: [][]string{{"connection", string(c.ID)}, {"grant", string(c.Grant)}, {"signing secret (shown once)", signing}}}
	data := map[string]string{"connection": string(c.ID), "grant": string(c.Grant), "signing_secret": signing}
	if link != "" {
		t.rows = append(t.rows, []string{"link for the owner", link})
		data["link"] = link
	}
	t.data = data
	return t
}

// named is the argument of the commands about one connection.
type named struct {
	ID connection.ID `arg:"" help:"Connection."`
}

func (n named) read(ctx context.Context, d *desk) (connection.Connection, grant.Grant, error) {
	c, err := d.inventory.Connection(ctx, n.ID)
	if err != nil {
		return c, grant.Grant{}, err
	}
	g, err := d.grantOf(ctx, c)
	return c, g, err
}

// grantOf reads the grant of a connection that is there. One that is gone is
// what an interrupted removal left, and not what the person named.
func (d *desk) grantOf(ctx context.Context, c connection.Connection) (grant.Grant, error) {
	g, err := d.grants.Read(ctx, c.Grant)
	if errors.Is(err, grant.ErrNotFound) {
		return g, fmt.Errorf("connection %s: its grant is gone: run connections remove %s again", c.ID, c.ID)
	}
	if err != nil {
		return g, fmt.Errorf("reading grant %s: %w", c.Grant, err)
	}
	return g, nil
}

// linkConnection is `connections link`.
type linkConnection struct{ named }

// Run prints a fresh link. Earlier ones stay good until they are used or
// expire: an owner who finds the older mail first must not be sent away.
func (l *linkConnection) Run(ctx context.Context, d *desk) error {
	_, g, err := l.read(ctx, d)
	if err != nil {
		return err
	}
	p, err := profile.ByName(g.Provider)
	if err != nil {
		return err
	}
	if p.Token.Grant != "authorization_code" {
		return refuse("grant %s needs no consent: %s takes our own client credentials", g.ID, p.Title)
	}
	link, err := d.link(ctx, g)
	if err != nil {
		return err
	}
	return d.print(table{rows: [][]string{{link}}, data: map[string]string{"link": link}})
}

// enableConnection is `connections enable`.
type enableConnection struct{ named }

// Run switches the grant on and wakes it, and the lanes of all that it serves:
// what was sent meanwhile waits there for a person.
func (e *enableConnection) Run(ctx context.Context, d *desk) error {
	_, g, err := e.read(ctx, d)
	if err != nil {
		return err
	}
	if err := d.grants.SetEnabled(ctx, g.ID, true, d.now()); err != nil {
		return fmt.Errorf("enabling grant %s: %w", g.ID, err)
	}
	if err := d.wakeGrant(ctx, g.ID, g.Client); err != nil {
		return err
	}
	return d.wakeLanes(ctx, g.ID)
}
