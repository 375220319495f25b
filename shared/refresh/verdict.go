package refresh

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
)

// AfterInvalidGrant ends a run whose credential was refused, now or by an
// earlier holder. The refusal is a hypothesis: the item is read again, and only
// when nobody can come with an answer any more does it become a verdict. A write
// that is refused because the item has moved is decided anew.
func (r *Run) AfterInvalidGrant(ctx context.Context) (again time.Time, err error) {
	for range tries {
		current, err := r.c.Store.Read(ctx, r.snapshot.ID)
		if err != nil {
			return time.Time{}, fmt.Errorf("reading grant %s after a refusal: %w", r.snapshot.ID, err)
		}
		if _, open := current.Attempts[r.me]; !open {
			r.report.concluded(current) // by a write of mine whose answer was lost, or by a consent
			return time.Time{}, nil
		}
		current = r.readable(ctx, current)
		plan := r.believed(ctx, current.AfterInvalidGrant(r.snapshot.Generation, r.me, r.c.Now()))
		r.report.outcome(string(plan.Step))
		switch plan.Step {
		case grant.UseWinner:
			return r.Abandon(ctx, time.Time{})
		case grant.Roll:
			r.snapshot = current // same generation, same lease: its newer asides are mine to roll
			return r.Roll(ctx, plan)
		case grant.Refuse:
			err = r.Refuse(ctx, plan.Until)
			again = atLeast(plan.Until, r.c.Now())
		default:
			err = r.Verdict(ctx, current, plan)
			again = time.Time{}
		}
		if _, refused := conflict(err); !refused {
			return again, landed(err, "recording the refusal of grant", r.snapshot.ID)
		}
	}
	return r.Abandon(ctx, time.Time{}) // it moves faster than we judge: somebody is at work
}

// Refuse marks the generation's credential as refused, so that nobody presents
// it again while somebody may still come with an answer.
func (r *Run) Refuse(ctx context.Context, until time.Time) error {
	w := grant.RefuseWrite{
		ID: r.snapshot.ID, Me: r.me, Generation: r.snapshot.Generation, WakeAt: r.pause(atLeast(until, r.c.Now())),
		Doubted: r.share.held == bucket.WhySuspected, Held: r.share.held,
	}
	return r.write(ctx, func(ctx context.Context) error { return r.c.Store.Refuse(ctx, w) })
}

// Verdict says that a person is needed, fenced like a commit: same generation,
// my lease, and no answer waiting.
func (r *Run) Verdict(ctx context.Context, current grant.Grant, plan grant.Plan) error {
	now := r.c.Now()
	reason := r.why(current, now)
	w := grant.VerdictWrite{
		ID: current.ID, Me: r.me, Generation: r.snapshot.Generation, At: now,
		Health: grant.ReauthorizationRequired, Reason: reason, PassedOver: plan.Unreadable,
		Same: current.Health == grant.ReauthorizationRequired,
	}
	r.report.verdict = w
	err := r.write(ctx, func(ctx context.Context) error { return r.c.Store.Verdict(ctx, w) })
	if err == nil {
		r.report.dead(w)
	}
	return err
}

// scopeVerdict says that what we ask for is not allowed: a person must change
// it, and asking again does not.
func (r *Run) scopeVerdict(ctx context.Context) (time.Time, error) {
	w := grant.VerdictWrite{
		ID: r.snapshot.ID, Me: r.me, Generation: r.snapshot.Generation, At: r.c.Now(),
		Health: grant.ScopeUpdateRequired, Reason: grant.ScopeMissing, Missing: r.asks(),
		Same: r.snapshot.Missing != nil,
		// It is no verdict over the pair: what is kept aside stays for what it is.
		PassedOver: r.snapshot.KnownAsides(),
	}
	if known := r.missing(r.snapshot.Scopes); len(known) > 0 {
		w.Missing = known
	}
	err := r.write(ctx, func(ctx context.Context) error { return r.c.Store.Verdict(ctx, w) })
	if _, refused := conflict(err); refused {
		return r.Abandon(ctx, time.Time{}) // an answer came meanwhile: it goes first
	}
	if err == nil {
		r.report.dead(w)
	}
	return time.Time{}, landed(err, "recording missing scopes of grant", w.ID)
}

// afterRejection leaves the grant for later, until our very request was refused
// so often and for so long that a person must change it: then asking again does
// not. The provider has not looked at the pair, so that no kept answer is rolled
// over it: while one is there, or may come, somebody looks again.
func (r *Run) afterRejection(ctx context.Context, out oauth.Outcome) (time.Time, error) {
	if r.snapshot.Rejected(r.c.Now()) {
		if done, err := r.condemns(ctx, grant.RequestRefused); done {
			return time.Time{}, err
		}
	}
	return r.comeAgain(ctx, out)
}

// condemns gives a verdict over a pair at which the provider never looked, for a
// reason of ours, and reports whether it did. What could be brought or rolled yet
// is not given up for it: the pair was not refused, and a roll would drop it.
func (r *Run) condemns(ctx context.Context, reason grant.Reason) (bool, error) {
	g := r.snapshot
	plan := g.AfterInvalidGrant(g.Generation, r.me, r.c.Now())
	if plan.Step != grant.Condemn {
		return false, nil
	}
	r.reason = reason
	err := r.Verdict(ctx, g, plan)
	if _, refused := conflict(err); refused {
		_, err = r.Abandon(ctx, time.Time{}) // an answer came meanwhile: it goes first
		return true, err
	}
	return true, landed(err, "recording that a person is needed for grant", g.ID)
}

// atLeast is the later of the two: zero and past times mean at once.
func atLeast(t, now time.Time) time.Time {
	if t.Before(now) {
		return now
	}
	return t
}

// why words the verdict: what we know of how the credential died, and where we
// know nothing, what the provider says.
func (r *Run) why(current grant.Grant, now time.Time) grant.Reason {
	if r.reason != "" {
		return r.reason
	}
	reason := current.WhyDead(r.me, r.profile.Token, now)
	if reason == grant.Revoked {
		return cmp.Or(r.report.answer.Reason, reason)
	}
	return reason
}
