package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFault_ThrottledAndUnavailable_DoNotAct(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	w.fault(Fault{Kind: FaultThrottled, Endpoint: "batch", RetryAfter: 7, Count: 1})
	w.fault(Fault{Kind: FaultUnavailable, Endpoint: "batch", RetryAfter: 90, RetryAfterDate: true, Count: 1})
	w.fault(Fault{Kind: FaultError, Endpoint: "batch", Count: 1})
	r := w.batch(token, "k", oneNight)
	w.want("status", r.status, 429)
	w.want("seconds", r.header.Get("Retry-After"), "7")
	r = w.batch(token, "k", oneNight)
	w.want("status", r.status, 503)
	at, err := http.ParseTime(r.header.Get("Retry-After"))
	if err != nil || !at.Equal(w.clock().Add(90*time.Second)) {
		t.Errorf("date %v (%v)", at, err)
	}
	w.want("status", w.batch(token, "k", oneNight).status, 500)
	w.want("nothing acted", w.summary().Changes, 0)
	w.want("the key is free", w.batch(token, "k", oneNight).header.Get("Idempotent-Replayed"), "")
	pushes := w.summary().Pushes
	w.want("throttled", pushes[PushThrottled], 1)
	w.want("failed", pushes[PushFailed], 2)
}

func TestFault_ResetBefore_NothingHappened(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.fault(Fault{Kind: FaultResetBefore, Persona: Cloudbeds, Endpoint: "token", Property: "1001", Count: 1})
	_, err := w.try("POST", cbToken, refreshForm(first.refresh).Encode(), formHeader)
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, want a reset", err)
	}
	w.want("reason", w.lastReason(), ReasonUnseen)
	w.want("acted", w.lastRequest().Acted, false)
	w.pass(time.Hour) // far beyond any grace: it was never used
	w.want("the token is still good", w.refresh(first.refresh).status, 200)
	m := w.summary().Refresh
	w.want("unseen", m.Unseen, 1)
	w.want("per generation", m.PerGeneration, "1.00")
}

func TestFault_ResetAfter_TheAnswerIsLost(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.fault(Fault{Kind: FaultResetAfter, Endpoint: "token", Count: 1})
	if _, err := w.try("POST", cbToken, refreshForm(first.refresh).Encode(), formHeader); err == nil {
		t.Fatal("an answer came")
	}
	last := w.lastRequest()
	w.want("acted", last.Acted, true)
	w.want("delivered", last.Delivered, false)
	w.want("status", last.Status, 0)
	w.want("second time, in the grace", w.refresh(first.refresh).status, 200)
	w.want("recoveries", w.summary().Refresh.Recoveries, 1)
}

func TestFault_ResetAfter_AppliesThePush(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	w.fault(Fault{Kind: FaultResetAfter, Endpoint: "batch", Count: 1})
	if _, err := w.try("POST", "/generic/v2/rates/batch", oneNight, batchHeader(token, "k")); err == nil {
		t.Fatal("an answer came")
	}
	w.want("applied", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "129.00")
	w.want("repeated", w.batch(token, "k", oneNight).header.Get("Idempotent-Replayed"), "true")
}

func TestFault_Hang_ActsOrNot(t *testing.T) {
	for _, acts := range []bool{true, false} {
		w := newWorld(t, Config{})
		token := w.clientToken()
		w.fault(Fault{Kind: FaultHang, Endpoint: "batch", Millis: 60, Acts: acts, Count: 1})
		began := time.Now()
		r, err := w.try("POST", "/generic/v2/rates/batch", oneNight, batchHeader(token, "k"))
		if time.Since(began) < 60*time.Millisecond {
			t.Error("it did not stall")
		}
		w.want("answered", err == nil && r.status == 200, acts)
		w.want("acted", w.summary().Changes > 0, acts)
	}
}

func TestFault_Latency_StillActsWhenTheClientHasGone(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	w.fault(Fault{Kind: FaultLatency, Endpoint: "batch", Millis: 80, Count: 1})
	w.http.Timeout = 20 * time.Millisecond
	if _, err := w.try("POST", "/generic/v2/rates/batch", oneNight, batchHeader(token, "k")); err == nil {
		t.Fatal("no latency")
	}
	w.http.Timeout = 0
	w.want("acted", w.lastRequest().Acted, true)
	w.want("applied", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "129.00")
	w.want("delivered", w.lastRequest().Delivered, false)
}

