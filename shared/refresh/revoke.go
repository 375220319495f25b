package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// revokeFor bounds one request of a revocation. A lease leaves time for three;
// what is not done within it is done by the next try.
const revokeFor = 4 * time.Second

// Errors of [Cycle.Revoke] that a person can do something about. After any
// error the revocation may be asked for again.
var (
	// ErrBusy says that somebody is at work on the grant, or may still come
	// with an answer: half a minute later nobody is.
	ErrBusy = errors.New("somebody is at work on the grant")
	// ErrNoRevocation says that the provider has no revocation endpoint: the
	// consent must be withdrawn there, by its owner.
	ErrNoRevocation = errors.New("provider has no revocation endpoint")
)

// revoker ends a token at its provider (RFC 7009).
type revoker interface {
	Revoke(ctx context.Context, p profile.Token, r oauth.Revocation) error
}

// Revoked is what a revocation came to. The zero value: there was nothing to
// revoke.
type Revoked struct {
	Tokens int
	// AccessUntil is when the last access token dies by itself, because the
	// provider ends refresh tokens only; zero when none is left.
	AccessUntil time.Time
}

// Revoke ends every token that we hold of a grant, at its provider and then in
// our table: nobody presents it again, and its owner must consent anew. It asks
// neither health nor whether the grant is enabled. A crash at any step leaves
// tokens that the provider refuses or does not, and a grant whose revocation can
// be repeated; only the last write says that it is done.
func (c *Cycle) Revoke(ctx context.Context, id grant.ID) (Revoked, error) {
	r, endpoint, err := c.revocation(ctx, id)
	if err != nil || r == nil {
		return Revoked{}, err
	}
	if err := r.leaseToRevoke(ctx); err != nil {
		return Revoked{}, err
	}
	done, err := r.revokeAll(ctx, endpoint)
	if err != nil {
		r.withdraw(ctx, id)
		return done, err
	}
	return done, r.recordRevoked(ctx)
}

// Revocable returns what Revoke would before it does anything, for who has
// something to do before it: [ErrNoRevocation] above all.
func (c *Cycle) Revocable(ctx context.Context, id grant.ID) error {
	_, _, err := c.revocation(ctx, id)
	return err
}

// revocation begins one, with the endpoint to ask. It is nil where there is
// nothing to revoke.
func (c *Cycle) revocation(ctx context.Context, id grant.ID) (*Run, string, error) {
	g, err := c.Store.Read(ctx, id)
	if err != nil {
		return nil, "", fmt.Errorf("looking at grant %s: %w", id, err)
	}
	if g.Generation == 0 || g.Reason == grant.RevokedByUs {
		return nil, "", nil
	}
	r, err := c.begin(ctx, Wake{Grant: id}.of(g))
	if err != nil {
		return nil, "", err
	}
	if err := c.Vault.Ready(ctx); err != nil {
		return nil, "", fmt.Errorf("keys for grant %s: %w", id, err)
	}
	endpoint := r.client.EndpointsOver(r.profile.Token.Endpoints).With(g.TokenURL).Revoke
	if endpoint == "" {
		return nil, "", fmt.Errorf("revoking grant %s: %w", id, ErrNoRevocation)
	}
	return r, endpoint, nil
}

// leaseToRevoke takes the lease as a person's act, and leaves again when a
// holder of the past may still come with an answer.
func (r *Run) leaseToRevoke(ctx context.Context) error {
	at, id := r.c.Now(), r.wake.Grant
	err := r.lease(ctx, grant.LeaseWrite{
		ID: id, Me: r.me, Kind: grant.KindRevoke, Generation: r.wake.Generation,
		At: at, Deadline: at.Add(grant.LeaseFor), Skew: grant.Skew, AnyHealth: true,
	})
	var stale *staleError
	if errors.Is(err, ErrNotNow) || errors.As(err, &stale) {
		return fmt.Errorf("revoking grant %s: %w", id, ErrBusy)
	}
	if err != nil {
		return err
	}
	for n, a := range r.snapshot.Attempts {
		if n != r.me && !a.Old(at) {
			r.withdraw(ctx, id)
			return fmt.Errorf("revoking grant %s: %w", id, ErrBusy)
		}
	}
	return nil
}

