package refresh

import (
	"context"
	"errors"
	"slices"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/secret"
)

// ownPause is the wait after something of ours could not be read: the pair or
// the client's secret, when Secrets Manager answers nothing. It does not grow:
// no provider is asked, and the exchange is to be resumed as soon as it can.
const ownPause = 15 * time.Second

// rereadFor bounds the second look at our secrets, within the lease.
const rereadFor = 2 * time.Second

// Exchange presents the snapshot's credential once. Whatever keeps it from
// being sent is a class like any other: NotSent, and nothing is lost.
func (r *Run) Exchange(ctx context.Context) oauth.Outcome {
	out := r.exchange(ctx)
	r.report.answered(out)
	return out
}

func (r *Run) exchange(ctx context.Context) oauth.Outcome {
	if out, ok := r.openPair(ctx); !ok {
		return out
	}
	ours, err := r.secrets(ctx)
	if err != nil {
		return oauth.Outcome{Class: oauth.NotSent, Cause: "client_secret", RetryAt: r.c.Now().Add(ownPause)}
	}
	r.share.ours = ours
	if out, ok := r.admit(ctx); !ok {
		return out
	}
	out := r.post(ctx, string(r.me), ours.Current)
	if out.Class != oauth.BadClient {
		return out
	}
	again, ok := r.secretsAfter(ctx, ours)
	if !ok || !r.admitOther(ctx) {
		return out
	}
	// The provider refused us without looking at the grant, so another secret is
	// no second exchange.
	r.share.ours = again
	return r.post(ctx, other(r.me), again.Current)
}

// secretsAfter reads our secrets once more when those that were kept are
// refused: a person may have changed them minutes ago, which is no refusal of
// ours that anybody should hear of. When they cannot be read there is what was
// kept. False when there is nothing else to try.
func (r *Run) secretsAfter(ctx context.Context, refused connection.Secrets) (connection.Secrets, bool) {
	ctx, cancel := context.WithTimeout(ctx, rereadFor)
	defer cancel()
	r.c.Secrets.Forget(r.snapshot.Client)
	fresh, err := r.secrets(ctx)
	if err != nil {
		fresh = refused
	}
	return fresh.After(refused)
}

// secrets reads what the request needs to prove who we are; nothing where the
// provider does not ask.
func (r *Run) secrets(ctx context.Context) (connection.Secrets, error) {
	if !r.profile.Token.NeedsSecret() {
		return connection.Secrets{}, nil
	}
	return r.c.Secrets.ClientSecrets(ctx, r.snapshot.Client)
}

// openPair opens the snapshot's pair, whose refresh token is presented and
// which an answer without one keeps. False comes with the outcome.
func (r *Run) openPair(ctx context.Context) (oauth.Outcome, bool) {
	if r.kind() == grant.KindClient {
		return oauth.Outcome{}, true // minted from our own credentials
	}
	p, err := r.c.Vault.Open(ctx, r.snapshot)
	switch {
	case errors.Is(err, grant.ErrPairMissing):
		return r.unpresentable("pair_missing", grant.PairMissing), false
	case err != nil:
		return oauth.Outcome{Class: oauth.NotSent, Cause: "pair", RetryAt: r.c.Now().Add(ownPause)}, false
	case p.Refresh.Empty():
		return r.unpresentable("no_refresh_token", grant.Expired), false
	}
	r.pair = p
	return oauth.Outcome{}, true
}

// unpresentable is the outcome of having nothing to present. While the access
// token lasts, pushes go on; at its edge the owner is needed.
func (r *Run) unpresentable(cause string, reason grant.Reason) oauth.Outcome {
	if r.snapshot.Lasts(r.c.Now()) {
		return oauth.Outcome{Class: oauth.NotSent, Cause: cause, RetryAt: r.snapshot.Edge()}
	}
	r.reason = reason
	return oauth.Outcome{Class: oauth.Dead, Cause: cause}
}

// post is one request, by the name under which it was counted. The wall clock is
// checked against the lease here and, by the exchanger, just before the request
// is written: a machine that stood still in between must not present what is no
// longer its own. Once begun, it is not cut off by the end of the invocation.
func (r *Run) post(ctx context.Context, name string, clientSecret secret.Text) oauth.Outcome {
	latest := r.snapshot.Lease.Deadline.Add(-exchangeFor - commitFor)
	if !r.freeUntil.IsZero() && r.freeUntil.Before(latest) {
		latest = r.freeUntil
	}
	if r.c.Now().After(latest) || !r.c.enough(ctx) {
		return oauth.Outcome{Class: oauth.NotSent, Cause: "late"}
	}
	ctx, cancel := bounded(ctx, exchangeFor)
	defer cancel()
	request := r.request(clientSecret, latest)
	out := r.c.Exchange.Exchange(ctx, r.profile.Token, request)
	r.unknown = r.unknown || out.Class.Spent()
	if out.Sent() {
		r.sent(name)
	}
	if out.Class == oauth.BadClient {
		r.share.payload = r.digest(ctx, request)
	}
	return out
}

