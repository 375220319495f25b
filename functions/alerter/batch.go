package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/wake"
)

// Bounds of a batch: grants that are told about side by side, and the time that
// must be left to begin with another one.
const (
	tellsAtOnce = 8
	tellNeeds   = 12 * time.Second
)

// Errors of a batch.
var (
	errNoTime  = errors.New("no time left in this run")
	errUntold  = errors.New("a channel did not take its message")
	errUnknown = errors.New("event is neither of the table's stream nor of the alerts queue")
)

// Handle takes what Lambda brings: records of the grants table's stream, or
// messages of the alerts queue. What could not be told goes back to where it
// came from, one by one.
func (a *alerter) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var probe struct {
		Records []struct {
			Source string `json:"eventSource"`
		} `json:"Records"`
	}
	if err := json.Unmarshal(raw, &probe); err != nil || len(probe.Records) == 0 {
		return nil, errUnknown
	}
	switch probe.Records[0].Source {
	case "aws:dynamodb":
		return a.stream(ctx, raw)
	case "aws:sqs":
		return a.queue(ctx, raw)
	}
	return nil, errUnknown
}

// stream handles records of the table's stream. Lambda begins again at the
// lowest sequence number that is reported, so what follows it is told twice:
// the second time nothing is owed.
func (a *alerter) stream(ctx context.Context, raw json.RawMessage) (events.DynamoDBEventResponse, error) {
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	var e events.DynamoDBEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return answer, fmt.Errorf("reading the stream: %w", err)
	}
	ids := make([]grant.ID, len(e.Records))
	for i, r := range e.Records {
		ids[i] = flagged(r)
	}
	failed := a.all(ctx, ids)
	for i, r := range e.Records {
		if failed[ids[i]] {
			answer.BatchItemFailures = append(answer.BatchItemFailures,
				events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
		}
	}
	return answer, nil
}

// flagged is the grant of a record that carries a flag; empty for any other.
// The mapping's filter lets no other through, where it is enforced.
func flagged(r events.DynamoDBEventRecord) grant.ID {
	if _, due := r.Change.NewImage["alert_due"]; !due {
		return ""
	}
	pk, ok := r.Change.Keys["pk"]
	if !ok || pk.DataType() != events.DataTypeString {
		return ""
	}
	id, ok := strings.CutPrefix(pk.String(), "GRANT#")
	if !ok {
		return ""
	}
	return grant.ID(id)
}

// queue handles messages of the alerts queue. One that is no alert goes back
// too, and ends among the dead letters, where somebody sees it.
func (a *alerter) queue(ctx context.Context, raw json.RawMessage) (events.SQSEventResponse, error) {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return answer, fmt.Errorf("reading the queue: %w", err)
	}
	ids := make([]grant.ID, len(e.Records))
	for i, r := range e.Records {
		if m, err := wake.Decode(r.Body); err == nil && m.Kind == wake.Alert {
			ids[i] = m.Grant
		}
	}
	failed := a.all(ctx, ids)
	for i, r := range e.Records {
		if ids[i] == "" || failed[ids[i]] {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
	}
	return answer, nil
}

// all tells about each of these grants once, some side by side, and says which
// are still owed something.
func (a *alerter) all(ctx context.Context, ids []grant.ID) (failed map[grant.ID]bool) {
	failed = map[grant.ID]bool{}
	var mu sync.Mutex // guards failed
	var group errgroup.Group
	group.SetLimit(tellsAtOnce)
	seen := map[grant.ID]bool{"": true}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		group.Go(func() error {
			if err := a.inTime(ctx, id); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[id] = true
			}
			return nil
		})
	}
	_ = group.Wait()
	return failed
}

// inTime tells, unless too little of the run is left. A channel that failed has
// said so itself; whatever else stands in the way is said here.
func (a *alerter) inTime(ctx context.Context, id grant.ID) error {
	err := errNoTime
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) >= tellNeeds {
		err = a.tell(ctx, id)
	}
	if err != nil && !errors.Is(err, errUntold) {
		a.log.Error(ctx, event.AlertFailed, slog.String("grant", string(id)),
			slog.Int64("episode", 0), slog.String("channel", "none"), slog.String("error", err.Error()))
		a.log.Count(event.AlertFailures, 1, "")
	}
	return err
}
