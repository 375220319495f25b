package vault

import (
	"context"

	"bellhop/shared/grant"
)

// Inline is the home "sealed": the pair stays in the TOKEN item. Two calls per
// refresh, no quota, and no price per grant, for fleets of many short-lived
// tokens (docs/design.md section 6).
type Inline struct{}

// Settle has nothing to do.
func (Inline) Settle(_ context.Context, g grant.Grant, _ grant.Pair) (string, grant.Placement, error) {
	return "", g.Placement, grant.ErrInline
}

// Fetch finds nothing: a pair of this home is inline.
func (Inline) Fetch(context.Context, grant.Grant) (grant.Pair, error) {
	return grant.Pair{}, grant.ErrPairMissing
}

// Retire has nothing to do.
func (Inline) Retire(context.Context, grant.Grant) error { return nil }
