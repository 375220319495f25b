package torture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/local/owner"
	"bellhop/shared/grant"
)

// consent is the owner's click: the provider's consent page, the code, the
// exchange, and the product's own Consent, which commits the pair sealed. After
// a verdict it is what the owner does who follows the reconnect link.
func (f *fleet) consent(ctx context.Context, id string) error {
	pair, err := f.Owners.Consent(ctx, client, id)
	if err != nil {
		return fmt.Errorf("consenting for %s: %w", id, err)
	}
	if err := f.vault.Ready(ctx); err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := f.commit(ctx, id, pair)
		var moved *grant.Conflict
		if err == nil || try == 2 || errors.As(err, &moved) || !owner.Pause(ctx, time.Second) {
			return err
		}
	}
}

// commit writes a first pair as the reconnect callback does: on condition of the
// epoch, ending whatever the former one left.
func (f *fleet) commit(ctx context.Context, id string, pair grant.Pair) error {
	g, err := f.grants.Read(ctx, grant.ID(id))
	if err != nil {
		return err
	}
	sealed, err := f.vault.Seal(g.ID, g.Generation, pair)
	if err != nil {
		return err
	}
	write := grant.ConsentWrite{
		ID: g.ID, Epoch: g.Epoch, Sealed: sealed, Times: grant.TimesOf(g.ID, pair, f.Profile.Token.Refresh),
		Scopes: pair.Scopes, Account: owner.Account(id), At: time.Now(),
	}
	if g.Health != grant.OK {
		write.Episode = g.Episode
	}
	return f.grants.Consent(ctx, write)
}

// reconnect plays the owners of grants that need one, until ctx ends, and counts
// the clicks. A consent that a fault spoils is given again next time.
func (f *fleet) reconnect(ctx context.Context, j *journal, clicked func()) {
	for owner.Pause(ctx, 2*time.Second) {
		for _, id := range j.dead() {
			if f.consent(ctx, id) == nil {
				clicked()
			}
		}
	}
}
