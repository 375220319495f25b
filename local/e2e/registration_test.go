package e2e

import (
	"testing"
	"time"

	"bellhop/local/sandbox"
)

// Somebody changes our client secret at the provider and tells nobody: one alert
// about the client, none about its hotels, and nobody hammers. Once the right
// secret is brought, everything goes on.
func bringTheRightSecret(t *testing.T, w *world) {
	h := connected(t, w, "mora-1", booking{persona: sandbox.Cloudbeds})
	other := connected(t, w, "mertola-1", booking{persona: sandbox.Cloudbeds, client: h.client})
	c := sandbox.Client{Persona: h.persona, ID: "id-" + h.client, Secret: "fresh-secret-of-" + h.client,
		Scopes: []string{"read:rate", "write:rate"}, RedirectURIs: []string{w.Outputs.RedirectURI}}
	if err := w.books.AddClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	h.bringForward(t)
	other.bringForward(t)
	for _, refused := range []*hotel{h, other} { // one may be its own fault, two are the client's
		w.awaitEvent(t, 20*time.Second, "exchange_failed", "grant", refused.grant, "class", "bad_client")
	}
	h.bringForward(t)
	w.awaitEvent(t, 20*time.Second, "exchange_held", "grant", h.grant)
	if told := w.awaitClientAlert(t, h.client, "client.attention_required").Data; told.Version == "" || len(told.Digest) != 16 {
		t.Errorf("secret version %q, digest %q: nobody hears what was tried", told.Version, told.Digest)
	}

	w.must(t, c.Secret+"\n", "clients", "rotate", h.client) // waits until another secret may be tried
	w.awaitClientAlert(t, h.client, "client.recovered")
	for _, back := range []*hotel{h, other} {
		from := back.status(t).Generation
		back.bringForward(t)
		back.moves(t, 30*time.Second, from)
		back.healthy(t, 10*time.Second)
		if told := w.alerts.about(back.grant, attention); len(told) > 0 {
			t.Errorf("people were told about %s although its owner has lost nothing", back.id)
		}
	}
}

// awaitClientAlert waits for the one message of that type about a client.
func (w *world) awaitClientAlert(t *testing.T, client, kind string) (told notice) {
	t.Helper()
	eventually(t, 30*time.Second, kind+" about "+client, func() string {
		found := 0
		for _, m := range w.alerts.all() {
			if m.notice.Data.Client == client && m.notice.Type == kind && m.signed {
				found++
				told = m.notice
			}
		}
		switch found {
		case 1:
			return ""
		case 0:
			return "no message"
		}
		t.Fatalf("%d messages, want one", found)
		return ""
	})
	return told
}
