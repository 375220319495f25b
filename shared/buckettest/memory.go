// Package buckettest holds an in-memory [bucket.Store] with faults, and the
// suite that every Store must pass.
package buckettest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"bellhop/shared/bucket"
)

// Fault is what becomes of one save.
type Fault int

// The faults. Each but None answers with [ErrLost]: the caller knows nothing.
const (
	None      Fault = iota
	Landed          // the save landed, its answer is lost
	NotLanded       // it never lands
	Late            // it lands at the next Deliver, if its version still stands
)

// ErrLost is the answer that a faulty save brings, and a read without a table.
var ErrLost = errors.New("buckettest: answer lost")

// Memory is a [bucket.Store] in memory. Its zero value is ready, and it is safe
// for concurrent use.
type Memory struct {
	// Fault, when set, is asked before every save. It is called without locks
	// held and may block: that is how a test lets somebody come between a read
	// and its save.
	Fault func(b bucket.Bucket) Fault
	// Unreadable, when set, makes reads fail while it says so.
	Unreadable func() bool

	mu      sync.Mutex // guards what follows
	buckets map[string]bucket.Bucket
	late    []bucket.Bucket
	reads   int
	saves   int
}

// Read implements [bucket.Store].
func (m *Memory) Read(ctx context.Context, name string) (bucket.Bucket, error) {
	if err := ctx.Err(); err != nil {
		return bucket.Bucket{}, err
	}
	if m.Unreadable != nil && m.Unreadable() {
		return bucket.Bucket{}, ErrLost
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	b := clone(m.buckets[name])
	b.Name = name
	return b, nil
}

// Save implements [bucket.Store].
func (m *Memory) Save(ctx context.Context, b bucket.Bucket) error {
	fault := None
	if m.Fault != nil {
		fault = m.Fault(clone(b))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves++
	switch fault {
	case None:
		return m.save(b)
	case Landed:
		_ = m.save(b) // its answer is lost, whatever it was
	case Late:
		m.late = append(m.late, clone(b))
	}
	return ErrLost
}

// save is the compare-and-swap. m.mu is held.
func (m *Memory) save(b bucket.Bucket) error {
	if m.buckets[b.Name].Version != b.Version {
		return bucket.ErrMoved
	}
	if m.buckets == nil {
		m.buckets = map[string]bucket.Bucket{}
	}
	b = clone(b)
	b.Version++
	m.buckets[b.Name] = b
	return nil
}

// Deliver lets every late save arrive.
func (m *Memory) Deliver() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.late {
		_ = m.save(b)
	}
	m.late = nil
}

// Counts returns how many reads and saves were asked for.
func (m *Memory) Counts() (reads, saves int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads, m.saves
}

// clone shares nothing with b that a caller could write through.
func clone(b bucket.Bucket) bucket.Bucket {
	b.Calls = slices.Clone(b.Calls)
	b.Suspects.Recent = slices.Clone(b.Suspects.Recent)
	if b.Trouble != nil {
		t := *b.Trouble
		t.Told, t.Alone = maps.Clone(t.Told), slices.Clone(t.Alone)
		b.Trouble = &t
	}
	return b
}