// request is what is presented. The grant's own token endpoint comes before its
// client's, and its own scopes before the profile's.
func (r *Run) request(clientSecret secret.Text, latest time.Time) oauth.Request {
	endpoints := r.client.EndpointsOver(r.profile.Token.Endpoints).With(r.snapshot.TokenURL)
	return oauth.Request{
		Kind: r.kind(), Endpoint: endpoints.Token, Introspect: endpoints.Introspect,
		ClientID: r.client.ClientID, ClientSecret: clientSecret,
		Username: r.share.ours.Username, Password: r.share.ours.Password, Headers: r.share.ours.Headers,
		Refresh: r.pair.Refresh, RedirectURI: r.client.RedirectURI, Scopes: r.asks(), Deadline: latest,
	}
}

// asks are the scopes that this grant asks for.
func (r *Run) asks() []string {
	if r.snapshot.Asks != nil {
		return r.snapshot.Asks
	}
	return r.profile.Token.Scopes
}

// sent notes that a call that was counted has been made: it is not given back.
func (r *Run) sent(name string) {
	r.share.unsent = slices.DeleteFunc(r.share.unsent, func(n string) bool { return n == name })
	r.share.turned = r.share.turned || r.rules().OneAtATime
}

// Conclude ends a run whose exchange brought no pair, by the one class that the
// answer was put into.
func (r *Run) Conclude(ctx context.Context, out oauth.Outcome) (again time.Time, err error) {
	switch out.Class {
	case oauth.Unreadable:
		return r.keepRaw(ctx, out)
	case oauth.Dead:
		return r.AfterInvalidGrant(ctx)
	case oauth.BadScope:
		return r.scopeVerdict(ctx)
	case oauth.BadRequest:
		return r.afterRejection(ctx, out)
	case oauth.Unknown:
		return r.afterUnknown(ctx, out)
	default: // not spent: the provider said so, or never saw it
		return r.comeAgain(ctx, out)
	}
}

// comeAgain leaves the grant for later: when the provider said, when what the
// client's grants share lets it, or after a pause. Having to wait for the others
// is no failure of this one. One that is refused alone is judged in the end.
func (r *Run) comeAgain(ctx context.Context, out oauth.Outcome) (time.Time, error) {
	w := grant.ReleaseWrite{ID: r.snapshot.ID, Me: r.me, Failed: r.share.held == "", Held: r.share.held, Rejected: out.Class == oauth.BadRequest}
	at := out.RetryAt
	switch out.Class {
	case oauth.Throttled, oauth.Outage:
		at, w.Held = r.hold(ctx, out), string(out.Class)
	case oauth.BadClient:
		var alone bool
		if at, alone = r.unwelcome(ctx, out); alone {
			if done, err := r.condemns(ctx, grant.RefusedAlone); done {
				return time.Time{}, err
			}
		}
		w.Held = bucket.WhyClient
	}
	w.WakeAt = r.snapshot.RetryAt(at, r.c.Now())
	if r.share.held != "" {
		r.report.held(out)
	} else {
		r.report.failed(out)
	}
	if r.unknown {
		return r.Release(ctx, w.WakeAt)
	}
	return r.abandon(ctx, w)
}

// afterUnknown leaves the attempt for the next holder to see. Minting spends
// nothing, so there the attempt would only be in the way.
func (r *Run) afterUnknown(ctx context.Context, out oauth.Outcome) (time.Time, error) {
	r.report.lost()
	until := r.snapshot.AfterUnknown(r.me, r.rotation(), r.c.Now())
	w := grant.ReleaseWrite{ID: r.snapshot.ID, Me: r.me, WakeAt: until, Failed: true}
	if out.Holds() != "" {
		w = r.awaits(ctx, out, w)
	}
	if r.kind() == grant.KindClient {
		return r.abandon(ctx, w)
	}
	return r.release(ctx, w)
}

// awaits has the others wait for an endpoint that gave an unknown outcome, and
// this grant with them, but not where a grace runs: the answer is to be had again
// only until it is over.
func (r *Run) awaits(ctx context.Context, out oauth.Outcome, w grant.ReleaseWrite) grant.ReleaseWrite {
	now := r.c.Now()
	at := r.snapshot.RetryAt(r.hold(ctx, out), now)
	graced := !r.snapshot.FreeUntil("", r.rotation(), now).IsZero() // my own presentation counts
	if at.After(w.WakeAt) && !graced {
		w.WakeAt, w.Held = at, string(out.Holds())
	}
	return w
}
