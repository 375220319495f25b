package drain

import (
	"context"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
)

// atEndpoint reports whether the provider's token endpoint has told us to stay
// away: then no push of those whom it concerns is made either. It is in the grant
// where that waits alone, and otherwise in the bucket of its account or client,
// which a process reads at most once in five seconds. A bucket that cannot be
// read holds nobody: the provider's own 429 still would.
func (d *Drainer) atEndpoint(ctx context.Context, s site, g grant.Grant) *shut {
	now := d.Now()
	if (g.Held == bucket.WhyThrottled || g.Held == bucket.WhyOutage) && now.Before(g.WakeAt) {
		return &shut{why: g.Held, until: g.WakeAt}
	}
	name := bucket.HoldsOf(s.profile.Token, g.Client, g.Account)
	if d.Buckets == nil || name == "" {
		return nil
	}
	b, err := d.Buckets.Read(ctx, name)
	if err != nil {
		return nil
	}
	return holding(b, string(s.ID), now)
}

// holding is the hold of a bucket, for one connection: it comes back at a moment
// of its own.
func holding(b bucket.Bucket, id string, now time.Time) *shut {
	if at := b.Resumes(id); now.Before(at) {
		return &shut{why: b.HoldWhy, until: at}
	}
	return nil
}
