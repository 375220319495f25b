package refresh

import (
	"context"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
)

// What the grants of one client share at its token endpoint: see package bucket.
// No step here is needed for the safety of a token, so each is bounded, and what
// cannot be written is left for the next exchange to notice.

// share is what a run has done, or is to tell, about what is shared.
type share struct {
	ours connection.Secrets
	// held is why the exchange is not made now; empty when it is.
	held string
	// unsent names the calls that were counted and not made.
	unsent []string
	// turned says that the lane was taken and is to be given back.
	turned bool
	// again says that the credential was refused before, and is presented once
	// more all the same.
	again bool
	// payload is the digest of the request that was refused.
	payload string
}

// shares reports whether this cycle knows of others.
func (r *Run) shares() bool { return r.c.Buckets != nil }

// rules are what the provider asks of the client, and holds names the bucket that
// waits after its 429; empty when that is the grant alone.
func (r *Run) rules() bucket.Rules { return bucket.RulesOf(r.profile.Token) }

func (r *Run) holds() string {
	return bucket.HoldsOf(r.profile.Token, r.snapshot.Client, r.snapshot.Account)
}

// known is the client's bucket as this process knows it.
func (r *Run) known(ctx context.Context) (bucket.Bucket, error) {
	client := bucket.OfClient(r.snapshot.Client)
	if r.holds() == client {
		return r.c.Buckets.Read(ctx, client)
	}
	return r.c.Buckets.ReadTrouble(ctx, client)
}

// admit asks whether the exchange may be made now, and has it counted where the
// provider counts. Ordinarily that is a look at what this process knows. False
// comes with the outcome.
func (r *Run) admit(ctx context.Context) (oauth.Outcome, bool) {
	if !r.shares() {
		return oauth.Outcome{}, true
	}
	ask, client := r.ask(), bucket.OfClient(r.snapshot.Client)
	if holds := r.holds(); holds != "" && holds != client {
		b, err := r.c.Buckets.Read(ctx, holds)
		if no := b.Look(ask, r.c.Now()); err != nil || !no.Goes() {
			return r.notNow(no, err)
		}
	}
	b, err := r.known(ctx)
	no := b.Look(ask, r.c.Now())
	if err != nil || !no.Goes() || !b.Writes(r.rules(), ask) {
		return r.notNow(no, err)
	}
	return r.notNow(r.count(ctx, ask.Nonce, func(b bucket.Bucket) (bucket.Bucket, bucket.Answer) {
		return b.Take(r.rules(), ask, r.c.Now())
	}))
}

// admitOther asks for one more call of the same exchange, with the other secret.
func (r *Run) admitOther(ctx context.Context) bool {
	if !r.shares() || !r.rules().Counted() {
		return true
	}
	ask := bucket.Ask{Nonce: other(r.me)}
	no, err := r.count(ctx, ask.Nonce, func(b bucket.Bucket) (bucket.Bucket, bucket.Answer) {
		return b.More(r.rules(), ask, r.c.Now())
	})
	return err == nil && no.Goes()
}

// other names the second call of an exchange.
func other(me grant.Nonce) string { return string(me) + "/next" }

// ask is this run's exchange, as a bucket sees it.
func (r *Run) ask() bucket.Ask {
	return bucket.Ask{
		Grant: string(r.snapshot.ID), Nonce: string(r.me), Lost: !r.freeUntil.IsZero(),
		Until: r.snapshot.Lease.Deadline, SecretVersion: r.share.ours.Version,
	}
}

// notNow words a no. A bucket that cannot be asked is one, too: its table has
// just given us the lease, so it will answer again soon.
func (r *Run) notNow(no bucket.Answer, err error) (oauth.Outcome, bool) {
	if err != nil {
		return oauth.Outcome{Class: oauth.NotSent, Cause: "bucket"}, false
	}
	r.share.held = no.Why
	return oauth.Outcome{Class: oauth.NotSent, Cause: no.Why, RetryAt: no.At}, no.Goes()
}

// count has a call written down before it is made. Until it is made it is to be
// given back, also when nobody knows whether it was written.
func (r *Run) count(ctx context.Context, nonce string, decide func(bucket.Bucket) (bucket.Bucket, bucket.Answer)) (no bucket.Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitFor)
	defer cancel()
	_, err = r.c.Buckets.Change(ctx, bucket.OfClient(r.snapshot.Client), func(b bucket.Bucket) bucket.Bucket {
		b, no = decide(b)
		return b
	})
	if err != nil || no.Goes() {
		r.share.unsent = append(r.share.unsent, nonce)
	}
	return no, err
}

// hold notes that the endpoint wants to be left alone, for all whom the profile
// names, and returns when this grant comes again; zero for whenever it would.
// One that asks for a lost answer waits for what it was told itself, no more.
func (r *Run) hold(ctx context.Context, out oauth.Outcome) time.Time {
	name := r.holds()
	if !r.shares() || name == "" {
		return out.RetryAt
	}
	now := r.c.Now()
	b, err := r.change(ctx, name, func(b bucket.Bucket) bucket.Bucket {
		return b.Hold(string(out.Holds()), out.RetryAt, now)
	})
	if err != nil || !r.freeUntil.IsZero() {
		return out.RetryAt // after an error the others meet the same wall by themselves
	}
	return b.Resumes(string(r.snapshot.ID))
}

// unwelcome notes that the provider refuses our registration, and returns when
// this grant comes again: all of the client wait for one that tries. Where it is
// this grant alone, time and again, waiting mends nothing: when its token has run
// out, that is the reason for a verdict.
func (r *Run) unwelcome(ctx context.Context, out oauth.Outcome) (again time.Time, alone bool) {
	if !r.shares() {
		return time.Time{}, false
	}
	now := r.c.Now()
	b, err := r.change(ctx, bucket.OfClient(r.snapshot.Client), func(b bucket.Bucket) bucket.Bucket {
		return b.ClientRefused(bucket.ClientRefusal{
			Grant: string(r.snapshot.ID), Code: out.Code, Status: out.Status, Payload: r.share.payload, SecretVersion: r.share.ours.Version,
		}, now)
	})
	if err != nil {
		return time.Time{}, false
	}
	return b.Look(r.ask(), now).At, b.RefusedAlone(string(r.snapshot.ID)) && !r.snapshot.Lasts(now)
}

// digest names a request that was refused, for people to see whether what they
// changed is what was sent. Without keys there is none.
func (r *Run) digest(ctx context.Context, q oauth.Request) string {
	if r.c.Digests == nil {
		return ""
	}
	return oauth.DigestBy(ctx, r.c.Digests, r.snapshot.Client, r.profile.Token, q)
}

// change changes a bucket after the answer, whatever becomes of the invocation.
func (r *Run) change(ctx context.Context, name string, how func(bucket.Bucket) bucket.Bucket) (bucket.Bucket, error) {
	ctx, cancel := bounded(ctx, commitFor)
	defer cancel()
	return r.c.Buckets.Change(ctx, name, how)
}
