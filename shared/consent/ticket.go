// Package consent brings an owner's consent to a grant: the reconnect ticket
// that ops send, the state that travels through the provider's consent page,
// and the callback that turns an authorization code into a committed pair.
//
// Ticket and state are random 256-bit values. The table holds their SHA-256
// digests alone, so a copy of the table opens nothing; both end by the clock of
// the code, not by the table's cleaning, and both work once. What must be known
// again later (the PKCE verifier, the ticket behind a state) is stored sealed.
package consent

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// TicketLife is how long a reconnect link works unless the operator says
// otherwise. StateLife bounds the way through the provider's consent page.
const (
	TicketLife = 7 * 24 * time.Hour
	StateLife  = 10 * time.Minute
)

// tokenLength is the length of 32 bytes in unpadded base64.
const tokenLength = 43

// Ticket is the right to reconnect one grant, once. It is bound to the episode
// that it was made for, 0 before the first connection, and knows after which
// consent it was made: the grant's epoch. One that a former release made knows
// none, 0.
type Ticket struct {
	Digest  string
	Grant   grant.ID
	Episode int64
	Epoch   int64
	Created time.Time
	Expires time.Time
	Used    time.Time // zero while it is not
}

// Works reports whether the ticket can still be used.
func (t Ticket) Works(now time.Time) bool { return t.Used.IsZero() && now.Before(t.Expires) }

// State is one walk through the provider's consent page.
type State struct {
	Digest string
	Ticket string // digest
	Grant  grant.ID
	// Sealed holds the PKCE verifier and the ticket itself, so that a page can
	// offer the link again after a walk that failed.
	Sealed  grant.Sealed
	Expires time.Time
	// Used is when the callback came, By the nonce of who handled it, Result
	// what came of it: empty while nobody knows.
	Used   time.Time
	By     string
	Result Result
}

// Random returns a fresh ticket or state: 256 bits from the system's generator,
// in URL-safe base64.
func Random() secret.Text {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return secret.New(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Digest is how a ticket or state is known to the table. It is empty for what
// cannot be one, which no table holds.
func Digest(t secret.Text) string {
	raw := t.Reveal()
	if len(raw) != tokenLength {
		return ""
	}
	if _, err := base64.RawURLEncoding.DecodeString(raw); err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(raw))
	return hex.EncodeToString(sum[:])
}

// NewTicket describes a ticket that works from now on.
func NewTicket(t secret.Text, g grant.Grant, now time.Time, life time.Duration) Ticket {
	return Ticket{Digest: Digest(t), Grant: g.ID, Episode: g.Episode, Epoch: g.Epoch, Created: now, Expires: now.Add(life)}
}

// Link is where the owner goes with the ticket. Whoever has the link can use it:
// it goes to the people who reach the owner, and into no log.
func Link(publicURL string, t secret.Text) string { return publicURL + "/reconnect/" + t.Reveal() }
