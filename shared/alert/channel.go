package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// Channel is one way to reach people. Send returns nil when the message is
// delivered; any error means that it may be tried again. Errors name neither
// the channel's address, which often is a credential, nor what it answered.
type Channel interface {
	Name() string // lower-case letters: it is part of attribute names
	Send(ctx context.Context, m Message) error
}

// Targets says where alerts go. Empty means that the channel is off.
type Targets struct {
	SlackURL      secret.Text `json:"slack_url"`
	WebhookURL    secret.Text `json:"webhook_url"`
	WebhookSecret secret.Text `json:"webhook_secret"`
}

// ParseTargets reads the alert targets' secret and returns the channels that
// are on. It reports all that is wrong with it at once, and no value.
func ParseTargets(raw secret.Text) ([]Channel, error) {
	var t Targets
	if err := json.Unmarshal([]byte(raw.Reveal()), &t); err != nil {
		return nil, errors.New("alert targets are not the JSON object that the template makes")
	}
	var channels []Channel
	var problems []error
	client := newClient()
	if !t.SlackURL.Empty() {
		problems = append(problems, checkTarget("slack_url", t.SlackURL))
		channels = append(channels, &Slack{URL: t.SlackURL, Client: client})
	}
	if !t.WebhookURL.Empty() {
		problems = append(problems, checkTarget("webhook_url", t.WebhookURL))
		hook, err := NewWebhook(t.WebhookURL, t.WebhookSecret, client)
		problems = append(problems, err)
		channels = append(channels, hook)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return channels, nil
}

// checkTarget refuses an address that would carry a reconnect link in the
// clear.
func checkTarget(name string, target secret.Text) error {
	if profile.CheckURL(target.Reveal()) != nil {
		return fmt.Errorf("%s must be an https URL (or http to this machine)", name)
	}
	return nil
}

// sendWithin bounds one delivery.
const sendWithin = 5 * time.Second

// newClient returns a client that follows no redirect: a message with a
// reconnect link goes where the operator said and nowhere else.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       sendWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// StatusError is the answer of a channel that did not take a message.
type StatusError int

// Error implements error.
func (s StatusError) Error() string { return fmt.Sprintf("channel answered %d", int(s)) }

// post sends one JSON body and wants a 2xx.
func post(ctx context.Context, client *http.Client, target secret.Text, header http.Header, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.Reveal(), bytes.NewReader(body))
	if err != nil {
		return errors.New("channel's address is not a URL")
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bellhop")
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("posting to channel: %w", withoutURL(err))
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16)) // lets the connection be used again
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return StatusError(answer.StatusCode)
	}
	return nil
}

// withoutURL takes the address out of a client's error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
