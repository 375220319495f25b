package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is what a handler wants to say, kept back until the fault of the
// request decides whether and how it is delivered. It is an
// http.ResponseWriter so that the OAuth library can write to it.
type answer struct {
	status int // zero until written; then the HTTP status
	header http.Header
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}} }

// Header returns the headers of the answer.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader sets the status; like in net/http, only the first call counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write appends to the body, with status 200 if none was set.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// json replies with v and a status.
func (a *answer) json(status int, v any) {
	a.header.Set("Content-Type", "application/json")
	a.WriteHeader(status)
	encoder := json.NewEncoder(&a.body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("sandbox: encoding an answer: " + err.Error()) // our own values: a mistake in this package
	}
}

// retryAfter sets Retry-After in seconds (RFC 9110, section 10.2.3).
func (a *answer) retryAfter(seconds int64) {
	a.header.Set("Retry-After", strconv.FormatInt(seconds, 10))
}

// copyTo writes the answer's head and returns its body. The length is always
// told, so that a shortened body is noticed as such by the receiver.
func (a *answer) copyTo(w http.ResponseWriter) []byte {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	if a.status == 0 {
		a.status = http.StatusOK
	}
	w.WriteHeader(a.status)
	return a.body.Bytes()
}
