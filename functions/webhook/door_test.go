package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/invtest"
	"bellhop/shared/rate"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/sqs"
	"bellhop/shared/vault"
	"bellhop/shared/wake"
)

// The secrets of the two connections. The first is the one that the signed
// examples in events/ are made with.
const (
	exampleKey = "whsec_YmVsbGhvcCBleGFtcGxlIGtleSwgbm90IGEgc2VjcmV0"
	nextKey    = "whsec_bmV4dCBleGFtcGxlIGtleSwgbm90IGEgc2VjcmV0IQ=="
	otherKey   = "whsec_b3RoZXIgZXhhbXBsZSBrZXksIG5vdCBhIHNlY3JldA=="
)

// keySet is a key set like the template's.
type keySet struct{}

func (keySet) Keys(context.Context) (secret.Text, error) {
	return secret.New(`{"v":1,"stack":"test","current":"k1","k1":"0123456789012345678901234567890123456789012345678901234567890123"}`), nil
}

// postbox keeps what was sent.
type postbox struct {
	sent []sqs.Message
	err  error
}

func (p *postbox) SendBatch(_ context.Context, messages []sqs.Message) error {
	if p.err != nil {
		return p.err
	}
	p.sent = append(p.sent, messages...)
	return nil
}

// mind remembers webhooks.
type mind struct {
	seen map[string]bool
	err  error
}

func (m *mind) Remembers(_ context.Context, id connection.ID, event string) (bool, error) {
	return m.seen[string(id)+"/"+event], m.err
}

func (m *mind) Seen(_ context.Context, id connection.ID, event string, _ time.Time) (bool, error) {
	was := m.seen[string(id)+"/"+event]
	if m.err == nil {
		m.seen[string(id)+"/"+event] = true
	}
	return was, m.err
}

// house is a webhook function with two connections of one property.
type house struct {
	*webhook
	t         *testing.T
	inventory *invtest.Memory
	box       *postbox
	mind      *mind
	log       bytes.Buffer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, inventory: &invtest.Memory{}, box: &postbox{}, mind: &mind{seen: map[string]bool{}}}
	v := vault.New(seal.NewSource(keySet{}, nil), nil)
	sealed := func(label, key string) grant.Sealed {
		s, err := v.SealBytes(t.Context(), label, []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []connection.Connection{
		{ID: "lisbon-1", Property: "LIS", Provider: "cloudbeds", Grant: "g1"},
		{ID: "lisbon-2", Property: "LIS", Provider: "generic", Grant: "g2"},
	} {
		c.Hotel, c.Zone, c.Currency = "Hotel Lisboa", "Europe/Lisbon", "EUR"
		c.Signing = []grant.Sealed{sealed(connection.SigningLabel(c.ID), nextKey), sealed(connection.SigningLabel(c.ID), exampleKey)}
		c.WebhookSecret = []grant.Sealed{sealed(connection.WebhookLabel(c.ID), exampleKey)}
		if err := h.inventory.Add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	h.webhook = &webhook{
		inventory: h.inventory, sealer: v, rates: h.box, seen: h.mind, log: event.New(&h.log, slog.LevelInfo, "test"),
		now: time.Now, publicURL: "https://connect.example.com",
	}
	return h
}

// at runs a story on a day.
func at(t *testing.T, day time.Time, story func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(day))
		story(t)
	})
}

// signedAt is when the examples in events/ were signed.
var signedAt = time.Unix(1795860000, 0)

