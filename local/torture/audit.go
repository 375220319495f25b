package torture

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"bellhop/local/sandbox"
)

// audit is what the books come to.
type audit struct {
	rotations     int // exchanges that the provider answered with a new pair
	generations   int // refresh tokens that were presented at all
	presentations int
	recoveries    int // presented again inside the grace, and answered
	again         int // presented again and refused
	reasons       map[string]int

	lost, twice, unexplained, unwell []finding
	// asked are all reauthorizations, explained or not.
	asked []finding
}

// The promises, as the findings word them.
const (
	lostInSilence  = "a token was lost in silence"
	presentedTwice = "presented twice without an open attempt"
	withoutLease   = "presented without a lease"
	notExplained   = "reauthorization that no lost answer explains"
	notAtRest      = "did not come to rest"
)

// judge reads the books. It decides nothing from what the product says of
// itself, but for what a grant holds in the end.
//
// What is "lost in silence": the provider answered an exchange with a pair, and
// whoever sent it then wrote that nothing had been spent, or a grant that says
// it is healthy holds something else than the provider's newest. What is
// "presented twice without an open attempt": a refresh token arrives again, and
// no lease from which it may have been sent has seen, in the table's own answer,
// another's attempt at that generation, or an answer of it that could not be
// read.
func (b *books) judge() audit {
	a := audit{reasons: map[string]int{}}
	byGrant := b.byGrant()
	for _, grant := range slices.Sorted(maps.Keys(b.grants)) {
		held := leases(b.journal[grant])
		a.count(byGrant[grant])
		a.exchanges(grant, byGrant[grant], held)
		a.verdicts(grant, byGrant[grant], b.journal[grant], held)
	}
	a.rest(b)
	return a
}

// count adds a grant's presentations up.
func (a *audit) count(all []presentation) {
	seen := map[int]bool{}
	for _, p := range all {
		a.presentations++
		if !seen[p.Token] {
			seen[p.Token] = true
			a.generations++
		} else if !p.Accepted {
			a.again++
		}
		if p.Accepted {
			a.rotations++
		}
		if p.Reason == sandbox.ReasonRecovery {
			a.recoveries++
		}
	}
}

// exchanges judges each presentation by the leases that were open around it.
func (a *audit) exchanges(grant string, all []presentation, held []lease) {
	earlier := map[int][]presentation{}
	for _, p := range all {
		around := candidates(held, p.at)
		before := earlier[p.Token]
		earlier[p.Token] = append(before, p)
		switch {
		case len(around) == 0:
			a.twice = append(a.twice, tell(withoutLease, grant, p, before, held))
		case len(before) > 0 && !permitted(before, p, held, around):
			a.twice = append(a.twice, tell(presentedTwice, grant, p, before, held))
		case p.Accepted && !slices.ContainsFunc(around, mayHoldIt):
			a.lost = append(a.lost, tell(lostInSilence, grant, p, before, held))
		}
	}
}

// permitted reports whether a repetition may have been sent by somebody who knew
// that the first presentation's outcome was open. Each presentation has a lease
// of its own, because a lease is for one credential; and the one who repeats has
// seen the other's attempt. An attempt at an earlier generation is enough after
// a roll alone, which makes an older pair the present one again.
func permitted(before []presentation, p presentation, held, around []lease) bool {
	knew := slices.ContainsFunc(around, func(l lease) bool { return l.suspect })
	if !knew && rolledBetween(held, before[0].at, p.at) {
		knew = slices.ContainsFunc(around, func(l lease) bool { return l.others })
	}
	first := candidates(held, before[0].at)
	since := len(first)
	for _, l := range held {
		if l.at.After(before[0].at) && !l.began.After(p.at) {
			since++
		}
	}
	return knew && since > len(before)
}

func rolledBetween(held []lease, from, to time.Time) bool {
	return slices.ContainsFunc(held, func(l lease) bool {
		return l.fate == rolled && l.at.After(from.Add(-time.Minute)) && l.at.Before(to)
	})
}

// mayHoldIt reports whether a lease ended in a way in which an answer is not
// forgotten: it was committed or kept, or its attempt stayed open, which is how
// the table remembers that an answer may be out.
func mayHoldIt(l lease) bool {
	return l.fate == committed || l.fate == kept || l.fate == leased
}

