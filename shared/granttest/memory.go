// Package granttest holds what every test of the refresh cycle stands on: an
// in-memory [grant.Store] with faults, a provider that keeps books, a vault, the
// conformance suites that every Store and Home must pass, and the checker of
// the protocol's invariants.
//
// [Memory] words the conditions of docs/protocols.md a second time, in Go, so
// that the suite compares two readings of one page.
package granttest

import (
	"context"
	"errors"
	"sync"
	"time"

	"bellhop/shared/grant"
)

// Fault is what becomes of one write.
type Fault int

// The faults. Each but None answers with [ErrLost]: the caller knows nothing.
const (
	None      Fault = iota
	Landed          // the write landed, its answer is lost
	NotLanded       // it never lands
	Late            // it lands at the next Deliver
	Twice           // it landed, the answer is lost, and a copy lands at the next Deliver
)

// ErrLost is the answer that a faulty write brings.
var ErrLost = errors.New("granttest: answer lost")

// Memory is a [grant.Store] in memory. Its zero value is not usable: see
// [NewMemory].
type Memory struct {
	// Fault, when set, is asked before every write, by the method's name. It
	// is called without locks held and may block: that is how a test pauses a
	// worker. Set it before the store is used.
	Fault func(method string) Fault
	// Written, when set, sees every write that changed something, in order.
	Written func(method string, before, after grant.Grant)

	mu       sync.Mutex // guards what follows
	grants   map[grant.ID]grant.Grant
	tickets  map[string]*ticket
	episodes map[grant.ID]map[int64]Episode
	late     []func()
}

type ticket struct {
	grant grant.ID
	used  bool
}

// Episode is what a consent tells the episode that it ends.
type Episode struct {
	Waiting     int
	Reconnected time.Time
}

var _ grant.Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		grants:   map[grant.ID]grant.Grant{},
		tickets:  map[string]*ticket{},
		episodes: map[grant.ID]map[int64]Episode{},
	}
}

// AddTicket writes a reconnect ticket.
func (m *Memory) AddTicket(_ context.Context, digest string, id grant.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tickets[digest] = &ticket{grant: id}
	return nil
}

// Episode reads what a consent wrote about an episode.
func (m *Memory) Episode(_ context.Context, id grant.ID, n int64) (Episode, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.episodes[id][n], nil
}

// Deliver lets every late write and every stray copy land, in the order in
// which they were sent.
func (m *Memory) Deliver() {
	m.mu.Lock()
	late := m.late
	m.late = nil
	m.mu.Unlock()
	for _, land := range late {
		land()
	}
}

// Read implements [grant.Store].
func (m *Memory) Read(ctx context.Context, id grant.ID) (grant.Grant, error) {
	if err := ctx.Err(); err != nil {
		return grant.Grant{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	g, ok := m.grants[id]
	if !ok {
		return grant.Grant{}, grant.ErrNotFound
	}
	return Clone(g), nil
}

// ReadMany reads those of the grants that are there.
func (m *Memory) ReadMany(ctx context.Context, ids []grant.ID) ([]grant.Grant, error) {
	var found []grant.Grant
	for _, id := range ids {
		g, err := m.Read(ctx, id)
		switch {
		case errors.Is(err, grant.ErrNotFound):
		case err != nil:
			return found, err
		default:
			found = append(found, g)
		}
	}
	return found, nil
}

// Create implements [grant.Store].
func (m *Memory) Create(ctx context.Context, g grant.Grant) error {
	return m.faulty(ctx, "Create", func() error {
		if _, ok := m.grants[g.ID]; ok {
			return grant.ErrExists
		}
		m.put("Create", grant.Grant{}, Clone(g))
		return nil
	})
}

// change is one conditional write to the TOKEN item: apply answers whether the
// condition holds, and then has made the update.
func (m *Memory) change(ctx context.Context, method string, id grant.ID, apply func(g *grant.Grant) bool) error {
	return m.faulty(ctx, method, func() error {
		before, ok := m.grants[id]
		if !ok {
			return grant.ErrNotFound
		}
		after := Clone(before)
		if !apply(&after) {
			return &grant.Conflict{Write: method, Current: Clone(before)}
		}
		m.put(method, before, after)
		return nil
	})
}

// put stores the item and shows the change. m.mu is held.
func (m *Memory) put(method string, before, after grant.Grant) {
	m.grants[after.ID] = after
	if m.Written != nil {
		m.Written(method, Clone(before), Clone(after))
	}
}

// faulty runs one write under the fault that the test has chosen for it.
func (m *Memory) faulty(ctx context.Context, method string, write func() error) error {
	fault := None
	if m.Fault != nil {
		fault = m.Fault(method)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	land := func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		return write()
	}
	switch fault {
	case Landed, Twice:
		_ = land() // the answer is lost, whatever it was
	case None:
		return land()
	}
	if fault == Late || fault == Twice {
		m.mu.Lock()
		m.late = append(m.late, func() { _ = land() })
		m.mu.Unlock()
	}
	return ErrLost
}
