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
