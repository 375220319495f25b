// Package grant is the refresh protocol's state as plain values: the TOKEN item
// of one OAuth grant, the pair it holds, who is at work on it, and what may be
// done next. It knows no AWS and does no I/O: decisions are functions of a
// [Grant] and a time, and the world is reached through two contracts, [Store]
// and [Home].
//
// The TOKEN item is the only place where truth changes. Every step of the cycle
// is one conditional write to that one item; docs/protocols.md lists each
// write's condition and update, and docs/refresh-cycle.md says what is true
// after a crash at each of them.
package grant

import (
	"time"

	"bellhop/shared/secret"
)

// ID names a grant: one authorization to refresh, serving one property or many.
type ID string

// Nonce names one holder of one lease. It is used once and never again: it is
// the key of the holder's attempt and aside, so a copy of an old write can
// never speak for a new holder.
type Nonce string

// Grant is the TOKEN item. A value of it is a snapshot: it is never written
// back as a whole, only through the named writes of [Store].
type Grant struct {
	ID       ID
	Provider string // profile name
	Client   string // our registration at the provider, see connection.Client
	Home     string // where committed pairs live: "secretsmanager" or "sealed"
	// TokenURL is this grant's own token endpoint, for providers that have one
	// for each account; it comes before the client's and the profile's. Empty
	// for theirs.
	TokenURL string
	// Asks are the scopes that are asked for; nil for the profile's.
	Asks []string

	// Enabled is a person's decision, Health the machine's finding. They are
	// two attributes so that no commit undoes a person.
	Enabled bool
	Health  Health
	Reason  Reason // why Health is not ok; empty when ok
	// Missing holds the scopes that a person must grant. It is non-nil exactly
	// while a scope_update_required stands (empty when the provider named
	// none), also beneath a reauthorization_required, so that curing the one
	// does not forget the other.
	Missing []string

	// Generation counts committed pairs: 0 before the first. Epoch counts
	// consents of the owner: a new consent begins a new epoch, and answers of
	// the former one are worth nothing.
	Generation int64
	Epoch      int64

	// The committed pair, in exactly one of two forms once Generation > 0:
	// sealed inline, or by reference to its home.
	Inline *Sealed
	Ref    string // the home's name of the pair, e.g. a secret's version id

	// Placement is the home's own bookkeeping, kept here because the TOKEN
	// item is the only thing that is written conditionally.
	Placement Placement

	Lease    *Lease
	Attempts map[Nonce]Attempt
	Asides   map[Nonce]Aside

	// Refused is the generation whose credential the provider answered with
	// invalid_grant while somebody could still come with an answer; 0 for none.
	// It is not presented again.
	Refused int64
	// Doubted is the generation whose refusal was not believed, because too
	// many grants of the client were refused at once; 0 for none. It says
	// something only while Refused is the same: then the credential may be
	// presented once more.
	Doubted int64
	// Revived is the generation whose pair is one that had been replaced before
	// and came back as the last hope; 0 for none. It says something only while it
	// is the present one.
	Revived int64

	// Times of the committed pair, absolute. Expires is zero only before the
	// first commit. RefreshAt is when the next exchange is due (advisory),
	// WakeAt when somebody must look at the grant again; zero WakeAt means
	// that nothing is to come.
	Issued    time.Time
	Expires   time.Time
	RefreshAt time.Time
	WakeAt    time.Time
	// RefreshExpires is when the refresh token dies of age; zero when that is
	// unknown or never. RefreshRenewed says that the exchange that brought the
	// pair moved it on: then it dies of nothing, as long as it is used.
	RefreshExpires time.Time
	RefreshRenewed bool
	// Held says why no exchange happens before WakeAt although one was due, in
	// a bounded word ("budget", "lane", ...); empty when nothing holds it. It
	// is for people: no exchange is decided by it.
	Held string

	Scopes  []string // granted with the committed pair
	Account string   // the provider's account, pinned at the first consent; empty until then

	// Episode counts the times that a person was needed. EpisodeSince is when
	// the present (or last) one began. AlertDue, when not zero, says that the
	// alerter owes ops a message about it since then.
	Episode      int64
	EpisodeSince time.Time
	AlertDue     time.Time
	// Foretold is the last forecast that people were told; see [Grant.Foretells].
	Foretold Foretold

	// CommittedBy is for the log alone: no decision reads it.
	CommittedBy Nonce
	// Failures counts exchanges in a row that brought nothing; it paces the
	// next one. Rejections counts those of them, in a row too, whose very request
	// was refused: see [Grant.Rejected].
	Failures   int
	Rejections int
}

