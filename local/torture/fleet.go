package torture

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"bellhop/local/owner"
	"bellhop/local/stack"
	"bellhop/shared/connection"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/seal"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
)

// fleet is the grants and everything that connects them: the product's own
// stores, seal and homes, through the proxy, as the operator's command works.
type fleet struct {
	*owner.Owners
	grants *dynamo.Grants
	vault  *vault.Vault
	ids    []string
}

// prefix begins the names of all grants, connections and properties of a fleet.
const prefix = "torture-"

// Owns reports whether a grant, connection or property is of a tortured fleet.
func Owns(id string) bool { return strings.HasPrefix(id, prefix) }

// client is ours that all of them came by.
const client = "torture"

// newFleet prepares a fleet of n; nothing is connected yet.
func newFleet(s *stack.Stack, n int) (*fleet, error) {
	cfg := s.AWS()
	cfg.BaseEndpoint = aws.String(s.Proxy.URL)
	owners, err := owner.New(s, cfg)
	if err != nil {
		return nil, err
	}
	secrets := secretsmanager.NewClient(cfg)
	home, err := secretsmanager.NewHome(secretsmanager.HomeConfig{API: secrets, Prefix: s.Outputs.SecretsPrefix})
	if err != nil {
		return nil, err
	}
	f := &fleet{
		Owners: owners, grants: dynamo.NewGrants(dynamo.NewClient(cfg), s.Outputs.GrantsTable),
		vault: vault.New(seal.NewSource(secretsmanager.KeySet{API: secrets, ID: s.Outputs.KeysSecret}, nil),
			map[string]grant.Home{grant.HomeSecrets: home}),
	}
	for i := range n {
		f.ids = append(f.ids, fmt.Sprintf("%s%04d", prefix, i+1))
	}
	return f, nil
}

// connect makes the client and the grants, spread over the time between two
// refreshes.
func (f *fleet) connect(ctx context.Context, rotation profile.Rotation, over time.Duration) error {
	if err := f.Register(ctx, client, rotation); err != nil {
		return err
	}
	return owner.Spread(ctx, len(f.ids), over, func(ctx context.Context, i int) error { return f.add(ctx, f.ids[i], homeOf(i)) })
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

// add makes one grant with its connection and property, and its first consent.
func (f *fleet) add(ctx context.Context, id, home string) error {
	if err := f.AddProperty(ctx, id); err != nil {
		return err
	}
	err := f.grants.Create(ctx, grant.Grant{
		ID: grant.ID(id), Provider: f.Profile.Name, Client: client, Home: home, Enabled: true,
		Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected,
	})
	if err != nil {
		return err
	}
	err = f.Inventory.Add(ctx, connection.Connection{
		ID: connection.ID(id), Property: "pms-" + id, Hotel: "Hotel " + id, Provider: f.Profile.Name, Grant: grant.ID(id),
		RemoteProperty: id, Zone: "Europe/Lisbon", Currency: "EUR", Mappings: map[string]string{owner.Room + "/" + owner.Plan: owner.RateID},
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
	return owner.Spread(ctx, len(f.ids), 0, func(ctx context.Context, i int) error { return do(ctx, f.ids[i]) })
}
