package show

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/local/leaks"
	"bellhop/local/sandbox"
)

// asPromised is the evidence of a run in which every promise was kept.
func asPromised() evidence {
	at := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	return evidence{
		summary: sandbox.Summary{
			Refresh: sandbox.RefreshSummary{Generations: 12, Presentations: 13, Recoveries: 1, PerGeneration: "1.00"},
			Pushes:  map[string]int{sandbox.PushAccepted: 600},
		},
		cells: tally{13500, 13500}, connections: 12, blunders: blunder{6, 6}, readback: readbacks{12, 46000, 0},
		episode: episode{
			property: "190811", withdrawn: at, alerted: at.Add(3 * time.Second), cells: 66, arrived: 66,
			reconnect: at.Add(20 * time.Second), recovered: at.Add(21 * time.Second),
		},
		log: logbook{"token_refreshed": 14}, listed: []string{"token_refreshed", "grant_dead"},
		leaks: searched{secrets: 60, bytes: 2_000_000}, secretsMoved: 7, secretsFull: 7,
	}
}

// broken are the lines that are not as promised.
func broken(e evidence) []string {
	var all []string
	for _, l := range judge(e) {
		if !l.kept {
			all = append(all, l.what)
		}
	}
	return all
}

func TestJudge_AllAsPromised(t *testing.T) {
	if lines := broken(asPromised()); len(lines) > 0 {
		t.Errorf("not as promised: %q", lines)
	}
}

// Every line of the table can fail, and fails alone.
func TestJudge_EachPromiseCanBeBroken(t *testing.T) {
	cell := sandbox.CellID{Persona: sandbox.Cloudbeds, Property: "190811", RoomType: "DBL", RatePlan: "BAR", Date: "2026-12-01"}
	refresh := func(n int, reason string, delivered bool) sandbox.Presentation {
		return sandbox.Presentation{N: n, Request: n, Kind: sandbox.RefreshToken, Endpoint: "token", Token: 5,
			Accepted: reason == sandbox.ReasonOK, Reason: reason, Delivered: delivered, At: 1 << 60}
	}
	for _, c := range []struct {
		line  string
		spoil func(*evidence)
	}{
		{"exchanges per generation", func(e *evidence) { e.summary.Refresh.PerGeneration = "1.08" }},
		{"refresh tokens rotated", func(e *evidence) { e.summary.Refresh.Generations = 0 }},
		{"presented twice without an open attempt", func(e *evidence) {
			e.presentations = []sandbox.Presentation{refresh(1, sandbox.ReasonOK, true), refresh(2, sandbox.ReasonRecovery, true)}
		}},
		{"after the grace", func(e *evidence) { e.summary.Refresh.TwiceOutsideGrace = 1 }},
		{"presented by two at once", func(e *evidence) { e.summary.Refresh.Overlapped = 1 }},
		{"expired token", func(e *evidence) { e.summary.Pushes[sandbox.PushExpired] = 1 }},
		{"expired token", func(e *evidence) { e.summary.Pushes[sandbox.PushSuperseded] = 1 }},
		{"cells right / wanted", func(e *evidence) { e.cells.right-- }},
		{"cells right / wanted", func(e *evidence) { e.cells = tally{} }},
		{"older over newer", func(e *evidence) { e.disorders = []disorder{{at: slot{cell, "price"}}} }},
		{"connections read back", func(e *evidence) { e.readback.done-- }},
		{"connections read back", func(e *evidence) { e.readback.drifted++ }},
		{"wrong messages", func(e *evidence) { e.blunders.answered-- }},
		{"alert after", func(e *evidence) { e.episode.alerted = e.episode.withdrawn.Add(61 * time.Second) }},
		{"alert after", func(e *evidence) { e.episode.alerted = time.Time{} }},
		{"bad signature", func(e *evidence) { e.disbelieved = []error{errors.New("webhook: bad signature")} }},
		{"cells that waited", func(e *evidence) { e.episode.arrived-- }},
		{"recovery told", func(e *evidence) { e.episode.recovered = time.Time{} }},
		{"found in any output", func(e *evidence) { e.leaks.leaks = []leaks.Leak{{What: "a token", Place: "the pusher's log"}} }},
		{"found in any output", func(e *evidence) { e.leaks.bytes = 0 }},
		{"moves to another secret", func(e *evidence) { e.secretsMoved = 0 }},
		{"kinds of lifecycle events", func(e *evidence) { e.log["tokens_eaten"] = 1 }},
		{"role does not allow", func(e *evidence) { e.denied = []string{"1 × sqs SendMessageBatch"} }},
		{"dead letters", func(e *evidence) { e.deadLetters = 1 }},
	} {
		e := asPromised()
		c.spoil(&e)
		if lines := broken(e); len(lines) != 1 || !strings.Contains(lines[0], c.line) {
			t.Errorf("%s: broken lines are %q", c.line, lines)
		}
	}
}

