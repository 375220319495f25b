package grant

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store is the grants table as the refresh cycle sees it: one method for each
// line of docs/protocols.md, each exactly one conditional write to the TOKEN
// item (Consent is one transaction around it). Implementations are safe for
// concurrent use, and package granttest's suite runs on every one of them.
//
// A write whose condition does not hold returns a [*Conflict] that carries the
// item as it is. Any other error means that the outcome is unknown: the write
// may have landed, may still land later, or never. Callers never take an
// unknown outcome for a refusal.
type Store interface {
	// Create writes a new grant if there is none of that ID.
	Create(ctx context.Context, g Grant) error
	// Read is strongly consistent. ErrNotFound when there is no such grant.
	Read(ctx context.Context, id ID) (Grant, error)

	// Lease takes the exclusive right to exchange and writes the attempt. The
	// answer is THE snapshot: the pair that is presented is this one, never
	// one read later. A retry is the same bytes again.
	Lease(ctx context.Context, w LeaseWrite) (Grant, error)
	// Release ends my lease and keeps my attempt: after an unknown outcome.
	Release(ctx context.Context, w ReleaseWrite) error
	// Abandon takes my attempt back, if nothing was ever presented under it
	// with an unknown outcome, and ends my lease where it is still mine.
	Abandon(ctx context.Context, w ReleaseWrite) error
	// Commit makes an answer the committed pair, if the generation is
	// unchanged and my attempt is still there.
	Commit(ctx context.Context, w CommitWrite) error
	// KeepAside keeps an answer whose commit was refused, if my attempt is
	// still there. If it is not, my commit had landed or a new consent came.
	KeepAside(ctx context.Context, w AsideWrite) error
	// Roll makes an aside the committed pair.
	Roll(ctx context.Context, w RollWrite) error
	// Refuse marks this generation's credential as refused, so that nobody
	// presents it again while somebody may still come with an answer.
	Refuse(ctx context.Context, w RefuseWrite) error
	// Verdict records that a person is needed: fenced by generation, owner and
	// empty asides.
	Verdict(ctx context.Context, w VerdictWrite) error
	// Judge is the pusher's verdict about the generation that it presented.
	Judge(ctx context.Context, w JudgeWrite) error
	// Hasten makes the exchange of a generation due now, because its access
	// token was refused before its time. It moves when, and nothing else.
	Hasten(ctx context.Context, w HastenWrite) error
	// Settle replaces the inline pair by its place at home, if the generation
	// is still this one.
	Settle(ctx context.Context, w SettleWrite) error
	// Consent commits the answer to an authorization code: on condition of the
	// grant epoch alone, with the ticket consumed and the episode told how many
	// cells waited, in one transaction. All asides and attempts end with the
	// former epoch.
	Consent(ctx context.Context, w ConsentWrite) error
	// SetEnabled is a person's switch. It has no condition and touches nothing
	// else, but for the wake: enabling sets it, so that work resumes.
	SetEnabled(ctx context.Context, id ID, enabled bool, wake time.Time) error
	// Retry takes a reauthorization_required back, by a person's word or
	// because it was found to be the provider's error: the credential of that
	// generation is presented once more, now.
	Retry(ctx context.Context, w RetryWrite) error
	// Revoke records that every token of the grant was revoked at its provider
	// by our own act: pair, asides and attempts are dropped, and a new consent
	// is needed.
	Revoke(ctx context.Context, w RevokeWrite) error
	// SetHome says where pairs are to live from the next commit on. It has no
	// condition; the committed pair stays where it is.
	SetHome(ctx context.Context, id ID, home string) error
	// Foretell records that people were told when the refresh token will die,
	// unless they were told as much before.
	Foretell(ctx context.Context, w ForetellWrite) error
	// Remove deletes the grant, if a person has switched it off and nobody
	// holds a live lease. What it has at home is retired before.
	Remove(ctx context.Context, w RemoveWrite) error
}

// LeaseWrite asks for a lease of a grant that is due at At. At and Deadline are absolute and part of the
// condition's values, so that a re-sent copy can never revive a dead lease.
type LeaseWrite struct {
	ID         ID
	Me         Nonce
	Kind       Kind
	Generation int64 // as read; the lease is refused when it has moved
	At         time.Time
	Deadline   time.Time
	// Skew is how far two clocks may differ: a lease is over for others only
	// Skew after its deadline.
	Skew time.Duration
	// AnyHealth is set by the reconnect callback, for a dead grant is just what
	// its owner has come to mend, and by a revocation. Whether the grant is
	// enabled and due is not asked either.
	AnyHealth bool
}

