package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop/local/sandbox"
)

// refused is what is said about an update that was not, or not wholly, taken.
type refused struct {
	Taken      int    `json:"taken"`
	Connection string `json:"connection"`
	Message    string `json:"message_id"`
	Problems   []struct {
		Index  int    `json:"index"`
		Field  string `json:"field"`
		Reason string `json:"reason"`
	} `json:"problems"`
}

// names lists where the problems are.
func (r refused) names() []string {
	var names []string
	for _, p := range r.Problems {
		names = append(names, fmt.Sprintf("%d/%s", p.Index, p.Field))
	}
	slices.Sort(names)
	return names
}

// A PMS that cannot reach the queue posts, signed. What is good is taken, what is
// bad comes back as a list, and whoever cannot sign is told nothing.
func postRates(t *testing.T, w *world) {
	h := connected(t, w, "braga-1", booking{persona: sandbox.Generic})
	url := w.PublicURL() + "/rates/" + h.id
	post := func(secret, id string, at time.Time, body []byte) page {
		return w.request(t, "POST", url, signed(secret, id, at, body), body)
	}
	good := h.next(6)
	if p := post(h.signing, "msg-1", time.Now(), good.body()); p.status != 202 {
		t.Fatalf("a good update is answered %d: %s", p.status, p.body)
	}
	h.arrives(t, 15*time.Second)
	if p := post(h.signing, "msg-1", time.Now(), good.body()); p.status != 202 {
		t.Errorf("the same update again is answered %d: the PMS may repeat itself", p.status)
	}

	mixed := h.next(2)
	mixed.Updates = append(mixed.Updates,
		change{RoomType: room, RatePlan: plan, From: night(9), To: night(8), Price: "1.00"},
		change{RoomType: room, RatePlan: plan, From: night(8), To: night(9), Price: "1.005"})
	p := post(h.signing, "msg-2", time.Now(), mixed.body())
	var said refused
	if err := json.Unmarshal([]byte(p.body), &said); err != nil || p.status != 422 {
		t.Fatalf("a mixed update is answered %d: %s (%v)", p.status, p.body, err)
	}
	if said.Taken != 1 || !slices.Equal(said.names(), []string{"1/to", "2/price"}) && !slices.Equal(said.names(), []string{"1/from", "2/price"}) {
		t.Errorf("taken %d, problems with %v", said.Taken, said.names())
	}
	h.arrives(t, 15*time.Second)

	pushes := w.pushesTo(t, h)
	bad := w.forged(h)
	for name, p := range map[string]page{
		"another's secret":  post(newReceiver().secret, "msg-3", time.Now(), bad),
		"an old signature":  post(h.signing, "msg-4", time.Now().Add(-time.Hour), bad),
		"a future one":      post(h.signing, "msg-5", time.Now().Add(time.Hour), bad),
		"another body":      w.request(t, "POST", url, signed(h.signing, "msg-6", time.Now(), good.body()), bad),
		"no signature":      w.request(t, "POST", url, nil, bad),
		"nobody's address":  w.request(t, "POST", w.PublicURL()+"/rates/nobody", signed(h.signing, "msg-7", time.Now(), bad), bad),
		"a hint's own door": w.request(t, "POST", w.PublicURL()+"/webhooks/generic/"+h.id, signed(h.signing, "msg-8", time.Now(), bad), bad),
	} {
		if p.status != 401 && p.status != 404 || p.body != "" && strings.Contains(p.body, h.id) {
			t.Errorf("%s is answered %d: %s", name, p.status, p.body)
		}
	}
	h.send(t, h.next(1)) // what comes after shows that nothing came between
	h.arrives(t, 15*time.Second)
	if n := w.pushesTo(t, h) - pushes; n != 1 {
		t.Errorf("%d pushes since the forged requests, want the one of the good update", n)
	}
}

// forged is an update that must never get through.
func (w *world) forged(h *hotel) []byte {
	return update{V: 1, Connection: h.id, Revision: 1 << 40, Currency: "EUR", Updates: []change{
		{RoomType: room, RatePlan: plan, From: night(1), To: night(30), Price: "1.00"},
	}}.body()
}

