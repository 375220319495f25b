package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bellhop/local/stack"
)

// examples are the events of events/, one for each trigger, and what a stack
// that knows none of their names answers.
var examples = map[string]struct {
	to   stack.Function
	want string // part of the result
}{
	"schedule.json":   {stack.Refresher, `null`},
	"refresh.json":    {stack.Refresher, `{"batchItemFailures":[]}`}, // no such grant: nothing to do
	"rates.json":      {stack.Pusher, `{"batchItemFailures":[]}`},    // nobody's: on the rejected queue
	"rates-http.json": {stack.Webhook, `"statusCode":401`},           // no such connection looks like a wrong signature
	"webhook.json":    {stack.Webhook, `"statusCode":401`},
	"reconnect.json":  {stack.Webhook, `"statusCode":404`},
	"callback.json":   {stack.Webhook, `"statusCode":400`},
	"stream.json":     {stack.Alerter, `{"batchItemFailures":[]}`},
	"alerts.json":     {stack.Alerter, `{"batchItemFailures":[]}`},
}

// Every example that the project ships is understood by the function as it is
// deployed.
func (w *world) exampleEventsAreAnswered(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(w.root, "events", "*.json"))
	if err != nil || len(files) != len(examples) {
		t.Errorf("%d files in events/, %d examples here (%v)", len(files), len(examples), err)
	}
	for name, example := range examples {
		raw, err := os.ReadFile(filepath.Join(w.root, "events", name))
		if err != nil {
			t.Error(err)
			continue
		}
		result, err := w.Invoke(t.Context(), example.to, raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if compact := compacted(result); !strings.Contains(compact, example.want) {
			t.Errorf("%s is answered %s, want %s", name, compact, example.want)
		}
	}
}

// compacted is JSON without blanks between its parts.
func compacted(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return string(raw)
	}
	return string(b)
}
