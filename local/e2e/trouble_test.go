package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
)

// strike makes the proxy treat some calls badly, until the test is over.
func (w *world) strike(t *testing.T, r proxy.Rule) (withdraw func()) {
	t.Helper()
	s, err := w.Proxy.Inject(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	withdraw = func() { _ = w.Proxy.Withdraw(t.Context(), s.ID) } // gone already is as well
	t.Cleanup(withdraw)
	return withdraw
}

// trouble makes the provider treat some requests about a hotel badly.
func (h *hotel) trouble(t *testing.T, f sandbox.Fault) {
	t.Helper()
	f.Persona, f.Property = h.persona, h.id
	if _, err := h.w.books.AddFault(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// latency lets the provider act on one request only after a while.
func latency(endpoint string, millis int64) sandbox.Fault {
	return sandbox.Fault{Kind: sandbox.FaultLatency, Endpoint: endpoint, Count: 1, Millis: millis}
}

// pairItem names the grant's item in a request's body.
func (h *hotel) pairItem() string { return `"GRANT#` + h.grant + `"` }

// settled waits until the pair is at its home.
func (h *hotel) settled(t *testing.T, within time.Duration) {
	t.Helper()
	eventually(t, within, "the pair of "+h.id+" is at its home", func() string {
		if item := h.token(t); item["pair_ref"] == nil || item["pair"] != nil {
			return "it is inline"
		}
		return ""
	})
}

// A secret that has had its versions refuses the next one. That is no outage: the
// grant's pairs move on to a new secret at once, and the old one is deleted by
// what comes after, here at its second try.
func turnTheEpoch(t *testing.T, w *world) {
	h := connected(t, w, "aveiro-1", booking{persona: sandbox.Cloudbeds})
	w.strike(t, proxy.Rule{
		Match: proxy.Match{Service: "secretsmanager", Operation: "DeleteSecret", Body: "grant/" + h.grant + "/"}, Kind: proxy.AccessDenied, Count: 1,
	})
	for generation := range int64(versionQuota + 3) {
		h.settled(t, 10*time.Second)
		h.bringForward(t)
		h.moves(t, 20*time.Second, generation+1)
	}
	w.awaitEvent(t, 10*time.Second, "epoch_turned", "grant", h.grant)
	w.awaitEvent(t, 10*time.Second, "retire_deferred", "grant", h.grant, "why", "denied")
	h.settled(t, 10*time.Second)
	h.send(t, h.next(2)) // the pair is read from where it lives now
	h.arrives(t, 20*time.Second)
	eventually(t, 10*time.Second, "the former secret is deleted", func() string {
		_, err := w.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{
			SecretId: aws.String(w.Outputs.SecretsPrefix + "grant/" + h.grant + "/1"),
		})
		var gone *types.ResourceNotFoundException
		if !errors.As(err, &gone) {
			return fmt.Sprintf("it is there (%v)", err)
		}
		return ""
	})
}

// While Secrets Manager refuses, pairs stay sealed in the table: refreshes and
// pushes go on, and the next refresh after that moves the pair home.
func settleLater(t *testing.T, w *world) {
	h := connected(t, w, "viseu-1", booking{persona: sandbox.Cloudbeds})
	h.settled(t, 10*time.Second)
	over := w.strike(t, proxy.Rule{
		Match: proxy.Match{Service: "secretsmanager", Operation: "PutSecretValue", Body: "grant/" + h.grant + "/"}, Kind: proxy.Throttle,
	})
	h.bringForward(t)
	h.moves(t, 15*time.Second, 1)
	w.awaitEvent(t, 20*time.Second, "settle_deferred", "grant", h.grant)
	if h.token(t)["pair"] == nil {
		t.Error("the pair is not inline although its home refuses it")
	}
	h.send(t, h.next(2))
	h.arrives(t, 20*time.Second)
	over()
	h.bringForward(t)
	h.settled(t, 20*time.Second)
}

// An answer that nobody can read is kept as it came; inside the provider's grace
// the refresh token is presented once more, and nothing is lost.
func keepTheUnreadable(t *testing.T, w *world) {
	h := connected(t, w, "silves-1", booking{persona: sandbox.Cloudbeds})
	h.trouble(t, sandbox.Fault{Kind: sandbox.FaultMalformed, Endpoint: "token", Count: 1})
	h.bringForward(t)
	w.awaitEvent(t, 20*time.Second, "answer_kept_aside", "grant", h.grant)
	h.moves(t, 30*time.Second, 1)
	h.healthy(t, 10*time.Second)
}

// The provider has answered, and the table takes no commit: the answer is kept
// beside the pair and becomes the pair when the table works again. The refresh
// token is not presented twice for it.
func rollTheAside(t *testing.T, w *world) {
	h := connected(t, w, "chaves-1", booking{persona: sandbox.Cloudbeds})
	over := w.strike(t, proxy.Rule{
		Match: proxy.Match{Service: "dynamodb", Operation: "UpdateItem", Body: h.pairItem(), Also: "committed_by"}, Kind: proxy.AccessDenied,
	})
	h.bringForward(t)
	w.awaitEvent(t, 20*time.Second, "answer_kept_aside", "grant", h.grant)
	over()
	w.awaitEvent(t, 30*time.Second, "aside_rolled", "grant", h.grant)
	h.moves(t, 20*time.Second, 2) // the roll and the exchange that follows it
	for _, g := range w.familyOf(t, h) {
		if g.Presented > 1 {
			t.Errorf("the refresh token of generation %d was presented %d times", g.Generation, g.Presented)
		}
	}
}

// An answer that is lost on its way is noticed, and recovered inside the grace.
func recoverALostAnswer(t *testing.T, w *world) {
	h := connected(t, w, "elvas-1", booking{persona: sandbox.Cloudbeds})
	h.trouble(t, sandbox.Fault{Kind: sandbox.FaultResetAfter, Endpoint: "token", Count: 1})
	h.bringForward(t)
	w.awaitEvent(t, 20*time.Second, "answer_lost", "grant", h.grant)
	h.moves(t, 30*time.Second, 1)
	recovered := 0
	for _, g := range w.familyOf(t, h) {
		recovered += g.Recovered
	}
	if recovered != 1 {
		t.Errorf("%d recoveries in the provider's books, want 1", recovered)
	}
	h.send(t, h.next(2))
	h.arrives(t, 20*time.Second)
}

// A token endpoint that says "later" has spent nothing: the grant stays healthy
// and is refreshed when the pause is over.
func waitForTheTokenEndpoint(t *testing.T, w *world) {
	h := connected(t, w, "ovar-1", booking{persona: sandbox.Cloudbeds})
	h.trouble(t, sandbox.Fault{Kind: sandbox.FaultThrottled, Endpoint: "token", Count: 1, RetryAfter: 2})
	h.bringForward(t)
	w.awaitEvent(t, 20*time.Second, "exchange_failed", "grant", h.grant)
	if s := h.status(t); s.State != "healthy" && s.State != "refreshing" {
		t.Errorf("a pause made it %s", s.State)
	}
	h.moves(t, 30*time.Second, 1)
}

// A request that the provider acts on long after we gave up brings an old price
// over a newer one. Its mark has stayed open: when it is due, the newer price
// goes out once more.
func healALatePrice(t *testing.T, w *world) {
	h := connected(t, w, "tavira-1", booking{persona: sandbox.Generic})
	h.unordered = true
	h.trouble(t, latency("batch", 9000))
	h.send(t, h.next(2))
	eventually(t, 15*time.Second, "the old price is under way", func() string {
		if len(keysOf(h.lane(t), "marks")) == 0 {
			return "no mark"
		}
		return ""
	})
	h.send(t, h.next(2))
	eventually(t, 40*time.Second, "the old price came over the new one", func() string {
		old, newer := h.applied(t, "101.00"), h.applied(t, "102.00")
		if old == 0 || newer == 0 {
			return fmt.Sprintf("applied: old %d, new %d", old, newer)
		}
		return ""
	})
	eventually(t, 20*time.Second, "the mark is open and nobody holds the lane", func() string {
		item := h.lane(t)
		if marks := keysOf(item, "marks"); len(marks) != 1 || item["holder"] != nil {
			return fmt.Sprintf("marks %v, held: %v", marks, item["holder"] != nil)
		}
		return ""
	})
	h.marksFallDue(t)
	w.awaitEvent(t, 30*time.Second, "mark_healed", "connection", h.id)
	h.arrives(t, 20*time.Second)
}

// applied is the number of the last application of a price to tomorrow's night
// in the provider's books; zero for none.
func (h *hotel) applied(t *testing.T, price string) int {
	t.Helper()
	history, err := h.w.books.History(t.Context(), sandbox.Change{
		CellID: sandbox.CellID{Persona: h.persona, Property: h.id, Date: night(1)}, Field: sandbox.FieldPrice,
	})
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, c := range history {
		if c.Value == price {
			last = c.N
		}
	}
	return last
}

// marksFallDue lets the time pass after which an open mark is looked at: the
// provider's settling time and its jobs' deadline are minutes.
func (h *hotel) marksFallDue(t *testing.T) {
	t.Helper()
	now := time.Now().UnixMilli()
	to := map[string]int64{"wake_at": now}
	for _, id := range keysOf(h.lane(t), "marks") {
		to["marks/"+id+"/due"] = now
	}
	h.w.change(t, h.w.Outputs.RatesTable, "CONN#"+h.id, "LANE", to)
	h.w.sweep(t)
}
