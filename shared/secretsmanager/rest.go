package secretsmanager

import (
	"errors"
	"sync"
	"time"
)

// ErrResting says that Secrets Manager refused a moment ago and was not asked.
var ErrResting = errors.New("secrets manager refused a moment ago and is left alone")

// A rest doubles from the first to the longest while nothing is accepted. The
// longest is short of the minute that the fastest tokens live, so that each of
// them settles within two refreshes of the service's return.
//
// It begins with the third refusal in a row: that one grant's secret refuses is
// no reason to let the others wait.
const (
	patience    = 3
	firstRest   = time.Second
	longestRest = 30 * time.Second
)

// rest keeps one process from asking, for every pair that it commits, a service
// that refuses: the quota of writes is the whole account's, and a call that
// hangs holds a worker for as long as the settling may take. The zero value has
// not been refused. It is safe for concurrent use.
type rest struct {
	mu      sync.Mutex
	refused int           // guarded by mu; in a row
	until   time.Time     // guarded by mu
	last    time.Duration // guarded by mu; zero while writes are accepted
}

// over reports whether the service may be asked.
func (r *rest) over(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !now.Before(r.until)
}

// note takes what a write came to. Of several that were refused at once the
// first begins the rest; the others say nothing new.
func (r *rest) note(accepted bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if accepted {
		r.refused, r.until, r.last = 0, time.Time{}, 0
		return
	}
	if r.refused++; r.refused >= patience && !now.Before(r.until) {
		r.last = min(max(2*r.last, firstRest), longestRest)
		r.until = now.Add(r.last)
	}
}