func readRequest(t *testing.T, name string) request {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	var r request
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// sign signs a request as of a time.
func sign(t *testing.T, r request, key string, at time.Time) request {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := w.Sign("msg_1", at, []byte(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	r.Headers = map[string]string{
		"webhook-id": "msg_1", "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "webhook-signature": signature,
	}
	return r
}

func posted(route, provider, id, body string) request {
	r := request{RouteKey: route, Body: body, PathParameters: map[string]string{"connection": id}}
	if provider != "" {
		r.PathParameters["provider"] = provider
	}
	return r
}

// update is a good rate update.
func update(more string) string {
	return `{"v":1,"connection":"lisbon-1","revision":5,"currency":"EUR","updates":[` +
		`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-31","price":"129.00"}` + more + `]}`
}

const ratesRoute, hintRoute = "POST /rates/{connection}", "POST /webhooks/{provider}/{connection}"

func (h *house) handle(r request) response {
	h.t.Helper()
	answer, err := h.Handle(h.t.Context(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer
}

func (h *house) answers(r request, status int) response {
	h.t.Helper()
	a := h.handle(r)
	if a.StatusCode != status {
		h.t.Errorf("answer %d, want %d: %s (log: %s)", a.StatusCode, status, a.Body, h.log.String())
	}
	return a
}

// refuses fails unless a stranger is turned away without a word, and nothing
// was taken.
func (h *house) refuses(r request, status int, why string) {
	h.t.Helper()
	a := h.answers(r, status)
	if a.Body != "" || len(h.box.sent) != 0 {
		h.t.Errorf("refused with %q, and %d messages sent", a.Body, len(h.box.sent))
	}
	if !strings.Contains(h.log.String(), `"why":"`+why+`"`) {
		h.t.Errorf("the log does not say %q: %s", why, h.log.String())
	}
}

func TestRates_Example(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		a := h.answers(readRequest(t, "rates-http.json"), 202)
		if a.Body != `{"taken":2}` || len(h.box.sent) != 1 || h.box.sent[0].Group != "lisbon-1" {
			t.Fatalf("answer %s, sent %+v", a.Body, h.box.sent)
		}
		m, problems := rate.Parse([]byte(h.box.sent[0].Body), time.Now())
		if len(problems) != 0 || len(m.Changes) != 2 || m.Connection != "lisbon-1" || m.Revision != 1795860000123 {
			t.Errorf("the queue got %+v, %+v", m, problems)
		}
	})
}

func TestRates_ValidOnesAreTakenAndTheOthersNamed(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		body := update(`,{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-31","to":"2026-12-01","price":"1.00"},` +
			`{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-01","price":"-1.00"}`)
		a := h.answers(sign(t, posted(ratesRoute, "", "lisbon-1", body), exampleKey, time.Now()), 422)
		var got answer
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || got.Taken != 1 || len(got.Problems) < 2 ||
			got.Problems[0].Index != 1 || got.Problems[len(got.Problems)-1].Index != 2 {
			t.Errorf("answer %s (%v)", a.Body, err)
		}
		if len(h.box.sent) != 1 {
			t.Fatalf("%d messages, want one with the valid update", len(h.box.sent))
		}
		if m, problems := rate.Parse([]byte(h.box.sent[0].Body), time.Now()); len(problems) != 0 || len(m.Changes) != 1 {
			t.Errorf("the queue got %s", h.box.sent[0].Body)
		}
		if !strings.Contains(h.log.String(), `"event":"update_refused"`) {
			t.Errorf("nothing says so: %s", h.log.String())
		}
	})
}

func TestRates_NothingToTake(t *testing.T) {
	for name, body := range map[string]string{
		"not JSON":           `hello`,
		"another connection": strings.Replace(update(""), `"lisbon-1"`, `"lisbon-2"`, 1),
		"its property":       strings.Replace(update(""), `"connection":"lisbon-1"`, `"property":"LIS"`, 1),
		"another currency":   strings.Replace(update(""), `"EUR"`, `"USD"`, 1),
	} {
		at(t, signedAt, func(t *testing.T) {
			h := newHouse(t)
			a := h.answers(sign(t, posted(ratesRoute, "", "lisbon-1", body), exampleKey, time.Now()), 422)
			if len(h.box.sent) != 0 || !strings.Contains(a.Body, `"problems":[{`) || !strings.Contains(a.Body, `"taken":0`) {
				t.Errorf("%s: sent %d, answer %s", name, len(h.box.sent), a.Body)
			}
		})
	}
}

func TestRates_BothSecretsWhileOneIsChanged(t *testing.T) {
	for _, key := range []string{exampleKey, nextKey} {
		at(t, signedAt, func(t *testing.T) {
			h := newHouse(t)
			h.answers(sign(t, posted(ratesRoute, "", "lisbon-1", update("")), key, time.Now()), 202)
		})
	}
}

// verify's refusals, one by one. None tells the stranger why.
func TestVerify_Refusals(t *testing.T) {
	good := func(t *testing.T) request {
		return sign(t, posted(ratesRoute, "", "lisbon-1", update("")), exampleKey, time.Now())
	}
	for name, c := range map[string]struct {
		request func(t *testing.T) request
		status  int
		why     string
	}{
		"another's signature": {func(t *testing.T) request {
			return sign(t, posted(ratesRoute, "", "lisbon-1", update("")), otherKey, time.Now())
		}, 401, "signature"},
		"a changed body": {func(t *testing.T) request {
			r := good(t)
			r.Body = strings.Replace(r.Body, "129.00", "1.00", 1)
			return r
		}, 401, "signature"},
		"a changed id": {func(t *testing.T) request {
			r := good(t)
			r.Headers["webhook-id"] = "msg_2"
			return r
		}, 401, "signature"},
		"too old": {func(t *testing.T) request {
			return sign(t, posted(ratesRoute, "", "lisbon-1", update("")), exampleKey, time.Now().Add(-6*time.Minute))
		}, 401, "time"},
		"from the future": {func(t *testing.T) request {
			return sign(t, posted(ratesRoute, "", "lisbon-1", update("")), exampleKey, time.Now().Add(6*time.Minute))
		}, 401, "time"},
		"an old signature under a new timestamp": {func(t *testing.T) request {
			r := sign(t, posted(ratesRoute, "", "lisbon-1", update("")), exampleKey, time.Now().Add(-6*time.Minute))
			r.Headers["webhook-timestamp"] = strconv.FormatInt(time.Now().Unix(), 10)
			return r
		}, 401, "signature"},
		"no headers": {func(t *testing.T) request {
			return posted(ratesRoute, "", "lisbon-1", update(""))
		}, 401, "headers"},
		"no signature": {func(t *testing.T) request {
			r := good(t)
			delete(r.Headers, "webhook-signature")
			return r
		}, 401, "headers"},
		"a timestamp that is none": {func(t *testing.T) request {
			r := good(t)
			r.Headers["webhook-timestamp"] = "yesterday"
			return r
		}, 401, "headers"},
		"an endless id": {func(t *testing.T) request {
			r := good(t)
			r.Headers["webhook-id"] = strings.Repeat("x", maxID+1)
			return r
		}, 401, "headers"},
		"an unknown connection": {func(t *testing.T) request {
			return sign(t, posted(ratesRoute, "", "nobody", update("")), exampleKey, time.Now())
		}, 401, "unknown"},
		"another scheme": {func(t *testing.T) request {
			r := good(t)
			r.Headers["webhook-signature"] = strings.Replace(r.Headers["webhook-signature"], "v1,", "v1a,", 1)
			return r
		}, 401, "signature"},
		"the other door's provider": {func(t *testing.T) request {
			return sign(t, posted(hintRoute, "generic", "lisbon-1", `{}`), exampleKey, time.Now())
		}, 401, "unknown"},
		"bad base64": {func(t *testing.T) request {
			r := good(t)
			r.IsBase64Encoded = true // and the body is as it was
			return r
		}, 400, "base64"},
		"base64 with rubbish at its end": {func(t *testing.T) request {
			r := good(t)
			r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(r.Body))+"!", true
			return r
		}, 400, "base64"},
		"too large": {func(t *testing.T) request {
			return sign(t, posted(ratesRoute, "", "lisbon-1", strings.Repeat(" ", maxBody+1)), exampleKey, time.Now())
		}, 413, "too_large"},
		"too large in base64": {func(t *testing.T) request {
			r := posted(ratesRoute, "", "lisbon-1", base64.StdEncoding.EncodeToString(make([]byte, maxBody+1)))
			r.IsBase64Encoded = true
			return r
		}, 413, "too_large"},
	} {
		at(t, signedAt, func(t *testing.T) {
			h := newHouse(t)
			h.refuses(c.request(t), c.status, c.why)
			if strings.Contains(h.log.String(), "whsec_") {
				t.Errorf("%s: a secret is in the log", name)
			}
			if !strings.Contains(h.log.String(), `"WebhooksRefused":1`) {
				t.Errorf("%s: it is not counted", name)
			}
		})
	}
}

