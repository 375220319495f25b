package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
	"bellhop/shared/settings"
	"bellhop/shared/wake"
)

// sample reads one of the events that `make invoke` and `sam local invoke` send.
func sample(t *testing.T, name string) json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestHandle_SampleBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		answer, err := w.worker().Handle(t.Context(), sample(t, "refresh.json")) // a grant that is not here
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := json.Marshal(answer); string(b) != `{"batchItemFailures":[]}` {
			t.Errorf("answered %s", b)
		}
	})
}

func TestHandle_SampleTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		r := w.worker()
		r.sweeper = w.sweeper()
		if _, err := r.Handle(t.Context(), sample(t, "schedule.json")); err != nil {
			t.Fatal(err)
		}
		w.says(event.SweepDone)
	})
}

func TestHandle_SomethingElse(t *testing.T) {
	r := &refresher{}
	for _, raw := range []string{`{}`, `{"v":2,"sweep":"2026-03-29T12:00:00Z"}`, `{"sweep":"x"}`, `[]`, `{"Records":[]}`} {
		if _, err := r.Handle(t.Context(), json.RawMessage(raw)); err == nil {
			t.Errorf("%s was taken", raw)
		}
	}
}

// One bad record stops no other, and comes back by itself.
func TestBatch_BadRecordsAmongGoodOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.untilDue()
		good := wake.Encode(wake.Message{Kind: wake.Grant, Grant: hotel, At: time.Now()})
		answer := w.worker().batch(t.Context(), []events.SQSMessage{
			{MessageId: "nonsense", Body: "{"},
			{MessageId: "good", Body: good},
			{MessageId: "newer", Body: `{"v":2,"wake":"grant","grant":"hotel","at":1}`},
			{MessageId: "lane", Body: `{"v":1,"wake":"lane","connection":"c","at":1}`},
		})
		var failed []string
		for _, f := range answer.BatchItemFailures {
			failed = append(failed, f.ItemIdentifier)
		}
		if got := strings.Join(failed, " "); got != "nonsense newer lane" {
			t.Errorf("failed: %s", got)
		}
		w.is(2, grant.OK)
	})
}

// The table does not answer: the message comes back to where it came from.
func TestBatch_TableIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		w.untilDue()
		w.store.Fault = func(string) granttest.Fault { return granttest.NotLanded }
		if err := w.wakes(); err == nil || w.provider.Requests() != 0 {
			t.Errorf("%v, %d requests without a lease", err, w.provider.Requests())
		}
	})
}

// What is due again within the minute we wake ourselves, but not for ever: after
// five in a row the sweep takes over.
func TestBring_WakesItselfAFewTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.provider.Refuse = func(oauth.Request) oauth.Outcome {
			return oauth.Outcome{Class: oauth.Throttled, RetryAt: time.Now().Add(10 * time.Second)}
		}
		w.untilDue()
		body := wake.Encode(wake.Message{Kind: wake.Grant, Grant: hotel, At: time.Now()})
		for range 10 {
			err := w.worker().record(t.Context(), events.SQSMessage{MessageId: "m", Body: body, Attributes: map[string]string{"MessageGroupId": "main"}})
			if err != nil {
				t.Fatal(err)
			}
			n := len(w.sent.wakes)
			if n == 0 {
				t.Fatal("no wake was sent")
			}
			last := w.sent.wakes[n-1]
			if last.Group != "main" || last.Delay < 10*time.Second || last.Delay > 11*time.Second {
				t.Fatalf("sent %+v", last)
			}
			time.Sleep(last.Delay)
			body = wake.Encode(last.Message)
		}
		if n := len(w.sent.wakes); n != ownWakes {
			t.Errorf("%d wakes of our own, want %d", n, ownWakes)
		}
	})
}

func TestBring_FarAheadIsTheSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.provider.Refuse = func(oauth.Request) oauth.Outcome {
			return oauth.Outcome{Class: oauth.Throttled, RetryAt: time.Now().Add(10 * time.Minute)}
		}
		w.untilDue()
		if err := w.wakes(); err != nil || len(w.sent.wakes) != 0 {
			t.Errorf("%v, sent %v", err, w.sent.wakes)
		}
	})
}

func TestBring_UnsentWakeFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, profile.Rotation{Policy: "none"})
		w.sent.err = errors.New("queue is away")
		w.provider.Refuse = func(oauth.Request) oauth.Outcome { return oauth.Outcome{Class: oauth.Unknown} }
		w.untilDue()
		if err := w.wakes(); err != nil {
			t.Errorf("a refresh failed for its next wake: %v", err)
		}
	})
}

