package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Side is the side of the service on which a trap stands.
type Side string

// The two sides.
const (
	// Before stands before forwarding. A caller that dies while it is held
	// has had no effect.
	Before Side = "before"
	// After stands between the service's answer and the caller. The call has
	// had its effect.
	After Side = "after"
)

// UntilReleased as a Trap's Hold keeps the call until it is released.
const UntilReleased Milliseconds = -1

// Trap catches one call at a named point, so that a test can kill or stop the
// caller at exactly that point.
type Trap struct {
	// Name is the point's name. Arming a name again forgets its former hit.
	Name string `json:"name"`
	Match
	// When is the side; empty means Before.
	When Side `json:"when,omitempty"`
	// Nth is which matching call is caught. Zero means the first.
	Nth int `json:"nth,omitempty"`
	// Hold is how long the call is held. Zero only records it; UntilReleased
	// waits for the release. A caller that hangs up ends it, too.
	Hold Milliseconds `json:"hold_ms,omitempty"`
}

func (t Trap) check() error {
	var problems []error
	if t.Name == "" {
		problems = append(problems, errors.New("name is missing"))
	}
	if t.When != Before && t.When != After {
		problems = append(problems, fmt.Errorf("when is %q, want %q or %q", t.When, Before, After))
	}
	if t.Nth < 1 {
		problems = append(problems, fmt.Errorf("nth is %d, want 1 or more", t.Nth))
	}
	return errors.Join(problems...)
}

// Point is what became of a trap.
type Point struct {
	Trap
	// Matched is how many matching calls came by so far.
	Matched int `json:"matched"`
	// Hit is set once the trap has caught its call; it catches one only.
	Hit *Hit `json:"hit,omitempty"`
}

// Hit is the call that a trap caught.
type Hit struct {
	At        time.Time `json:"at"`
	Operation string    `json:"operation"`
	Target    string    `json:"target"`
	Key       string    `json:"key,omitempty"`
	Function  string    `json:"function"`
	// Remote is the caller's address and port.
	Remote string `json:"remote"`
	// PID is the caller's process, looked up while its connection was open.
	// Zero where that is not possible (see PIDOf).
	PID int `json:"pid,omitempty"`
	// Holding tells that the call is being held now.
	Holding bool `json:"holding"`
	// Left tells that the caller hung up while it was held.
	Left bool `json:"left,omitempty"`
}

// trap is an armed or sprung Trap. Its state is guarded by traps.mu.
type trap struct {
	Point
	sprung  chan struct{} // closed by the hit
	release chan struct{} // closed by the release
	freed   bool
}

func (t *trap) free() {
	if !t.freed {
		t.freed = true
		close(t.release)
	}
}

// traps holds the points by name.
type traps struct {
	mu    sync.Mutex
	named map[string]*trap // guarded by mu
}

func newTraps() *traps { return &traps{named: make(map[string]*trap)} }

func (s *traps) arm(t Trap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if former := s.named[t.Name]; former != nil {
		former.free()
	}
	s.named[t.Name] = &trap{Point: Point{Trap: t}, sprung: make(chan struct{}), release: make(chan struct{})}
}

// release lets the held call go on; disarming does so as well.
func (s *traps) release(name string, disarm bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.named[name]
	if t == nil {
		return false
	}
	t.free()
	if disarm {
		delete(s.named, name)
	}
	return true
}

// point tells what became of a trap, after waiting for its hit at most so
// long.
func (s *traps) point(ctx context.Context, name string, wait time.Duration) (Point, bool) {
	s.mu.Lock()
	t := s.named[name]
	s.mu.Unlock()
	if t == nil {
		return Point{}, false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-t.sprung:
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.snapshot(), true
}

func (s *traps) list() []Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Point, 0, len(s.named))
	for _, t := range s.named {
		all = append(all, t.snapshot())
	}
	return all
}

func (t *trap) snapshot() Point {
	point := t.Point
	if t.Hit != nil {
		hit := *t.Hit
		point.Hit = &hit
	}
	return point
}

// pass takes a call past the traps of one side. It returns the name of the
// trap that caught it, and false when the caller hung up while it was held.
func (s *traps) pass(ctx context.Context, side Side, c *call, now func() time.Time) (string, bool) {
	t := s.catch(side, c)
	if t == nil {
		return "", true
	}
	pid, _ := PIDOf(c.remote) // zero where it cannot be known
	s.mu.Lock()
	t.Hit = &Hit{At: now(), Operation: c.operation, Target: c.target, Key: c.key, Function: c.function,
		Remote: c.remote, PID: pid, Holding: t.Hold != 0 && !t.freed}
	close(t.sprung)
	s.mu.Unlock()

	stayed := t.wait(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Hit.Holding, t.Hit.Left = false, !stayed
	return t.Name, stayed
}

// catch counts the call at every trap that it matches and returns the first
// whose turn it is.
func (s *traps) catch(side Side, c *call) *trap {
	s.mu.Lock()
	defer s.mu.Unlock()
	var caught *trap
	for _, t := range s.named {
		if t.When != side || !t.covers(c) {
			continue
		}
		t.Matched++
		if t.Matched == t.Nth && caught == nil {
			caught = t
		}
	}
	return caught
}

// wait holds the call. It is false when the caller hung up.
func (t *trap) wait(ctx context.Context) bool {
	if t.Hold == 0 {
		return true
	}
	var over <-chan time.Time
	if t.Hold > 0 {
		timer := time.NewTimer(t.Hold.Duration())
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-t.release:
	case <-over:
	case <-ctx.Done():
		return false
	}
	return ctx.Err() == nil
}
