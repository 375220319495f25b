package refresh

import (
	"context"
	"fmt"
	"time"

	"bellhop/shared/grant"
)

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
	w.WakeAt = r.pause(w.WakeAt)
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
	return r.release(ctx, grant.ReleaseWrite{ID: r.snapshot.ID, Me: r.me, WakeAt: until, Failed: true})
}

// release is Release's write.
func (r *Run) release(ctx context.Context, w grant.ReleaseWrite) (time.Time, error) {
	w.WakeAt = r.pause(w.WakeAt)
	err := r.write(ctx, func(ctx context.Context) error { return r.c.Store.Release(ctx, w) })
	if _, refused := conflict(err); refused {
		return time.Time{}, nil // the lease was over: another has it, or a consent came
	}
	return w.WakeAt, landed(err, "releasing grant", w.ID)
}

func (r *Run) pause(end time.Time) time.Time { return r.snapshot.Pause(end, r.c.Now()) }

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

// withdraw takes back a lease that may have landed: nothing was presented under
// it, and an attempt left behind would make the credential suspect. That it may
// not succeed is covered by the lease's end.
func (r *Run) withdraw(ctx context.Context, id grant.ID) {
	ctx, cancel := bounded(ctx, commitFor)
	defer cancel()
	_ = r.c.Store.Abandon(ctx, grant.ReleaseWrite{ID: id, Me: r.me})
}
