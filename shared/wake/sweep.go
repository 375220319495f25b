package wake

import (
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
)

// How far ahead of its tick a sweep looks. Ticks are a minute apart and come up
// to 59 s late (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html),
// so what is due between two of them is found by the first; the rest is the next
// one's own time. Each second more lets two sweeps wake the same.
const (
	GrantsAhead = 130 * time.Second
	RatesAhead  = 60 * time.Second
	// AlertsAfter leaves the stream, which is the fast path, its time.
	AlertsAfter = 2 * time.Minute
)

// MaxDelay is the longest delay that a queue takes.
const MaxDelay = 900 * time.Second

// Due is one entry of a wake index.
type Due struct {
	PK, SK string
	At     time.Time
}

// Send is one message to be sent.
type Send struct {
	Message Message
	Group   string // of the fair queue: who must not starve others
	Delay   time.Duration
}

// Tick is one run of the sweep.
type Tick struct {
	// Minute is the minute that the sweep stands for, as scheduled: two ticks
	// never stand for one minute, however late they come.
	Minute time.Time
	Now    time.Time
}

// NewTick places a sweep in its minute. A schedule that says nothing of use,
// or a time far from now (an event kept in a file), stands for this minute.
func NewTick(scheduled string, now time.Time) Tick {
	at, err := time.Parse(time.RFC3339, scheduled)
	if err != nil || now.Sub(at).Abs() > 10*time.Minute {
		at = now
	}
	return Tick{Minute: at.Truncate(time.Minute), Now: now}
}

// again are the minutes after which what is overdue is sent again; later, each
// 15 minutes. Whoever did not answer so often will not answer faster for being
// asked each minute.
var again = map[int]bool{0: true, 1: true, 2: true, 4: true, 8: true, 15: true}

// Calls reports whether this tick sends for what was due at that time.
func (t Tick) Calls(at time.Time) bool {
	if at.After(t.Minute) {
		return true
	}
	overdue := int(t.Minute.Sub(at) / time.Minute)
	return again[overdue] || overdue%15 == 0
}

// ForGrant decides the messages of one due grant: one that arrives in its
// second, and for a token that lives less than the sweep looks ahead one for
// each refresh until the next sweeps, spaced by its cadence. None when the
// grant has nothing to wake for, or has been called often enough.
func (t Tick) ForGrant(g grant.Grant) []Send {
	if g.WakeAt.IsZero() || !g.Enabled || g.Health == grant.ReauthorizationRequired && len(g.Asides) == 0 || !t.Calls(g.WakeAt) {
		return nil
	}
	until := t.Minute.Add(GrantsAhead)
	if first := t.Now.Add(time.Second); until.Before(first) {
		until = first // a sweep this late still calls what is due
	}
	var sends []Send
	for at := g.WakeAt; !at.After(until); {
		sends = append(sends, Send{
			// Each wake but the first follows the refresh of the one before.
			Message: Message{Kind: Grant, Grant: g.ID, At: at, Generation: g.Generation + int64(len(sends)), Client: g.Client},
			Group:   g.Client,
			Delay:   delayDown(at.Sub(t.Now)),
		})
		step := g.RefreshAt.Sub(g.Issued)
		if step <= 0 || g.RefreshAt.IsZero() {
			break
		}
		at = later(at, t.Now).Add(max(step, shortestStep))
	}
	return sends
}

// shortestStep bounds how many messages a sweep sends for one grant.
const shortestStep = 10 * time.Second

// ForRates decides the message of one due item of the rates table; false for
// none. Lanes, jobs and read-backs are not due before their second, so the
// delay is rounded up.
func (t Tick) ForRates(d Due) (Send, bool) {
	id, found := strings.CutPrefix(d.PK, "CONN#")
	if !found || !t.Calls(d.At) {
		return Send{}, false
	}
	m := Message{Connection: connection.ID(id), At: d.At}
	kind, rest, _ := strings.Cut(d.SK, "#")
	switch kind {
	case "LANE":
		m.Kind = Lane
	case "JOB":
		m.Kind, m.Job = Job, rest
	case "READBACK":
		m.Kind = Readback
	default:
		return Send{}, false
	}
	return Send{Message: m, Group: id, Delay: delayDown(d.At.Sub(t.Now) + time.Second - 1)}, true
}

// ForAlert decides the message of one entry of the alert index: a grant's, or
// that of a bucket whose client is in trouble; false for none.
func (t Tick) ForAlert(d Due) (Send, bool) {
	m, found := AlertOf(d.PK)
	if !found || !t.Calls(d.At.Add(AlertsAfter)) {
		return Send{}, false
	}
	return Send{Message: m}, true
}

// AlertOf is the alert about an item of the grants table, by its partition key;
// false for an item that no alert is about.
func AlertOf(pk string) (Message, bool) {
	if id, found := strings.CutPrefix(pk, "GRANT#"); found && id != "" {
		return Message{Kind: Alert, Grant: grant.ID(id)}, true
	}
	if name, found := strings.CutPrefix(pk, "BUCKET#"); found && name != "" {
		return Message{Kind: Alert, Bucket: name}, true
	}
	return Message{}, false
}

// GrantOf is the grant of an entry of the grants table's wake index.
func GrantOf(d Due) (grant.ID, bool) {
	id, found := strings.CutPrefix(d.PK, "GRANT#")
	return grant.ID(id), found
}

// delayDown makes whole seconds of a wait, rounded down, within what a queue
// takes.
func delayDown(d time.Duration) time.Duration {
	return min(max(d, 0), MaxDelay).Truncate(time.Second)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
