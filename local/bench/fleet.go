package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/shared/connection"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
	"bellhop/shared/wake"
)

// fleet connects grants in numbers: what the operator's command and the owner's
// browser would do, with the product's own stores, seals and token client, and
// past the proxy, whose books are for what is measured.
type fleet struct {
	stack     *stack.Stack
	books     *sandbox.Admin
	grants    *dynamo.Grants
	inventory *dynamo.Inventory
	secrets   secretsmanager.Writer
	vault     *vault.Vault
	profile   profile.Profile
	tokens    *oauth.Client
}

// newFleet connects nothing yet.
func newFleet(s *stack.Stack) (*fleet, error) {
	tables, secrets := dynamo.NewClient(s.AWS()), secretsmanager.NewClient(s.AWS())
	p, err := profile.ByName(string(sandbox.Cloudbeds))
	if err != nil {
		return nil, err
	}
	keys := seal.NewSource(secretsmanager.KeySet{API: secrets, ID: s.Outputs.KeysSecret}, time.Now)
	return &fleet{
		stack: s, books: &sandbox.Admin{BaseURL: fmt.Sprintf("http://127.0.0.1:%d", s.Ports.Sandbox)},
		grants: dynamo.NewGrants(tables, s.Outputs.GrantsTable), inventory: dynamo.NewInventory(tables, s.Outputs.GrantsTable),
		secrets: secretsmanager.Writer{API: secrets, Prefix: s.Outputs.SecretsPrefix},
		vault:   vault.New(keys, nil), profile: p, tokens: oauth.NewClient(oauth.Config{}),
	}, nil
}

// secretOf is what the sandbox knows a client by. Nothing but the sandbox does.
func secretOf(client string) string { return "secret-of-" + client }

// register makes a client of ours known on both sides.
func (f *fleet) register(ctx context.Context, client string, rotation profile.Rotation) error {
	err := f.books.AddClient(ctx, sandbox.Client{
		Persona: sandbox.Cloudbeds, ID: "id-" + client, Secret: secretOf(client), Scopes: f.profile.Token.Scopes,
		RedirectURIs: []string{f.stack.Outputs.RedirectURI},
	})
	if err != nil {
		return err
	}
	if err := f.secrets.PutClientSecret(ctx, client, secret.New(secretOf(client))); err != nil {
		return err
	}
	return f.inventory.AddClient(ctx, connection.Client{
		ID: client, Provider: f.profile.Name, ClientID: "id-" + client, RedirectURI: f.stack.Outputs.RedirectURI,
		Endpoints: f.endpoints(), Rotation: &rotation, Created: time.Now(),
	})
}

func (f *fleet) endpoints() profile.Endpoints {
	base := f.books.BaseURL + "/" + string(sandbox.Cloudbeds)
	return profile.Endpoints{Token: base + "/api/v1.3/access_token", Authorize: base + "/oauth/authorize", API: base + "/api/v1.3"}
}

// joining is one grant to be connected; at the provider, its property has its
// name.
type joining struct {
	id     grant.ID
	client string
	home   string
}

// join consents for one grant and writes it, connected and with its first wake
// on the way.
func (f *fleet) join(ctx context.Context, j joining) error {
	pair, err := f.consents(ctx, j)
	if err != nil {
		return fmt.Errorf("connecting %s: %w", j.id, err)
	}
	if err := f.vault.Ready(ctx); err != nil {
		return fmt.Errorf("connecting %s: %w", j.id, err)
	}
	sealed, err := f.vault.Seal(j.id, 0, pair)
	if err != nil {
		return fmt.Errorf("connecting %s: %w", j.id, err)
	}
	times := grant.TimesOf(j.id, pair, f.profile.Token.Refresh)
	err = f.grants.Create(ctx, grant.Grant{
		ID: j.id, Provider: f.profile.Name, Client: j.client, Home: j.home, Enabled: true, Health: grant.OK,
		Generation: 1, Epoch: 1, Inline: &sealed, Scopes: f.profile.Token.Scopes,
		Issued: times.Issued, Expires: times.Expires, RefreshAt: times.RefreshAt, WakeAt: times.WakeAt,
	})
	if err != nil && !errors.Is(err, grant.ErrExists) { // which is the SDK's second try, after an answer that came late
		return err
	}
	delay := min(max(time.Until(times.WakeAt), 0), wake.MaxDelay)
	return f.stack.Send(ctx, f.stack.Outputs.RefreshQueueURL, stack.Message{
		Body: wake.Encode(wake.Message{Kind: wake.Grant, Grant: j.id, At: times.WakeAt}), Group: j.client, Delay: delay,
	})
}

// consents walks the owner through the provider's page and redeems the code.
func (f *fleet) consents(ctx context.Context, j joining) (grant.Pair, error) {
	err := f.books.AddProperty(ctx, sandbox.Property{
		Persona: sandbox.Cloudbeds, ID: string(j.id), Account: "account-" + string(j.id), Currency: "EUR",
		Rates: []sandbox.Rate{{ID: "4711", RoomType: "DBL", RatePlan: "BAR"}},
	})
	if err != nil {
		return grant.Pair{}, err
	}
	proof, redirect := oauth.NewPKCE(), f.stack.Outputs.RedirectURI
	page, err := oauth.AuthorizeURL(f.profile.Token, oauth.Authorization{
		Endpoint: f.endpoints().Authorize, ClientID: "id-" + j.client, RedirectURI: redirect,
		State: secret.New("state-of-" + string(j.id)), Challenge: proof.Challenge,
	})
	if err != nil {
		return grant.Pair{}, err
	}
	back, err := f.books.Consent(ctx, page, string(j.id))
	if err != nil {
		return grant.Pair{}, err
	}
	u, err := url.Parse(back)
	if err != nil {
		return grant.Pair{}, fmt.Errorf("reading the redirect: %w", err)
	}
	out := f.tokens.Exchange(ctx, f.profile.Token, oauth.Request{
		Kind: grant.KindCode, Endpoint: f.endpoints().Token, ClientID: "id-" + j.client, ClientSecret: secret.New(secretOf(j.client)),
		Code: secret.New(u.Query().Get("code")), Verifier: proof.Verifier, RedirectURI: redirect, Deadline: time.Now().Add(10 * time.Second),
	})
	if out.Class != oauth.Issued {
		return grant.Pair{}, fmt.Errorf("the code brings %s %s", out.Class, out.Code)
	}
	return out.Pair, nil
}

// atOnce is how many grants are connected side by side.
const atOnce = 8

// joinAll connects many, evenly spread over a time: a fleet that was connected
// in one second would refresh in one second for ever.
func (f *fleet) joinAll(ctx context.Context, all []joining, over time.Duration) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	began := time.Now()
	for i, j := range all {
		if !pause(within, time.Until(began.Add(over*time.Duration(i)/time.Duration(len(all))))) {
			break
		}
		group.Go(func() error { return f.join(within, j) })
	}
	return group.Wait()
}

// leave switches a grant off, so that it is in nobody's way any more.
func (f *fleet) leave(ctx context.Context, id grant.ID) error {
	return f.grants.SetEnabled(ctx, id, false, time.Time{})
}

// pause waits, and reports whether the context lasted.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
