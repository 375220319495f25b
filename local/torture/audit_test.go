package torture

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/local/sandbox"
)

// ledger writes books by hand: seconds after noon, one grant named g.
type ledger struct{ books }

func blank() *ledger {
	return &ledger{books{grants: map[string]bool{"g": true}, journal: map[string][]entry{}}}
}

func second(s float64) time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Add(time.Duration(s * float64(time.Second)))
}

// issue enters the next refresh token; its number is its generation.
func (l *ledger) issue() int {
	n := len(l.tokens) + 1
	l.tokens = append(l.tokens, sandbox.Token{N: n, Kind: sandbox.RefreshToken, Value: fmt.Sprint("value-", n), Property: "g", Generation: n})
	return n
}

// present lets a token arrive.
func (l *ledger) present(token int, at float64, reason string) {
	accepted := reason == sandbox.ReasonOK || reason == sandbox.ReasonRecovery || reason == sandbox.ReasonSibling
	l.presentations = append(l.presentations, sandbox.Presentation{
		N: len(l.presentations) + 1, Endpoint: "token", Kind: sandbox.RefreshToken, Token: token, Generation: token,
		Accepted: accepted, Reason: reason, At: second(at).UnixMilli(), Delivered: true,
	})
	if accepted {
		l.tokens[token-1].SupersededAt = second(at).UnixMilli()
	}
}

// wrote enters what the table answered.
func (l *ledger) wrote(at float64, what act, me string) *entry {
	e := entry{act: what, me: me, began: second(at - 0.002), at: second(at)}
	l.journal["g"] = append(l.journal["g"], e)
	return &l.journal["g"][len(l.journal["g"])-1]
}

// exchange is one in good order: lease, POST, commit.
func (l *ledger) exchange(at float64, token int) (next int) {
	me := fmt.Sprint("n", at)
	l.wrote(at, leased, me)
	l.present(token, at+0.1, sandbox.ReasonOK)
	next = l.issue()
	l.wrote(at+0.2, committed, me)
	return next
}

// ended says what the grant holds at rest.
func (l *ledger) ended(state string, token int) {
	l.ends = append(l.ends, end{grant: "g", state: state, refresh: fmt.Sprint("value-", token)})
}

