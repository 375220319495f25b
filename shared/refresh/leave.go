package refresh

import (
	"context"
	"errors"
	"reflect"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
)

// retriesAtOnce bounds how many grants one run tells to try again; the next run
// of the client goes on.
const retriesAtOnce = 25

// End comes last, when the answer is safe: it tells the client's other grants
// what this run has found out, and writes the run's one event and its metrics.
func (r *Run) End(ctx context.Context) {
	r.leave(ctx)
	r.emit(ctx)
}

// leave tells the client's other grants that a call was not made after all, that
// the turn is the next one's, that the endpoint answers, that our registration is
// good, that refusals were wrong. Ordinarily there is nothing to tell, and what
// cannot be told is found out again.
func (r *Run) leave(ctx context.Context) {
	if !r.shares() || !r.report.asked {
		return
	}
	client := bucket.OfClient(r.snapshot.Client)
	known, err := r.known(ctx)
	if err != nil || len(r.share.unsent) > 0 || r.share.turned || !reflect.DeepEqual(known, r.left(known)) {
		known, err = r.change(ctx, client, r.left)
	}
	if err == nil {
		r.retry(ctx, known.Retries())
	}
	if holds := r.holds(); holds != "" && holds != client && accepted(r.report.answer) {
		if b, err := r.c.Buckets.Read(ctx, holds); err == nil && b.Holds > 0 {
			_, _ = r.change(ctx, holds, bucket.Bucket.Heard) // it paces the next hold, no more
		}
	}
}

// left is what the client's bucket is to know.
func (r *Run) left(b bucket.Bucket) bucket.Bucket {
	for _, nonce := range r.share.unsent {
		b = b.Refund(nonce)
	}
	if !r.unknown { // else the request may be acting still, until its turn runs out
		b = b.Leave(string(r.me))
	}
	out := r.report.answer
	if accepted(out) {
		b = b.ClientAccepted(string(r.snapshot.ID), r.c.Now())
		if r.holds() == b.Name {
			b = b.Heard()
		}
	}
	if r.share.again && out.Class == oauth.Issued {
		b = b.GrantBelieved(r.c.Now())
	}
	return b
}

// accepted reports whether the provider has looked at the grant, and so has not
// refused our registration. What cannot be read says nothing: a page that stands
// in the token endpoint's place is answered to anybody.
func accepted(out oauth.Outcome) bool {
	switch out.Class {
	case oauth.Issued, oauth.BadScope:
		return true
	case oauth.Dead:
		return out.Status != 0 // else it is our own finding, and nobody was asked
	default:
		return false
	}
}

// retry takes back the verdicts over grants that a provider condemned which was
// found wrong. They stay on the list until each is told.
func (r *Run) retry(ctx context.Context, wrongly []bucket.Refusal) {
	if len(wrongly) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitFor)
	defer cancel()
	var told []string
	for _, x := range wrongly[:min(len(wrongly), retriesAtOnce)] {
		if r.taken(ctx, x, r.c.Now()) {
			told = append(told, x.Grant)
		}
	}
	_, _ = r.change(ctx, bucket.OfClient(r.snapshot.Client), func(b bucket.Bucket) bucket.Bucket {
		for _, id := range told {
			b = b.Retried(id)
		}
		return b
	})
}

// taken takes back one verdict. One that is not there any more needs nothing; one
// whose grant somebody holds just now is for later.
func (r *Run) taken(ctx context.Context, x bucket.Refusal, now time.Time) bool {
	w := grant.RetryWrite{ID: grant.ID(x.Grant), Generation: x.Generation, At: now}
	err := insist(ctx, func(ctx context.Context) error { return r.c.Store.Retry(ctx, w) })
	if current, refused := conflict(err); refused {
		return !current.Leased(now)
	}
	return err == nil || errors.Is(err, grant.ErrNotFound)
}