func TestJudge_AWrongCellIsNamedAndItsChunkIsNotDelivered(t *testing.T) {
	e := asPromised()
	e.wrong = []wrong{{slot{sandbox.CellID{Property: "190806", RoomType: "DBL", RatePlan: "BAR", Date: "2026-12-01"}, "price"}, said{"129.00", 7}, "119.00"}}
	e.cells.right--
	e.requests = []sandbox.Request{
		{N: 1, Endpoint: "patchRate", Property: "190806", Status: 429, Delivered: true, Outcome: sandbox.PushThrottled, Fault: sandbox.FaultThrottled},
		{N: 2, Endpoint: "patchRate", Property: "190807", Outcome: sandbox.PushAccepted, Fault: sandbox.FaultResetAfter},
	}
	var text strings.Builder
	for _, l := range judge(e) {
		fmt.Fprintln(&text, l.what, l.found, l.look)
	}
	for _, want := range []string{"delivered 1 / 2", `190806 DBL/BAR 2026-12-01 price: holds "119.00", wanted "129.00" of revision 7`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, text.String())
		}
	}
}

func TestPutBack_CountsWhatWasNotTakenOrNotTold(t *testing.T) {
	for _, c := range []struct {
		name string
		r    sandbox.Request
		back int
	}{
		{"accepted", sandbox.Request{Endpoint: "batch", Status: 200, Delivered: true, Outcome: sandbox.PushAccepted}, 0},
		{"accepted slowly", sandbox.Request{Endpoint: "batch", Status: 200, Delivered: true, Outcome: sandbox.PushAccepted, Fault: sandbox.FaultLatency}, 0},
		{"an error inside 200", sandbox.Request{Endpoint: "patchRate", Status: 200, Delivered: true, Outcome: sandbox.PushRefused, Fault: sandbox.FaultSuccessFalse}, 1},
		{"refused inside 200", sandbox.Request{Endpoint: "patchRate", Status: 200, Delivered: true, Outcome: sandbox.PushRefused}, 1},
		{"throttled", sandbox.Request{Endpoint: "batch", Status: 429, Delivered: true, Outcome: sandbox.PushThrottled}, 1},
		{"answer lost", sandbox.Request{Endpoint: "batch", Outcome: sandbox.PushAccepted, Fault: sandbox.FaultResetAfter}, 1},
		{"not a push", sandbox.Request{Endpoint: "getRateJobs", Status: 429, Delivered: true}, 0},
	} {
		back, delivered := putBack([]sandbox.Request{c.r}, nil)
		if back != c.back || delivered != c.back {
			t.Errorf("%s: put back %d, delivered %d, want %d", c.name, back, delivered, c.back)
		}
	}
}

