package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// disconnect withdraws a hotel's consent at the provider, as its owner would.
func (h *hotel) disconnect(t *testing.T) {
	t.Helper()
	if _, err := h.w.books.RevokeConsent(t.Context(), sandbox.RevokeConsent{Persona: h.persona, Account: h.account}); err != nil {
		t.Fatal(err)
	}
}

// The story of the product: an owner disconnects us, ops are told, the rates
// wait, another account is refused, the owner reconnects by the alert's link,
// everything that waited arrives, and ops are told that, too.
func reconnectAfterRevocation(t *testing.T, w *world) {
	h := connected(t, w, "coimbra-1", booking{persona: sandbox.Cloudbeds})
	h.send(t, h.next(5))
	h.arrives(t, 20*time.Second)
	h.disconnect(t)
	h.send(t, h.next(12)) // refused, which hastens the refresh that finds out why
	alert := w.awaitAlert(t, h.grant, attention)
	if alert.Data.Reason != "revoked" || len(alert.Data.Connections) != 1 || alert.Data.Connections[0].OwnerName != "Owner of "+h.id {
		t.Errorf("the alert says %+v", alert.Data)
	}
	if alert.Data.Waiting == nil || *alert.Data.Waiting != 12 {
		t.Errorf("the alert says that %v cells wait, want 12", alert.Data.Waiting)
	}
	h.send(t, h.next(12)) // taken in, and kept
	eventually(t, 10*time.Second, "the update is kept", func() string {
		if s := h.status(t); s.State != "reauthorization_required" || s.Waiting != 12 {
			return fmt.Sprintf("it is %s, %d cells wait, want 12", s.State, s.Waiting)
		}
		return ""
	})
	h.refuseAnotherAccount(t, alert.Data.Reconnect)
	if last := h.consent(t, alert.Data.Reconnect, h.id); last.status != 200 {
		t.Fatalf("the callback answers %d:\n%s", last.status, last.body)
	}
	h.arrives(t, 20*time.Second)
	again := w.awaitAlert(t, h.grant, recovered)
	if again.Data.Waiting == nil || *again.Data.Waiting != 12 {
		t.Errorf("the message says that %v cells waited, want 12", again.Data.Waiting)
	}
	h.healthy(t, 10*time.Second)
	for _, kind := range []string{attention, recovered} {
		if n := len(w.alerts.about(h.grant, kind)); n != 1 {
			t.Errorf("%d messages %s, want one", n, kind)
		}
	}
	if chat := w.alerts.chatAbout("Hotel " + h.id); len(chat) != 2 {
		t.Errorf("the chat got %d messages, want two: %v", len(chat), chat)
	}
}

