package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"bellhop/shared/bucket"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/wake"
)

// Bounds of a batch: subjects that are told about side by side, and the time that
// must be left to begin with another one.
const (
	tellsAtOnce = 8
	tellNeeds   = 12 * time.Second
)

// subject is whom an alert is about: a grant, or the client whose bucket it is.
// The zero value is nobody.
type subject struct {
	grant  grant.ID
	bucket string
}

// attr names the subject in the log.
func (s subject) attr() slog.Attr {
	if s.bucket != "" {
		return slog.String("client", bucket.ClientOf(s.bucket))
	}
	return slog.String("grant", string(s.grant))
}

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
	about := make([]subject, len(e.Records))
	for i, r := range e.Records {
		about[i] = flagged(r)
	}
	failed := a.all(ctx, about)
	for i, r := range e.Records {
		if failed[about[i]] {
			answer.BatchItemFailures = append(answer.BatchItemFailures,
				events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
		}
	}
	return answer, nil
}

// flagged is whom a record with a flag is about; nobody for any other. The
// mapping's filter lets no other through, where it is enforced.
func flagged(r events.DynamoDBEventRecord) subject {
	if _, due := r.Change.NewImage["alert_due"]; !due {
		return subject{}
	}
	pk, ok := r.Change.Keys["pk"]
	if !ok || pk.DataType() != events.DataTypeString {
		return subject{}
	}
	m, _ := wake.AlertOf(pk.String())
	return subject{grant: m.Grant, bucket: m.Bucket}
}

// queue handles messages of the alerts queue. One that is no alert goes back
// too, and ends among the dead letters, where somebody sees it.
func (a *alerter) queue(ctx context.Context, raw json.RawMessage) (events.SQSEventResponse, error) {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return answer, fmt.Errorf("reading the queue: %w", err)
	}
	about := make([]subject, len(e.Records))
	for i, r := range e.Records {
		if m, err := wake.Decode(r.Body); err == nil && m.Kind == wake.Alert {
			about[i] = subject{grant: m.Grant, bucket: m.Bucket}
		}
	}
	failed := a.all(ctx, about)
	for i, r := range e.Records {
		if about[i] == (subject{}) || failed[about[i]] {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
	}
	return answer, nil
}

// all tells about each of these once, some side by side, and says which are
// still owed something.
func (a *alerter) all(ctx context.Context, about []subject) (failed map[subject]bool) {
	failed = map[subject]bool{}
	var mu sync.Mutex // guards failed
	var group errgroup.Group
	group.SetLimit(tellsAtOnce)
	seen := map[subject]bool{{}: true}
	for _, s := range about {
		if seen[s] {
			continue
		}
		seen[s] = true
		group.Go(func() error {
			if err := a.inTime(ctx, s); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[s] = true
			}
			return nil
		})
	}
	_ = group.Wait()
	return failed
}

// inTime tells, unless too little of the run is left. A channel that failed has
// said so itself; whatever else stands in the way is said here.
func (a *alerter) inTime(ctx context.Context, s subject) error {
	err := errNoTime
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) >= tellNeeds {
		err = a.about(ctx, s)
	}
	if err != nil && !errors.Is(err, errUntold) {
		a.log.Error(ctx, event.AlertFailed, s.attr(),
			slog.Int64("episode", 0), slog.String("channel", "none"), slog.String("error", err.Error()))
		a.log.Count(event.AlertFailures, 1, "")
	}
	return err
}
