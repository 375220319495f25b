package torture

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/shared/connection"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
)

// fleet is the grants and everything that connects them. It works through the
// product's own stores, seal and homes, and through the proxy, as the operator's
// command does; only the browser is left out, which would take an hour for a
// thousand owners.
type fleet struct {
	stack     *stack.Stack
	books     *sandbox.Admin
	grants    *dynamo.Grants
	inventory *dynamo.Inventory
	secrets   secretsmanager.Writer
	vault     *vault.Vault
	profile   profile.Profile
	client    sandbox.Client
	http      *http.Client
	ids       []string
}

// prefix begins the names of all grants, connections and properties of a fleet.
const prefix = "torture-"

// Owns reports whether a grant, connection or property is of a tortured fleet.
func Owns(id string) bool { return strings.HasPrefix(id, prefix) }

// One room under one plan is enough to push something.
const (
	room, plan, rateID = "DBL", "BAR", "4711"
	clientID           = "torture"
	clientSecret       = "secret-of-the-tortured-client" // the sandbox's, made up
)

// newFleet prepares a fleet of n; nothing is connected yet.
func newFleet(s *stack.Stack, n int) (*fleet, error) {
	cfg := s.AWS()
	cfg.BaseEndpoint = aws.String(s.Proxy.URL)
	tables, secrets := dynamo.NewClient(cfg), secretsmanager.NewClient(cfg)
	home, err := secretsmanager.NewHome(secretsmanager.HomeConfig{API: secrets, Prefix: s.Outputs.SecretsPrefix})
	if err != nil {
		return nil, err
	}
	p, err := profile.ByName(string(sandbox.Cloudbeds))
	if err != nil {
		return nil, err
	}
	f := &fleet{
		stack: s, books: &sandbox.Admin{BaseURL: fmt.Sprintf("http://127.0.0.1:%d", s.Ports.Sandbox)},
		grants:    dynamo.NewGrants(tables, s.Outputs.GrantsTable),
		inventory: dynamo.NewInventory(tables, s.Outputs.GrantsTable),
		secrets:   secretsmanager.Writer{API: secrets, Prefix: s.Outputs.SecretsPrefix},
		vault: vault.New(seal.NewSource(secretsmanager.KeySet{API: secrets, ID: s.Outputs.KeysSecret}, nil),
			map[string]grant.Home{grant.HomeSecrets: home}),
		profile: p,
		client: sandbox.Client{
			Persona: sandbox.Cloudbeds, ID: "id-" + clientID, Secret: clientSecret,
			Scopes: p.Token.Scopes, RedirectURIs: []string{s.Outputs.RedirectURI},
		},
		// A redirect carries the code; nothing is sent there.
		http: &http.Client{Timeout: 30 * time.Second},
	}
	for i := range n {
		f.ids = append(f.ids, fmt.Sprintf("%s%04d", prefix, i+1))
	}
	return f, nil
}

// atOnce is how many grants are connected, read or switched off side by side.
const atOnce = 8

// connect makes the client and the grants, spread over the time between two
// refreshes: a fleet that was connected in one second would refresh in one
// second for ever.
func (f *fleet) connect(ctx context.Context, rotation profile.Rotation, over time.Duration) error {
	if err := f.register(ctx, rotation); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	began := time.Now()
	for i, id := range f.ids {
		if !sleep(within, time.Until(began.Add(over*time.Duration(i)/time.Duration(len(f.ids))))) {
			break
		}
		group.Go(func() error { return f.add(within, id, homeOf(i)) })
	}
	return group.Wait()
}

// homeOf gives every other grant each of the two homes: what is in Secrets
// Manager must turn its epochs and settle late, what is sealed in the table is
// read by its holder alone, and neither may lose anything.
func homeOf(i int) string {
	if i%2 == 0 {
		return grant.HomeSecrets
	}
	return grant.HomeSealed
}

// register makes our client known on both sides.
func (f *fleet) register(ctx context.Context, rotation profile.Rotation) error {
	if err := f.books.AddClient(ctx, f.client); err != nil {
		return err
	}
	if err := f.secrets.PutClientSecret(ctx, clientID, secret.New(f.client.Secret)); err != nil {
		return err
	}
	base := f.books.BaseURL + "/" + string(sandbox.Cloudbeds)
	return f.inventory.AddClient(ctx, connection.Client{
		ID: clientID, Provider: f.profile.Name, ClientID: f.client.ID, RedirectURI: f.client.RedirectURIs[0],
		Endpoints: profile.Endpoints{
			Token: base + "/api/v1.3/access_token", Authorize: base + "/oauth/authorize",
			UserInfo: base + "/api/v1.3/userinfo", Revoke: base + "/oauth/revoke", API: base + "/api/v1.3",
		},
		Rotation: &rotation, Created: time.Now(),
	})
}

// add makes one grant with its connection and property, and its first consent.
func (f *fleet) add(ctx context.Context, id, home string) error {
	err := f.books.AddProperty(ctx, sandbox.Property{
		Persona: sandbox.Cloudbeds, ID: id, Account: "account-" + id, Currency: "EUR",
		Rates: []sandbox.Rate{{ID: rateID, RoomType: room, RatePlan: plan}},
	})
	if err != nil {
		return err
	}
	err = f.grants.Create(ctx, grant.Grant{
		ID: grant.ID(id), Provider: f.profile.Name, Client: clientID, Home: home, Enabled: true,
		Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected,
	})
	if err != nil {
		return err
	}
	err = f.inventory.Add(ctx, connection.Connection{
		ID: connection.ID(id), Property: "pms-" + id, Hotel: "Hotel " + id, Provider: f.profile.Name, Grant: grant.ID(id),
		RemoteProperty: id, Zone: "Europe/Lisbon", Currency: "EUR", Mappings: map[string]string{room + "/" + plan: rateID},
		Created: time.Now(),
	})
	if err != nil {
		return err
	}
	return f.consent(ctx, id)
}

// disable switches every grant off, so that nothing moves any more.
func (f *fleet) disable(ctx context.Context) error {
	return f.each(ctx, func(ctx context.Context, id string) error {
		return f.grants.SetEnabled(ctx, grant.ID(id), false, time.Time{})
	})
}

// each does something with every grant.
func (f *fleet) each(ctx context.Context, do func(context.Context, string) error) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, id := range f.ids {
		group.Go(func() error { return do(within, id) })
	}
	return group.Wait()
}

// sleep waits, and reports whether ctx lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
