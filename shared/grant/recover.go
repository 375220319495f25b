package grant

import (
	"slices"
	"time"

	"bellhop/shared/profile"
)

// Step is what a holder does next.
type Step string

// The steps that [Grant.Recover] and [Grant.AfterInvalidGrant] lead to.
const (
	Present   Step = "present"    // exchange the snapshot's pair
	Roll      Step = "roll"       // make Plan.Aside the committed pair
	Wait      Step = "wait"       // abandon, and look again at Plan.Until
	Conclude  Step = "conclude"   // the credential was refused before: no POST, go on as after invalid_grant
	UseWinner Step = "use_winner" // another committed meanwhile: abandon, his pair is the one
	Refuse    Step = "refuse"     // mark the generation refused, and look again at Plan.Until
	Condemn   Step = "condemn"    // the verdict: a person is needed
)

// Plan is a decision of the refresh protocol.
type Plan struct {
	Step Step
	// Aside is whose answer is rolled. KeepFormer says that the pair it
	// replaces is not known dead, and is kept for later.
	Aside      Nonce
	KeepFormer bool
	// Until is when somebody must look again, for Wait and Refuse: WakeEarly
	// after it can be of use, since who is woken may come that much early. Zero
	// means at once.
	Until time.Time
	// Unreadable names the raw asides that a verdict passes over.
	Unreadable []Nonce
}

// Recover decides what the holder of this snapshot's lease does before any
// exchange. The rows are those of docs/protocols.md; an aside that was won with
// this generation always comes first, because presenting its parent could
// revoke the family that it belongs to. Within a grace an answer that was asked
// for after the committed pair's comes first too: it is the one that lives where
// only the newest does, and there the older one may be taken for reuse. That is
// why, within a grace, nobody presents the committed pair while an earlier
// generation's holder may still ask for such an answer.
func (g Grant) Recover(me Nonce, rotation profile.Rotation, now time.Time) Plan {
	risky := g.spent(me) && !g.free(me, rotation, now)
	if n, ok := g.best(func(a Aside) bool { return !a.Former && a.Base == g.Generation }); ok { // row 1
		return g.roll(n, rotation)
	}
	younger := func(a Aside) bool { return !a.Former && a.Issued.After(g.Issued) }
	if n, ok := g.best(younger); ok && rotation.Policy == "grace" { // row 1a
		return g.roll(n, rotation)
	}
	if n, ok := g.best(func(a Aside) bool { return !a.Former }); ok && risky { // row 2
		return g.roll(n, rotation)
	}
	if g.isRefused() { // row 3
		return Plan{Step: Conclude}
	}
	if risky { // row 4
		if at := g.presentOnceAt(me); now.Before(at) {
			return Plan{Step: Wait, Until: at.Add(WakeEarly)}
		}
	}
	if rotation.Policy == "grace" { // row 4a
		if at := oldAt(g.elders(me)); now.Before(at) {
			return Plan{Step: Wait, Until: at.Add(WakeEarly)}
		}
	}
	return Plan{Step: Present} // row 5
}

// AfterInvalidGrant decides what the refusal of the credential of generation
// presented means, on the item as it is now. It is a hypothesis until nobody
// can come with an answer any more.
func (g Grant) AfterInvalidGrant(presented int64, me Nonce, now time.Time) Plan {
	if g.Generation != presented {
		return Plan{Step: UseWinner}
	}
	until := oldAt(g.foreign(me, false))
	refuse := Plan{Step: Refuse}
	if !until.IsZero() {
		refuse.Until = until.Add(WakeEarly)
	}
	if g.Lease == nil || g.Lease.Owner != me {
		return refuse
	}
	if n, ok := g.best(func(Aside) bool { return true }); ok {
		return Plan{Step: Roll, Aside: n} // the old pair is dropped: it was refused just now
	}
	if now.Before(until) {
		return refuse
	}
	return Plan{Step: Condemn, Unreadable: g.unreadable()}
}

// AfterUnknown is when to try again after my own presentation of this
// snapshot's credential ended without a readable answer. The first time it is
// at once where presenting twice is free, and otherwise at the edge. However often
// it failed before, a grace is not let pass: no pause takes more than half of what
// is left of it.
func (g Grant) AfterUnknown(me Nonce, rotation profile.Rotation, now time.Time) time.Time {
	pause := now
	if g.Failures > 0 {
		pause = now.Add(g.Backoff())
	}
	// Nobody's nonce is empty: my own attempt counts like the others.
	if g.Attempts[me].Kind != KindRefresh {
		return pause
	}
	if g.free("", rotation, now) {
		if end := g.FreeUntil("", rotation, now); !end.IsZero() {
			return earliest(pause, now.Add(end.Sub(now)/2))
		}
		return pause
	}
	return latest(pause, g.presentOnceAt("").Add(WakeEarly))
}