// A stranger cannot tell a connection that exists from one that does not.
func TestVerify_UnknownAndUnsignedAnswerAlike(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		known := h.handle(sign(t, posted(ratesRoute, "", "lisbon-1", update("")), otherKey, time.Now()))
		unknown := h.handle(sign(t, posted(ratesRoute, "", "nobody", update("")), otherKey, time.Now()))
		a, _ := json.Marshal(known)
		b, _ := json.Marshal(unknown)
		if !bytes.Equal(a, b) {
			t.Errorf("answers differ: %s and %s", a, b)
		}
	})
}

// A connection without a secret takes nothing: an empty key would verify for
// anybody.
func TestVerify_NoSecretIsNoDoor(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		for id, key := range map[connection.ID]string{"none": "", "empty": "whsec_", "short": "whsec_c2hvcnQ="} {
			c := connection.Connection{ID: id, Property: "X", Grant: "g", Provider: "generic"}
			if id != "none" {
				s, err := h.sealer.(*vault.Vault).SealBytes(t.Context(), connection.SigningLabel(id), []byte(key))
				if err != nil {
					t.Fatal(err)
				}
				c.Signing = []grant.Sealed{s}
			}
			if err := h.inventory.Add(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			r := posted(ratesRoute, "", string(id), update(""))
			h.refuses(sign(t, r, "whsec_"+strings.TrimPrefix(key, "whsec_"), time.Now()), 401, "no_secret")
		}
	})
}

func TestVerify_Base64BodyIsDecodedFirst(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		r := sign(t, posted(ratesRoute, "", "lisbon-1", update("")), exampleKey, time.Now())
		r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(r.Body)), true
		h.answers(r, 202)
	})
}

