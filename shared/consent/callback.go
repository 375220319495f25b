package consent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/secret"
)

// Bounds of the walk's steps; together they fit into the function's 25 s.
const (
	leaseTries  = 3
	leasePause  = time.Second
	sendWithin  = 5 * time.Second // from the lease to the first byte of the exchange, so that its end is inside the lease
	askWithin   = 4 * time.Second // userinfo, revocation, our secrets once more
	commitFor   = 4 * time.Second
	commitPause = 100 * time.Millisecond
	commitTries = 6
	settleFor   = 3 * time.Second
)

// exchanged is one answered code on its way to a commit.
type exchanged struct {
	registration
	grant       grant.Grant // as leased, or as read when no lease was to be had
	me          grant.Nonce // of my lease; empty for none
	connections []connection.Connection
	waiting     int
	secret      secret.Text // that the token endpoint took
	version     string      // of the client's secrets
	payload     string      // digest of the request that was refused
	headers     map[string]secret.Text
	pair        grant.Pair
	account     string
	took        time.Duration
	call        string    // the name under which the code's call was counted; empty for none
	latest      time.Time // when a call that was counted may still leave; zero for any time
	out         oauth.Outcome
}

// walk is the order of docs/design.md section 8, after the state is consumed.
// Until the exchange nothing is spent; between exchange and commit a crash
// costs the owner one more click; after the commit nothing can be lost.
func (f *Flow) walk(ctx context.Context, w *walker, q Query) (Result, error) {
	if code := refusedByProvider(q); code != "" {
		return Result{Code: code}, nil
	}
	x, code, err := f.prepare(ctx, w)
	if err != nil || code != "" {
		return Result{Code: orLater(code)}, err
	}
	if r, err := f.admit(ctx, x); r.Code != "" {
		return r, err
	}
	defer f.leave(ctx, x) // when what is in hand is committed
	if err := f.lease(ctx, x); err != nil {
		return Result{Code: TryLater}, err
	}
	if code := f.exchange(ctx, x, q.Code, w.verifier); code != "" {
		f.abandon(ctx, x)
		return Result{Code: code}, nil
	}
	if r, err := f.checkAccount(ctx, x); r.Code != "" {
		f.abandon(ctx, x)
		return r, err
	}
	write, err := f.commit(ctx, x, w)
	if err != nil {
		return Result{Code: lost(err)}, err
	}
	f.settle(ctx, x, write)
	f.follow(ctx, x, w, write)
	if len(write.Missing) > 0 {
		return Result{Code: PartlyConnected, Missing: write.Missing}, nil
	}
	return Result{Code: Connected}, nil
}

// refusedByProvider reads an answer without a code. What the provider says
// beside "access_denied" is not shown: it came through the browser.
func refusedByProvider(q Query) Code {
	switch {
	case q.Error == "access_denied":
		return Denied
	case q.Error != "" || q.Code.Empty():
		return ProviderRefused
	}
	return ""
}

func orLater(c Code) Code {
	if c == "" {
		return TryLater
	}
	return c
}

// prepare gathers everything that the exchange and its commit need, so that
// nothing has to be fetched between the two. The ticket is looked at again:
// another tab may have used it.
func (f *Flow) prepare(ctx context.Context, w *walker) (*exchanged, Code, error) {
	if _, code, err := f.ticket(ctx, w.state.Ticket); err != nil || code != "" {
		return nil, code, err
	}
	o, err := f.offer(ctx, w.state.Grant)
	if err != nil {
		return nil, "", err
	}
	r, err := f.registration(ctx, o.Grant)
	if err != nil {
		return nil, "", err
	}
	if err := f.Vault.Ready(ctx); err != nil {
		return nil, "", fmt.Errorf("getting the keys ready: %w", err)
	}
	return &exchanged{registration: r, grant: o.Grant, connections: o.Connections, waiting: o.Waiting}, "", nil
}

// lease takes the right to exchange, so that no refresh runs beside us. It is a
// courtesy to the provider, no step of safety needs it (docs/protocols.md,
// CALLBACK): when it is not to be had within a few seconds the walk goes on
// without. Only a table that does not answer stops it, while nothing is spent.
func (f *Flow) lease(ctx context.Context, x *exchanged) error {
	for try := range leaseTries {
		if try > 0 {
			if err := pause(ctx, leasePause); err != nil {
				return err
			}
		}
		me, now := grant.Nonce(nonce()), f.Now()
		g, err := f.Grants.Lease(ctx, grant.LeaseWrite{
			ID: x.grant.ID, Me: me, Kind: grant.KindCode, Generation: x.grant.Generation,
			At: now, Deadline: now.Add(grant.LeaseFor), Skew: grant.Skew, AnyHealth: true,
		})
		var conflict *grant.Conflict
		switch {
		case err == nil:
			x.grant, x.me = g, me
			return nil
		case errors.As(err, &conflict):
			x.grant = conflict.Current
		default:
			return fmt.Errorf("leasing grant %s: %w", x.grant.ID, err)
		}
	}
	f.Log.Info(ctx, event.LeaseLost, slog.String("grant", string(x.grant.ID)), slog.String("step", "consent"))
	return nil
}

