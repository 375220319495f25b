package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

// Wake is why a grant is looked at.
type Wake struct {
	Grant grant.ID
	// Generation and Client are the grant's, as the wake's sender saw them. The
	// grant is read first when either is missing.
	Generation int64
	Client     string
	// Correlation names the message that brought it, for the log.
	Correlation string
}

// Run is one lease and what is done under it: one lease, one credential. It is
// used by one goroutine.
type Run struct {
	c       *Cycle
	me      grant.Nonce
	wake    Wake
	profile profile.Profile
	client  connection.Client
	// snapshot is the lease's own answer. The pair that is presented is this
	// one, never one read later, which my attempt would not cover.
	snapshot grant.Grant
	// reread holds raw asides that this release can read.
	reread map[grant.Nonce]grant.Aside
	// freeUntil bounds the request, when Recover lets a credential that may be
	// spent be presented for the provider's grace; zero for no such bound.
	freeUntil time.Time
	// pair is the snapshot's, once opened.
	pair grant.Pair
	// unknown says that something was presented under this nonce without a
	// readable answer: from then on the attempt must stay.
	unknown bool
	// reason overrides why the grant is dead, when not by invalid_grant.
	reason grant.Reason
	// sealed is the answer, once sealed; settled needs the very same.
	sealed grant.Sealed
	share  share
	report report
}

// Lease takes the exclusive right to exchange for a grant that is due, and
// writes the attempt. It is the first call of a refresh whenever the wake says
// what was seen of the grant: what a read would have told is asked by the
// lease's own condition, and told by the item that refuses it. ErrNotNow when
// there is nothing to do; ErrNoKeys when the answer could not be sealed;
// ErrNoTime when it is too late to begin; [grant.ErrNotFound] when there is no
// such grant.
func (c *Cycle) Lease(ctx context.Context, w Wake) (*Run, error) {
	if w.Generation == 0 || w.Client == "" {
		g, err := c.look(ctx, w)
		if err != nil {
			return nil, err
		}
		w = w.of(g)
	}
	for range 2 {
		r, err := c.take(ctx, w)
		var stale *staleError
		if !errors.As(err, &stale) {
			return r, err
		}
		w = w.of(stale.now)
	}
	return nil, ErrNotNow // it moves faster than we look: somebody is at work
}

// take leases the grant as w says it is. A [*staleError] when it is another by
// now.
func (c *Cycle) take(ctx context.Context, w Wake) (*Run, error) {
	r, err := c.begin(ctx, w)
	if err != nil {
		return nil, err
	}
	keys := c.Vault.Ready(ctx) // before the lease, which would only wait for it
	if !c.enough(ctx) {
		return nil, ErrNoTime
	}
	at := c.Now()
	if err := r.lease(ctx, grant.LeaseWrite{
		ID: w.Grant, Me: r.me, Kind: r.kind(), Generation: w.Generation,
		At: at, Deadline: at.Add(grant.LeaseFor), Skew: grant.Skew,
	}); err != nil {
		return nil, err
	}
	if err := r.fits(ctx); err != nil {
		return nil, err
	}
	if keys != nil {
		return nil, r.keyless(ctx, keys)
	}
	return r, nil
}

// begin gathers what a lease would only wait for, so that it is held no longer
// than needed: profile and client. Both are kept in the process.
func (c *Cycle) begin(ctx context.Context, w Wake) (*Run, error) {
	client, err := c.Registry.Client(ctx, w.Client)
	if err != nil {
		return nil, fmt.Errorf("client %s of grant %s: %w", w.Client, w.Grant, err)
	}
	p, err := c.Profile(client.Provider)
	if err != nil {
		return nil, fmt.Errorf("profile of grant %s: %w", w.Grant, err)
	}
	return &Run{c: c, me: c.Nonce(), wake: w, profile: p, client: client, report: report{began: c.Now()}}, nil
}

// lease writes the lease and takes its snapshot. A copy of the write that was
// refused by its own first success is a success: the item shows me as owner.
func (r *Run) lease(ctx context.Context, write grant.LeaseWrite) error {
	err := insist(ctx, func(ctx context.Context) error {
		g, err := r.c.Store.Lease(ctx, write)
		if current, refused := conflict(err); refused && r.mine(current) {
			g, err = current, nil
		}
		r.snapshot = g
		return err
	})
	if current, refused := conflict(err); refused {
		if err := r.c.wanted(ctx, current, r.wake, "lease"); err != nil {
			return err
		}
		return &staleError{current}
	}
	if err != nil {
		r.withdraw(ctx, write.ID)
		return fmt.Errorf("leasing grant %s: %w", write.ID, err)
	}
	return nil
}

// fits sees whether the snapshot is what the wake made us expect. Nothing was
// presented yet, so that a lease of anything else is simply taken back.
func (r *Run) fits(ctx context.Context) error {
	switch {
	case r.snapshot.Crowded(r.me, r.c.Now()):
		r.c.crowded(ctx, r.snapshot, r.wake)
		r.withdraw(ctx, r.snapshot.ID)
		return ErrNotNow
	case r.snapshot.Client != r.wake.Client:
		r.withdraw(ctx, r.snapshot.ID)
		return &staleError{r.snapshot}
	}
	return nil
}

// keyless ends a run whose answer could not be sealed, before anything can be
// presented in it. It took the lease all the same, for only who holds it may move
// the grant's wake: if that stayed in the past, each message about the grant
// would come back until it is a dead letter, and the sweep call ever more seldom.
func (r *Run) keyless(ctx context.Context, cause error) error {
	defer r.End(ctx)
	out := oauth.Outcome{Class: oauth.NotSent, Cause: "keys", RetryAt: r.c.Now().Add(ownPause)}
	r.report.answered(out)
	r.report.err = cause
	again, err := r.comeAgain(ctx, out)
	if err != nil {
		return err
	}
	return &laterError{due: again, err: fmt.Errorf("%w: %w", ErrNoKeys, cause)}
}

// mine reports whether the item shows my lease and my attempt.
func (r *Run) mine(g grant.Grant) bool {
	_, attempted := g.Attempts[r.me]
	return attempted && g.Lease != nil && g.Lease.Owner == r.me
}

// kind is what an exchange of this run presents.
func (r *Run) kind() grant.Kind {
	if r.profile.Token.Mints() {
		return grant.KindClient
	}
	return grant.KindRefresh
}

func (r *Run) rotation() profile.Rotation { return r.client.RotationOver(r.profile.Token.Rotation) }

// Recover decides what comes before an exchange: an answer of an earlier holder
// that survived, a credential that may be spent, one that was refused before.
func (r *Run) Recover(ctx context.Context) grant.Plan {
	r.snapshot = r.readable(ctx, r.snapshot)
	now := r.c.Now()
	r.freeUntil = r.snapshot.FreeUntil(r.me, r.rotation(), now)
	return r.second(ctx, r.snapshot.Recover(r.me, r.rotation(), now))
}