func TestFault_Late_OvertakesTheNewerValue(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	w.fault(Fault{Kind: FaultLate, Endpoint: "batch", Millis: 5000, Count: 1})
	w.want("answered at once", w.batch(token, "k1", oneNight).status, 200)
	w.want("waiting", w.summary().Waiting, 1)
	w.pass(time.Second)
	w.batch(token, "k2", strings.Replace(oneNight, "129", "140", 1))
	w.want("the newer one", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "140.00")
	w.pass(4 * time.Second)
	w.want("older over newer", w.value("P1", "DBL", "BAR", "2026-12-01", FieldPrice), "129.00")
	history, err := w.admin.History(t.Context(), Change{CellID: CellID{Property: "P1"}})
	if err != nil || len(history) != 2 {
		t.Fatalf("history %+v (%v)", history, err)
	}
	w.want("applied when due", history[1].AppliedAt, w.clock().UnixMilli())
	w.want("by the first request", history[1].Request < history[0].Request, true)
}

func TestFault_Late_OnAJob_IsDoneButNotApplied(t *testing.T) {
	w := newWorld(t, Config{JobDelay: time.Second})
	p := w.connect("1001")
	w.fault(Fault{Kind: FaultLate, Endpoint: "patchRate", Millis: 3000})
	id := w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-01", "1")).text(t, "jobReferenceID")
	w.pass(time.Second)
	body := w.send("GET", "/cloudbeds/api/v1.3/getRateJobs?jobReferenceID="+id, "", bearerHeader(p.access)).body
	w.want("completed", strings.Contains(body, `"completed"`), true)
	w.want("not yet", w.value("1001", "DBL", "BAR", "2026-12-01", FieldPrice), "")
	w.pass(3 * time.Second)
	w.want("then", w.value("1001", "DBL", "BAR", "2026-12-01", FieldPrice), "1.00")
}

func TestFault_JobFailed(t *testing.T) {
	w := newWorld(t, Config{})
	w.jobsOn("P1")
	p, token := w.connect("1001"), w.clientToken()
	w.fault(Fault{Kind: FaultJobFailed})
	cb := w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-01", "1")).text(t, "jobReferenceID")
	generic := w.batch(token, "k", oneNight).text(t, "job_id")
	w.pass(time.Second)
	body := w.send("GET", "/cloudbeds/api/v1.3/getRateJobs?jobReferenceID="+cb, "", bearerHeader(p.access)).body
	w.want("cloudbeds", strings.Contains(body, `"error"`) && strings.Contains(body, `"success":false`), true)
	w.want("generic", w.send("GET", "/generic/v2/jobs/"+generic, "", bearerHeader(token)).text(t, "status"), "failed")
	w.want("cells", w.summary().Cells+w.summary().Waiting, 0)
}

func TestFault_SuccessFalse(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.connect("1001")
	w.fault(Fault{Kind: FaultSuccessFalse, Persona: Cloudbeds, Endpoint: "patchRate", Count: 1})
	r := w.patch(p.access, oneRate("37", "2026-12-01", "2026-12-01", "1"))
	w.want("status", r.status, 200)
	w.want("success", r.json(t)["success"], false)
	w.want("outcome", w.lastRequest().Outcome, PushRefused)
}

func TestFault_SlowBody_ArrivesWhole(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.clientToken()
	w.fault(Fault{Kind: FaultSlowBody, Endpoint: "batch", Millis: 80, Count: 1})
	began := time.Now()
	r := w.batch(token, "k", oneNight)
	if time.Since(began) < 79*time.Millisecond || r.json(t)["results"] == nil {
		t.Errorf("after %v: %s", time.Since(began), r.body)
	}
}

func TestFault_Malformed_ActedAllTheSame(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.fault(Fault{Kind: FaultMalformed, Endpoint: "token", Count: 1})
	r := w.refresh(first.refresh)
	if r.status != 200 || json.Valid([]byte(r.body)) || r.body == "" {
		t.Errorf("status %d, body %q", r.status, r.body)
	}
	w.want("the second time is a recovery", w.refresh(first.refresh).status, 200)
	w.want("recoveries", w.summary().Refresh.Recoveries, 1)
}

