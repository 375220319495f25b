package main

import (
	"encoding/json"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

// hint is what is read of a provider's webhook: which event, and which job. The
// names differ by provider and by the provider's mood; a value that is not
// there, or is of another type, is empty.
type hint struct {
	event string
	jobs  []string
}

// Names under which providers put the event and the job. Cloudbeds says
// jobReferenceID where it starts a job and queueTaskId where it reports one
// (api_queue_task/rate_status_changed, https://developers.cloudbeds.com/docs/webhooks-1).
var (
	eventNames = []string{"type", "event"}
	jobNames   = []string{"job", "job_id", "jobReferenceID", "queueTaskId"}
)

// changes are the events after which rates are read back: somebody has changed
// them at the provider, or the connection itself, which a read finds out too.
var changes = map[string]bool{
	"rates.changed":                true,
	"integration/appstate_changed": true,
}

// longestJob bounds a job's id: it becomes part of a message and of a key.
const longestJob = 128

// hintsIn turns a webhook into the wakes that it is worth: a poll of the job
// that it names, or a read-back. Anything else is heard and left.
func hintsIn(id connection.ID, body []byte, now time.Time) []sqs.Message {
	h := readHint(body)
	var wakes []wake.Message
	for _, job := range h.jobs {
		wakes = append(wakes, wake.Message{Kind: wake.Job, Connection: id, Job: job, At: now})
	}
	if changes[h.event] {
		wakes = append(wakes, wake.Message{Kind: wake.Readback, Connection: id, At: now})
	}
	var messages []sqs.Message
	for _, w := range wakes {
		messages = append(messages, sqs.Message{Body: wake.Encode(w), Group: string(id)})
	}
	return messages
}

// readHint looks at the top of the body and, as Standard Webhooks has it, under
// "data".
func readHint(body []byte) hint {
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		return hint{}
	}
	var data map[string]json.RawMessage
	_ = json.Unmarshal(top["data"], &data) // absent or of another kind: empty
	h := hint{event: first(eventNames, top)}
	if job := first(jobNames, top, data); job != "" && len(job) <= longestJob && !strings.ContainsAny(job, "#/") {
		h.jobs = append(h.jobs, job)
	}
	return h
}

// first returns the first of these members that is a string or a number.
func first(names []string, objects ...map[string]json.RawMessage) string {
	for _, o := range objects {
		for _, name := range names {
			var text string
			if json.Unmarshal(o[name], &text) == nil && text != "" {
				return text
			}
			var number json.Number
			if json.Unmarshal(o[name], &number) == nil && number != "" {
				return number.String()
			}
		}
	}
	return ""
}
