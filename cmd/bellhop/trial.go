package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/secret"
)

// exchanger asks a token endpoint.
type exchanger interface {
	Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome
}

// trial finds out whether a provider takes a client's new secret, by one
// exchange that is none more than there would be anyway: tokens of our own are
// minted once and thrown away; a grant's pair gets an ordinary refresh, by the
// cycle that the functions run, and is kept.
type trial struct {
	desk    *desk
	client  connection.Client
	profile profile.Profile
	grant   grant.Grant // empty where tokens are minted
}

// mintFor bounds one request for a token of our own; a refresh is bounded by its
// lease.
const mintFor = 8 * time.Second

// choose returns the grant to try on: the one that was named, or the first one
// that is as well as can be. While the provider refuses the present secret, all of
// them fail, and one that does is good enough.
func (t trial) choose(ctx context.Context, named grant.ID) (grant.Grant, error) {
	if t.profile.Token.Mints() {
		return grant.Grant{}, nil
	}
	if named != "" {
		return t.named(ctx, named)
	}
	var found grant.Grant
	err := t.desk.grantsOf(ctx, t.client, func(g grant.Grant) bool {
		if t.fits(g) && len(g.Attempts)+len(g.Asides) == 0 && (found.ID == "" || g.Failures < found.Failures) {
			found = g
		}
		return found.ID == "" || found.Failures > 0
	})
	if err != nil {
		return found, fmt.Errorf("looking for a grant to try on: %w", err)
	}
	if found.ID == "" {
		return found, fmt.Errorf("client %s has no healthy grant to try a secret on: name one by --grant", t.client.ID)
	}
	return found, nil
}

func (t trial) named(ctx context.Context, id grant.ID) (grant.Grant, error) {
	g, err := t.desk.grants.Read(ctx, id)
	if err != nil {
		return g, fmt.Errorf("grant %s: %w", id, err)
	}
	if !t.fits(g) {
		return g, fmt.Errorf("grant %s cannot be refreshed now for client %s: it is %s, of client %s", id, t.client.ID, g.State(t.desk.now()), g.Client)
	}
	return g, nil
}

// fits reports whether the grant is the client's and may be refreshed now.
func (t trial) fits(g grant.Grant) bool {
	return g.Client == t.client.ID && g.Generation > 0 && g.State(t.desk.now()) == grant.Healthy
}

// try presents the new secret and returns what the provider answered to it. The
// class NotSent says that it was not asked.
func (t trial) try(ctx context.Context, stored connection.Secrets) (oauth.Outcome, error) {
	if t.profile.Token.Mints() {
		return t.mint(ctx, stored), nil
	}
	return t.refresh(ctx, stored)
}

// mint asks for a token of our own. Nothing is spent by it and nobody uses it,
// but the provider counts it, so it is counted: as a person's, who does not wait
// for a registration to be mended that he has come to mend.
func (t trial) mint(ctx context.Context, stored connection.Secrets) oauth.Outcome {
	ask := bucket.Ask{Nonce: string(t.desk.cycle.Nonce()), Code: true, Until: t.desk.now().Add(mintFor), SecretVersion: stored.Version}
	var free bucket.Answer
	_, err := bucket.Change(ctx, t.desk.buckets, bucket.OfClient(t.client.ID), func(b bucket.Bucket) bucket.Bucket {
		b, free = b.Take(bucket.RulesOf(t.profile.Token), ask, t.desk.now())
		return b
	})
	if err != nil || !free.Goes() {
		return oauth.Outcome{Class: oauth.NotSent, Cause: free.Why, RetryAt: free.At}
	}
	ctx, cancel := context.WithTimeout(ctx, mintFor)
	defer cancel()
	return t.desk.cycle.Exchange.Exchange(ctx, t.profile.Token, oauth.Request{
		Kind: grant.KindClient, Endpoint: t.client.EndpointsOver(t.profile.Token.Endpoints).Token,
		ClientID: t.client.ClientID, ClientSecret: stored.Next,
		Username: stored.Username, Password: stored.Password, Headers: stored.Headers,
		Scopes: t.profile.Token.Scopes, Deadline: t.desk.now().Add(mintFor),
	})
}

