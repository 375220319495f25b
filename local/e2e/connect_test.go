package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/local/sandbox"
)

// A provider that grants per client needs nobody: adding the connection is
// enough, and two properties share one grant and its one exchange.
func connectWithOwnCredentials(t *testing.T, w *world) {
	first := newHotel(t, w, "porto-1", booking{persona: sandbox.Generic})
	first.healthy(t, 10*time.Second)
	second := newHotel(t, w, "porto-2", booking{persona: sandbox.Generic, client: first.client})
	second.healthy(t, 10*time.Second)

	first.send(t, first.next(40)) // over the end of a month
	w.must(t, string(second.next(3).body()), "rates", "send", "-")
	first.arrives(t, 15*time.Second)
	second.arrives(t, 15*time.Second)

	if n := w.exchangesOf(t, first.client); n != 1 {
		t.Errorf("two properties of one client cost %d exchanges within the first token's life, want 1", n)
	}
	if out := w.must(t, "", "connections", "list"); !strings.Contains(out, "porto-1") || !strings.Contains(out, "healthy") {
		t.Errorf("the list does not show a healthy porto-1:\n%s", out)
	}
	_, errs, code := w.bellhop(t, "", "connections", "show", "nowhere")
	if code != 3 || errs == "" {
		t.Errorf("an unknown connection: exit code %d and %q, want 3 and a word about it", code, errs)
	}
}

// exchangesOf counts what the token endpoint issued to a client.
func (w *world) exchangesOf(t *testing.T, client string) int {
	t.Helper()
	tokens, err := w.books.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, k := range tokens {
		if k.Client == "id-"+client && k.Kind == sandbox.AccessToken {
			n++
		}
	}
	return n
}

// Where the owner must consent, the link is all that it takes. What was sent
// before is kept and goes out by itself, and the provider is read back.
func connectByConsent(t *testing.T, w *world) {
	h := newHotel(t, w, "lisbon-1", booking{persona: sandbox.Cloudbeds})
	if s := h.status(t); s.State != "reauthorization_required" || s.Reason != "never_connected" {
		t.Errorf("before the consent it is %s (%s)", s.State, s.Reason)
	}
	h.send(t, h.next(10))
	eventually(t, 10*time.Second, "the update is kept", func() string {
		if s := h.status(t); s.Waiting != 10 {
			return fmt.Sprintf("%d cells wait, want 10", s.Waiting)
		}
		return ""
	})
	last := h.consent(t, h.link, h.id)
	if last.status != 200 || !strings.Contains(last.body, "is connected to") {
		t.Fatalf("the callback answers %d:\n%s", last.status, last.body)
	}
	h.healthy(t, 10*time.Second)
	h.arrives(t, 20*time.Second)
	w.awaitEvent(t, 30*time.Second, "readback_done", "connection", h.id)
	if alerts := w.alerts.about(h.grant, attention); len(alerts) != 0 {
		t.Errorf("somebody was alerted about a connection that was never made: %+v", alerts)
	}
}

// "property" in place of "connection" reaches every channel of the house.
func sendToAProperty(t *testing.T, w *world) {
	one := connected(t, w, "faro-1", booking{persona: sandbox.Generic, property: "faro"})
	other := connected(t, w, "faro-2", booking{persona: sandbox.Cloudbeds, property: "faro"})
	u := one.next(5)
	other.next(5)
	u.Connection, u.Property = "", "faro"
	w.enqueue(t, string(u.body()), "faro")
	one.arrives(t, 15*time.Second)
	other.arrives(t, 20*time.Second)
}

// Tokens live a minute, updates keep coming: none meets an expired token, no
// exchange is made twice, and the settled pair is where it belongs.
func rotateUnderUpdates(t *testing.T, w *world) {
	h := connected(t, w, "evora-1", booking{persona: sandbox.Cloudbeds})
	eventually(t, time.Minute, "a refresh of "+h.id, func() string {
		h.send(t, h.next(7))
		time.Sleep(time.Second) // the PMS's own pace
		if g := number(h.token(t), "generation"); g < 2 {
			return fmt.Sprintf("generation %d", g)
		}
		return ""
	})
	h.arrives(t, 20*time.Second)
	if s := h.status(t); !s.Settled {
		t.Errorf("the pair of generation %d is not at its home", s.Generation)
	}
	for _, g := range w.familyOf(t, h) {
		if g.Presented > 1 {
			t.Errorf("the refresh token of generation %d was presented %d times", g.Generation, g.Presented)
		}
	}
}

// familyOf is what became of each refresh token of a hotel's present consent.
func (w *world) familyOf(t *testing.T, h *hotel) []sandbox.GenerationExchange {
	t.Helper()
	exchanges, err := w.books.Exchanges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exchanges {
		if e.Property == h.id {
			return e.Generations
		}
	}
	t.Fatalf("the provider knows no consent for %s", h.id)
	return nil
}

// Switched off, a connection takes updates in and sends nothing; switched on, it
// sends what has waited.
func switchOffAndOn(t *testing.T, w *world) {
	h := connected(t, w, "sintra-1", booking{persona: sandbox.Cloudbeds})
	h.send(t, h.next(3))
	h.arrives(t, 20*time.Second)
	w.must(t, "", "connections", "disable", h.id)
	h.becomes(t, 5*time.Second, "disabled")

	h.send(t, h.next(3))
	eventually(t, 10*time.Second, "the update is kept", func() string {
		if s := h.status(t); s.Waiting != 3 {
			return fmt.Sprintf("%d cells wait, want 3", s.Waiting)
		}
		return ""
	})
	if n := w.pushesTo(t, h); n != 1 {
		t.Errorf("%d pushes in all, want none since it is disabled", n)
	}
	w.must(t, "", "connections", "enable", h.id)
	h.healthy(t, 10*time.Second)
	h.arrives(t, 20*time.Second)
}

// pushesTo counts the calls that were to change a property's rates.
func (w *world) pushesTo(t *testing.T, h *hotel) int {
	t.Helper()
	requests, err := w.books.Requests(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range requests {
		if r.Property == h.id && r.Outcome != "" {
			n++
		}
	}
	return n
}
