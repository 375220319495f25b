package alert

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bellhop/shared/secret"
)

const signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// received is what a channel's server got.
type received struct {
	header http.Header
	body   []byte
}

func server(t *testing.T, status int) (*httptest.Server, *received) {
	got := &received{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.header = r.Header
		got.body, _ = io.ReadAll(r.Body)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s, got
}

// channels parses targets that lead to one server.
func channels(t *testing.T, url string) []Channel {
	t.Helper()
	b, _ := json.Marshal(map[string]string{"slack_url": url, "webhook_url": url, "webhook_secret": signing})
	c, err := ParseTargets(secret.New(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWebhook_SignedAsTheStandardHasIt(t *testing.T) {
	s, got := server(t, http.StatusNoContent)
	hook := channels(t, s.URL)[1]
	m := lisbon()
	if err := hook.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	verifier, err := standardwebhooks.NewWebhook(signing)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.header); err != nil {
		t.Errorf("the receiver cannot verify it: %v", err)
	}
	if id := got.header.Get("webhook-id"); id != "grant-1.3.opened" {
		t.Errorf("webhook-id %q: a repetition could not be told", id)
	}
	var e struct {
		Type string    `json:"type"`
		Data GrantData `json:"data"`
	}
	if err := json.Unmarshal(got.body, &e); err != nil || e.Type != "grant.attention_required" || e.Data.Reconnect != m.Link.Reveal() {
		t.Errorf("event %+v, %v", e, err)
	}
	if verifier.Verify(append(got.body, ' '), got.header) == nil {
		t.Error("a changed body verifies")
	}
}

func TestSlack_Posts(t *testing.T) {
	s, got := server(t, http.StatusOK)
	if err := channels(t, s.URL)[0].Send(t.Context(), lisbon()); err != nil {
		t.Fatal(err)
	}
	var m SlackMessage
	if err := json.Unmarshal(got.body, &m); err != nil || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("body %s, %v", got.body, err)
	}
	if last := m.Blocks[len(m.Blocks)-1]; last.Type != "actions" || last.Elements[0].URL != lisbon().Link.Reveal() {
		t.Errorf("no button with the link: %+v", last)
	}
}

func TestSend_RefusedIsAnError(t *testing.T) {
	for _, status := range []int{302, 400, 404, 429, 500} {
		s, _ := server(t, status)
		for _, c := range channels(t, s.URL) {
			var refused StatusError
			if err := c.Send(t.Context(), lisbon()); !errors.As(err, &refused) || int(refused) != status {
				t.Errorf("%s answered %d: %v", c.Name(), status, err)
			}
		}
	}
}

// An address is a credential: whoever has Slack's can post as us.
func TestSend_ErrorsDoNotNameTheAddress(t *testing.T) {
	s, _ := server(t, http.StatusOK)
	address := s.URL + "/services/T0/B0/XYZZY"
	s.Close()
	for _, c := range channels(t, address) {
		err := c.Send(t.Context(), lisbon())
		if err == nil || strings.Contains(err.Error(), "XYZZY") {
			t.Errorf("%s: error %v", c.Name(), err)
		}
	}
}

func TestSend_SlowChannelIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	slack := &Slack{URL: secret.New(s.URL), Client: &http.Client{Timeout: 20 * time.Millisecond}}
	if err := slack.Send(t.Context(), lisbon()); err == nil {
		t.Error("a channel that never answers took the message")
	}
	if c := newClient(); c.Timeout != sendWithin {
		t.Errorf("a delivery may take %v", c.Timeout)
	}
}

func TestParseTargets(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      []string
		problem   string
	}{
		{"all off", `{"slack_url":"","webhook_url":"","webhook_secret":""}`, nil, ""},
		{"slack alone", `{"slack_url":"https://hooks.slack.com/services/T/B/X"}`, []string{"slack"}, ""},
		{"both", `{"slack_url":"https://a.example","webhook_url":"https://b.example","webhook_secret":"` + signing + `"}`, []string{"slack", "webhook"}, ""},
		{"not signed", `{"webhook_url":"https://b.example"}`, nil, "webhook_secret"},
		{"bad secret", `{"webhook_url":"https://b.example","webhook_secret":"whsec_%%%"}`, nil, "webhook_secret"},
		{"in the clear", `{"slack_url":"http://hooks.example.com"}`, nil, "slack_url"},
		{"not JSON", `hello`, nil, "JSON"},
	} {
		got, err := ParseTargets(secret.New(c.raw))
		var names []string
		for _, ch := range got {
			names = append(names, ch.Name())
		}
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %v, want a word about %s", c.name, err, c.problem)
			}
			if err != nil && strings.Contains(err.Error(), "example") {
				t.Errorf("%s: the error names a value: %v", c.name, err)
			}
			continue
		}
		if err != nil || strings.Join(names, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %v, %v; want %v", c.name, names, err, c.want)
		}
	}
}