// A refresh token may come again only while nobody knows what became of it.
func TestNeedless_ReadsTheBooksOfOneToken(t *testing.T) {
	const lost, delivered = false, true
	one := func(reason string, delivered bool) sandbox.Presentation {
		return sandbox.Presentation{Kind: sandbox.RefreshToken, Endpoint: "token", Token: 9, Reason: reason, Delivered: delivered}
	}
	for _, c := range []struct {
		name string
		life []sandbox.Presentation
		want int
	}{
		{"once", []sandbox.Presentation{one(sandbox.ReasonOK, delivered)}, 0},
		{"again after a lost answer", []sandbox.Presentation{one(sandbox.ReasonOK, lost), one(sandbox.ReasonRecovery, delivered)}, 0},
		{"again after a 503 that spent nothing", []sandbox.Presentation{one(sandbox.ReasonUnseen, delivered), one(sandbox.ReasonOK, delivered)}, 0},
		{"again after an answer", []sandbox.Presentation{one(sandbox.ReasonOK, delivered), one(sandbox.ReasonRecovery, delivered)}, 1},
		{"a dead grant asked again", []sandbox.Presentation{one(sandbox.ReasonRevoked, delivered), one(sandbox.ReasonRevoked, delivered)}, 1},
		{"a third time", []sandbox.Presentation{one(sandbox.ReasonOK, lost), one(sandbox.ReasonRecovery, delivered), one(sandbox.ReasonRecovery, delivered)}, 1},
	} {
		if found := needless(c.life); len(found) != c.want {
			t.Errorf("%s: %q, want %d", c.name, found, c.want)
		}
	}
}

func TestAfterWithdrawal_CountsTheDeadGrantsExchanges(t *testing.T) {
	e := asPromised()
	withdrawn := e.episode.withdrawn.UnixMilli()
	e.requests = []sandbox.Request{{N: 1, Property: "190811"}, {N: 2, Property: "190811"}, {N: 3, Property: "190806"}}
	for n := 1; n <= 3; n++ {
		e.presentations = append(e.presentations, sandbox.Presentation{
			N: n, Request: n, Kind: sandbox.RefreshToken, Endpoint: "token", Token: n, Reason: sandbox.ReasonRevoked, At: withdrawn + int64(n)})
	}
	if n := afterWithdrawal(e); n != 2 {
		t.Errorf("%d exchanges of the dead grant, want the 2 of its property", n)
	}
	if lines := broken(e); len(lines) != 1 || !strings.Contains(lines[0], "dead grant") {
		t.Errorf("broken lines are %q", lines)
	}
}

// A short run has too few refreshes to fill a secret.
func TestJudge_NoSecretHasToMoveBeforeItIsFull(t *testing.T) {
	e := asPromised()
	e.secretsMoved, e.secretsFull = 0, 0
	if lines := broken(e); len(lines) > 0 {
		t.Errorf("not as promised: %q", lines)
	}
}

func TestFull_CountsPairsThatArrived(t *testing.T) {
	pair := func(client, property string, delivered bool) sandbox.Request {
		return sandbox.Request{Endpoint: "token", Client: client, Property: property, Status: 200, Delivered: delivered}
	}
	requests := []sandbox.Request{
		pair("group", "", true), pair("group", "", false), pair("group", "", true),
		pair("live1", "1", true), pair("live1", "1", true), pair("live1", "1", true),
		pair("live1", "2", true), pair("live1", "2", true), pair("live1", "2", true),
	}
	if n := full(requests, "2", 2); n != 1 {
		t.Errorf("%d grants filled a secret, want only the one of property 1", n)
	}
}

func TestStillWaiting_CountsCellsNotFields(t *testing.T) {
	cell := sandbox.CellID{Property: "190811", Date: "2026-12-01"}
	e := episode{waited: []slot{{cell, "price"}, {cell, "min_stay"}}, cells: 1}
	off := []wrong{{at: slot{cell, "price"}}, {at: slot{cell, "min_stay"}}, {at: slot{sandbox.CellID{Property: "other"}, "price"}}}
	if n := stillWaiting(e, off); n != 1 {
		t.Errorf("%d cells still wait, want 1", n)
	}
}

func TestMoves_CountsFormerSecrets(t *testing.T) {
	names := []string{"bellhop/keys", "bellhop/client/generic-group", "bellhop/grant/lis/1", "bellhop/grant/kyo/2", "bellhop/grant/edi/1", "bellhop/grant/edi/3"}
	if n := moves(names); n != 3 {
		t.Errorf("%d moves, want 1 of kyo and 2 of edi", n)
	}
}