// revokeAll revokes the asides and the committed pair, each refresh token
// before its access token: with it most providers end the whole grant.
func (r *Run) revokeAll(ctx context.Context, endpoint string) (Revoked, error) {
	var done Revoked
	pairs, err := r.held(ctx)
	if err != nil {
		return done, err
	}
	ours, err := r.secrets(ctx)
	if err != nil {
		return done, fmt.Errorf("secret of client %s: %w", r.snapshot.Client, err)
	}
	request := oauth.Revocation{Endpoint: endpoint, ClientID: r.client.ClientID, ClientSecret: ours.Current, Headers: ours.Headers}
	for _, p := range pairs {
		if err := r.revokePair(ctx, request, p, &done); err != nil {
			return done, fmt.Errorf("revoking grant %s: %w", r.snapshot.ID, err)
		}
	}
	return done, nil
}

// held opens every pair that we hold. A raw aside that cannot be read, and a
// pair that is not at its home any more, are beyond us.
func (r *Run) held(ctx context.Context) ([]grant.Pair, error) {
	var pairs []grant.Pair
	readable := r.readable(ctx, r.snapshot)
	for _, n := range readable.KnownAsides() {
		if readable.Asides[n].Raw {
			continue
		}
		p, err := r.c.Vault.Unseal(ctx, readable.ID, readable.Asides[n].Sealed)
		if err != nil {
			return nil, fmt.Errorf("an answer kept for grant %s: %w", readable.ID, err)
		}
		pairs = append(pairs, p)
	}
	p, err := r.c.Vault.Open(ctx, r.snapshot)
	if errors.Is(err, grant.ErrPairMissing) {
		return pairs, nil
	}
	return append(pairs, p), err
}

// revokePair revokes both tokens of a pair. A provider that ends no access
// tokens refuses such a request; with the refresh token gone it runs out. A
// provider that is busy or down did not say that: it is asked again.
func (r *Run) revokePair(ctx context.Context, request oauth.Revocation, p grant.Pair, done *Revoked) error {
	if !p.Refresh.Empty() {
		if err := r.revokeToken(ctx, request, p.Refresh, "refresh_token"); err != nil {
			return err
		}
		done.Tokens++
	}
	if !p.Expires.After(r.c.Now()) {
		return nil
	}
	err := r.revokeToken(ctx, request, p.Access, "access_token")
	var status *oauth.StatusError
	if errors.As(err, &status) && status.Class == oauth.BadRequest && !p.Refresh.Empty() {
		if p.Expires.After(done.AccessUntil) {
			done.AccessUntil = p.Expires
		}
		return nil
	}
	if err == nil {
		done.Tokens++
	}
	return err
}

// revokeToken is one request, inside the lease: past it another may have
// exchanged what we hold.
func (r *Run) revokeToken(ctx context.Context, request oauth.Revocation, token secret.Text, hint string) error {
	if r.c.Now().After(r.snapshot.Lease.Deadline.Add(-revokeFor - commitFor)) {
		return ErrNoTime
	}
	ctx, cancel := context.WithTimeout(ctx, revokeFor)
	defer cancel()
	request.Token, request.Hint = token, hint
	return r.c.Revoker.Revoke(ctx, r.profile.Token, request)
}

// recordRevoked says in the table that it is done. Refused by its own first
// success, the item shows it; refused otherwise, somebody came in between.
func (r *Run) recordRevoked(ctx context.Context) error {
	g := r.snapshot
	w := grant.RevokeWrite{ID: g.ID, Me: r.me, Generation: g.Generation, Asides: g.KnownAsides()}
	err := r.write(ctx, func(ctx context.Context) error { return r.c.Store.Revoke(ctx, w) })
	if current, refused := conflict(err); refused {
		if current.Generation == g.Generation+1 && current.Reason == grant.RevokedByUs {
			return nil
		}
		r.withdraw(ctx, g.ID)
		return fmt.Errorf("recording that grant %s is revoked: %w", g.ID, ErrBusy)
	}
	return landed(err, "recording that a person revoked grant", g.ID)
}