// refresh makes the grant due now and refreshes it, the new secret first. The
// present one comes second, as for everybody else: a grant is not to suffer for
// a secret that was mistyped.
func (t trial) refresh(ctx context.Context, stored connection.Secrets) (oauth.Outcome, error) {
	if err := t.patient(ctx, stored); err != nil {
		return oauth.Outcome{Class: oauth.NotSent}, err
	}
	now := t.desk.now()
	heard := &listener{exchanger: t.desk.cycle.Exchange, secret: stored.Next, answer: oauth.Outcome{Class: oauth.NotSent}}
	config := t.desk.cycle
	config.Exchange = heard
	config.Secrets = offered{Current: stored.Next, Next: stored.Current, Username: stored.Username,
		Password: stored.Password, Headers: stored.Headers, Version: stored.Version}
	err := t.desk.grants.Hasten(ctx, grant.HastenWrite{ID: t.grant.ID, Presented: t.grant.Generation, At: now, Skew: grant.Skew, Person: true})
	if err == nil {
		err = once(ctx, refresh.New(config), refresh.Wake{Grant: t.grant.ID, Correlation: "clients rotate"})
	}
	var refused *grant.Conflict
	if errors.As(err, &refused) || errors.Is(err, refresh.ErrNotNow) {
		err = fmt.Errorf("grant %s is being refreshed, or is to be left alone for a while", t.grant.ID)
	}
	return heard.answer, err
}

// patience is how long a trial waits for the provider's other grants: as long as
// another secret than the refused one is kept back.
const patience = 30 * time.Second

// patient waits until the client's bucket lets another secret be tried, if that
// is soon. What takes longer is the exchange's to say.
func (t trial) patient(ctx context.Context, stored connection.Secrets) error {
	b, err := t.desk.buckets.Read(ctx, bucket.OfClient(t.client.ID))
	if err != nil {
		return fmt.Errorf("what the grants of client %s share: %w", t.client.ID, err)
	}
	no := b.Look(bucket.Ask{Grant: string(t.grant.ID), SecretVersion: stored.Version}, t.desk.now())
	d := no.At.Sub(t.desk.now())
	if no.Goes() || d > patience {
		return nil
	}
	fmt.Fprintf(t.desk.errs, "bellhop: the provider is asked again in %s (%s)\n", d.Round(time.Second), no.Why)
	return t.desk.wait(ctx, d)
}

// wait is [desk]'s on a real clock.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once refreshes one grant, in the order of functions/refresher, which says why.
func once(ctx context.Context, cycle *refresh.Cycle, w refresh.Wake) error {
	run, err := cycle.Lease(ctx, w)
	if err != nil {
		return err
	}
	defer run.End(ctx)
	if plan := run.Recover(ctx); plan.Step != grant.Present {
		_, err := run.Abandon(ctx, time.Time{}) // something is to be put right first, by the functions
		return errors.Join(refresh.ErrNotNow, err)
	}
	answer := run.Exchange(ctx)
	if answer.Class != oauth.Issued {
		again, err := run.Conclude(ctx, answer)
		if answer.Class == oauth.NotSent {
			err = errors.Join(fmt.Errorf("nothing was sent (%s): the grant is looked at again at %s", answer.Cause, again.UTC().Format(time.TimeOnly)), err)
		}
		return err
	}
	if err := run.Commit(ctx, answer.Pair); err != nil {
		_, err = run.KeepAside(ctx, err)
		return err
	}
	_, err = run.Settle(ctx)
	return err
}

// listener hears what the provider answers to one secret.
type listener struct {
	exchanger
	secret secret.Text
	answer oauth.Outcome
}

// Exchange implements [exchanger].
func (l *listener) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	out := l.exchanger.Exchange(ctx, p, r)
	if r.ClientSecret.Equal(l.secret) {
		l.answer = out
	}
	return out
}

// offered are the secrets of a trial.
type offered connection.Secrets

// ClientSecrets returns them.
func (o offered) ClientSecrets(context.Context, string) (connection.Secrets, error) {
	return connection.Secrets(o), nil
}

// Forget has nothing to forget.
func (offered) Forget(string) {}
