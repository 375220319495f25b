package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// The points of the refresher, by the words that only one of the writes of
// docs/protocols.md has.
var (
	afterLease = point{
		name: "after_lease", function: stack.Refresher, service: "dynamodb", operation: "UpdateItem",
		also: "set holder = :holder, deadline", side: proxy.After, nth: 1, asked: 0,
	}
	beforeCommit = point{
		name: "before_commit", function: stack.Refresher, service: "dynamodb", operation: "UpdateItem",
		also: "committed_by", side: proxy.Before, nth: 1, asked: 1,
	}
	beforeSettling = point{
		name: "before_settling", function: stack.Refresher, service: "secretsmanager", operation: "PutSecretValue",
		side: proxy.Before, nth: 1, asked: 1,
	}
	beforeSettleWrite = point{
		name: "before_settle_write", function: stack.Refresher, service: "dynamodb", operation: "UpdateItem",
		also: "pair_ref = :pair_ref", side: proxy.Before, nth: 1, asked: 1,
	}
)

// killRefresher kills a refresher at a point. The message that it had comes back
// when its lease is over, and the grant goes on: at most with a recovery.
func killRefresher(t *testing.T, w *world, id string, p point) {
	h := rotating(t, w, id)
	before := number(h.token(t), "generation")
	tr, alone := h.arm(t, p)
	h.bringForward(t)
	tr.kill(t)
	alone()
	tr.wasHit(t)
	h.moves(t, 60*time.Second, before)
	h.settled(t, 60*time.Second)
	h.livesOn(t)
}

// freezeRefresher stops a refresher at a point until its lease is over and
// another has done the work, and then lets it go on: whatever it still wants to
// write, nothing is lost and nothing is undone.
func freezeRefresher(t *testing.T, w *world, id string, p point) {
	h := rotating(t, w, id)
	before := number(h.token(t), "generation")
	tr, alone := h.arm(t, p)
	h.bringForward(t)
	pid := tr.hit(t)
	deal(t, pid, syscall.SIGSTOP)
	alone()
	outlasts(t, h.token(t), "deadline")
	h.wake(t)
	h.moves(t, 2*time.Second+500*time.Millisecond, before)
	tr.release(t)
	deal(t, pid, syscall.SIGCONT)
	tr.wasHit(t)
	if p.name == beforeCommit.name {
		w.awaitEvent(t, 10*time.Second, "answer_kept_aside", "grant", h.grant)
	}
	h.livesOn(t)
}

// rotating is a hotel whose provider rotates refresh tokens, with a grace.
func rotating(t *testing.T, w *world, id string) *hotel {
	t.Helper()
	h := connected(t, w, id, booking{persona: sandbox.Cloudbeds})
	h.settled(t, 10*time.Second)
	return h
}

// livesOn asserts that a grant is well: rates arrive, another refresh succeeds,
// and the provider's books show nothing but recoveries.
func (h *hotel) livesOn(t *testing.T) {
	t.Helper()
	generation := number(h.token(t), "generation")
	h.send(t, h.next(3))
	h.arrives(t, 60*time.Second)
	h.bringForward(t)
	h.moves(t, 60*time.Second, generation)
	h.healthy(t, 10*time.Second)
	for _, g := range h.w.familyOf(t, h) {
		if g.Reused > 0 || g.Refused > 0 || g.Presented > 1+g.Recovered {
			t.Errorf("the provider saw more than recoveries: %+v", g)
		}
	}
}

// A provider that revokes at reuse and grants no grace leaves nothing to recover
// with: a holder that dies with the answer in its hand costs the owner one
// click, no more. The pushes go on for as long as the access token lasts.
func (w *world) killsWithoutGrace(t *testing.T) {
	h := connected(t, w, "alcobaca-1", booking{persona: sandbox.Cloudbeds, rotation: []string{"--rotation", "detect"}})
	w.switches(t, 0, 30*time.Second)
	h.bringForward(t) // from here on tokens live half a minute
	h.moves(t, 20*time.Second, 1)
	tr, alone := h.arm(t, beforeCommit)
	h.bringForward(t)
	tr.kill(t)
	alone()
	tr.wasHit(t)
	h.send(t, h.next(3))
	h.arrives(t, 12*time.Second) // with the access token that is left

	alert := w.awaitAlertWithin(t, 60*time.Second, h.grant, attention)
	if s := h.status(t); s.State != "reauthorization_required" || s.Reason != "answer_lost" || alert.Data.Reason != "answer_lost" {
		t.Errorf("it is %s (%s), and the alert says %s; want answer_lost", s.State, s.Reason, alert.Data.Reason)
	}
	h.send(t, h.next(6))
	if last := h.consent(t, alert.Data.Reconnect, h.id); last.status != 200 || !strings.Contains(last.body, "is connected to") {
		t.Fatalf("the callback answers %d:\n%s", last.status, last.body)
	}
	h.arrives(t, 20*time.Second)
	w.awaitAlert(t, h.grant, recovered)
	w.switches(t, 30*time.Second, time.Minute)
}

// switches sets cloudbeds' reuse grace and the life of its tokens.
func (w *world) switches(t *testing.T, grace, life time.Duration) {
	t.Helper()
	s, err := w.books.Switches(t.Context(), sandbox.Cloudbeds)
	if err != nil {
		t.Fatal(err)
	}
	s.ReuseGrace, s.AccessTokenLifetime = grace.Milliseconds(), life.Milliseconds()
	if err := w.books.SetSwitches(t.Context(), sandbox.Cloudbeds, s); err != nil {
		t.Fatal(err)
	}
}