// ReleaseWrite ends a lease. WakeAt says when to look again; zero leaves the
// wake as it is. Held goes with it and says why nothing happens before; empty
// removes what stood there. Failed adds one to the failures in a row, Rejected to
// the rejections, which every other failure ends. All are for the holder alone:
// an Abandon that carries any is refused when the lease is not mine any more,
// because a wake set late could hide the winner's. It is then sent again without
// them.
type ReleaseWrite struct {
	ID     ID
	Me     Nonce
	WakeAt time.Time
	Held   string
	Failed bool
	// Rejected says, with Failed, that the request itself was refused.
	Rejected bool
}

// CommitWrite carries a committed pair.
type CommitWrite struct {
	ID         ID
	Me         Nonce
	Generation int64 // that was presented; the commit makes it Generation+1
	Sealed     Sealed
	Times      Times
	Scopes     []string // nil leaves them unchanged
	// Missing, when not empty, commits the pair and makes the grant
	// scope_update_required in the same write. A standing
	// scope_update_required is not undone by a commit without Missing: only a
	// new consent brings permissions.
	Missing []string
	// Asides that my lease's snapshot already held, and attempts that are very
	// old, are removed by name: never those that came after.
	DropAsides   []Nonce
	DropAttempts []Nonce
	// Cured ends a standing scope_update_required: true only when the answer
	// was minted for all scopes that we ask for (client credentials).
	Cured bool
	// AlertDue, when not zero, makes the alerter look at the grant: there is
	// something to tell, or what people were told has changed.
	AlertDue time.Time
	// Opens begins an episode at AlertDue: scopes are missing that were not
	// missing before.
	Opens bool
}

// Times are the absolute times of a pair and the wake that they lead to.
type Times struct {
	Issued    time.Time
	Expires   time.Time
	RefreshAt time.Time
	WakeAt    time.Time
	// RefreshExpires is the refresh token's own end; zero when unknown.
	// RefreshRenewed is as in [Grant]; [Times.Following] finds it.
	RefreshExpires time.Time
	RefreshRenewed bool
}

// AsideWrite keeps an answer aside under my nonce. One that is raw counts as a
// failure in a row: an exchange that brought nothing usable.
type AsideWrite struct {
	ID     ID
	Me     Nonce
	Aside  Aside
	WakeAt time.Time
}

// RollWrite rolls one aside forward.
type RollWrite struct {
	ID         ID
	Me         Nonce
	Generation int64
	Aside      Nonce // whose
	// Former, when not nil, keeps the replaced pair as the aside
	// [FormerNonce](Generation); nil when it is known dead.
	Former *Aside
	// Revives says that the aside is a former pair: see [Grant].
	Revives bool
	// Reread, when not nil, is committed in place of the aside's own bytes: a
	// release whose parser has learnt to read a raw aside rolls what it read.
	Reread   *Aside
	Times    Times
	AlertDue time.Time
}

// FormerNonce is the key under which a roll keeps the pair of generation g.
func FormerNonce(g int64) Nonce { return Nonce(fmt.Sprintf("former-%d", g)) }

// RefuseWrite marks a generation as refused. Doubted says that the refusal
// itself is not believed yet, Held why for people; both replace what stood there.
type RefuseWrite struct {
	ID         ID
	Me         Nonce
	Generation int64
	WakeAt     time.Time
	Doubted    bool
	Held       string
}

// VerdictWrite says that a person is needed, and opens an episode unless one is
// open already. It ends the wake: nothing is to come until a person acts.
type VerdictWrite struct {
	ID         ID
	Me         Nonce
	Generation int64
	Health     Health
	Reason     Reason
	Missing    []string
	At         time.Time // also when the alert is due
	// Same says that people have been told already and the episode goes on.
	Same bool
	// PassedOver names the asides that I have seen and that do not speak against
	// the verdict: those that I cannot read, and any when only a scope is missing.
	// The condition "asides are empty" means all others.
	PassedOver []Nonce
}