func (l *ledger) findings(t *testing.T, want ...string) audit {
	t.Helper()
	a := l.judge()
	var got []string
	for _, f := range a.broken() {
		got = append(got, f.what)
		if len(f.story) == 0 || !strings.Contains(f.String(), "grant g") {
			t.Errorf("a finding without a story: %q", f)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %q, want %q\n%v", got, want, a.broken())
	}
	return a
}

func TestAudit_AllInOrder(t *testing.T) {
	l := blank()
	token := l.issue()
	for i := range 5 {
		token = l.exchange(float64(40*i), token)
	}
	l.ended("healthy", token)
	a := l.findings(t)
	if a.rotations != 5 || a.generations != 5 || a.perGeneration() != 1 || a.recoveries != 0 || a.reauthorizations() != 0 {
		t.Errorf("the books come to %+v", a)
	}
}

// A holder that dies with the answer in its hand leaves its attempt open. The
// next one sees it and presents the same token again, inside the grace.
func TestAudit_ARecoveryIsNoViolation(t *testing.T) {
	l := blank()
	first := l.issue()
	l.wrote(0, leased, "a")
	l.present(first, 0.1, sandbox.ReasonOK)
	l.issue() // never read
	l.wrote(20, leased, "b").suspect = true
	l.present(first, 20.1, sandbox.ReasonRecovery)
	last := l.issue()
	l.wrote(20.2, committed, "b")
	l.ended("healthy", last)
	if a := l.findings(t); a.recoveries != 1 || a.perGeneration() != 1 {
		t.Errorf("the books come to %+v", a)
	}
}

// The same arrivals, and the second holder knew of nothing.
func TestAudit_PresentedTwiceUnknowingly(t *testing.T) {
	l := blank()
	first := l.issue()
	l.wrote(0, leased, "a")
	l.present(first, 0.1, sandbox.ReasonOK)
	l.issue()
	l.wrote(20, leased, "b")
	l.present(first, 20.1, sandbox.ReasonRecovery)
	last := l.issue()
	l.wrote(20.2, committed, "b")
	l.ended("healthy", last)
	l.findings(t, presentedTwice)
}

// One lease, one credential: whoever sends the same POST twice under one lease
// has nobody's open attempt to excuse it, and neither has one who saw another's
// and sends it twice himself.
func TestAudit_PresentedTwiceUnderOneLease(t *testing.T) {
	l := blank()
	first := l.issue()
	l.wrote(0, leased, "a")
	l.present(first, 0.1, sandbox.ReasonOK)
	l.present(first, 0.2, sandbox.ReasonRecovery)
	l.wrote(0.3, committed, "a")
	l.ended("healthy", l.issue())
	l.findings(t, presentedTwice)

	l = blank()
	first = l.issue()
	l.wrote(0, leased, "a")
	l.present(first, 0.1, sandbox.ReasonOK)
	l.wrote(20, leased, "b").suspect = true
	l.present(first, 20.1, sandbox.ReasonRecovery)
	l.present(first, 20.2, sandbox.ReasonRecovery)
	l.wrote(20.3, committed, "b")
	l.ended("healthy", l.issue())
	l.findings(t, presentedTwice)
}

// An attempt at an earlier pair excuses nothing, unless a roll has made that
// pair the present one again.
func TestAudit_AnEarlierAttempt(t *testing.T) {
	for _, roll := range []bool{false, true} {
		l := blank()
		first := l.issue()
		l.wrote(0, leased, "a")
		l.present(first, 0.1, sandbox.ReasonOK)
		if roll {
			l.wrote(18, leased, "r")
			l.wrote(18.1, rolled, "r")
		}
		l.wrote(20, leased, "b").others = true
		l.present(first, 20.1, sandbox.ReasonRecovery)
		l.wrote(20.2, committed, "b")
		l.ended("healthy", l.issue())
		if roll {
			l.findings(t)
		} else {
			l.findings(t, presentedTwice)
		}
	}
}

func TestAudit_PresentedWithoutALease(t *testing.T) {
	l := blank()
	first := l.issue()
	l.wrote(0, leased, "a")
	l.wrote(0.1, abandoned, "a")
	l.present(first, 30, sandbox.ReasonOK)
	l.ended("healthy", l.issue())
	l.findings(t, withoutLease)
}

// The provider answered with a pair, and whoever sent it wrote that nothing was
// spent.
func TestAudit_AnAnswerThatNobodyHolds(t *testing.T) {
	for _, fate := range []act{abandoned, refused, condemned, rolled} {
		l := blank()
		first := l.issue()
		l.wrote(0, leased, "a")
		l.present(first, 0.1, sandbox.ReasonOK)
		next := l.issue()
		e := l.wrote(0.2, fate, "a")
		l.ended("healthy", next)
		if fate == condemned {
			e.reason = "answer_lost"
			l.findings(t, lostInSilence, notExplained+" (answer_lost)")
		} else {
			l.findings(t, lostInSilence)
		}
	}
	for _, fate := range []act{committed, kept, released} {
		l := blank()
		first := l.issue()
		l.wrote(0, leased, "a")
		l.present(first, 0.1, sandbox.ReasonOK)
		next := l.issue()
		l.wrote(0.2, fate, "a")
		l.ended("healthy", next)
		l.findings(t)
	}
}

// Without a grace a lost answer is refused when it is presented once more, and
// the owner must consent: explained, and counted.
func TestAudit_ALostAnswerExplainsAReauthorization(t *testing.T) {
	l := blank()
	first := l.issue()
	l.wrote(0, leased, "a")
	l.present(first, 0.1, sandbox.ReasonOK)
	l.issue()
	l.wrote(53, leased, "b").suspect = true
	l.present(first, 53.1, sandbox.ReasonReuse)
	l.wrote(53.2, condemned, "b").reason = "answer_lost"
	l.wrote(55, consented, "")
	l.ended("healthy", l.issue())
	a := l.findings(t)
	if a.reasons["answer_lost"] != 1 || a.again != 1 || a.perGeneration() != 2 {
		t.Errorf("the books come to %+v", a)
	}
}

// A verdict over a token that the provider had never answered before, and one
// for another reason, are explained by nothing.
func TestAudit_UnexplainedReauthorizations(t *testing.T) {
	for _, reason := range []string{"answer_lost", "revoked"} {
		l := blank()
		first := l.issue()
		l.wrote(0, leased, "a")
		l.present(first, 0.1, sandbox.ReasonRevoked)
		l.wrote(0.2, condemned, "a").reason = reason
		l.wrote(2, consented, "")
		l.ended("healthy", l.issue())
		l.findings(t, notExplained+" ("+reason+")")
	}
}

// A lost answer explains a verdict that says so, and no other.
func TestAudit_ALostAnswerExplainsNoOtherReason(t *testing.T) {
	l := blank()
	first := l.issue()
	l.wrote(0, leased, "a")
	l.present(first, 0.1, sandbox.ReasonOK)
	l.issue()
	l.wrote(53, leased, "b").suspect = true
	l.present(first, 53.1, sandbox.ReasonReuse)
	l.wrote(53.2, condemned, "b").reason = "revoked"
	l.wrote(55, consented, "")
	l.ended("healthy", l.issue())
	a := l.findings(t, notExplained+" (revoked)")
	if story := fmt.Sprint(a.asked[0].story); len(a.asked) != 1 || !strings.Contains(story, "verdict by b: revoked") || !strings.Contains(story, "arrives: reuse") {
		t.Errorf("the story is %s", story)
	}
}

func TestAudit_WhatGrantsHoldInTheEnd(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(l *ledger)
		want string
	}{
		{"the newest", func(l *ledger) { l.ended("healthy", 2) }, ""},
		{"one that was rotated away", func(l *ledger) { l.ended("healthy", 1) }, lostInSilence},
		{"one that nobody issued", func(l *ledger) { l.ended("healthy", 99) }, lostInSilence},
		{"one that was revoked", func(l *ledger) { l.tokens[1].RevokedAt = 1; l.ended("healthy", 2) }, lostInSilence},
		{"another grant's", func(l *ledger) { l.tokens[1].Property = "h"; l.ended("healthy", 2) }, lostInSilence},
		{"nothing, and says so", func(l *ledger) { l.ended("reauthorization_required", 0) }, notAtRest},
		{"a lease", func(l *ledger) { l.ended("refreshing", 2) }, notAtRest},
	} {
		l := blank()
		l.exchange(0, l.issue())
		row.end(l)
		t.Run(row.name, func(t *testing.T) {
			if row.want == "" {
				l.findings(t)
			} else {
				l.findings(t, row.want)
			}
		})
	}
}

