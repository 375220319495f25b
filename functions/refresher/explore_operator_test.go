package main

import (
	"context"

	"bellhop/shared/grant"
)

// The operator's writes, like all others: they stop at the gate.

func (g gate) Retry(ctx context.Context, w grant.RetryWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Retry", func() error { return g.table.Retry(ctx, w) })
}

func (g gate) Revoke(ctx context.Context, w grant.RevokeWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Revoke", func() error { return g.table.Revoke(ctx, w) })
}

func (g gate) SetHome(ctx context.Context, id grant.ID, home string) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("SetHome", func() error { return g.table.SetHome(ctx, id, home) })
}

func (g gate) Foretell(ctx context.Context, w grant.ForetellWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Foretell", func() error { return g.table.Foretell(ctx, w) })
}

func (g gate) Remove(ctx context.Context, w grant.RemoveWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Remove", func() error { return g.table.Remove(ctx, w) })
}
