package consent

import "time"

// Result is what came of one walk: what the page says, and what a second
// arrival of the same callback is shown.
type Result struct {
	Code Code
	// Account is the account that consented and Pinned the one that the grant
	// belongs to, for OtherAccount: names, nothing of what is in them.
	Account string
	Pinned  string
	// Missing are the permissions that were asked for and not given.
	Missing []string
	// Until is when to come again, for Busy.
	Until time.Time
	At    time.Time
}

// Code is a result in a bounded vocabulary. Each has its page, and each failed
// one is the "why" of a reconnect_failed event.
type Code string

// The results.
const (
	Connected        Code = "connected"         // committed, nothing missing
	PartlyConnected  Code = "partly_connected"  // committed, permissions missing
	AlreadyConnected Code = "already_connected" // the ticket was used, or another consent came since it was made
	Denied           Code = "denied"            // the owner said no at the provider
	ProviderRefused  Code = "provider_refused"  // the provider sent the owner back with another error
	OtherAccount     Code = "other_account"     // consented for an account that is not the grant's
	AccountUnknown   Code = "account_unknown"   // the provider did not say which account it was
	CodeRefused      Code = "code_refused"      // the token endpoint did not take the code
	NoAnswer         Code = "no_answer"         // nobody knows whether it took the code
	Interrupted      Code = "interrupted"       // an earlier arrival began and did not come to an end
	Misconfigured    Code = "misconfigured"     // our registration at the provider is wrong
	TryLater         Code = "try_later"         // our own trouble, nothing was spent
	Busy             Code = "busy"              // the provider takes no code before Until, nothing was spent
	StateUnknown     Code = "state_unknown"     // a callback that we did not ask for
	StateExpired     Code = "state_expired"     // the walk took longer than StateLife
	TicketUnknown    Code = "ticket_unknown"    // no such link
	TicketExpired    Code = "ticket_expired"    // the link is too old
)

// Codes lists the results, for the pages and the tests.
func Codes() []Code {
	return []Code{Connected, PartlyConnected, AlreadyConnected, Denied, ProviderRefused, OtherAccount, AccountUnknown,
		CodeRefused, NoAnswer, Interrupted, Misconfigured, TryLater, Busy, StateUnknown, StateExpired, TicketUnknown, TicketExpired}
}

// Succeeded reports whether the grant has a pair of a new consent.
func (c Code) Succeeded() bool { return c == Connected || c == PartlyConnected }

// Again reports whether the owner can try once more with the same link.
func (c Code) Again() bool {
	switch c {
	case Denied, ProviderRefused, OtherAccount, AccountUnknown, CodeRefused, NoAnswer, Interrupted, TryLater, Busy, StateExpired:
		return true
	}
	return false
}
