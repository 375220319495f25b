package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/local/owner"
	"bellhop/local/stack"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/seal"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
	"bellhop/shared/wake"
)

// fleet connects grants in numbers, past the proxy, whose books are for what is
// measured.
type fleet struct {
	*owner.Owners
	stack  *stack.Stack
	grants *dynamo.Grants
	vault  *vault.Vault
}

// newFleet connects nothing yet.
func newFleet(s *stack.Stack) (*fleet, error) {
	owners, err := owner.New(s, s.AWS())
	if err != nil {
		return nil, err
	}
	keys := seal.NewSource(secretsmanager.KeySet{API: secretsmanager.NewClient(s.AWS()), ID: s.Outputs.KeysSecret}, time.Now)
	return &fleet{
		Owners: owners, stack: s, grants: dynamo.NewGrants(dynamo.NewClient(s.AWS()), s.Outputs.GrantsTable), vault: vault.New(keys, nil),
	}, nil
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
	times := grant.TimesOf(j.id, pair, f.Profile.Token.Refresh)
	err = f.grants.Create(ctx, grant.Grant{
		ID: j.id, Provider: f.Profile.Name, Client: j.client, Home: j.home, Enabled: true, Health: grant.OK,
		Generation: 1, Epoch: 1, Inline: &sealed, Scopes: f.Profile.Token.Scopes,
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

// joinAll connects many, spread over a time.
func (f *fleet) joinAll(ctx context.Context, all []joining, over time.Duration) error {
	return owner.Spread(ctx, len(all), over, func(ctx context.Context, i int) error { return f.join(ctx, all[i]) })
}

// consents opens the property and lets its owner click.
func (f *fleet) consents(ctx context.Context, j joining) (grant.Pair, error) {
	if err := f.AddProperty(ctx, string(j.id)); err != nil {
		return grant.Pair{}, err
	}
	return f.Consent(ctx, j.client, string(j.id))
}

// leave switches a grant off, so that it is in nobody's way any more.
func (f *fleet) leave(ctx context.Context, id grant.ID) error {
	return f.grants.SetEnabled(ctx, id, false, time.Time{})
}
