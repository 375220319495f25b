package e2e

import (
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop/local/sandbox"
	"bellhop/local/torture"
)

// booksAreRight reads, when everything is over, what the providers' books come
// to: not what one story looked for, but what held for all of them.
func (w *world) booksAreRight(t *testing.T) {
	w.everyCellArrived(t)
	w.noOlderOverNewer(t)
	w.nobodyPushedWithAnExpiredToken(t)
	w.exchangesWereOnePerGeneration(t)
	w.nothingIsDead(t)
}

func (w *world) everyCellArrived(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	cells := 0
	for _, h := range w.hotels {
		cells += len(h.wanted)
		if lacking := h.lacking(t); lacking != "" {
			t.Errorf("%s: %s", h.id, lacking)
		}
	}
	t.Logf("%d cells at %d properties", cells, len(w.hotels))
}

// noOlderOverNewer looks at every value that any cell ever had. The prices of a
// story rise with its revisions, so they may never fall.
func (w *world) noOlderOverNewer(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.hotels {
		if h.unordered {
			continue // there it was the provider, on purpose
		}
		history, err := w.books.History(t.Context(), sandbox.Change{CellID: sandbox.CellID{Property: h.id}, Field: sandbox.FieldPrice})
		if err != nil {
			t.Fatal(err)
		}
		last := map[sandbox.CellID]float64{}
		for _, c := range history {
			price, err := strconv.ParseFloat(c.Value, 64)
			if err != nil || price < last[c.CellID] {
				t.Errorf("%s on %s: %s came over %.2f (%v)", h.id, c.Date, c.Value, last[c.CellID], err)
			}
			last[c.CellID] = price
		}
	}
}

// nobodyPushedWithAnExpiredToken leaves out the token that a story let die, and
// those of pushers that were frozen under torture, perhaps between their look at
// the clock and the socket.
func (w *world) nobodyPushedWithAnExpiredToken(t *testing.T) {
	requests, err := w.books.Requests(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if r.Outcome == sandbox.PushExpired && r.Property != killedToken && !torture.Owns(r.Property) {
			t.Errorf("a push to %s was refused for an expired token", r.Property)
		}
	}
}

// exchangesWereOnePerGeneration: a refresh token that is presented twice is a
// recovery inside the grace, or one that the story without grace lost.
func (w *world) exchangesWereOnePerGeneration(t *testing.T) {
	summary, err := w.books.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := summary.Refresh
	if r.TwiceOutsideGrace > 1 || r.Reuses > 1 {
		t.Errorf("presented twice outside of a grace: %d, families revoked for it: %d; want at most the one of the story without grace", r.TwiceOutsideGrace, r.Reuses)
	}
	t.Logf("generations %d, presentations %d, recoveries %d, pushes %v", r.Generations, r.Presentations, r.Recoveries, summary.Pushes)
}

// nothingIsDead: a dead letter means poison, and there was none.
func (w *world) nothingIsDead(t *testing.T) {
	o := w.Outputs
	for name, url := range map[string]string{
		"rates": o.RatesDeadLettersURL, "refresh": o.RefreshDeadLettersURL, "alerts": o.AlertsDeadLettersURL, "sweep": o.SweepDeadLettersURL,
	} {
		answer, err := w.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages},
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := answer.Attributes["ApproximateNumberOfMessages"]; n != "0" {
			t.Errorf("%s messages among the dead letters of the %s queue", n, name)
		}
	}
}
