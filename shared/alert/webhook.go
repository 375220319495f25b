package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bellhop/shared/secret"
)

// Webhook posts events of our own, described in docs/alert-event.md, signed as
// Standard Webhooks has it (https://www.standardwebhooks.com). The webhook-id
// is the message's, so that a receiver can tell a repetition.
type Webhook struct {
	url    secret.Text
	signer *standardwebhooks.Webhook
	client *http.Client
	now    func() time.Time
}

// NewWebhook returns the channel, or an error when the signing secret is not
// "whsec_" and base64 as Standard Webhooks has it.
func NewWebhook(url, signing secret.Text, client *http.Client) (*Webhook, error) {
	signer, err := standardwebhooks.NewWebhook(signing.Reveal())
	if err != nil || signing.Empty() {
		return nil, errors.New("webhook_secret must be whsec_ and at least 24 random bytes in base64")
	}
	return &Webhook{url: url, signer: signer, client: client, now: time.Now}, nil
}

// Name implements [Channel].
func (w *Webhook) Name() string { return "webhook" }

// Send implements [Channel].
func (w *Webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(EventOf(m))
	if err != nil {
		return fmt.Errorf("writing an alert event: %w", err)
	}
	now := w.now()
	signature, err := w.signer.Sign(m.ID, now, body)
	if err != nil {
		return errors.New("signing an alert event") // the library's text is not ours to vouch for
	}
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, m.ID)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return post(ctx, w.client, w.url, header, body)
}

// Event is the body. Its fields are a promise to other people's programs: new
// ones may come, none changes its meaning. Times are RFC 3339 in UTC.
type Event struct {
	Type      string    `json:"type"` // "grant.attention_required" or "grant.recovered"
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData is what happened to one grant.
type EventData struct {
	Grant     string     `json:"grant"`
	Episode   int64      `json:"episode"`
	Provider  string     `json:"provider"`
	Account   string     `json:"account,omitempty"`
	Health    string     `json:"health"`
	Reason    string     `json:"reason"`
	Why       string     `json:"why"`
	Missing   []string   `json:"missing_scopes,omitempty"`
	Since     time.Time  `json:"since"`
	Recovered *time.Time `json:"recovered_at,omitempty"`
	// Waiting is null when nobody could count in time.
	Waiting     *int              `json:"cells_waiting"`
	Reconnect   string            `json:"reconnect_url,omitempty"`
	Meanwhile   string            `json:"meanwhile,omitempty"`
	Connections []EventConnection `json:"connections"`
}

// EventConnection is one property that the grant serves.
type EventConnection struct {
	Connection     string `json:"connection"`
	Property       string `json:"property"`
	Hotel          string `json:"hotel"`
	RemoteProperty string `json:"remote_property"`
	OwnerName      string `json:"owner_name"`
	OwnerContact   string `json:"owner_contact"`
}

// EventOf turns a message into the event.
func EventOf(m Message) Event {
	e := m.Episode
	out := Event{Type: "grant.attention_required", Timestamp: m.At.UTC(), Data: EventData{
		Grant: string(e.Grant), Episode: e.Number, Provider: m.Provider, Account: m.Account,
		Health: string(e.Health), Reason: string(e.Reason), Why: Why(e.Reason), Missing: e.Missing,
		Since: e.Since.UTC(), Connections: []EventConnection{},
	}}
	if m.Waiting != Uncounted {
		out.Data.Waiting = &m.Waiting
	}
	if m.Kind == Recovered {
		ended := m.Ended.UTC()
		out.Type, out.Data.Recovered = "grant.recovered", &ended
	} else {
		out.Data.Reconnect, out.Data.Meanwhile = m.Link.Reveal(), Meanwhile(e.Health)
	}
	for _, c := range m.Connections {
		out.Data.Connections = append(out.Data.Connections, EventConnection{
			Connection: string(c.ID), Property: c.Property, Hotel: c.Hotel, RemoteProperty: c.RemoteProperty,
			OwnerName: c.Owner.Name, OwnerContact: c.Owner.Contact,
		})
	}
	return out
}
