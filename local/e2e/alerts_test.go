package e2e

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is where alerts arrive: a chat that understands Slack's messages, and
// a program of the operator's own behind a signed webhook.
type receiver struct {
	secret string

	mu       sync.Mutex
	server   *http.Server    // guarded by mu
	messages []message       // guarded by mu, in the order of arrival
	refuse   map[string]int  // guarded by mu: grant -> how many messages still get a 500
	refused  map[string]bool // guarded by mu: grants that had one refused
}

// message is one alert as it arrived.
type message struct {
	channel string // "slack" or "webhook"
	at      time.Time
	body    string
	signed  bool   // the webhook's signature fits
	notice  notice // of the webhook
}

// notice is the body of the signed webhook, as far as stories read it.
type notice struct {
	Type string `json:"type"`
	Data struct {
		Grant       string `json:"grant"`
		Client      string `json:"client"`
		Reason      string `json:"reason"`
		Waiting     *int   `json:"cells_waiting"`
		Reconnect   string `json:"reconnect_url"`
		Version     string `json:"secret_version"`
		Digest      string `json:"payload_digest"`
		Connections []struct {
			Connection string `json:"connection"`
			Hotel      string `json:"hotel"`
			OwnerName  string `json:"owner_name"`
		} `json:"connections"`
	} `json:"data"`
}

func newReceiver() *receiver {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	return &receiver{
		secret: "whsec_" + base64.StdEncoding.EncodeToString(key),
		refuse: map[string]int{}, refused: map[string]bool{},
	}
}

// address is the receiver's, on the port that the stack leaves free for it.
func (r *receiver) address(base int) string { return fmt.Sprintf("http://127.0.0.1:%d", base+4) }

func (r *receiver) listen(base int) error {
	listener, err := net.Listen("tcp", strings.TrimPrefix(r.address(base), "http://"))
	if err != nil {
		return fmt.Errorf("listening for alerts: %w", err)
	}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	r.mu.Lock()
	r.server = server
	r.mu.Unlock()
	go func() { _ = server.Serve(listener) }() // ends with stop
	return nil
}

func (r *receiver) stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return nil
	}
	return r.server.Close()
}

// ServeHTTP takes one alert, or refuses it when a story wants that.
func (r *receiver) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	if err != nil {
		http.Error(answer, "unreadable", http.StatusBadRequest)
		return
	}
	m := message{channel: strings.Trim(request.URL.Path, "/"), at: time.Now(), body: string(body)}
	if m.channel == "webhook" {
		m.signed = request.Header.Get("webhook-signature") ==
			signature(r.secret, request.Header.Get("webhook-id"), request.Header.Get("webhook-timestamp"), body)
		_ = json.Unmarshal(body, &m.notice) // what is not an event has no grant
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if id := m.notice.Data.Grant; r.refuse[id] > 0 {
		r.refuse[id]--
		r.refused[id] = true
		http.Error(answer, "out of order", http.StatusInternalServerError)
		return
	}
	r.messages = append(r.messages, m)
}

// refuseNext makes the webhook answer 500 to a grant's next message.
func (r *receiver) refuseNext(grant string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse[grant] = 1
}

// hasRefused reports whether that has happened.
func (r *receiver) hasRefused(grant string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused[grant]
}

// all returns what has arrived so far.
func (r *receiver) all() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message(nil), r.messages...)
}

// about returns a grant's events of one type.
func (r *receiver) about(grant, kind string) []message {
	var found []message
	for _, m := range r.all() {
		if m.notice.Data.Grant == grant && m.notice.Type == kind {
			found = append(found, m)
		}
	}
	return found
}

// The two types of events.
const (
	attention = "grant.attention_required"
	recovered = "grant.recovered"
)

// awaitAlert waits for the one message of that type about a grant.
func (w *world) awaitAlert(t *testing.T, grant, kind string) notice {
	t.Helper()
	return w.awaitAlertWithin(t, 20*time.Second, grant, kind)
}

func (w *world) awaitAlertWithin(t *testing.T, within time.Duration, grant, kind string) notice {
	t.Helper()
	var found []message
	eventually(t, within, kind+" about "+grant, func() string {
		if found = w.alerts.about(grant, kind); len(found) == 0 {
			return "no message"
		}
		return ""
	})
	if !found[0].signed {
		t.Errorf("the message about %s is not signed as it should be", grant)
	}
	return found[0].notice
}

// signature signs as Standard Webhooks has it (https://www.standardwebhooks.com):
// HMAC-SHA256 over id, timestamp and body. It is made by hand, so that the
// product's library is not its own judge.
func signature(secret, id, timestamp string, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "the secret is none: " + err.Error()
	}
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(id + "." + timestamp + "."))
	sum.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// signed is the header of a signed request.
func signed(secret, id string, at time.Time, body []byte) http.Header {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	return http.Header{
		"Content-Type": {"application/json"}, "Webhook-Id": {id}, "Webhook-Timestamp": {timestamp},
		"Webhook-Signature": {signature(secret, id, timestamp, body)},
	}
}