func TestFault_TokenEndpointErrors_SpendNothing(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.connect("1001")
	w.fault(Fault{Kind: FaultInvalidGrant, Endpoint: "token", Count: 1})
	w.fault(Fault{Kind: FaultInvalidClient, Endpoint: "token", Count: 1})
	r := w.refresh(first.refresh)
	w.want("invalid_grant", strconv.Itoa(r.status)+r.text(t, "error"), "400invalid_grant")
	r = w.refresh(first.refresh)
	w.want("invalid_client", strconv.Itoa(r.status)+r.text(t, "error"), "401invalid_client")
	w.want("then", w.refresh(first.refresh).status, 200)
	w.want("presentations", w.summary().Refresh.Presentations, 1)
	w.want("unseen", w.summary().Refresh.Unseen, 2)
}

func TestFault_SelectsByPersonaEndpointAndProperty(t *testing.T) {
	w := newWorld(t, Config{})
	a, b, token := w.connect("1001"), w.connect("2002"), w.clientToken()
	w.fault(Fault{Kind: FaultError, Persona: Cloudbeds, Property: "1001", Endpoint: "getRate*"})
	jobs := "/cloudbeds/api/v1.3/getRateJobs"
	w.want("the property's reads", w.send("GET", jobs, "", bearerHeader(a.access)).status, 500)
	w.want("another property", w.send("GET", jobs, "", bearerHeader(b.access)).status, 200)
	w.want("another endpoint", w.patch(a.access, oneRate("37", "2026-12-01", "2026-12-01", "1")).status, 200)
	w.want("another persona", w.send("GET", "/generic/v2/jobs/x", "", bearerHeader(token)).status, 404)
	w.fault(Fault{Kind: FaultError, Persona: Generic, Property: "P1"})
	w.want("a batch's property is in its body", w.batch(token, "k", oneNight).status, 500)
	if err := w.admin.ClearFaults(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want("cleared", w.batch(token, "k", oneNight).status, 200)
}

func TestFault_ProbabilityRepeatsWithTheSeed(t *testing.T) {
	strikes := func(seed uint64) string {
		w := newWorld(t, Config{Seed: seed})
		token := w.clientToken()
		w.fault(Fault{Kind: FaultError, Endpoint: "job", Probability: 0.3, Skip: 2, Count: 12})
		var pattern strings.Builder
		for range 60 {
			r := httptest.NewRecorder()
			request := httptest.NewRequest("GET", "/generic/v2/jobs/x", nil)
			request.Header.Set("Authorization", "Bearer "+token)
			w.server.ServeHTTP(r, request)
			pattern.WriteString(map[int]string{500: "x", 404: "."}[r.Code])
		}
		return pattern.String()
	}
	one := strikes(1)
	if again := strikes(1); one != again {
		t.Errorf("seed 1 gave %s, then %s", one, again)
	}
	if other := strikes(2); one == other {
		t.Errorf("seeds 1 and 2 both gave %s", one)
	}
	if n := strings.Count(one, "x"); n < 8 || n > 12 || strings.HasPrefix(one, "x") {
		t.Errorf("%d strikes in %s", n, one)
	}
}

func TestFault_RefusedRules(t *testing.T) {
	w := newWorld(t, Config{})
	for _, f := range []Fault{
		{Kind: "weather"}, {Kind: FaultLatency}, {Kind: FaultSuccessFalse}, {Kind: FaultError, Persona: "mews"},
		{Kind: FaultError, Endpoint: "["}, {Kind: FaultError, Probability: 1.5}, {Kind: FaultError, Count: -1}, {Kind: FaultError, ID: 3},
	} {
		if _, err := w.admin.AddFault(t.Context(), f); err == nil {
			t.Errorf("taken: %+v", f)
		}
	}
}

func TestReset_BehindARecorder_AbortsTheHandler(t *testing.T) {
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("the handler was not aborted")
		}
	}()
	reset(httptest.NewRecorder())
}
