package refresh

import (
	"context"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
)

// second looks once more at a refusal that is doubted. The probe of this minute,
// and everyone once the provider was found wrong, presents the credential again,
// by the same rows as if it had not been refused.
func (r *Run) second(ctx context.Context, plan grant.Plan) grant.Plan {
	g, now := r.snapshot, r.c.Now()
	if plan.Step != grant.Conclude || g.Doubted != g.Generation || !r.shares() {
		return plan
	}
	_, err := r.change(ctx, bucket.OfClient(g.Client), func(b bucket.Bucket) bucket.Bucket {
		b, r.share.again = b.Second(string(r.me), now)
		return b
	})
	if err != nil || !r.share.again {
		return plan
	}
	g.Refused = 0
	return g.Recover(r.me, r.rotation(), now)
}

// believed asks, at the moment of a verdict, whether the client's grants are being
// refused in numbers that make the provider doubtful rather than them. A bucket
// that does not answer condemns nobody.
func (r *Run) believed(ctx context.Context, plan grant.Plan) grant.Plan {
	if plan.Step != grant.Condemn || r.reason != "" || !r.shares() {
		return plan
	}
	g, now := r.snapshot, r.c.Now()
	verdict := bucket.Verdict{}
	_, err := r.change(ctx, bucket.OfClient(g.Client), func(b bucket.Bucket) bucket.Bucket {
		b, verdict = b.GrantRefused(bucket.Case{
			Grant: string(g.ID), Generation: g.Generation, Nonce: string(r.me),
			Again: r.share.again, Doubted: g.Refused == g.Generation && g.Doubted == g.Generation,
		}, now)
		return b
	})
	if err == nil && verdict.Condemn {
		return plan
	}
	if err != nil {
		verdict.At = now.Add(time.Minute)
	}
	r.share.held = bucket.WhySuspected
	return grant.Plan{Step: grant.Refuse, Until: verdict.At}
}
