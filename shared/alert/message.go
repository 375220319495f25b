package alert

import (
	"fmt"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// Message is what one channel is told, in data. The channels put it into words
// and blocks of their own. It is about a grant's episode, unless Client or
// Forecast is set: then about that.
type Message struct {
	// ID is the same for every channel and retry, so that a receiver can tell
	// a repetition.
	ID          string
	Kind        Kind
	Episode     Episode
	At          time.Time
	Provider    string // as people know it
	Account     string // the provider's; empty when it names none
	Connections []connection.Connection
	// Waiting counts the cells that wait (Opened) or waited (Recovered);
	// Uncounted when nobody could count them in time.
	Waiting int
	// Ended is when the episode ended, for Recovered.
	Ended time.Time
	// Link is the reconnect link, for Opened; empty when no owner can consent.
	// It opens the grant to whoever has it, so it is printed by channels alone.
	Link secret.Text
	// Client is what happened to our registration. Such a message has no
	// episode of a grant, no connections and no link.
	Client *Registration
	// Forecast is what will happen to the grant. Such a message has no episode
	// but for the grant's id.
	Forecast *Forecast
}

// Uncounted stands for a number of waiting cells that is not known.
const Uncounted = -1

// MessageID names a message of an episode.
func MessageID(e Episode, k Kind) string { return fmt.Sprintf("%s.%d.%s", e.Grant, e.Number, k) }

// Why puts a reason into words for somebody who did not write the code.
func Why(r grant.Reason) string {
	switch r {
	case grant.Revoked:
		return "The provider no longer accepts our access. Usually somebody removed the app, changed the password or left the account."
	case grant.AnswerLost:
		return "The answer to a token refresh was lost on the way, and the provider does not accept the former token again."
	case grant.Expired:
		return "The provider limits how long an access may live without its owner, and that time is over."
	case grant.TokenRejected:
		return "The provider issues tokens and then refuses them. Usually the app was removed or the account suspended."
	case grant.PairMissing:
		return "The stored token is gone from its place and what was left of it has run out."
	case grant.RefusedAlone:
		return "The provider does not let our registration renew this access, while it renews others for us. " +
			"Usually the account does not allow the app any more, or no longer exists."
	case grant.RequestRefused:
		return "The provider refuses what we send to renew this access, whatever the token, or our configuration lets us send nothing."
	case grant.ScopeMissing:
		return "The access lacks permissions that are needed to send rates."
	}
	return "The owner has not connected it yet."
}

// Meanwhile says what Bellhop does until somebody acts.
func Meanwhile(h grant.Health) string {
	if h == grant.ScopeUpdateRequired {
		return "Rate updates are taken in and kept. What needs the missing permission is not sent."
	}
	return "Rate updates are taken in and kept, nothing is lost. Nothing is sent to the provider. " +
		"As soon as it is connected again, the latest rates go out and are read back."
}

// Remedy says what to do about it.
func (m Message) Remedy() string {
	if m.Episode.Reason == grant.RequestRefused {
		return "No owner can mend this. The event grant_dead in the refresher's log has the provider's status and code, or our cause: " +
			"mend the profile or our registration at the provider, then run bellhop connections retry for one of its connections."
	}
	if m.Link.Empty() && m.Episode.Health == grant.ScopeUpdateRequired {
		return "No owner has to consent here: give our registration these permissions at the provider. The next refresh asks for them; " +
			"where bellhop connections show has no next exchange, run bellhop connections retry."
	}
	if m.Link.Empty() {
		return "No owner has to consent here: check our registration at the provider, its permissions and its secret, " +
			"then run bellhop connections retry for one of its connections."
	}
	return "Send the reconnect link to the owner. It works once, until " + m.Episode.Expires.UTC().Format(time.RFC1123) + "."
}

// Title is the message in one line.
func (m Message) Title() string {
	who := m.Who()
	switch {
	case m.Client != nil:
		return m.Client.title(m)
	case m.Forecast != nil:
		return m.Forecast.title(m)
	case m.Kind == Recovered:
		return fmt.Sprintf("%s is connected to %s again", who, m.Provider)
	case m.Episode.Health == grant.ScopeUpdateRequired:
		return fmt.Sprintf("%s: %s needs more permissions", who, m.Provider)
	case m.Episode.Reason == grant.RequestRefused:
		return fmt.Sprintf("%s: %s refuses our requests", who, m.Provider)
	}
	return fmt.Sprintf("%s: %s must be reconnected", who, m.Provider)
}

// Who names the hotels in a few words.
func (m Message) Who() string {
	switch n := len(m.Connections); n {
	case 0:
		return "Grant " + string(m.Episode.Grant)
	case 1:
		return hotel(m.Connections[0])
	case 2:
		return hotel(m.Connections[0]) + " and " + hotel(m.Connections[1])
	default:
		return fmt.Sprintf("%s and %d more properties", hotel(m.Connections[0]), n-1)
	}
}

func hotel(c connection.Connection) string {
	if c.Hotel != "" {
		return c.Hotel
	}
	return c.Property
}

// Owners lists the people who can consent, each once, with how to reach them.
func (m Message) Owners() []connection.Owner {
	var owners []connection.Owner
	seen := map[connection.Owner]bool{{}: true}
	for _, c := range m.Connections {
		if !seen[c.Owner] {
			seen[c.Owner] = true
			owners = append(owners, c.Owner)
		}
	}
	return owners
}

// Lasted is how long the episode took, in words.
func (m Message) Lasted() string { return inWords(m.Ended.Sub(m.Episode.Since)) }

// inWords says a duration with its two largest units.
func inWords(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute"
	}
	var parts []string
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := d / u.d; n > 0 && len(parts) < 2 {
			parts = append(parts, plural(int(n), u.name))
			d -= n * u.d
		}
	}
	return strings.Join(parts, " and ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// waiting puts the number of cells into words.
func (m Message) waiting() string {
	switch {
	case m.Waiting == Uncounted:
		return "not counted"
	case m.Waiting == 1:
		return "1 cell (one night of one rate)"
	}
	return fmt.Sprintf("%d cells (nights of a rate)", m.Waiting)
}
