// Package refresh holds the steps of the refresh cycle: lease, recover, roll,
// exchange, abandon, commit, keep aside, refuse, verdict, settle. Each is a
// method that does at most one effect after one pure decision of package grant;
// functions/refresher puts them into their order, which is the promise that no
// refresh token is lost or spent twice. docs/protocols.md has every write's
// condition, docs/refresh-cycle.md what is true after a crash between two.
//
// The cycle reaches the world only through the interfaces of [Config], so that
// a test can own every effect and every instant.
package refresh

import (
	"context"
	"errors"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// The time limits of docs/design.md section 5. Exchange and commit fit into
// what a lease leaves when its reads took their share; a function that has less
// time left than both begins no exchange, because its answer could not be kept.
const (
	exchangeFor = 8 * time.Second
	commitFor   = 2 * time.Second // also of every other write that must not be cut off
	keepFor     = 4 * time.Second // the last hope of an answer: all that the function has left
	settleFor   = 3 * time.Second
)

// Errors of [Cycle.Lease].
var (
	// ErrNotNow says that there is nothing to do for this worker now: the
	// grant is not due, switched off, waits for a person, or another worker
	// has it. A normal result.
	ErrNotNow = errors.New("grant is not to be refreshed by this worker now")
	// ErrNoKeys says that the keys could not be read, without which no answer can
	// be sealed: nothing was presented, and the grant is looked at again soon.
	ErrNoKeys = errors.New("no keys are here to seal an answer with")
	// ErrNoTime says that too little of the function's time is left.
	ErrNoTime = errors.New("too little time is left for an exchange")
)

// safe seals answers, opens pairs, and moves them home.
type safe interface {
	Ready(ctx context.Context) error
	Seal(id grant.ID, base int64, p grant.Pair) (grant.Sealed, error)
	SealRaw(id grant.ID, base int64, raw secret.Text) (grant.Sealed, error)
	Unseal(ctx context.Context, id grant.ID, s grant.Sealed) (grant.Pair, error)
	Open(ctx context.Context, g grant.Grant) (grant.Pair, error)
	Settle(ctx context.Context, g grant.Grant, p grant.Pair) (ref string, at grant.Placement, err error)
}

// digester makes a keyed digest of a text; see vault.Vault.
type digester interface {
	Digest(ctx context.Context, purpose string, text secret.Text) (string, error)
}

// exchanger presents a credential once and judges the answer.
type exchanger interface {
	Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome
}

// registry knows our registrations at the providers.
type registry interface {
	Client(ctx context.Context, id string) (connection.Client, error)
}

// secrets holds the clients' secrets. Forget drops what is cached of one that
// was refused.
type secrets interface {
	ClientSecrets(ctx context.Context, client string) (connection.Secrets, error)
	Forget(client string)
}

// Config is what a cycle works with. Every field is needed, but Revoker, Buckets
// and Digests, and Log, whose zero value writes nothing.
type Config struct {
	Store    grant.Store
	Vault    safe
	Exchange exchanger
	Registry registry
	Secrets  secrets
	// Revoker is for [Cycle.Revoke] alone; nil where nobody revokes.
	Revoker revoker
	// Buckets are what the grants of a client share at its token endpoint. With
	// nil nothing is shared: a single grant has no others to mind.
	Buckets *bucket.Cache
	// Digests names the requests with which our registration was refused; with
	// nil they have no name.
	Digests digester
	// Profile finds a provider's profile by its name.
	Profile func(name string) (profile.Profile, error)
	Log     *event.Log
	// Now is the wall clock: a frozen machine's timers stand still with it.
	Now func() time.Time
	// Nonce returns a fresh one every time; it is used for one lease.
	Nonce func() grant.Nonce
}

// Cycle refreshes grants. It holds no state of its own, but for what it
// remembers of clients, and is safe for concurrent use.
type Cycle struct {
	Config
}

// New returns a cycle.
func New(c Config) *Cycle {
	c.Registry = &remembered{registry: c.Registry, now: c.Now}
	return &Cycle{Config: c}
}

// enough reports whether the function's remaining time holds an exchange and
// its commit.
func (c *Cycle) enough(ctx context.Context) bool {
	end, bounded := ctx.Deadline()
	return !bounded || end.Sub(c.Now()) >= exchangeFor+commitFor
}

// bounded returns a context that outlives ctx's cancellation, for what must
// come to its end once it has begun.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

// conflict returns the item that refused a write, if err says that one did. No
// other error is a refusal: the write may have landed.
func conflict(err error) (grant.Grant, bool) {
	var c *grant.Conflict
	if errors.As(err, &c) {
		return c.Current, true
	}
	return grant.Grant{}, false
}

// tries bounds how often a write with an unknown outcome is sent again, in the
// same bytes.
const tries = 3

// retryPause is the wait before a write is sent again.
const retryPause = 100 * time.Millisecond

// insist sends a write until it is answered: landed or refused. What it returns
// is nil, a conflict, or the last unknown outcome.
func insist(ctx context.Context, write func(context.Context) error) error {
	var err error
	for try := range tries {
		if try > 0 && !wait(ctx, retryPause) {
			break
		}
		err = write(ctx)
		if _, refused := conflict(err); err == nil || refused || errors.Is(err, grant.ErrNotFound) {
			return err
		}
	}
	return err
}

// wait reports whether the pause was over before the context.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