// JudgeWrite is a verdict by somebody who holds no lease: a pusher whose fresh
// tokens were refused. It is refused when the generation has moved, a lease is
// live, or the grant is not ok any more. It leaves the wake: unlike a verdict's
// holder it does not know that no aside waits to be rolled.
type JudgeWrite struct {
	ID        ID
	Presented int64
	Health    Health
	Reason    Reason
	Missing   []string
	At        time.Time
	Skew      time.Duration
}

// HastenWrite is by a pusher, who holds no lease. It is refused when the
// generation has moved, a lease is live, a person is needed, or exchanges have
// been failing or are held: then the next one has its time already, which the
// provider may have set.
type HastenWrite struct {
	ID        ID
	Presented int64
	At        time.Time
	Skew      time.Duration
	// Person says that an operator asks, who has come to mend what made it fail:
	// neither failures nor a hold stand against that.
	Person bool
}

// SettleWrite names the home of the pair of Generation. Without a Ref the pair
// stays inline, and only what another home still has of the grant is written. A
// Placement of an epoch before the item's is refused.
type SettleWrite struct {
	ID         ID
	Generation int64
	Ref        string
	Placement  Placement
}

// ConsentWrite carries the pair of a new consent.
type ConsentWrite struct {
	ID      ID
	Epoch   int64 // as leased; the write makes it Epoch+1
	Sealed  Sealed
	Times   Times
	Scopes  []string
	Missing []string // scopes that the owner did not grant; any opens an episode
	Account string
	// Ticket is the digest of the reconnect ticket that is consumed with it;
	// empty when there is none (first connection by the operator's own hand).
	Ticket string
	// Episode and Waiting tell the episode that it ends how many cells waited;
	// Episode 0 for none.
	Episode int64
	Waiting int
	At      time.Time
}

// RevokeWrite is refused unless generation and lease are mine and the asides
// are those of my snapshot: nothing came that was not revoked.
type RevokeWrite struct {
	ID         ID
	Me         Nonce
	Generation int64
	Asides     []Nonce // revoked with the pair
}

// RetryWrite is refused when the generation has moved, no person is needed (one
// who is to add a scope is, once nothing wakes the grant any more), the grant was
// never connected or its pair was revoked by us, or a lease is live.
type RetryWrite struct {
	ID         ID
	Generation int64     // whose credential is presented once more
	At         time.Time // now: the wake, and when the alert is due
}

// ForetellWrite is refused when people were told of this death, give or take
// [SameDeath], at as few days or fewer.
type ForetellWrite struct {
	ID       ID
	Foretold Foretold
}

// RemoveWrite is refused unless the grant is disabled and no lease is live.
type RemoveWrite struct {
	ID ID
	At time.Time // now
}

// ErrNotFound says that there is no such grant.
var ErrNotFound = errors.New("no such grant")

// ErrExists says that Create found a grant of that ID.
var ErrExists = errors.New("grant exists already")

// ErrTicket says that Consent found its ticket used, expired or missing.
var ErrTicket = errors.New("reconnect ticket is not valid any more")

// Conflict is the refusal of a conditional write, with the item as it is.
type Conflict struct {
	Write   string // the method's name, for the log
	Current Grant
}

// Error implements error. It names no token.
func (c *Conflict) Error() string {
	return fmt.Sprintf("%s refused: grant %s is at generation %d", c.Write, c.Current.ID, c.Current.Generation)
}

// Home is where committed pairs live once they are settled. Nothing about
// safety depends on its timing: a pair that cannot move home stays inline,
// sealed, and works. Package granttest's home suite runs on every
// implementation.
type Home interface {
	// Settle puts the pair of g's present generation into its place and
	// returns where that is. Putting the same pair twice is one success; it
	// never overwrites another generation's. ErrInline means that this home
	// leaves pairs in the table.
	Settle(ctx context.Context, g Grant, p Pair) (ref string, at Placement, err error)
	// Fetch returns the pair that g.Ref names, waiting a bounded time for an
	// eventually consistent home. ErrPairMissing when it is not there.
	Fetch(ctx context.Context, g Grant) (Pair, error)
	// Retire deletes what g.Placement.Retired names. Deleting what is not
	// there is a success.
	Retire(ctx context.Context, g Grant) error
}

// Errors of a Home.
var (
	ErrInline      = errors.New("pairs of this home stay inline")
	ErrPairMissing = errors.New("token pair is not at its home")
)
