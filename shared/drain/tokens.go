package drain

import (
	"context"
	"fmt"
	"sync"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// opener gives the committed pair of a grant; package vault has it.
type opener interface {
	Open(ctx context.Context, g grant.Grant) (grant.Pair, error)
}

// Tokens keeps the access tokens that this process uses, one generation of each
// grant. The generation comes from a strongly consistent read of the small TOKEN
// item before each call, so a token that was replaced is never used, and the
// pair is unsealed or fetched only once. Safe for concurrent use.
type Tokens struct {
	open opener

	mu   sync.Mutex
	held map[grant.ID]heldToken // guarded by mu
}

// heldToken is an access token and what it is of.
type heldToken struct {
	generation, epoch int64
	access            secret.Text
}

// NewTokens returns an empty cache over a vault.
func NewTokens(open opener) *Tokens {
	return &Tokens{open: open, held: map[grant.ID]heldToken{}}
}

// Access returns the access token of the generation that g has.
func (t *Tokens) Access(ctx context.Context, g grant.Grant) (secret.Text, error) {
	t.mu.Lock()
	h, ok := t.held[g.ID]
	t.mu.Unlock()
	if ok && h.generation == g.Generation && h.epoch == g.Epoch {
		return h.access, nil
	}
	p, err := t.open.Open(ctx, g)
	if err != nil {
		return secret.Text{}, fmt.Errorf("opening generation %d of grant %s: %w", g.Generation, g.ID, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held[g.ID] = heldToken{g.Generation, g.Epoch, p.Access}
	return p.Access, nil
}
