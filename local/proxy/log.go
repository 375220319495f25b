package proxy

import (
	"strings"
	"sync"
	"time"
)

// Entry is one call in the request log. It names things and carries no
// values: neither secrets nor tokens nor attributes other than keys.
type Entry struct {
	// Seq counts the calls from 1; a gap means that the log forgot some.
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	// Millis is how long the call took, holds and delays included.
	Millis    int64  `json:"ms"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
	// Target is the table, queue or secret; empty when there is more than one.
	Target string `json:"target,omitempty"`
	// Key is the item's key ("pk=… sk=…"), the message group or the version id.
	Key string `json:"key,omitempty"`
	// Function is the caller's name, as for Match.
	Function string `json:"function,omitempty"`
	// Remote is the caller's address and port.
	Remote string `json:"remote,omitempty"`
	// Status is what the caller was answered; zero means a reset.
	Status int `json:"status"`
	// Error is the exception's short name.
	Error string `json:"error,omitempty"`
	// Fault is the kind of fault that struck it.
	Fault Kind `json:"fault,omitempty"`
	// Point is the trap that caught it.
	Point string `json:"point,omitempty"`
	// Copy tells that the proxy itself sent it, late or twice; Status is then
	// what the service answered to nobody.
	Copy bool `json:"copy,omitempty"`
	// Note explains a reset.
	Note string `json:"note,omitempty"`
}

// LogQuery chooses entries. Zero fields choose all.
type LogQuery struct {
	// Since leaves out entries up to this Seq.
	Since int64
	// Service and Operation are exact; Function is a substring.
	Service, Operation, Function string
	// Limit keeps the newest so many. Zero means all that are remembered.
	Limit int
}

func (q LogQuery) chooses(e Entry) bool {
	return (q.Service == "" || q.Service == e.Service) &&
		(q.Operation == "" || q.Operation == e.Operation) &&
		strings.Contains(e.Function, q.Function)
}

// requestLog is a ring of the newest entries.
type requestLog struct {
	mu   sync.Mutex
	ring []Entry // guarded by mu
	last int64   // guarded by mu: Seq of the newest
	size int
}

func newRequestLog(size int) *requestLog {
	if size <= 0 {
		size = 10_000
	}
	return &requestLog{size: size}
}

func (l *requestLog) add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Seq = l.last
	if len(l.ring) < l.size {
		l.ring = append(l.ring, e)
		return
	}
	l.ring[(l.last-1)%int64(l.size)] = e
}

// entries returns the chosen ones, oldest first.
func (l *requestLog) entries(q LogQuery) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Entry{}
	for seq := max(q.Since, l.last-int64(len(l.ring))) + 1; seq <= l.last; seq++ {
		if e := l.ring[(seq-1)%int64(l.size)]; q.chooses(e) {
			found = append(found, e)
		}
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[len(found)-q.Limit:]
	}
	return found
}