// exchange presents the code, once; with another secret of the client's too when
// the first one is not ours any more, because then nobody looked at the code. An
// empty Code means that a pair is in hand.
func (f *Flow) exchange(ctx context.Context, x *exchanged, code, verifier secret.Text) Code {
	ours, err := f.secrets(ctx, x)
	if err != nil {
		return TryLater
	}
	request := oauth.Request{
		Kind: grant.KindCode, Endpoint: x.endpoints.Token, Introspect: x.endpoints.Introspect, ClientID: x.client.ClientID,
		Code: code, Verifier: verifier, RedirectURI: x.redirect, Deadline: x.deadline(f.Now()),
	}
	f.present(ctx, x, request, ours)
	if x.out.Class == oauth.BadClient {
		if again, ok := f.secretsAfter(ctx, x, ours); ok && f.another(ctx, x, x.call+"/next") {
			f.present(ctx, x, request, again)
		}
	}
	return judged(x.out.Class)
}

// present is one request, with the current one of our secrets.
func (f *Flow) present(ctx context.Context, x *exchanged, r oauth.Request, ours connection.Secrets) {
	x.secret, x.headers, x.version = ours.Current, ours.Headers, ours.Version
	r.ClientSecret, r.Headers = ours.Current, ours.Headers
	out := f.Provider.Exchange(ctx, x.profile.Token, r)
	x.pair, x.account, x.took, x.out = out.Pair, out.Account, out.Took, out
	if out.Class == oauth.BadClient {
		x.payload = oauth.DigestBy(ctx, f.Vault, x.client.ID, x.profile.Token, r)
	}
}

// secrets reads what proves who we are; nothing where the provider does not ask.
func (f *Flow) secrets(ctx context.Context, x *exchanged) (connection.Secrets, error) {
	if !x.profile.Token.NeedsSecret() {
		return connection.Secrets{}, nil
	}
	return f.Clients.ClientSecrets(ctx, x.client.ID)
}

// secretsAfter reads them once more when those that were kept are refused: a
// person may have changed them minutes ago. False when there is nothing else to
// try.
func (f *Flow) secretsAfter(ctx context.Context, x *exchanged, refused connection.Secrets) (connection.Secrets, bool) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	f.Clients.Forget(x.client.ID)
	fresh, err := f.secrets(ctx, x)
	if err != nil {
		fresh = refused
	}
	return fresh.After(refused)
}

// judged turns the class of a code's exchange into what the owner is told. A
// code is spent or not, there is nothing to keep aside: the remedy is always
// one more click.
func judged(c oauth.Class) Code {
	switch c {
	case oauth.Issued:
		return ""
	case oauth.Dead, oauth.BadRequest, oauth.BadScope:
		return CodeRefused
	case oauth.BadClient:
		return Misconfigured
	case oauth.NotSent, oauth.Throttled, oauth.Outage:
		return TryLater
	}
	return NoAnswer
}

// abandon takes my attempt back: a code spends nothing of the grant's. What
// cannot be taken back now ends by itself.
func (f *Flow) abandon(ctx context.Context, x *exchanged) {
	if x.me == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitFor)
	defer cancel()
	_ = f.Grants.Abandon(ctx, grant.ReleaseWrite{ID: x.grant.ID, Me: x.me})
}

// checkAccount finds out who consented, before anything is written. The first
// consent pins the account; from then on another one is refused, and what was
// issued for it is revoked, because nobody would ever use or end it.
func (f *Flow) checkAccount(ctx context.Context, x *exchanged) (Result, error) {
	source, field := x.profile.Token.AccountFrom()
	if source == "none" || source == "" {
		return Result{}, nil
	}
	var err error
	if source == "userinfo" {
		ask, cancel := context.WithTimeout(ctx, askWithin)
		defer cancel()
		x.account, err = f.Provider.UserInfo(ask, x.endpoints.UserInfo, x.pair.Access, field)
	}
	switch {
	case x.account == "":
		return Result{Code: AccountUnknown}, errors.Join(err, f.revoke(ctx, x))
	case x.grant.Account != "" && x.grant.Account != x.account:
		return Result{Code: OtherAccount, Account: x.account, Pinned: x.grant.Account}, f.revoke(ctx, x)
	}
	return Result{}, nil
}

// revoke ends what was issued (RFC 7009), by its refresh token where there is
// one: that ends the access token too. A provider without the endpoint lets it
// run out by itself.
func (f *Flow) revoke(ctx context.Context, x *exchanged) error {
	if x.endpoints.Revoke == "" {
		return nil
	}
	r := oauth.Revocation{
		Endpoint: x.endpoints.Revoke, ClientID: x.client.ClientID, ClientSecret: x.secret, Headers: x.headers,
		Token: x.pair.Refresh, Hint: "refresh_token",
	}
	if r.Token.Empty() {
		r.Token, r.Hint = x.pair.Access, "access_token"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	if err := f.Provider.Revoke(ctx, x.profile.Token, r); err != nil {
		return fmt.Errorf("revoking what was issued for another account: %w", err)
	}
	return nil
}