// What the queue or a table does not take, the sender keeps.
func TestDoors_OurTroubleIsNoRefusal(t *testing.T) {
	for name, spoil := range map[string]func(h *house){
		"queue":     func(h *house) { h.box.err = errors.New("queue is down") },
		"inventory": func(h *house) { h.inventory.Fault = func(string) error { return errors.New("table is down") } },
	} {
		for _, route := range []string{ratesRoute, hintRoute} {
			at(t, signedAt, func(t *testing.T) {
				h := newHouse(t)
				spoil(h)
				body := update("")
				if route == hintRoute {
					body = `{"type":"rates.changed"}`
				}
				r := posted(route, map[string]string{hintRoute: "cloudbeds"}[route], "lisbon-1", body)
				a := h.answers(sign(t, r, exampleKey, time.Now()), 503)
				if a.Headers["Retry-After"] == "" || len(h.mind.seen) != 0 {
					t.Errorf("%s, %s: %+v, remembered %v", name, route, a.Headers, h.mind.seen)
				}
			})
		}
	}
}

func TestHint_Example(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		h.answers(readRequest(t, "webhook.json"), 204)
		if len(h.box.sent) != 1 || h.box.sent[0].Group != "lisbon-2" {
			t.Fatalf("sent %+v", h.box.sent)
		}
		m, err := wake.Decode(h.box.sent[0].Body)
		if err != nil || m.Kind != wake.Job || m.Job != "job-7c1f" || m.Connection != "lisbon-2" {
			t.Errorf("woken: %+v, %v", m, err)
		}
	})
}

func TestHint_WhatItIsWorth(t *testing.T) {
	for body, want := range map[string]string{
		`{"event":"api_queue_task/rate_status_changed","queueTaskId":"77","status":"completed"}`: "job 77",
		`{"event":"x","queueTaskId":77}`:                      "job 77",
		`{"jobReferenceID":"abc"}`:                            "job abc",
		`{"data":{"job_id":"j1"}}`:                            "job j1",
		`{"type":"rates.changed","data":{}}`:                  "readback ",
		`{"event":"integration/appstate_changed"}`:            "readback ",
		`{"type":"reservation.created","data":{"guest":"x"}}`: "",
		`{"job":"has#a#key"}`:                                 "",
		`{"job":{"id":"x"}}`:                                  "",
		`{"job":""}`:                                          "",
		`[1,2]`:                                               "",
		`not JSON`:                                            "",
		``:                                                    "",
	} {
		got := ""
		for _, s := range hintsIn("lisbon-1", []byte(body), time.UnixMilli(1)) {
			m, err := wake.Decode(s.Body)
			if err != nil {
				t.Errorf("%s: %v", body, err)
			}
			got += string(m.Kind) + " " + m.Job
		}
		if got != want {
			t.Errorf("%s: wakes %q, want %q", body, got, want)
		}
	}
}

func TestHint_Replay(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		r := readRequest(t, "webhook.json")
		for range 3 {
			h.answers(r, 204)
		}
		if len(h.box.sent) != 1 {
			t.Errorf("a replay woke something: %d messages", len(h.box.sent))
		}
		if !strings.Contains(h.log.String(), `"why":"replay"`) {
			t.Errorf("nothing says so: %s", h.log.String())
		}
	})
}

// A webhook whose handling failed comes again and is no replay.
func TestHint_EnqueuedBeforeRemembered(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		r := readRequest(t, "webhook.json")
		h.box.err = errors.New("queue is down")
		h.answers(r, 503)
		h.box.err = nil
		h.answers(r, 204)
		if len(h.box.sent) != 1 {
			t.Errorf("%d messages, want the one that failed before", len(h.box.sent))
		}
	})
}

// A flood of webhooks that are not what they say reaches no queue.
func TestHint_FloodChangesNothing(t *testing.T) {
	at(t, signedAt, func(t *testing.T) {
		h := newHouse(t)
		for range 100 {
			h.answers(sign(t, posted(hintRoute, "cloudbeds", "lisbon-1", `{"job":"1"}`), otherKey, time.Now()), 401)
		}
		if len(h.box.sent) != 0 || len(h.mind.seen) != 0 {
			t.Errorf("sent %d, remembered %d", len(h.box.sent), len(h.mind.seen))
		}
	})
}

func TestHandle_UnknownRoute(t *testing.T) {
	newHouse(t).answers(request{RouteKey: "GET /"}, 404)
}

func FuzzReadHint(f *testing.F) {
	f.Add([]byte(`{"type":"rates.job.finished","data":{"job":"job-7c1f"}}`))
	f.Add([]byte(`{"event":"rates.changed","queueTaskId":1e999}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, m := range hintsIn("c", body, time.UnixMilli(1)) {
			if _, err := wake.Decode(m.Body); err != nil {
				t.Errorf("%q woke %s: %v", body, m.Body, err)
			}
		}
	})
}
