package main

import (
	"context"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

// retries is an operator who says that a dead grant is to be tried once more.
func (s *stage) retries() {
	g := s.grant()
	if s.table.Retry(context.Background(), grant.RetryWrite{ID: hotel, Generation: g.Generation, At: time.Now()}) != nil {
		return
	}
	if p := s.house.tokens[s.books.committed(g)]; p != nil {
		p.senders = nil // presented again by a person's word
	}
}

// moves is an operator who says that pairs are to live elsewhere.
func (s *stage) moves() { s.must(s.table.SetHome(context.Background(), hotel, grant.HomeSealed)) }

// revocation is an operator's command that ends all tokens of the grant.
func (s *stage) revocation() {
	s.enter("operator", callbackAge, func(ctx context.Context, a *actor) { _, _ = s.cycle(a).Revoke(ctx, hotel) })
}

// revoker is the provider's revocation endpoint.
type revoker struct{ gate }

// Revoke ends one token at the provider, and no other of its family: the least
// that RFC 7009 asks for.
func (g revoker) Revoke(_ context.Context, _ profile.Token, r oauth.Revocation) error {
	p := g.house.tokens[r.Token.Reveal()]
	if p == nil {
		return nil // an access token
	}
	land := func() { p.dead = true }
	if g.ask("REVOKE") == loseOnce {
		g.flies("revocation of "+p.name, land)
		g.knows("REVOKE", []byte("nothing"))
		return granttest.ErrLost
	}
	land()
	g.knows("REVOKE")
	return nil
}

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
