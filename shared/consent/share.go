package consent

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

// How often, and for how long in all, a code asks for its client's turn: an
// exchange under way is over within seconds, and a person waits.
const (
	turns   = 8
	turnFor = 8 * time.Second
)

// busy is when the provider's token endpoint would take this client's next code;
// zero when it would now. It is asked before the owner leaves for the provider:
// a code lives for minutes and cannot wait. What cannot be read holds nobody.
func (f *Flow) busy(ctx context.Context, p profile.Token, g grant.Grant) time.Time {
	if f.Buckets == nil {
		return time.Time{}
	}
	now, ask := f.Now(), bucket.Ask{Nonce: "look", Code: true}
	for _, name := range []string{bucket.HoldsOf(p, g.Client, g.Account), bucket.OfClient(g.Client)} {
		if name == "" {
			continue
		}
		b, err := f.Buckets.Read(ctx, name)
		if err != nil {
			return time.Time{}
		}
		if _, no := b.Take(bucket.RulesOf(p), ask, now); !no.Goes() && no.Why != bucket.WhyLane {
			return no.At
		}
	}
	return time.Time{}
}

// admit has the exchange of a code counted, where the provider counts, from the
// share that is kept for codes, and waits for its turn, where there are turns. A
// result is a no, with the time to come again where that is known.
func (f *Flow) admit(ctx context.Context, x *exchanged) (Result, error) {
	if f.Buckets == nil {
		return Result{}, nil
	}
	if at := f.busy(ctx, x.profile.Token, x.grant); !at.IsZero() {
		return Result{Code: Busy, Until: at}, nil
	}
	rules := bucket.RulesOf(x.profile.Token)
	if !rules.Counted() {
		return Result{}, nil
	}
	x.call = nonce()
	var no bucket.Answer
	began := f.Now()
	for range turns {
		now := f.Now()
		ask := bucket.Ask{Nonce: x.call, Code: true, Until: now.Add(grant.LeaseFor)}
		_, err := f.Buckets.Change(ctx, bucket.OfClient(x.client.ID), func(b bucket.Bucket) bucket.Bucket {
			b, no = b.Take(rules, ask, now)
			return b
		})
		if err != nil {
			return Result{Code: TryLater}, fmt.Errorf("counting a code of client %s: %w", x.client.ID, err)
		}
		if no.Why != bucket.WhyLane || now.Sub(began) >= turnFor {
			break
		}
		if err := pause(ctx, no.At.Sub(now)); err != nil {
			return Result{Code: TryLater}, err
		}
	}
	if !no.Goes() {
		return Result{Code: Busy, Until: no.At}, nil
	}
	x.latest = f.Now().Add(sendWithin)
	return Result{}, nil
}

// deadline is until when the code's request may leave.
func (x *exchanged) deadline(now time.Time) time.Time {
	at := now.Add(sendWithin)
	if !x.latest.IsZero() && x.latest.Before(at) {
		return x.latest
	}
	return at
}

// another has one more call counted, with the other secret of a rotation.
func (f *Flow) another(ctx context.Context, x *exchanged, name string) bool {
	rules := bucket.RulesOf(x.profile.Token)
	if f.Buckets == nil || len(rules.Windows) == 0 {
		return true
	}
	var no bucket.Answer
	_, err := f.Buckets.Change(ctx, bucket.OfClient(x.client.ID), func(b bucket.Bucket) bucket.Bucket {
		b, no = b.More(rules, bucket.Ask{Nonce: name, Code: true}, f.Now())
		return b
	})
	return err == nil && no.Goes()
}

// leave tells the client's grants what came of the code: a call that was not
// made, a turn that is over, an endpoint that wants to be left alone, a
// registration that is refused or is not. Ordinarily there is nothing to tell, and
// what cannot be told is found out again.
func (f *Flow) leave(ctx context.Context, x *exchanged) {
	if f.Buckets == nil {
		return
	}
	out := x.out
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitFor)
	defer cancel()
	now := f.Now()
	holds := bucket.HoldsOf(x.profile.Token, x.client.ID, x.grant.Account)
	if why := out.Holds(); why != "" && holds != "" {
		_, _ = f.Buckets.Change(ctx, holds, func(b bucket.Bucket) bucket.Bucket {
			return b.Hold(string(why), out.RetryAt, now)
		})
	}
	left := func(b bucket.Bucket) bucket.Bucket { return x.left(b, now) }
	client := bucket.OfClient(x.client.ID)
	known, err := f.Buckets.Read(ctx, client)
	if err != nil || x.call != "" || !reflect.DeepEqual(known, left(known)) {
		_, _ = f.Buckets.Change(ctx, client, left)
	}
}

// left is what the client's bucket is to know.
func (x *exchanged) left(b bucket.Bucket, now time.Time) bucket.Bucket {
	out := x.out
	if !out.Sent() { // or it never came to that
		return b.Refund(x.call)
	}
	switch out.Class {
	case oauth.Issued, oauth.Dead, oauth.BadScope:
		return b.Leave(x.call).ClientAccepted(string(x.grant.ID), now)
	case oauth.BadClient:
		return b.Leave(x.call).ClientRefused(bucket.ClientRefusal{
			Code: out.Code, Status: out.Status, Payload: x.payload, SecretVersion: x.version,
		}, now)
	case oauth.Unknown: // the request may be acting still, until its turn runs out
		return b
	default:
		return b.Leave(x.call)
	}
}