// Bad input on the queue ends on the rejected queue with its reason, once, and
// stops no good input: not that of other messages, not that of its own.
func refuseBadInput(t *testing.T, w *world) {
	h := connected(t, w, "tomar-1", booking{persona: sandbox.Generic})
	w.enqueue(t, `{"v":1,"connection":"tomar-1","rev`, h.id)
	stranger := update{V: 1, Connection: "tomar-unknown", Revision: 1, Currency: "EUR", Updates: []change{
		{RoomType: room, RatePlan: plan, From: night(1), To: night(1), Price: "10.00"}}}
	w.enqueue(t, string(stranger.body()), "tomar-unknown")
	francs := h.next(0)
	francs.Currency, francs.Updates = "CHF", []change{{RoomType: room, RatePlan: plan, From: night(1), To: night(1), Price: "10.00"}}
	w.enqueue(t, string(francs.body()), h.id)
	mixed := h.next(4)
	mixed.Updates = append(mixed.Updates, change{RoomType: room, RatePlan: plan, From: night(2), To: night(3), Price: "-1.00"})
	w.enqueue(t, string(mixed.body()), h.id)
	h.arrives(t, 15*time.Second)

	want := map[string]string{"": "not JSON", "tomar-unknown": "connection", "tomar-1": "currency", "tomar-1 ": "price"}
	eventually(t, 15*time.Second, "four reports on the rejected queue", func() string {
		for _, r := range w.rejections(t) {
			switch names := strings.Join(r.names(), " "); {
			case r.Connection == "tomar-unknown" && strings.Contains(names, "connection"):
				delete(want, "tomar-unknown")
			case r.Connection == h.id && strings.Contains(names, "-1/currency"):
				delete(want, "tomar-1")
			case r.Connection == h.id && strings.Contains(names, "1/price"):
				delete(want, "tomar-1 ")
			case r.Connection == "" && strings.HasPrefix(names, "-1/"):
				delete(want, "")
			}
		}
		if len(want) > 0 {
			return fmt.Sprintf("missing %v", want)
		}
		return ""
	})
}

// rejections reads the rejected queue without taking anything from it for good.
func (w *world) rejections(t *testing.T) []refused {
	t.Helper()
	answer, err := w.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(w.Outputs.RejectedQueueURL), MaxNumberOfMessages: 10, VisibilityTimeout: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []refused
	for _, m := range answer.Messages {
		w.show("rejected queue", aws.ToString(m.Body))
		var r refused
		if err := json.Unmarshal([]byte(aws.ToString(m.Body)), &r); err != nil {
			t.Fatalf("reading a rejection: %v", err)
		}
		all = append(all, r)
	}
	return all
}

// A provider that answers 202 is polled until the job has ended; its webhook
// pulls the poll forward and is believed nothing else. What is signed by nobody,
// or twice the same, changes nothing.
func finishJobs(t *testing.T, w *world) {
	h := connected(t, w, "beja-1", booking{persona: sandbox.Generic, jobs: true, hooks: true})
	h.send(t, h.next(5))
	h.arrives(t, 20*time.Second)
	w.awaitEvent(t, 20*time.Second, "job_closed", "connection", h.id)

	url := w.PublicURL() + "/webhooks/generic/" + h.id
	hint := []byte(`{"type":"rates.changed","timestamp":"2026-11-28T10:00:00Z","data":{}}`)
	header := signed(h.hooks, "evt-1", time.Now(), hint)
	if p := w.request(t, "POST", url, header.Clone(), hint); p.status != 204 {
		t.Fatalf("the provider's webhook is answered %d", p.status)
	}
	w.awaitEvent(t, 20*time.Second, "readback_done", "connection", h.id)
	if p := w.request(t, "POST", url, header.Clone(), hint); p.status != 204 {
		t.Errorf("a replay is answered %d, want the answer that ends it", p.status)
	}
	w.awaitEvent(t, 10*time.Second, "webhook_refused", "connection", h.id, "why", "replay")
	if p := w.request(t, "POST", url, signed(h.signing, "evt-2", time.Now(), hint), hint); p.status != 401 {
		t.Errorf("the PMS's secret opens the provider's door: %d", p.status)
	}
}

// killedToken is the property whose token is ended by a story.
const killedToken = "guarda-1"

// A token that dies between two pushes costs one refused call: the cells are put
// back, a refresh is asked for, and they go out with the next token.
func pushWithADeadToken(t *testing.T, w *world) {
	h := connected(t, w, killedToken, booking{persona: sandbox.Generic})
	h.send(t, h.next(3))
	h.arrives(t, 15*time.Second)
	if err := w.books.ExpireToken(t.Context(), w.accessTokenOf(t, h)); err != nil {
		t.Fatal(err)
	}
	h.send(t, h.next(3))
	w.awaitEvent(t, 20*time.Second, "chunk_put_back", "connection", h.id, "why", "auth")
	h.arrives(t, 15*time.Second) // long before the dead token's successor was due
}

// accessTokenOf is the newest access token that a hotel's grant was issued.
func (w *world) accessTokenOf(t *testing.T, h *hotel) string {
	t.Helper()
	tokens, err := w.books.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range slices.Backward(tokens) {
		if k.Kind == sandbox.AccessToken && (k.Property == h.id || h.persona == sandbox.Generic && k.Client == "id-"+h.client) {
			return k.Value
		}
	}
	t.Fatalf("no access token was issued for %s", h.id)
	return ""
}
