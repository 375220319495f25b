package refresh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/vault"
)

// Roll makes an aside the committed pair. The exchange follows under a new
// lease, at once: one lease, one credential.
func (r *Run) Roll(ctx context.Context, plan grant.Plan) (again time.Time, err error) {
	g, now := r.snapshot, r.c.Now()
	aside := g.Asides[plan.Aside]
	w := grant.RollWrite{ID: g.ID, Me: r.me, Generation: g.Generation, Aside: plan.Aside, Revives: aside.Former}
	if read, ok := r.reread[plan.Aside]; ok {
		aside, w.Reread = read, &read
	}
	w.Times = grant.TimesOf(g.ID, grant.Pair{
		Issued: aside.Issued, Expires: aside.Expires, RefreshExpires: aside.RefreshExpires,
	}, r.profile.Token.Refresh).Following(g).KeptAlive(g.ID, r.profile.Token)
	w.Times.WakeAt = now
	// The commit that follows compares with this pair, so what is near is told now.
	if g.Health == grant.ReauthorizationRequired || g.Retried() || g.ForetellsAnew(w.Times, r.profile.Token) {
		w.AlertDue = now
	}
	if plan.KeepFormer {
		if w.Former, err = r.former(ctx, now); err != nil {
			// Without it the pair that is replaced would be nowhere any more.
			r.report.failed(oauth.Outcome{Class: oauth.NotSent, Cause: "pair"})
			return r.abandon(ctx, grant.ReleaseWrite{ID: g.ID, Me: r.me, WakeAt: now.Add(min(g.Backoff(), ownPause)), Failed: true})
		}
	}
	err = r.write(ctx, func(ctx context.Context) error { return r.c.Store.Roll(ctx, w) })
	if _, refused := conflict(err); refused {
		return r.Abandon(ctx, time.Time{}) // the lease was over, or a consent came
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("rolling an answer forward for grant %s: %w", g.ID, err)
	}
	r.report.rolled(aside.Expires)
	return now, nil
}

// former seals the pair that a roll replaces, to be tried last of all. There is
// none before the first commit.
func (r *Run) former(ctx context.Context, now time.Time) (*grant.Aside, error) {
	g := r.snapshot
	a := grant.Aside{
		Base: g.Generation, At: now, Issued: g.Issued, Expires: g.Expires, RefreshExpires: g.RefreshExpires,
		Scopes: g.Scopes, Former: true,
	}
	switch {
	case g.Generation == 0:
		return nil, nil
	case g.Inline != nil:
		a.Sealed = *g.Inline
		return &a, nil
	}
	p, err := r.c.Vault.Open(ctx, g)
	if errors.Is(err, grant.ErrPairMissing) {
		return nil, nil // nothing is left to keep
	}
	if err != nil {
		return nil, err
	}
	a.Sealed, err = r.c.Vault.Seal(g.ID, g.Generation, p)
	return &a, err
}

// readable returns g with those raw asides marked readable that today's parser
// understands.
func (r *Run) readable(ctx context.Context, g grant.Grant) grant.Grant {
	asides := maps.Clone(g.Asides)
	for n, a := range asides {
		if !a.Raw {
			continue
		}
		if read, ok := r.read(ctx, g.ID, a); ok {
			if r.reread == nil {
				r.reread = map[grant.Nonce]grant.Aside{}
			}
			r.reread[n], asides[n] = read, read
		}
	}
	g.Asides = asides
	return g
}

// read tries one raw aside, and seals what it found.
func (r *Run) read(ctx context.Context, id grant.ID, a grant.Aside) (grant.Aside, bool) {
	_, err := r.c.Vault.Unseal(ctx, id, a.Sealed)
	var raw *vault.RawError
	if !errors.As(err, &raw) {
		return a, false
	}
	out := oauth.Reread(r.profile.Token, raw.Raw, a.Issued)
	if out.Class != oauth.Issued {
		return a, false
	}
	sealed, err := r.c.Vault.Seal(id, a.Base, out.Pair)
	if err != nil {
		return a, false
	}
	a.Sealed, a.Raw = sealed, false
	a.Issued, a.Expires, a.Scopes = out.Pair.Issued, out.Pair.Expires, out.Pair.Scopes
	a.RefreshExpires = grant.RefreshEnds(out.Pair, r.snapshot.RefreshExpires, r.profile.Token)
	return a, true
}
