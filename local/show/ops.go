package show

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// ops is the operations team: a chat that takes Slack's incoming webhooks, and
// a program of their own that takes signed ones.
type ops struct {
	port   int
	secret string // that the signed webhook is verified with

	mu   sync.Mutex
	news []news        // guarded by mu
	came chan struct{} // guarded by mu; closed and replaced when news come
	seen transcript
}

// news is one message of one channel.
type news struct {
	channel string // "slack" or "webhook"
	at      time.Time
	text    string     // slack's
	event   alertEvent // webhook's
	refused error      // why the signed one was not believed
}

// alertEvent is the signed webhook's body, as far as this program uses it.
type alertEvent struct {
	Type string `json:"type"`
	Data struct {
		Grant     string `json:"grant"`
		Reason    string `json:"reason"`
		Waiting   *int   `json:"cells_waiting"`
		Reconnect string `json:"reconnect_url"`
	} `json:"data"`
}

// The types of alertEvent.
const (
	attention = "grant.attention_required"
	recovered = "grant.recovered"
)

func newOps(port int) *ops {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return &ops{port: port, secret: "whsec_" + base64.StdEncoding.EncodeToString(key), came: make(chan struct{})}
}

// parameters tell the template where the team listens.
func (o *ops) parameters() map[string]string {
	address := fmt.Sprintf("http://127.0.0.1:%d", o.port)
	return map[string]string{
		"SlackUrl": address + "/chat", "AlertWebhookUrl": address + "/alerts", "AlertWebhookSecret": o.secret,
	}
}

// listen receives until ctx ends.
func (o *ops) listen(ctx context.Context, port int) error {
	hook, err := standardwebhooks.NewWebhook(o.secret)
	if err != nil {
		return fmt.Errorf("making the alerts' verifier: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /chat", func(w http.ResponseWriter, r *http.Request) {
		o.receive(w, r, func(body []byte) news { return fromSlack(body) })
	})
	mux.HandleFunc("POST /alerts", func(w http.ResponseWriter, r *http.Request) {
		o.receive(w, r, func(body []byte) news { return fromWebhook(hook, r.Header, body) })
	})
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
	if err != nil {
		return fmt.Errorf("listening for alerts: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // ends with ctx
	return nil
}

// receive keeps one message.
func (o *ops) receive(w http.ResponseWriter, r *http.Request, read func([]byte) news) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.seen.add(string(body))
	n := read(body)
	n.at = time.Now()
	o.mu.Lock()
	o.news = append(o.news, n)
	close(o.came)
	o.came = make(chan struct{})
	o.mu.Unlock()
	if n.refused != nil {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// fromSlack reads what a chat shows where it shows no blocks.
func fromSlack(body []byte) news {
	var message struct {
		Text string `json:"text"`
	}
	err := json.Unmarshal(body, &message)
	if err == nil && message.Text == "" {
		err = errors.New("the message has no text")
	}
	return news{channel: "slack", text: message.Text, refused: err}
}

// fromWebhook believes a body only with a good signature.
func fromWebhook(hook *standardwebhooks.Webhook, header http.Header, body []byte) news {
	n := news{channel: "webhook", refused: hook.Verify(body, header)}
	if n.refused == nil {
		n.refused = json.Unmarshal(body, &n.event)
	}
	return n
}

// await waits for the first message that wants lets through.
func (o *ops) await(ctx context.Context, within time.Duration, what string, wants func(news) bool) (news, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no %s within %s", what, within))
	defer cancel()
	for {
		o.mu.Lock()
		all, came := o.news, o.came
		o.mu.Unlock()
		for _, n := range all {
			if wants(n) {
				return n, nil
			}
		}
		select {
		case <-came:
		case <-ctx.Done():
			return news{}, errors.Join(append([]error{fmt.Errorf("waiting for the alert: %w", context.Cause(ctx))}, o.refusals()...)...)
		}
	}
}

// refusals are the messages that were not believed.
func (o *ops) refusals() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []error
	for _, n := range o.news {
		if n.refused != nil {
			all = append(all, fmt.Errorf("%s: %w", n.channel, n.refused))
		}
	}
	return all
}

// withoutTicket shortens a reconnect link in a text that is shown: whoever has
// it can use it.
func withoutTicket(text string) string {
	const path = "/reconnect/"
	before, rest, found := strings.Cut(text, path)
	if !found || len(rest) < 8 {
		return text
	}
	end := strings.IndexAny(rest, " \n|>")
	if end < 0 {
		end = len(rest)
	}
	return before + path + rest[:4] + "…" + withoutTicket(rest[end:])
}
