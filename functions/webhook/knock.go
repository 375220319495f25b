package main

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
)

// Bounds of what comes in. answerWithin is what providers grant before they
// count a webhook as lost; rememberFor outlasts the five minutes for which a
// timestamp is accepted, on either side of our clock.
const (
	maxBody      = 256 << 10
	maxID        = 256
	answerWithin = 900 * time.Millisecond
	rememberFor  = 15 * time.Minute
	shortestKey  = 24 // bytes, the least that Standard Webhooks allows
)

// knock is a request whose sender is known.
type knock struct {
	connection connection.Connection
	body       []byte // as it was signed
	id         string // the sender's id of the message, the same for its retries
}

// door says whose signature a route wants.
type door struct {
	secrets func(connection.Connection) []grant.Sealed
	label   func(connection.ID) string
}

var (
	bySigning = door{
		secrets: func(c connection.Connection) []grant.Sealed { return c.Signing },
		label:   connection.SigningLabel,
	}
	byProvider = door{
		secrets: func(c connection.Connection) []grant.Sealed { return c.WebhookSecret },
		label:   connection.WebhookLabel,
	}
)

// verify finds out who knocks, over the raw bytes and before anything reads
// them. A stranger learns nothing: no such connection, a wrong signature and an
// old timestamp are one answer.
func (h *webhook) verify(ctx context.Context, r request, d door) (knock, *response) {
	body, status := rawBody(r)
	if status != 0 {
		return h.refuse(ctx, knock{}, status, map[int]string{http.StatusBadRequest: "base64", http.StatusRequestEntityTooLarge: "too_large"}[status])
	}
	k := knock{body: body, id: r.Headers[standardwebhooks.HeaderWebhookID]}
	c, err := h.inventory.Connection(ctx, connection.ID(r.PathParameters["connection"]))
	provider, named := r.PathParameters["provider"]
	switch {
	case errors.Is(err, connection.ErrUnknown), err == nil && named && provider != c.Provider:
		return h.refuse(ctx, k, http.StatusUnauthorized, "unknown")
	case err != nil:
		unavailable := h.unavailable(ctx, connection.ID(""), err)
		return k, &unavailable
	}
	k.connection = c
	why, err := h.signed(ctx, r, k, d)
	switch {
	case err != nil:
		unavailable := h.unavailable(ctx, c.ID, err)
		return k, &unavailable
	case why != "":
		return h.refuse(ctx, k, http.StatusUnauthorized, why)
	}
	return k, nil
}

// rawBody returns the bytes as they were sent. API Gateway encodes what it
// takes for binary; what does not decode is refused, never taken as it is. The
// status is 0 when all is well.
func rawBody(r request) (body []byte, status int) {
	if len(r.Body) > base64.StdEncoding.EncodedLen(maxBody) {
		return nil, http.StatusRequestEntityTooLarge
	}
	body = []byte(r.Body)
	if r.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.Strict().DecodeString(r.Body); err != nil {
			return nil, http.StatusBadRequest
		}
	}
	if len(body) > maxBody {
		return nil, http.StatusRequestEntityTooLarge
	}
	return body, 0
}

// signed checks the request against each of the connection's secrets, of which
// there are several while one is being changed, and says why none fits. The
// library compares in constant time and holds the timestamp within five
// minutes.
func (h *webhook) signed(ctx context.Context, r request, k knock, d door) (why string, err error) {
	header := http.Header{}
	for _, name := range []string{
		standardwebhooks.HeaderWebhookID, standardwebhooks.HeaderWebhookTimestamp, standardwebhooks.HeaderWebhookSignature,
	} {
		header.Set(name, r.Headers[name]) // the gateway has made them lower case
	}
	if k.id == "" || len(k.id) > maxID {
		return "headers", nil
	}
	why = "no_secret"
	for _, s := range d.secrets(k.connection) {
		key, err := h.sealer.OpenBytes(ctx, d.label(k.connection.ID), s)
		if err != nil {
			return "", err
		}
		if why = fits(key, k.body, header); why == "" {
			return "", nil
		}
	}
	return why, nil
}

// fits checks against one secret, which must be long enough to be one.
func fits(key, body []byte, header http.Header) (why string) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(key), "whsec_"))
	if err != nil || len(raw) < shortestKey {
		return "no_secret"
	}
	verifier, err := standardwebhooks.NewWebhookRaw(raw)
	if err == nil {
		err = verifier.Verify(body, header)
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, standardwebhooks.ErrMessageTooOld), errors.Is(err, standardwebhooks.ErrMessageTooNew):
		return "time"
	case errors.Is(err, standardwebhooks.ErrRequiredHeaders), errors.Is(err, standardwebhooks.ErrInvalidHeaders):
		return "headers"
	}
	return "signature"
}

// refuse counts a refusal and answers with the status alone.
func (h *webhook) refuse(ctx context.Context, k knock, status int, why string) (knock, *response) {
	h.refused(ctx, k, why)
	r := plain(status)
	return k, &r
}

// refused says to us what a stranger is not told. The name of a connection that
// does not exist is the stranger's own, and is left out.
func (h *webhook) refused(ctx context.Context, k knock, why string) {
	h.log.Warn(ctx, event.WebhookRefused,
		slog.String("connection", string(k.connection.ID)), slog.String("why", why))
	h.log.Count(event.WebhooksRefused, 1, k.connection.Provider)
}

// unavailable asks the sender to come again: something of ours did not answer,
// and nothing was taken.
func (h *webhook) unavailable(ctx context.Context, id connection.ID, err error) response {
	h.log.Error(ctx, event.WebhookRefused, slog.String("connection", string(id)),
		slog.String("why", "unavailable"), slog.String("error", err.Error()))
	r := plain(http.StatusServiceUnavailable)
	r.Headers["Retry-After"] = "5"
	return r
}