// Health is what the machine has found out about a grant.
type Health string

// The findings. A grant that never had a pair starts in
// ReauthorizationRequired with reason NeverConnected when its owner must
// consent, and in OK when we mint tokens ourselves (client credentials).
const (
	OK                      Health = "ok"
	ReauthorizationRequired Health = "reauthorization_required"
	ScopeUpdateRequired     Health = "scope_update_required"
)

// Reason says why a person is needed, in a bounded vocabulary.
type Reason string

// The reasons.
const (
	NeverConnected Reason = "never_connected" // no alert: whoever added it has the link
	Revoked        Reason = "revoked"         // invalid_grant, nothing of ours can have spent the credential
	AnswerLost     Reason = "answer_lost"     // invalid_grant after an exchange whose answer never reached us
	Expired        Reason = "expired"         // the refresh token's own life is over
	TokenRejected  Reason = "token_rejected"  // fresh access tokens of two generations were refused
	ScopeMissing   Reason = "scope_missing"   // insufficient_scope, or a narrower grant than asked
	RevokedByUs    Reason = "revoked_by_us"   // no alert: a person had us revoke it; its pair is gone
	PairMissing    Reason = "pair_missing"    // the pair is not at its home any more, and its token has run out
	RefusedAlone   Reason = "refused_alone"   // refused as our registration, which others are not, until its token had run out
	RequestRefused Reason = "request_refused" // our very request is refused, again and again, long after its token had run out
)

// The homes that Grant.Home may name.
const (
	HomeSecrets = "secretsmanager" // a settled pair is in Secrets Manager
	HomeSealed  = "sealed"         // pairs stay inline
)

// Lease is the exclusive right to exchange, until Deadline.
type Lease struct {
	Owner    Nonce
	Deadline time.Time
}

// Kind is what an attempt presents.
type Kind string

// The kinds. Minting with client credentials spends nothing, so such an attempt
// never makes a credential suspect.
const (
	KindRefresh Kind = "refresh"
	KindClient  Kind = "client_credentials"
	KindCode    Kind = "code"
	KindRevoke  Kind = "revoke" // presents tokens for the last time, to nobody's gain
)

// Attempt is the written intent to present a credential. It stays until we know
// what became of it, and it is the ticket that makes commit and keep-aside
// happen once.
type Attempt struct {
	Kind       Kind
	Generation int64     // whose credential
	At         time.Time // when the lease was taken
}

// Aside is an answer that reached us but lost the race. It is not thrown away
// while it may be the live one.
type Aside struct {
	Sealed Sealed
	Base   int64 // generation that its exchange presented
	At     time.Time
	// The sealed pair's times and scopes, so that a roll needs no key.
	Issued  time.Time
	Expires time.Time
	Scopes  []string
	// RefreshExpires is as in [Grant].
	RefreshExpires time.Time
	// Former marks a pair that was replaced by a roll: it is tried last of all.
	Former bool
	// Raw marks an answer that our parser refused: the sealed bytes are the
	// answer's body, to be read by a corrected release.
	Raw bool
}

// Pair is one answer of the token endpoint. Times are absolute.
type Pair struct {
	Access  secret.Text
	Refresh secret.Text // empty when the provider issues none
	Scopes  []string    // nil means unchanged (RFC 6749 section 5.1)
	Issued  time.Time   // start of the request that brought it
	Expires time.Time
	// Documented says that Expires rests on the profile's documented life
	// alone, because the answer named none: such a token is refreshed sooner.
	Documented bool
	// RefreshExpires is when the refresh token dies of age, as far as the
	// answer says; zero when it does not.
	RefreshExpires time.Time
}

// Sealed is a pair that may touch a table.
type Sealed struct {
	Key        string // id of the key set's key that sealed it
	Generation int64  // generation named in the associated data: the base of its exchange
	Data       []byte
}

// Placement is a home's bookkeeping. The zero value is a grant that never
// moved.
type Placement struct {
	Epoch   int64     // of the home: which secret is written now
	Writes  int       // versions written to it, as far as we know
	Since   time.Time // when the secret of this epoch was first written
	Put     time.Time // when the last version was written: for a while, one that is not seen is late
	Retired []string  // names of former secrets, to be deleted by the next commit's settle
}
