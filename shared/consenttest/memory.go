// Package consenttest holds reconnect tickets and states in memory, for tests,
// and the suite that every [consent.Store] must pass.
package consenttest

import (
	"context"
	"slices"
	"sync"
	"time"

	"bellhop/shared/consent"
)

// Memory keeps tickets and states in memory. The zero value is empty and ready.
// It is safe for concurrent use.
type Memory struct {
	// Before, when not nil, is asked before each call by its method's name;
	// what it returns is the call's error, and nothing has happened. After is
	// the same for an answer that is lost: the write has landed.
	Before func(method string) error
	After  func(method string) error

	mu      sync.Mutex // guards what follows
	tickets map[string]consent.Ticket
	states  map[string]consent.State
}

var _ consent.Store = (*Memory)(nil)

func (m *Memory) call(method string, do func() error) error {
	if m.Before != nil {
		if err := m.Before(method); err != nil {
			return err
		}
	}
	m.mu.Lock()
	if m.tickets == nil {
		m.tickets, m.states = map[string]consent.Ticket{}, map[string]consent.State{}
	}
	err := do()
	m.mu.Unlock()
	if m.After != nil && err == nil {
		err = m.After(method)
	}
	return err
}

// Use consumes a ticket, as the transaction of a consent does.
func (m *Memory) Use(_ context.Context, digest string, at time.Time) error {
	return m.call("Use", func() error {
		t, ok := m.tickets[digest]
		if !ok || !t.Used.IsZero() {
			return consent.ErrUnknown
		}
		t.Used = at
		m.tickets[digest] = t
		return nil
	})
}

// PutTicket implements [consent.Store].
func (m *Memory) PutTicket(_ context.Context, t consent.Ticket) error {
	return m.call("PutTicket", func() error {
		if _, there := m.tickets[t.Digest]; !there {
			m.tickets[t.Digest] = t
		}
		return nil
	})
}

// Ticket implements [consent.Store].
func (m *Memory) Ticket(_ context.Context, digest string) (consent.Ticket, error) {
	var t consent.Ticket
	err := m.call("Ticket", func() error {
		var ok bool
		if t, ok = m.tickets[digest]; !ok {
			return consent.ErrUnknown
		}
		return nil
	})
	return t, err
}

// PutState implements [consent.Store].
func (m *Memory) PutState(_ context.Context, s consent.State) error {
	return m.call("PutState", func() error {
		if _, there := m.states[s.Digest]; !there {
			s.Sealed.Data = slices.Clone(s.Sealed.Data)
			m.states[s.Digest] = s
		}
		return nil
	})
}

// Consume implements [consent.Store].
func (m *Memory) Consume(_ context.Context, digest, by string, now time.Time) (consent.State, error) {
	var s consent.State
	err := m.call("Consume", func() error {
		var ok bool
		if s, ok = m.states[digest]; !ok {
			return consent.ErrUnknown
		}
		if !s.Used.IsZero() && s.By != by {
			return consent.ErrUsed
		}
		s.Used, s.By = now, by
		m.states[digest] = s
		return nil
	})
	return s, err
}

// Conclude implements [consent.Store].
func (m *Memory) Conclude(_ context.Context, digest string, r consent.Result) error {
	return m.call("Conclude", func() error {
		s, ok := m.states[digest]
		if !ok {
			return consent.ErrUnknown
		}
		s.Result = r
		m.states[digest] = s
		return nil
	})
}
