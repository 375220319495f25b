package refresh

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// Wake is why a grant is looked at.
type Wake struct {
	Grant grant.ID
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
	report report
}

// Lease takes the exclusive right to exchange for a grant that is due, and
// writes the attempt. ErrNotNow when there is nothing to do; ErrNoTime when it
// is too late to begin; [grant.ErrNotFound] when there is no such grant.
func (c *Cycle) Lease(ctx context.Context, w Wake) (*Run, error) {
	g, err := c.Store.Read(ctx, w.Grant)
	if err != nil {
		return nil, fmt.Errorf("looking at grant %s: %w", w.Grant, err)
	}
	if err := c.wanted(ctx, g, w); err != nil {
		return nil, err
	}
	r, err := c.begin(ctx, g, w)
	if err != nil {
		return nil, err
	}
	if !c.enough(ctx) {
		return nil, ErrNoTime
	}
	at := c.Now()
	return r, r.lease(ctx, grant.LeaseWrite{
		ID: g.ID, Me: r.me, Kind: r.kind(), Generation: g.Generation,
		At: at, Deadline: at.Add(grant.LeaseFor), Skew: grant.Skew,
	})
}

// wanted reports whether the grant is to be leased by us now.
func (c *Cycle) wanted(ctx context.Context, g grant.Grant, w Wake) error {
	now := c.Now()
	switch {
	case !g.Due(now):
		c.settleLeftover(ctx, g)
		return ErrNotNow
	case g.Enabled && g.Leased(now):
		c.lost(ctx, g, w, "read")
		return ErrNotNow
	case !g.Leasable(now):
		return ErrNotNow
	case g.Crowded(now):
		c.crowded(ctx, g, w)
		return ErrNotNow
	}
	return nil
}

// begin gathers what a lease would only wait for, so that it is held no longer
// than needed: profile, client, and the keys without which no answer could be
// sealed.
func (c *Cycle) begin(ctx context.Context, g grant.Grant, w Wake) (*Run, error) {
	p, err := c.Profile(g.Provider)
	if err != nil {
		return nil, fmt.Errorf("profile of grant %s: %w", g.ID, err)
	}
	client, err := c.Registry.Client(ctx, g.Client)
	if err != nil {
		return nil, fmt.Errorf("client %s of grant %s: %w", g.Client, g.ID, err)
	}
	if err := c.Vault.Ready(ctx); err != nil {
		return nil, fmt.Errorf("keys for grant %s: %w", g.ID, err)
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
		r.c.lost(ctx, current, r.wake, "lease")
		return ErrNotNow
	}
	if err != nil {
		r.withdraw(ctx, write.ID)
		return fmt.Errorf("leasing grant %s: %w", write.ID, err)
	}
	return nil
}

// mine reports whether the item shows my lease and my attempt.
func (r *Run) mine(g grant.Grant) bool {
	_, attempted := g.Attempts[r.me]
	return attempted && g.Lease != nil && g.Lease.Owner == r.me
}

// withdraw takes back a lease that may have landed: nothing was presented under
// it, and an attempt left behind would make the credential suspect. That it may
// not succeed is covered by the lease's end.
func (r *Run) withdraw(ctx context.Context, id grant.ID) {
	ctx, cancel := bounded(ctx, commitFor)
	defer cancel()
	_ = r.c.Store.Abandon(ctx, grant.ReleaseWrite{ID: id, Me: r.me})
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
	return r.snapshot.Recover(r.me, r.rotation(), now)
}

// Abandon takes my attempt back and ends my lease; somebody looks again at the
// time given, zero for whenever the grant is due anyway. After an unknown
// outcome the attempt stays all the same.
func (r *Run) Abandon(ctx context.Context, until time.Time) (again time.Time, err error) {
	if r.unknown {
		return r.Release(ctx, until)
	}
	return r.abandon(ctx, grant.ReleaseWrite{ID: r.snapshot.ID, Me: r.me, WakeAt: until})
}

// abandon is Abandon's write. The wake is for the holder alone: when the lease
// is another's by now, the attempt is taken back and nothing else.
func (r *Run) abandon(ctx context.Context, w grant.ReleaseWrite) (time.Time, error) {
	r.report.outcome("abandoned")
	err := r.write(ctx, func(ctx context.Context) error { return r.c.Store.Abandon(ctx, w) })
	if current, refused := conflict(err); refused {
		if _, there := current.Attempts[r.me]; !there {
			return time.Time{}, nil // gone already: a new consent, or a copy of this write
		}
		plain := grant.ReleaseWrite{ID: w.ID, Me: w.Me}
		err = r.write(ctx, func(ctx context.Context) error { return r.c.Store.Abandon(ctx, plain) })
		w.WakeAt = time.Time{}
	}
	return w.WakeAt, landed(err, "abandoning the attempt on grant", w.ID)
}

// Release ends my lease and keeps my attempt: what was presented may have been
// spent, and whoever comes next must know.
func (r *Run) Release(ctx context.Context, until time.Time) (again time.Time, err error) {
	w := grant.ReleaseWrite{ID: r.snapshot.ID, Me: r.me, WakeAt: until, Failed: true}
	err = r.write(ctx, func(ctx context.Context) error { return r.c.Store.Release(ctx, w) })
	if _, refused := conflict(err); refused {
		return time.Time{}, nil // the lease was over: another has it, or a consent came
	}
	return until, landed(err, "releasing grant", w.ID)
}

// write insists on a write that records what has happened already: it is not
// cut off by the end of the invocation.
func (r *Run) write(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := bounded(ctx, commitFor)
	defer cancel()
	return insist(ctx, write)
}

// landed is nil for a write that landed or was refused: both are settled
// matters. An unknown outcome is an error.
func landed(err error, act string, id grant.ID) error {
	if _, refused := conflict(err); err == nil || refused {
		return nil
	}
	return fmt.Errorf("%s %s: %w", act, id, err)
}

// lost notes that another worker has the lease, seen at the read or at the
// write.
func (c *Cycle) lost(ctx context.Context, g grant.Grant, w Wake, step string) {
	c.Log.Info(ctx, event.LeaseLost, append(grantAttrs(g, w), slog.String("step", step))...)
}
