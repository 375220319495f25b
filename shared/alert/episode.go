// Package alert tells people that a connection needs them, and when it no
// longer does: one message when an episode opens, one when it is over, to every
// channel that is configured, each exactly as often as the channel will have
// it. A provider that refuses our registration is told about once for the
// client, not once for each of its grants.
//
// It is the reading end of an outbox. A verdict's own write flags the TOKEN
// item (alert_due), so no verdict can be without its alert; the table's stream
// carries the flag within a second, and the minute's sweep carries it again
// when the stream did not. What has been told is kept in the EPISODE item,
// apart from the token, and is read again before anything is sent: a duplicate
// or late record costs one read.
package alert

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"bellhop/shared/grant"
)

// LookAgain is how long an open episode may go unlooked at: a recovery that
// nobody flagged is found after that.
const LookAgain = 10 * time.Minute

// Episode is the EPISODE#n item: the n-th time that a grant needed a person.
type Episode struct {
	Grant   grant.ID
	Number  int64
	Since   time.Time
	Health  grant.Health
	Reason  grant.Reason
	Missing []string // scopes, for scope_update_required
	// Generation is the grant's when the episode was opened.
	Generation int64
	// Ticket is the reconnect ticket of this episode, sealed, so that every
	// channel and every retry gets the same link. Empty when no owner can
	// consent: a grant of client credentials is mended at the registration.
	Ticket grant.Sealed
	// Expires is when the ticket ends.
	Expires time.Time
	// Recovered and Waiting were written by the consent that ended the episode;
	// Recovered is zero when none did.
	Recovered time.Time
	Waiting   int
	// Opened and Closed say, by channel, when the two messages were delivered.
	Opened map[string]time.Time
	Closed map[string]time.Time
	// Due is when to look at the episode again; zero when it is over.
	Due time.Time
}

// Kind is one of the two messages of an episode.
type Kind string

// The kinds; Nothing is for an episode that owes a channel no message.
const (
	Nothing   Kind = ""
	Opened    Kind = "opened"
	Recovered Kind = "recovered"
)

// Claim is the right to send one message to one channel, for a bounded time. It
// keeps the stream and the sweep from sending the same message side by side.
type Claim struct {
	Grant   grant.ID
	Number  int64
	Kind    Kind
	Channel string
	Me      string // fresh for every claim
	Now     time.Time
	Until   time.Time
}

// Outbox is the contract of the alerts' part of the grants table.
// Implementations are safe for concurrent use, and package alerttest's suite
// runs on every one of them. An error that is none of the sentinels means that
// the outcome is unknown.
type Outbox interface {
	// Open writes an episode if it was not opened before, and returns it as it
	// is then. A Recovered and Waiting that are there already stay.
	Open(ctx context.Context, e Episode) (Episode, error)
	// Episodes returns the episodes of a grant that are not over, oldest first,
	// strongly consistent.
	Episodes(ctx context.Context, id grant.ID) ([]Episode, error)
	// Claim takes the right to send a message. ErrClaimed when it was delivered
	// already, when somebody else is sending it, or when Opened would come
	// after Recovered.
	Claim(ctx context.Context, c Claim) error
	// Delivered marks the message as delivered and ends the claim.
	Delivered(ctx context.Context, c Claim) error
	// Unclaim ends a claim whose message the channel did not take.
	Unclaim(ctx context.Context, c Claim) error
	// Look sets when the episode is to be looked at again; zero says that it is
	// over, and no listing shows it any more.
	Look(ctx context.Context, id grant.ID, number int64, due time.Time) error
	// Settle removes the grant's flag, if it is still the one that was read: a
	// verdict that came meanwhile keeps its own.
	Settle(ctx context.Context, id grant.ID, due time.Time) error
}

// ErrClaimed says that a message is not ours to send.
var ErrClaimed = errors.New("message is delivered or being sent")

// Oldest sorts episodes by their number and returns them. Stores list by text,
// where 10 comes before 2.
func Oldest(episodes []Episode) []Episode {
	slices.SortFunc(episodes, func(a, b Episode) int { return cmp.Compare(a.Number, b.Number) })
	return episodes
}

// Of returns the episode that a grant is in, ready to be opened; false when
// there is nothing to tell: the grant is well, or was never connected and
// whoever added it has the link.
func Of(g grant.Grant) (Episode, bool) {
	if g.Health == grant.OK || g.Reason == grant.NeverConnected || g.Episode == 0 {
		return Episode{}, false
	}
	return Episode{
		Grant: g.ID, Number: g.Episode, Since: g.EpisodeSince,
		Health: g.Health, Reason: g.Reason, Missing: g.Missing, Generation: g.Generation,
	}, true
}

// Owed says which message the episode owes a channel, given its grant as it is
// now. "Opened" is never owed after "recovered"; a channel that never heard of
// an episode does not hear that it is over.
func (e Episode) Owed(g grant.Grant, channel string) Kind {
	_, opened := e.Opened[channel]
	_, closed := e.Closed[channel]
	switch {
	case closed:
		return Nothing
	case e.Live(g):
		if opened || !g.Enabled {
			return Nothing // a person who switched the grant off knows about it
		}
		return Opened
	case opened && e.recovered(g):
		return Recovered
	}
	return Nothing
}

// Live reports whether the grant is still in this episode.
func (e Episode) Live(g grant.Grant) bool {
	return e.Number == g.Episode && g.Health != grant.OK && e.Recovered.IsZero()
}

// retried reports whether the verdict of this episode was taken back and nothing
// has come of it yet: the grant is to present its credential once more. It may
// end by a pair, or by the next verdict, which opens the next episode.
func (e Episode) retried(g grant.Grant) bool {
	return e.Number == g.Episode && g.Health == grant.OK && g.Generation == e.Generation
}

// Over reports whether the episode owes none of the channels anything, now or
// later.
func (e Episode) Over(g grant.Grant, channels []string) bool {
	if e.Live(g) || e.retried(g) {
		return false
	}
	for _, c := range channels {
		if e.Owed(g, c) != Nothing {
			return false
		}
	}
	return true
}

// recovered reports whether the grant got well after this episode, by a pair that
// was committed since. The generation tells, not the time of the pair: a consent,
// a refresh, a token minted with all scopes and an older answer that is rolled
// move it alike, though the last may be from before the episode; a retry, which
// alone makes a grant well that has nothing new, does not.
//
// An episode that was followed by the next without a moment of health between (a
// consent with fewer permissions than asked for, a second verdict before anybody
// looked) was replaced by it: its message would say that all is well when it is
// not.
func (e Episode) recovered(g grant.Grant) bool {
	if e.Number == g.Episode && g.Health == grant.OK {
		return !e.retried(g)
	}
	return !e.Recovered.IsZero() && (e.Number+1 < g.Episode || e.Recovered.Before(g.EpisodeSince))
}

// End is when the episode ended: by consent, by the write that flagged the
// grant, or at the latest now.
func (e Episode) End(g grant.Grant, now time.Time) time.Time {
	switch {
	case !e.Recovered.IsZero():
		return e.Recovered
	case g.AlertDue.After(e.Since):
		return g.AlertDue
	}
	return now
}
