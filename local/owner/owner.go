// Package owner plays hotel owners in numbers: it makes clients and properties
// known at the sandbox and in the table, and clicks through the provider's
// consent page, with the product's own stores and token client. Only the browser
// is left out, which would take an hour for a thousand owners.
package owner

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/shared/connection"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/secretsmanager"
)

// Every property has one room under one plan: enough to push something.
const Room, Plan, RateID = "DBL", "BAR", "4711"

// Owners are those of one stack's hotels, all at the sandbox's Cloudbeds. It is
// safe for concurrent use.
type Owners struct {
	Books     *sandbox.Admin
	Profile   profile.Profile
	Inventory *dynamo.Inventory

	redirect string
	secrets  secretsmanager.Writer
	tokens   *oauth.Client
}

// New reaches AWS by cfg: the stack's own, or through its proxy.
func New(s *stack.Stack, cfg aws.Config) (*Owners, error) {
	p, err := profile.ByName(string(sandbox.Cloudbeds))
	if err != nil {
		return nil, err
	}
	return &Owners{
		Books:     &sandbox.Admin{BaseURL: fmt.Sprintf("http://127.0.0.1:%d", s.Ports.Sandbox)},
		Profile:   p,
		Inventory: dynamo.NewInventory(dynamo.NewClient(cfg), s.Outputs.GrantsTable),
		redirect:  s.Outputs.RedirectURI,
		secrets:   secretsmanager.Writer{API: secretsmanager.NewClient(cfg), Prefix: s.Outputs.SecretsPrefix},
		tokens:    oauth.NewClient(oauth.Config{}),
	}, nil
}

// ClientID is what the sandbox calls a client of ours.
func ClientID(client string) string { return "id-" + client }

// SecretOf is the sandbox's, made up.
func SecretOf(client string) string { return "secret-of-" + client }

// Account is whose property it is, at the sandbox.
func Account(property string) string { return "account-" + property }

// Register makes a client of ours known on both sides. Rotation is what it is
// told of the provider, whatever the sandbox's switches say.
func (o *Owners) Register(ctx context.Context, client string, rotation profile.Rotation) error {
	err := o.Books.AddClient(ctx, sandbox.Client{
		Persona: sandbox.Cloudbeds, ID: ClientID(client), Secret: SecretOf(client), Scopes: o.Profile.Token.Scopes,
		RedirectURIs: []string{o.redirect},
	})
	if err != nil {
		return err
	}
	if err := o.secrets.PutClientSecret(ctx, client, secret.New(SecretOf(client))); err != nil {
		return err
	}
	return o.Inventory.AddClient(ctx, connection.Client{
		ID: client, Provider: o.Profile.Name, ClientID: ClientID(client), RedirectURI: o.redirect,
		Endpoints: o.Endpoints(), Rotation: &rotation, Created: time.Now(),
	})
}

// Endpoints are the sandbox's.
func (o *Owners) Endpoints() profile.Endpoints {
	base := o.Books.BaseURL + "/" + string(sandbox.Cloudbeds)
	return profile.Endpoints{
		Token: base + "/api/v1.3/access_token", Authorize: base + "/oauth/authorize",
		UserInfo: base + "/api/v1.3/userinfo", Revoke: base + "/oauth/revoke", API: base + "/api/v1.3",
	}
}

// AddProperty opens a hotel at the provider.
func (o *Owners) AddProperty(ctx context.Context, id string) error {
	return o.Books.AddProperty(ctx, sandbox.Property{
		Persona: sandbox.Cloudbeds, ID: id, Account: Account(id), Currency: "EUR",
		Rates: []sandbox.Rate{{ID: RateID, RoomType: Room, RatePlan: Plan}},
	})
}

// Consent walks a property's owner through the provider's page and redeems the
// code.
func (o *Owners) Consent(ctx context.Context, client, property string) (grant.Pair, error) {
	proof := oauth.NewPKCE()
	page, err := oauth.AuthorizeURL(o.Profile.Token, oauth.Authorization{
		Endpoint: o.Endpoints().Authorize, ClientID: ClientID(client), RedirectURI: o.redirect,
		State: secret.New("state-of-" + property), Challenge: proof.Challenge,
	})
	if err != nil {
		return grant.Pair{}, err
	}
	back, err := o.Books.Consent(ctx, page, property)
	if err != nil {
		return grant.Pair{}, err
	}
	u, err := url.Parse(back)
	if err != nil {
		return grant.Pair{}, fmt.Errorf("reading the redirect of %s: %w", property, err)
	}
	out := o.tokens.Exchange(ctx, o.Profile.Token, oauth.Request{
		Kind: grant.KindCode, Endpoint: o.Endpoints().Token, ClientID: ClientID(client), ClientSecret: secret.New(SecretOf(client)),
		Code: secret.New(u.Query().Get("code")), Verifier: proof.Verifier, RedirectURI: o.redirect,
		Deadline: time.Now().Add(10 * time.Second),
	})
	if out.Class != oauth.Issued {
		return grant.Pair{}, fmt.Errorf("the code of %s brings %s %s", property, out.Class, out.Code)
	}
	return out.Pair, nil
}

// AtOnce is how many of many are connected, read or switched off side by side.
const AtOnce = 8

// Spread does something for each of n, evenly spread over a time: a fleet that
// was connected in one second would refresh in one second for ever. It ends at
// the first error, or with the context.
func Spread(ctx context.Context, n int, over time.Duration, do func(ctx context.Context, i int) error) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(AtOnce)
	began := time.Now()
	for i := range n {
		if !Pause(within, time.Until(began.Add(over*time.Duration(i)/time.Duration(n)))) {
			break
		}
		group.Go(func() error { return do(within, i) })
	}
	return group.Wait()
}

// Pause waits, and reports whether the context lasted.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