// verdicts counts the reauthorizations by their reasons. Only a lost answer
// explains one: the provider took the refused token before, and answered it with
// a pair that nobody committed or kept.
func (a *audit) verdicts(grant string, all []presentation, entries []entry, held []lease) {
	for _, e := range entries {
		if e.act != condemned {
			continue
		}
		a.reasons[e.reason]++
		f := finding{grant: grant, what: fmt.Sprintf("its owner was asked (%s)", e.reason), story: chronicle(all, entries, e.at)}
		a.asked = append(a.asked, f)
		if e.reason != "answer_lost" || !answerLost(all, held, e.at) {
			f.what = fmt.Sprintf("%s (%s)", notExplained, e.reason)
			a.unexplained = append(a.unexplained, f)
		}
	}
}

// answerLost reports whether the last token that was presented before a verdict
// had been spent by an exchange that left its attempt open.
func answerLost(all []presentation, held []lease, verdict time.Time) bool {
	var refusedToken int
	for _, p := range all {
		if !p.at.After(verdict) && !p.Accepted {
			refusedToken = p.Token
		}
	}
	for _, p := range all {
		if p.Token != refusedToken || !p.Accepted || p.at.After(verdict) {
			continue
		}
		open := func(l lease) bool { return l.fate == leased || l.fate == kept }
		if slices.ContainsFunc(candidates(held, p.at), open) {
			return true
		}
	}
	return false
}

// rest judges what the grants held in the end.
func (a *audit) rest(b *books) {
	byValue := map[string]*sandbox.Token{}
	for i := range b.tokens {
		if b.tokens[i].Kind == sandbox.RefreshToken {
			byValue[b.tokens[i].Value] = &b.tokens[i]
		}
	}
	for _, e := range b.ends {
		t := byValue[e.refresh]
		switch {
		case e.state != "healthy":
			a.unwell = append(a.unwell, finding{grant: e.grant, what: notAtRest, story: []string{"it is " + e.state + " " + e.reason}})
		case t == nil || t.Property != e.grant:
			a.lost = append(a.lost, finding{grant: e.grant, what: lostInSilence, story: []string{"it says that it is healthy, and holds a token that the provider never issued for it"}})
		case t.SupersededAt != 0 || t.RevokedAt != 0:
			a.lost = append(a.lost, finding{grant: e.grant, what: lostInSilence, generation: t.Generation, story: []string{
				fmt.Sprintf("it says that it is healthy, and holds generation %d, which the provider issued %s and ended since", t.Generation, clock(time.UnixMilli(t.IssuedAt)))}})
		}
	}
}

// tell words what happened to one token, with the leases around it.
func tell(what, grant string, p presentation, before []presentation, held []lease) finding {
	f := finding{grant: grant, what: what, generation: p.Generation}
	for _, x := range append(slices.Clone(before), p) {
		f.story = append(f.story, line(x))
		for _, l := range candidates(held, x.at) {
			f.story = append(f.story, fmt.Sprintf("  under a lease of %s (generation %d, ended as %s, another's attempt in sight: %t)",
				clock(l.at), l.generation, l.fate, l.suspect))
		}
	}
	return f
}

func line(p presentation) string {
	text := fmt.Sprintf("%s   generation %d arrives: %s, accepted %t, answer delivered %t",
		clock(p.at), p.Generation, p.Reason, p.Accepted, p.Delivered)
	if p.fault != "" {
		text += ", fault " + p.fault
	}
	return text
}

// chronicle is what happened to a grant in the two minutes before a verdict: at
// the provider, and in the table.
func chronicle(all []presentation, entries []entry, verdict time.Time) []string {
	from := verdict.Add(-2 * time.Minute)
	var lines []string
	for _, p := range all {
		if p.at.After(from) && !p.at.After(verdict) {
			lines = append(lines, line(p))
		}
	}
	for _, e := range entries {
		if e.at.After(from) && !e.at.After(verdict) {
			lines = append(lines, e.String())
		}
	}
	slices.Sort(lines) // each begins with its time
	return lines
}

// broken are all findings, the gravest kind first.
func (a *audit) broken() []finding {
	return slices.Concat(a.lost, a.twice, a.unexplained, a.unwell)
}

// perGeneration is how often a refresh token was presented, what the grace is
// for left out. 1.00 is right.
func (a *audit) perGeneration() float64 {
	if a.generations == 0 {
		return 0
	}
	return float64(a.presentations-a.recoveries) / float64(a.generations)
}

func (a *audit) reauthorizations() int {
	n := 0
	for _, count := range a.reasons {
		n += count
	}
	return n
}
