package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
	"bellhop/shared/sqs"
)

// webhook is the doors to the outside: the PMS's rates, the providers' hints,
// and the owner's way back to a healthy connection.
type webhook struct {
	inventory inventory
	sealer    sealer
	rates     queue
	seen      seen
	consents  consents
	log       *event.Log
	now       func() time.Time
	publicURL string
}

// What the doors need of the rest.
type (
	inventory interface {
		Connection(ctx context.Context, id connection.ID) (connection.Connection, error)
	}
	sealer interface {
		OpenBytes(ctx context.Context, label string, s grant.Sealed) ([]byte, error)
	}
	queue interface {
		SendBatch(ctx context.Context, messages []sqs.Message) error
	}
	seen interface {
		Remembers(ctx context.Context, id connection.ID, event string) (bool, error)
		Seen(ctx context.Context, id connection.ID, event string, until time.Time) (bool, error)
	}
	consents interface {
		Show(ctx context.Context, t secret.Text) (consent.Offer, error)
		Begin(ctx context.Context, t secret.Text) (authorize string, o consent.Offer, err error)
		Callback(ctx context.Context, q consent.Query) (consent.Ending, error)
	}
	request  = events.APIGatewayV2HTTPRequest
	response = events.APIGatewayV2HTTPResponse
)

// Handle opens the door that was knocked at. Whatever happens behind it is an
// answer in HTTP, never an error: Lambda would log an error's text, and the
// gateway would word the answer.
func (h *webhook) Handle(ctx context.Context, r request) (response, error) {
	switch r.RouteKey {
	case "POST /rates/{connection}":
		return h.takeRates(ctx, r), nil
	case "POST /webhooks/{provider}/{connection}":
		return h.takeHint(ctx, r), nil
	case "GET /reconnect/{ticket}":
		return h.showOffer(ctx, r), nil
	case "POST /reconnect/{ticket}":
		return h.beginConsent(ctx, r), nil
	case "GET /oauth/callback":
		return h.endConsent(ctx, r), nil
	}
	return plain(http.StatusNotFound), nil
}

// takeRates takes a PMS's rate update: who sent it, what is wrong with it, and
// the rest onto the queue, where every other update waits too.
func (h *webhook) takeRates(ctx context.Context, r request) response {
	k, refusal := h.verify(ctx, r, bySigning)
	if refusal != nil {
		return *refusal
	}
	m, problems := h.read(k)
	if len(m.Changes) > 0 {
		if err := h.enqueue(ctx, k.connection.ID, m); err != nil {
			return h.unavailable(ctx, k.connection.ID, err)
		}
	}
	h.log.Info(ctx, event.WebhookTaken, slog.String("connection", string(k.connection.ID)),
		slog.String("kind", "rates"), slog.Int("updates", len(m.Changes)))
	return h.report(ctx, k.connection.ID, m, problems)
}

// takeHint takes a provider's webhook. It is believed to say that something
// happened, never what: it only pulls forward what we would ask anyway.
// Enqueue, then remember: a webhook that comes again after our own failure is
// no replay.
func (h *webhook) takeHint(ctx context.Context, r request) response {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	k, refusal := h.verify(ctx, r, byProvider)
	if refusal != nil {
		return *refusal
	}
	replay, err := h.seen.Remembers(ctx, k.connection.ID, k.id)
	if err != nil {
		return h.unavailable(ctx, k.connection.ID, err)
	}
	if replay {
		h.refused(ctx, k, "replay")
		return plain(http.StatusNoContent) // the sender has been heard, and may stop
	}
	hints := hintsIn(k.connection.ID, k.body, h.now())
	if len(hints) > 0 {
		if err := h.rates.SendBatch(ctx, hints); err != nil {
			return h.unavailable(ctx, k.connection.ID, err)
		}
	}
	_, err = h.seen.Seen(ctx, k.connection.ID, k.id, h.now().Add(rememberFor))
	h.log.Info(ctx, event.WebhookTaken, slog.String("connection", string(k.connection.ID)),
		slog.String("kind", "hint"), slog.Int("wakes", len(hints)), slog.Bool("remembered", err == nil))
	return plain(http.StatusNoContent)
}

// showOffer shows what the owner is asked for.
func (h *webhook) showOffer(ctx context.Context, r request) response {
	o, err := h.consents.Show(ctx, ticketOf(r))
	if err != nil {
		return h.trouble(ctx, err)
	}
	return offerPage(o)
}

// beginConsent sends the owner's browser to the provider.
func (h *webhook) beginConsent(ctx context.Context, r request) response {
	authorize, o, err := h.consents.Begin(ctx, ticketOf(r))
	if err != nil {
		return h.trouble(ctx, err)
	}
	if authorize == "" {
		return offerPage(o)
	}
	return redirect(authorize)
}

// endConsent takes the owner back from the provider and says what came of it.
func (h *webhook) endConsent(ctx context.Context, r request) response {
	e, err := h.consents.Callback(ctx, queryOf(r))
	if err != nil {
		return h.trouble(ctx, err)
	}
	return endingPage(e, h.publicURL)
}
