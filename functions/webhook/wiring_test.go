package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/settings"
	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

// environment is a good one.
func environment() map[string]string {
	return map[string]string{
		"STACK": "bellhop", "GRANTS_TABLE": "g", "RATES_TABLE": "r", "KEYS_SECRET": "bellhop/keys", "SECRETS_PREFIX": "bellhop/",
		"RATES_QUEUE_URL": "https://sqs.example.com/rates", "REFRESH_QUEUE_URL": "https://sqs.example.com/refresh",
		"PUBLIC_URL": "https://connect.example.com",
	}
}

func TestWire(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	good := environment()
	if _, err := wire(func(name string) string { return good[name] }); err != nil {
		t.Fatal(err)
	}
}

// All that is wrong is said at once, with what a good value looks like.
func TestSettings_AllProblemsTogether(t *testing.T) {
	_, err := settings.Read[variables](func(name string) string {
		return map[string]string{"LOG_LEVEL": "LOUD", "PUBLIC_URL": "https://connect.example.com/path"}[name]
	})
	if err == nil {
		t.Fatal("nothing is wrong with nothing")
	}
	for name := range environment() {
		if !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	for _, want := range []string{"LOG_LEVEL is \"LOUD\"", "such as https://connect.example.com"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestWakes_Resume(t *testing.T) {
	now := time.UnixMilli(1_763_712_000_000)
	refresh, rates := &postbox{}, &postbox{}
	w := wakes{refresh: refresh, rates: rates, now: func() time.Time { return now }}
	r := consent.Resumption{Grant: "g", Client: "main", First: now.Add(40 * time.Second), Connections: []connection.ID{"a", "b"}}
	if err := w.Resume(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range rates.sent {
		m, err := wake.Decode(s.Body)
		if err != nil || s.Group != string(m.Connection) || s.Delay != 0 {
			t.Errorf("message %+v: %v", s, err)
		}
		got = append(got, string(m.Kind)+" "+string(m.Connection))
	}
	if want := "lane a, lane b, readback a, readback b"; strings.Join(got, ", ") != want {
		t.Errorf("woken %v, want %s", got, want)
	}
	if len(refresh.sent) != 1 || refresh.sent[0].Delay != 40*time.Second || refresh.sent[0].Group != "main" {
		t.Errorf("the grant's wake: %+v", refresh.sent)
	}
	if m, err := wake.Decode(refresh.sent[0].Body); err != nil || m.Grant != "g" || !m.At.Equal(r.First) {
		t.Errorf("the grant's wake: %+v, %v", m, err)
	}
}

// What is further away than a queue can wait is the sweep's.
func TestWakes_FarAway(t *testing.T) {
	refresh := &postbox{}
	w := wakes{refresh: refresh, rates: &postbox{}, now: time.Now}
	r := consent.Resumption{Grant: "g", First: time.Now().Add(sqs.MaxDelay + time.Hour)}
	if err := w.Resume(t.Context(), r); err != nil || len(refresh.sent) != 0 {
		t.Errorf("sent %+v, %v", refresh.sent, err)
	}
}

func TestWakes_OneQueueDoesNotStopTheOther(t *testing.T) {
	refresh, rates := &postbox{}, &postbox{err: errors.New("queue is down")}
	w := wakes{refresh: refresh, rates: rates, now: time.Now}
	if err := w.Resume(t.Context(), consent.Resumption{Grant: "g", First: time.Now(), Connections: []connection.ID{"a"}}); err == nil || len(refresh.sent) != 1 {
		t.Errorf("sent %+v, %v", refresh.sent, err)
	}
}

func TestAnswer_IsJSON(t *testing.T) {
	b, err := json.Marshal(answer{Taken: 2})
	if err != nil || string(b) != `{"taken":2}` {
		t.Errorf("%s, %v", b, err)
	}
}