// refuseAnotherAccount consents for a property of somebody else: that is refused,
// what was issued is given back, and the link stays good.
func (h *hotel) refuseAnotherAccount(t *testing.T, link string) {
	t.Helper()
	stranger := sandbox.Property{Persona: h.persona, ID: h.id + "-other", Account: "account-other", Currency: "EUR",
		Rates: []sandbox.Rate{{ID: rateID, RoomType: room, RatePlan: plan}}}
	if err := h.w.books.AddProperty(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	last := h.consent(t, link, stranger.ID)
	if last.status != 409 || !strings.Contains(last.body, "another account") {
		t.Errorf("another account's consent is answered %d:\n%s", last.status, last.body)
	}
	if s := h.status(t); s.State != "reauthorization_required" {
		t.Errorf("another account's consent made it %s", s.State)
	}
	tokens, err := h.w.books.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range tokens {
		if k.Property == stranger.ID && k.Kind == sandbox.RefreshToken && k.RevokedAt == 0 {
			t.Error("what was issued for another account was not given back")
		}
	}
}

// chatAbout returns the chat's messages that name a hotel.
func (r *receiver) chatAbout(hotel string) []string {
	var found []string
	for _, m := range r.all() {
		if m.channel == "slack" && strings.Contains(m.body, hotel) {
			found = append(found, m.body)
		}
	}
	return found
}

// A channel that is out of order gets its message when it works again; the other
// one does not wait for it and gets it once.
func alertAgain(t *testing.T, w *world) {
	h := connected(t, w, "leiria-1", booking{persona: sandbox.Cloudbeds})
	w.alerts.refuseNext(h.grant)
	h.disconnect(t)
	h.bringForward(t)
	eventually(t, 20*time.Second, "a message is refused", func() string {
		if !w.alerts.hasRefused(h.grant) {
			return "none came"
		}
		return ""
	})
	eventually(t, 60*time.Second, "the message comes again", func() string {
		if n := len(w.alerts.about(h.grant, attention)); n != 1 {
			return fmt.Sprintf("%d messages", n)
		}
		return ""
	})
	if chat := w.alerts.chatAbout("Hotel " + h.id); len(chat) != 1 {
		t.Errorf("the chat got %d messages, want one", len(chat))
	}
	h.sweptUp(t)
}

// sweptUp shows the sure path: an episode that has been due for more than two
// minutes is handed to the alerter by the sweep, whatever becomes of the stream,
// which is slow here. All is told, so nothing more is said.
func (h *hotel) sweptUp(t *testing.T) {
	t.Helper()
	w, grants := h.w, h.w.Outputs.GrantsTable
	withdraw := w.strike(t, proxy.Rule{ // for every look of the alerter: an earlier one may be under way
		Match: proxy.Match{Service: "dynamodb", Operation: "GetItem", Body: h.pairItem(), Function: string(stack.Alerter)},
		Kind:  proxy.Delay, Delay: proxy.Millis(3 * time.Second),
	})
	long := time.Now().Add(-3 * time.Minute).UnixMilli()
	w.change(t, grants, "GRANT#"+h.grant, "EPISODE#1", map[string]int64{"alert_due": long})
	w.sweep(t)
	withdraw()
	queue := w.Outputs.AlertsQueueURL[strings.LastIndexByte(w.Outputs.AlertsQueueURL, '/')+1:]
	if !slices.ContainsFunc(w.proxyLog(t), func(e proxy.Entry) bool {
		return e.Function == string(stack.Refresher) && e.Service == "sqs" && e.Target == queue && e.Status == 200
	}) {
		t.Error("the sweep has sent nothing to the alerts queue")
	}
	eventually(t, 15*time.Second, "the alerter has looked at the episode again", func() string {
		if due := number(w.read(t, grants, "GRANT#"+h.grant, "EPISODE#1"), "alert_due"); due == long {
			return "it is still due"
		}
		return ""
	})
	if n := len(w.alerts.about(h.grant, attention)); n != 1 {
		t.Errorf("%d messages after another look, want the one", n)
	}
}

// A link works once and for a while, a state once: whoever comes late, twice or
// with half a link gets a page that says so, and nothing changes.
func refuseLinks(t *testing.T, w *world) {
	h := newHotel(t, w, "lagos-1", booking{persona: sandbox.Cloudbeds})
	other := w.linkFor(t, h.id)
	begun := w.visit(t, "POST", h.link)
	back, err := w.books.Consent(t.Context(), begun.header.Get("Location"), h.id)
	if err != nil {
		t.Fatal(err)
	}
	if first := w.visit(t, "GET", back); first.status != 200 || !strings.Contains(first.body, "is connected to") {
		t.Fatalf("the callback answers %d:\n%s", first.status, first.body)
	}
	h.healthy(t, 10*time.Second)
	generation := h.status(t).Generation

	for name, c := range map[string]struct {
		url    string
		status int
		says   string
	}{
		"the callback again": {back, 200, "is connected to"},
		"the used link":      {h.link, 200, "nothing to do"},
		"half a link":        {h.link[:len(h.link)-9], 404, "does not exist"},
		"an invented state":  {w.PublicURL() + "/oauth/callback?code=x&state=y", 400, "on its own"},
		"an expired link":    {w.expired(t, w.linkFor(t, h.id)), 410, "too old"},
	} {
		p := w.visit(t, "GET", c.url)
		if p.status != c.status || !strings.Contains(p.body, c.says) {
			t.Errorf("%s: status %d, want %d and a page that says %q:\n%s", name, p.status, c.status, c.says, p.body)
		}
		if got := p.header.Get("Cache-Control") + " " + p.header.Get("Referrer-Policy"); got != "no-store no-referrer" {
			t.Errorf("%s: the page may be kept or told of: %s", name, got)
		}
	}
	if s := h.status(t); s.Generation != generation {
		t.Errorf("a link that does not work has changed the pair: generation %d was %d", s.Generation, generation)
	}
	if denied := w.visit(t, "POST", other); denied.status == 303 {
		t.Error("an owner who is connected by another link is sent to the provider all the same")
	}
	if renewed := w.visit(t, "POST", w.linkFor(t, h.id)); renewed.status != 303 {
		t.Errorf("a link for a connection that is well answers %d: nobody can renew it before its end", renewed.status)
	}
}

// linkFor asks for a fresh link.
func (w *world) linkFor(t *testing.T, id string) string {
	t.Helper()
	return strings.TrimSpace(w.must(t, "", "connections", "link", id))
}

// expired lets a link's time be over: a week is longer than a test may take. The
// table knows a ticket by its digest alone.
func (w *world) expired(t *testing.T, link string) string {
	t.Helper()
	ticket := link[strings.LastIndexByte(link, '/')+1:]
	digest := sha256.Sum256([]byte(ticket))
	w.change(t, w.Outputs.GrantsTable, "TICKET#"+hex.EncodeToString(digest[:]), "TICKET", map[string]int64{
		"expires": time.Now().Add(-time.Second).UnixMilli(),
	})
	return link
}