func TestSettings_AllProblemsAtOnce(t *testing.T) {
	_, err := settings.Read[variables](func(name string) string {
		return map[string]string{"STACK": "b", "GRANTS_TABLE": "g", "SECRETS_PREFIX": "b", "LOG_LEVEL": "LOUD"}[name]
	})
	if err == nil {
		t.Fatal("an empty environment was taken")
	}
	for _, name := range []string{
		"STACK", "GRANTS_TABLE", "RATES_TABLE", "REFRESH_QUEUE_URL", "RATES_QUEUE_URL", "ALERTS_QUEUE_URL", "KEYS_SECRET", "SECRETS_PREFIX", "LOG_LEVEL",
	} {
		wrong := name != "STACK" && name != "GRANTS_TABLE"
		if strings.Contains(err.Error(), name+" is") != wrong {
			t.Errorf("%s: named %v, want %v, in\n%v", name, !wrong, wrong, err)
		}
	}
	if !strings.Contains(err.Error(), "want the stack's name and a slash") {
		t.Errorf("no example in\n%v", err)
	}
}

// environment is what the template sets.
var environment = map[string]string{
	"STACK": "bellhop", "GRANTS_TABLE": "g", "RATES_TABLE": "r", "KEYS_SECRET": "bellhop/keys", "SECRETS_PREFIX": "bellhop/",
	"REFRESH_QUEUE_URL": "https://sqs/refresh", "RATES_QUEUE_URL": "https://sqs/rates", "ALERTS_QUEUE_URL": "https://sqs/alerts",
}

// The real wiring, up to the first request.
func TestWire_PutsItTogether(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	r, err := wire(func(name string) string { return environment[name] })
	if _, heeds := r.cycle.Exchange.(*silence); !heeds {
		t.Error("a token endpoint that hangs may take every environment")
	}
	if r.cycle.Digests == nil {
		t.Error("nobody hears which request was refused")
	}
	if err != nil || r.cycle.Store == nil || r.sweeper.rates == nil || r.wakes == nil {
		t.Errorf("%+v, %v", r, err)
	}
	if err := run(t.Context(), func(string) string { return "" }); err == nil {
		t.Error("it runs without an environment")
	}
}

// What a process has put into Secrets Manager it opens without asking: it goes on
// while reads are refused.
func TestWire_KeepsThePairsItPut(t *testing.T) {
	var calls []string
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.Header.Get("X-Amz-Target"))
		var in struct{ ClientRequestToken string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		_, _ = fmt.Fprintf(w, `{"VersionId":%q}`, in.ClientRequestToken)
	}))
	defer aws.Close()
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL", aws.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	r, err := wire(func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	g := grant.Grant{ID: "g", Home: grant.HomeSecrets, Generation: 2, Issued: time.Now()}
	p := grant.Pair{Access: secret.New(secrettest.Mint("access")), Refresh: secret.New(secrettest.Mint("refresh")), Issued: g.Issued}
	if g.Ref, g.Placement, err = r.cycle.Vault.Settle(t.Context(), g, p); err != nil {
		t.Fatal(err)
	}
	opened, err := r.cycle.Vault.Open(t.Context(), g)
	if err != nil || !opened.Refresh.Equal(p.Refresh) || len(calls) != 1 {
		t.Errorf("calls %v, %v; want the one that put it", calls, err)
	}
}

// A wake that comes some seconds before its grant is due is sent on, to its
// second: the grant was refreshed late, and the sweep had not known. One that
// comes long before is a duplicate.
func TestBring_EarlyWakeIsSentOn(t *testing.T) {
	for early, want := range map[time.Duration]int{
		0: 0, grant.RefreshEarly: 0, grant.RefreshEarly + time.Second: 1, 27 * time.Second: 1, 31 * time.Second: 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, grace)
			due := w.grant().WakeAt
			time.Sleep(time.Until(due.Add(-early)))
			if err := w.wakes(); err != nil {
				t.Fatal(err)
			}
			if len(w.sent.wakes) != want || want == 1 && !w.sent.wakes[0].Message.At.Equal(due) {
				t.Errorf("%v early: sent %+v", early, w.sent.wakes)
			}
			if refreshed := w.provider.Requests() == 1; refreshed != (early <= grant.RefreshEarly) {
				t.Errorf("%v early: %d requests", early, w.provider.Requests())
			}
		})
	}
}
