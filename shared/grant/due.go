package grant

import "time"

// Limits of a lease, which every process must agree on.
const (
	// LeaseFor is how long a lease lasts: an exchange and its commit, with room
	// for the reads before it.
	LeaseFor = 15 * time.Second
	// Skew is how far two machines' clocks may differ.
	Skew = 2 * time.Second
	// Crowd is how many attempts and asides a grant may carry before a lease is
	// refused. The protocol needs at most two or three; more means that
	// something is wrong that another exchange would make worse.
	Crowd = 8
)

// How much earlier than its second a wake may be acted upon. Queue delays are
// whole seconds, rounded down, so a message comes up to a second early; for an
// ordinary refresh nothing is lost by a few more. A pause that the provider
// asked for is not shortened: such wakes are set WakeEarly later.
const (
	RefreshEarly = 5 * time.Second // while the wake is the refresh's own
	WakeEarly    = time.Second     // of every other
)

// State is what people see.
type State string

// The states that are not also a finding; see [Grant.State].
const (
	Healthy    State = "healthy"
	Refreshing State = "refreshing"
	Disabled   State = "disabled"
)

// State is derived from what a person set, what the machine found and who is at
// work; it is never stored. A grant that needs a person says so even while a
// late answer is rolled forward.
func (g Grant) State(now time.Time) State {
	switch {
	case !g.Enabled:
		return Disabled
	case g.Health != OK:
		return State(g.Health)
	case g.Leased(now):
		return Refreshing
	default:
		return Healthy
	}
}

// Leased reports whether somebody's lease is live, as far as our clock can
// tell.
func (g Grant) Leased(now time.Time) bool {
	return g.Lease != nil && !g.Lease.Deadline.Add(Skew).Before(now)
}

// Retried reports whether the last verdict was taken back and nothing has been
// committed since: the pair is older than the episode, and the grant well all the
// same. What is committed next is the recovery that people are to hear of. An
// older answer that was rolled looks the same: then they are told nothing new.
func (g Grant) Retried() bool {
	return g.Health == OK && g.Episode > 0 && g.Issued.Before(g.EpisodeSince)
}

// Due reports whether the grant wants to be looked at: its wake has come, or
// will within the few seconds that a wake may be early.
func (g Grant) Due(now time.Time) bool {
	if g.WakeAt.IsZero() {
		return false
	}
	early := WakeEarly
	if g.WakeAt.Equal(g.RefreshAt) {
		early = RefreshEarly
	}
	return !now.Before(g.WakeAt.Add(-early))
}

// Pause is the wake of a pause that ends at the given time: never taken for the
// refresh's own, which may be acted upon seconds before, also where both fall upon
// the same millisecond. Zero and past times stay what they are.
func (g Grant) Pause(end, now time.Time) time.Time {
	if end.After(now) && end.UnixMilli() == g.RefreshAt.UnixMilli() {
		return end.Add(time.Millisecond)
	}
	return end
}

// Leasable reports whether LEASE's condition would hold for a grant that is due:
// nobody is at work, a person has not switched the grant off, and it is not
// waiting for one, unless a late answer may yet be rolled forward.
func (g Grant) Leasable(now time.Time) bool {
	return g.Enabled && !g.Leased(now) && (g.Health != ReauthorizationRequired || len(g.Asides) > 0)
}

// Crowded reports whether too many answers and attempts are open for another
// lease to be wise. Attempts that are very old do not count, because nobody is
// behind them, and neither does mine.
func (g Grant) Crowded(me Nonce, now time.Time) bool {
	n := len(g.Asides)
	for nonce, a := range g.Attempts {
		if nonce != me && !a.VeryOld(now) {
			n++
		}
	}
	return n >= Crowd
}

// settleAfter leaves the one who committed the time to settle himself.
const settleAfter = 30 * time.Second

// SettleDue reports whether a committed pair waits inline for its home, and
// whoever committed it will not move it any more.
func (g Grant) SettleDue(now time.Time) bool {
	return g.Inline != nil && g.Home != HomeSealed && now.After(g.Issued.Add(settleAfter))
}
