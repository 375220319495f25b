package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/alert"
	"bellhop/shared/grant"
)

// event reads one of the events that `sam local invoke` and the running stack
// are tried with.
func readEvent(t *testing.T, name string) json.RawMessage {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHandle_StreamRecord(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	answer, err := o.Handle(t.Context(), readEvent(t, "stream.json"))
	if err != nil {
		t.Fatal(err)
	}
	if r := answer.(events.DynamoDBEventResponse); len(r.BatchItemFailures) != 0 {
		t.Errorf("failures: %+v", r)
	}
	o.told("opened")
	if b, _ := json.Marshal(answer); string(b) != `{"batchItemFailures":[]}` {
		t.Errorf("answer %s: an absent list is not the same everywhere", b)
	}
}

func TestHandle_AlertsQueue(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	answer, err := o.Handle(t.Context(), readEvent(t, "alerts.json"))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(answer); string(b) != `{"batchItemFailures":[]}` {
		t.Errorf("answer %s", b)
	}
	o.told("opened")
}

func TestHandle_FailedRecordsAreNamed(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.slack.Fail = func(alert.Message) error { return alert.StatusError(500) }
	batch := `{"Records":[` + record("1", "GRANT#healthy", true) + "," + record("2", "GRANT#grant-1", true) + "," +
		record("3", "CONN#lisbon-1", false) + "," + record("4", "GRANT#grant-1", true) + `]}`
	answer, err := o.Handle(t.Context(), json.RawMessage(batch))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(answer); string(b) != `{"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"4"}]}` {
		t.Errorf("answer %s", b)
	}
}

func record(sequence, pk string, due bool) string {
	image := `{"pk":{"S":"` + pk + `"}}`
	if due {
		image = `{"pk":{"S":"` + pk + `"},"alert_due":{"N":"1763712060000"}}`
	}
	return `{"eventSource":"aws:dynamodb","dynamodb":{"Keys":{"pk":{"S":"` + pk + `"},"sk":{"S":"TOKEN"}},"NewImage":` +
		image + `,"SequenceNumber":"` + sequence + `"}}`
}

func TestHandle_PoisonGoesToTheDeadLetters(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	batch := `{"Records":[
		{"eventSource":"aws:sqs","messageId":"good","body":"{\"v\":1,\"wake\":\"alert\",\"grant\":\"grant-1\"}"},
		{"eventSource":"aws:sqs","messageId":"text","body":"hello"},
		{"eventSource":"aws:sqs","messageId":"kind","body":"{\"v\":1,\"wake\":\"lane\",\"connection\":\"c\",\"at\":1}"},
		{"eventSource":"aws:sqs","messageId":"later","body":"{\"v\":2,\"wake\":\"alert\",\"grant\":\"grant-1\"}"}]}`
	answer, err := o.Handle(t.Context(), json.RawMessage(batch))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(answer)
	if want := `{"batchItemFailures":[{"itemIdentifier":"text"},{"itemIdentifier":"kind"},{"itemIdentifier":"later"}]}`; string(b) != want {
		t.Errorf("answer %s, want %s", b, want)
	}
	o.told("opened")
}

func TestHandle_NoTimeLeft(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	ctx, cancel := context.WithTimeout(t.Context(), tellNeeds/2)
	defer cancel()
	answer, err := o.Handle(ctx, readEvent(t, "alerts.json"))
	if err != nil || len(answer.(events.SQSEventResponse).BatchItemFailures) != 1 {
		t.Errorf("answer %+v, %v; want the message back", answer, err)
	}
	o.told("")
	if !strings.Contains(o.log.String(), errNoTime.Error()) {
		t.Errorf("nothing says why: %s", o.log.String())
	}
}

func TestHandle_SomebodyElsesEvent(t *testing.T) {
	for _, raw := range []string{`{}`, `[]`, `{"Records":[]}`, `{"Records":[{"eventSource":"aws:s3"}]}`} {
		if _, err := newOffice(t).Handle(t.Context(), json.RawMessage(raw)); err == nil {
			t.Errorf("%s was handled", raw)
		}
	}
}

func TestHandle_OneGrantIsToldOnceABatch(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	reads := 0
	o.channels = func(context.Context) ([]alert.Channel, error) { reads++; return nil, nil }
	batch := `{"Records":[` + record("1", "GRANT#grant-1", true) + "," + record("2", "GRANT#grant-1", true) + `]}`
	if _, err := o.Handle(t.Context(), json.RawMessage(batch)); err != nil || reads != 1 {
		t.Errorf("told %d times (%v), want once", reads, err)
	}
}

func TestBounds_FitTheTemplate(t *testing.T) {
	const timeout, visibility = 30 * time.Second, 60 * time.Second // template.yaml, AlerterFunction and AlertsQueue
	if claimFor <= timeout || claimFor >= visibility {
		t.Errorf("a claim of %v must outlive a run (%v) and end before the queue's %v", claimFor, timeout, visibility)
	}
	if tellNeeds >= timeout {
		t.Errorf("no run of %v ever has %v left", timeout, tellNeeds)
	}
}
