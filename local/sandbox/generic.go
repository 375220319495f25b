package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Limits of one batch.
const (
	maxItems  = 200
	maxNights = 1000
)

// Scopes of the generic persona.
const (
	scopeRatesWrite = "rates:write"
	scopeRatesRead  = "rates:read"
)

// rateBatch is the body of POST /generic/v2/rates/batch.
type rateBatch struct {
	Property string     `json:"property"`
	Currency string     `json:"currency"`
	Items    []rateItem `json:"items"`
}

// rateItem is one item of a batch; a nil field is left as it is.
type rateItem struct {
	RoomType          string            `json:"room_type"`
	RatePlan          string            `json:"rate_plan"`
	From              string            `json:"from"`
	To                string            `json:"to"`
	Price             *string           `json:"price"`
	Prices            map[string]string `json:"prices"`
	MinStay           *int              `json:"min_stay"`
	MinStayThrough    *int              `json:"min_stay_through"`
	MaxStay           *int              `json:"max_stay"`
	ClosedToArrival   *bool             `json:"closed_to_arrival"`
	ClosedToDeparture *bool             `json:"closed_to_departure"`
	StopSell          *bool             `json:"stop_sell"`
	Available         *int              `json:"available"`
}

// itemResult is what became of one item.
type itemResult struct {
	Index   int    `json:"index"`
	Status  string `json:"status"` // "applied" or "rejected"
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// replayKey names a remembered answer: keys of different clients are apart.
type replayKey struct{ client, key string }

// replay is an answer that a repeated Idempotency-Key gets again.
type replay struct {
	body   [sha256.Size]byte // of the request
	status int
	header http.Header
	answer []byte
}

// batchProperty finds the property of a batch before it is validated.
func batchProperty(_ *Server, c *call) string {
	var b struct {
		Property string `json:"property"`
	}
	_ = json.Unmarshal(c.body, &b) // a malformed body belongs to no property
	return b.Property
}

// batch answers POST /generic/v2/rates/batch.
func (s *Server) batch(c *call) {
	t := s.permit(c, scopeRatesWrite)
	if t == nil {
		return
	}
	if c.record.IdempotencyKey == "" {
		c.refuse(http.StatusBadRequest, "idempotency_key_missing", "the header Idempotency-Key is needed")
		return
	}
	key := replayKey{t.Client, c.record.IdempotencyKey}
	if s.replay(c, key) {
		return
	}
	b, p := s.readBatch(c, t)
	if p == nil {
		return
	}
	if !s.paced(p, c.now) {
		c.answer.retryAfter(1)
		c.refuse(http.StatusTooManyRequests, "too_many_requests", "too many requests for this property")
		return
	}
	s.take(c, p, b)
	s.replays[key] = replay{sha256.Sum256(c.body), c.answer.status, c.answer.header.Clone(), bytes.Clone(c.answer.body.Bytes())}
}

// replay answers from memory if the key is known, and says whether it did.
// The same key with another body is an error of the client, which
// draft-ietf-httpapi-idempotency-key-header answers with 422. Only batches
// that were taken are remembered: a refused one may be corrected.
func (s *Server) replay(c *call, key replayKey) bool {
	known, ok := s.replays[key]
	if !ok {
		return false
	}
	if known.body != sha256.Sum256(c.body) {
		c.refuse(http.StatusUnprocessableEntity, "idempotency_key_reused", "the key was used with another body")
		return true
	}
	c.record.Outcome = PushReplayed
	c.answer.header = known.header.Clone()
	c.answer.header.Set("Idempotent-Replayed", "true")
	c.answer.WriteHeader(known.status)
	c.answer.body.Write(known.answer)
	return true
}

// readBatch decodes and checks what concerns the whole batch. It answers the
// error and returns no property when something is wrong.
func (s *Server) readBatch(c *call, t *Token) (rateBatch, *Property) {
	var b rateBatch
	if err := decodeStrictly(c.body, &b); err != nil {
		c.refuse(http.StatusBadRequest, "invalid_request", err.Error())
		return b, nil
	}
	p := s.properties[Generic][b.Property]
	switch {
	case p == nil || p.Account != t.Account:
		c.refuse(http.StatusNotFound, "unknown_property", "no such property for this client")
	case len(b.Items) == 0:
		c.refuse(http.StatusBadRequest, "invalid_request", "items is empty")
	case len(b.Items) > maxItems:
		c.refuse(http.StatusRequestEntityTooLarge, "too_many_items", fmt.Sprintf("at most %d items a call", maxItems))
	case b.nights() > maxNights:
		c.refuse(http.StatusBadRequest, "too_many_nights", fmt.Sprintf("at most %d nights a call", maxNights))
	default:
		return b, p
	}
	return b, nil
}

// nights counts the nights of all items whose dates can be read.
func (b rateBatch) nights() int {
	total := 0
	for _, item := range b.Items {
		_, count := span(item.From, item.To)
		total += count
	}
	return total
}

// take validates item by item, applies the good ones, and answers 200, or 202
// with a job where the property works so.
func (s *Server) take(c *call, p *Property, b rateBatch) {
	results := make([]itemResult, 0, len(b.Items))
	var parts []nights
	for i, item := range b.Items {
		part, problem := item.check(p, b.Currency)
		if problem != nil {
			results = append(results, itemResult{i, "rejected", problem.code, problem.message})
			continue
		}
		results = append(results, itemResult{Index: i, Status: "applied"})
		parts = append(parts, part)
	}
	c.record.Outcome, c.record.Items, c.record.Rejected = PushAccepted, len(b.Items), len(b.Items)-len(parts)
	if !p.Jobs {
		s.apply(c, p, parts, c.now)
		c.answer.json(http.StatusOK, map[string]any{"results": results})
		return
	}
	j := s.startJob(c, p, parts)
	j.results = results
	c.answer.retryAfter(j.wait(c.now))
	c.answer.json(http.StatusAccepted, map[string]string{"job_id": j.id})
}

// wait is the number of whole seconds until the job is done, at least one.
func (j *job) wait(now int64) int64 { return max(1, (j.due-now+999)/1000) }

// decodeStrictly takes exactly one JSON value and no unknown fields.
func decodeStrictly(body []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("reading the JSON body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading the JSON body: something follows the value")
	}
	return nil
}