// What never reached the provider's logic was not presented, and others' tokens
// are none of our business.
func TestAudit_WhatDoesNotCount(t *testing.T) {
	l := blank()
	first := l.issue()
	l.wrote(0, leased, "a")
	l.present(first, 0.1, sandbox.ReasonUnseen)
	l.wrote(0.2, abandoned, "a")
	next := l.exchange(5, first)
	l.ended("healthy", next)
	l.tokens = append(l.tokens, sandbox.Token{N: len(l.tokens) + 1, Kind: sandbox.RefreshToken, Property: "elsewhere"})
	l.present(len(l.tokens), 6, sandbox.ReasonOK)
	if a := l.findings(t); a.presentations != 1 {
		t.Errorf("%d presentations, want 1", a.presentations)
	}
}

// The books of a long run are judged in one pass: ten times as many rotations
// take about ten times as long, and never a hundred times.
func TestAudit_LongBooks(t *testing.T) {
	l := blank()
	const grants, each = 1500, 70
	for g := range grants {
		id := fmt.Sprint("torture-", g)
		l.grants[id] = true
		entries := make([]entry, 0, 2*each)
		for i := range each {
			at, me := float64(38*i)+float64(g)/50, fmt.Sprint(g, "/", i)
			l.tokens = append(l.tokens, sandbox.Token{N: len(l.tokens) + 1, Kind: sandbox.RefreshToken, Value: me, Property: id, Generation: i + 1})
			l.present(len(l.tokens), at+0.1, sandbox.ReasonOK)
			entries = append(entries, entry{act: leased, me: me, began: second(at), at: second(at)},
				entry{act: committed, me: me, began: second(at + 0.2), at: second(at + 0.2)})
		}
		l.journal[id] = entries
	}
	began := time.Now()
	a := l.judge()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("judging %d rotations took %s", grants*each, took)
	}
	if a.rotations != grants*each || len(a.broken()) != 0 {
		t.Errorf("%d rotations, %d findings", a.rotations, len(a.broken()))
	}
}