// When a request that is refused is a matter for people: not after one answer,
// and not within an hour in which a provider answers so to everybody.
const (
	timesRejected = 8
	longRejected  = time.Hour
)

// Rejected reports whether one more refusal of our very request needs a person:
// it was refused so time and again, and nobody has been able to push for long.
func (g Grant) Rejected(now time.Time) bool {
	return g.Rejections+1 >= timesRejected && !now.Before(g.Edge().Add(longRejected))
}

// roll plans to roll n before any refusal.
func (g Grant) roll(n Nonce, rotation profile.Rotation) Plan {
	knownSpent := rotation.Policy == "detect" && g.Asides[n].Base == g.Generation
	return Plan{Step: Roll, Aside: n, KeepFormer: !knownSpent && !g.isRefused()}
}

func (g Grant) isRefused() bool { return g.Generation > 0 && g.Refused == g.Generation }

// presentOnceAt is when a credential that may be spent is presented all the
// same: at the mandatory edge, and only when every refresh attempt of others,
// of any generation, is old.
func (g Grant) presentOnceAt(me Nonce) time.Time {
	return latest(g.Edge(), oldAt(g.foreign(me, true)))
}

// spent reports whether another may have used up this generation's credential.
func (g Grant) spent(me Nonce) bool { return !g.firstPresented(me).IsZero() }

// elders are the attempts of others at refresh tokens of earlier generations that
// are neither kept nor in force again. Such a token is the last hope, and only
// while its own grace lasts: there is no time to wait for who presented it.
func (g Grant) elders(me Nonce) []Attempt {
	if g.Revived == g.Generation {
		return nil
	}
	return slices.DeleteFunc(g.foreign(me, true), func(a Attempt) bool {
		_, kept := g.Asides[FormerNonce(a.Generation)]
		return kept || a.Generation >= g.Generation
	})
}

// free reports whether presenting a credential that may be spent costs nothing.
func (g Grant) free(me Nonce, rotation profile.Rotation, now time.Time) bool {
	switch rotation.Policy {
	case "none":
		return true
	case "grace":
		return now.Before(g.firstPresented(me).Add(rotation.Grace.D()))
	default:
		return false
	}
}

// FreeUntil bounds when a credential that may be spent can still be presented
// at no cost: until the provider's grace is over. Zero when nothing bounds it.
// Whoever presents it checks this once more just before the request leaves, for
// time has passed since [Grant.Recover] looked at the clock.
func (g Grant) FreeUntil(me Nonce, rotation profile.Rotation, decided time.Time) time.Time {
	if rotation.Policy != "grace" || !g.spent(me) || !g.free(me, rotation, decided) {
		return time.Time{}
	}
	return g.firstPresented(me).Add(rotation.Grace.D())
}

// firstPresented is when somebody else may first have presented this
// generation's credential, from the attempts that are still open and from raw
// asides, whose attempt ended when they were kept; zero when nobody did.
func (g Grant) firstPresented(me Nonce) time.Time {
	var first time.Time
	note := func(at time.Time) {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	for _, a := range g.foreign(me, true) {
		if a.Generation == g.Generation {
			note(a.At)
		}
	}
	for _, a := range g.Asides {
		if a.Raw && a.Base == g.Generation {
			note(a.Issued) // its request began then
		}
	}
	return first
}

// WhyDead words the verdict over this generation's credential: what is known of
// how it may have died. Idle bounds an unused refresh token's life, 0 for no
// documented bound.
func (g Grant) WhyDead(me Nonce, token profile.Token, now time.Time) Reason {
	age := now.Sub(g.Issued)
	switch {
	case g.spent(me):
		return AnswerLost
	case !g.RefreshExpires.IsZero() && !now.Before(g.RefreshExpires),
		token.RefreshIdle > 0 && age > token.RefreshIdle.D(),
		token.RefreshLifetime > 0 && age > token.RefreshLifetime.D():
		return Expired
	default:
		return Revoked
	}
}
