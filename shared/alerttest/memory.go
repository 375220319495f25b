// Package alerttest holds the outbox of alerts in memory, for tests, a channel
// that keeps what it was sent, and the suite that every [alert.Outbox] must
// pass.
package alerttest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/grant"
)

// Memory is an outbox in memory. The zero value is empty and ready. It is safe
// for concurrent use.
type Memory struct {
	// Before, when not nil, is asked before each write by its method's name;
	// what it returns is the write's error, and nothing has happened. After is
	// the same for an answer that is lost: the write has landed.
	Before func(method string) error
	After  func(method string) error

	mu       sync.Mutex // guards what follows
	episodes map[place]*record
	settled  map[grant.ID][]time.Time
}

type place struct {
	id     grant.ID
	number int64
}

type record struct {
	alert.Episode
	opened bool // Open has written it
	claims map[string]alert.Claim
}

var _ alert.Outbox = (*Memory)(nil)

// write runs one write between its faults.
func (m *Memory) write(method string, do func() error) error {
	if m.Before != nil {
		if err := m.Before(method); err != nil {
			return err
		}
	}
	m.mu.Lock()
	err := do()
	m.mu.Unlock()
	if m.After != nil && err == nil {
		err = m.After(method)
	}
	return err
}

func (m *Memory) at(id grant.ID, number int64) *record {
	if m.episodes == nil {
		m.episodes, m.settled = map[place]*record{}, map[grant.ID][]time.Time{}
	}
	r := m.episodes[place{id, number}]
	if r == nil {
		r = &record{claims: map[string]alert.Claim{}}
		r.Grant, r.Number = id, number
		r.Opened, r.Closed = map[string]time.Time{}, map[string]time.Time{}
		m.episodes[place{id, number}] = r
	}
	return r
}

// Reconnect is what a consent writes into the episode that it ends.
func (m *Memory) Reconnect(_ context.Context, id grant.ID, number int64, waiting int, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.at(id, number)
	r.Waiting, r.Recovered = waiting, at
	return nil
}

// Settled returns the flags that Settle was called for, in order.
func (m *Memory) Settled(id grant.ID) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.settled[id])
}

// Open implements [alert.Outbox].
func (m *Memory) Open(_ context.Context, e alert.Episode) (alert.Episode, error) {
	var out alert.Episode
	err := m.write("Open", func() error {
		r := m.at(e.Grant, e.Number)
		if !r.opened {
			was := r.Episode
			r.Episode, r.opened = e, true
			r.Recovered, r.Waiting, r.Opened, r.Closed = was.Recovered, was.Waiting, was.Opened, was.Closed
		}
		out = clone(r.Episode)
		return nil
	})
	return out, err
}

// Episodes implements [alert.Outbox].
func (m *Memory) Episodes(_ context.Context, id grant.ID) ([]alert.Episode, error) {
	var open []alert.Episode
	err := m.write("Episodes", func() error {
		for p, r := range m.episodes {
			if p.id == id && !r.Due.IsZero() {
				open = append(open, clone(r.Episode))
			}
		}
		return nil
	})
	return alert.Oldest(open), err
}

// Claim implements [alert.Outbox].
func (m *Memory) Claim(_ context.Context, c alert.Claim) error {
	return m.write("Claim", func() error {
		r := m.at(c.Grant, c.Number)
		_, opened := r.Opened[c.Channel]
		_, closed := r.Closed[c.Channel]
		held, claimed := r.claims[c.Channel]
		switch {
		case !r.opened,
			c.Kind == alert.Opened && (opened || closed || !r.Recovered.IsZero()),
			c.Kind == alert.Recovered && closed,
			claimed && held.Me != c.Me && !held.Until.Before(c.Now):
			return alert.ErrClaimed
		}
		r.claims[c.Channel] = c
		return nil
	})
}

// Delivered implements [alert.Outbox].
func (m *Memory) Delivered(_ context.Context, c alert.Claim) error {
	return m.write("Delivered", func() error {
		r := m.at(c.Grant, c.Number)
		if !r.opened {
			return fmt.Errorf("episode %d of grant %s was never opened", c.Number, c.Grant)
		}
		told := r.Opened
		if c.Kind == alert.Recovered {
			told = r.Closed
		}
		told[c.Channel] = c.Now
		delete(r.claims, c.Channel)
		return nil
	})
}

// Unclaim implements [alert.Outbox].
func (m *Memory) Unclaim(_ context.Context, c alert.Claim) error {
	return m.write("Unclaim", func() error {
		if r := m.at(c.Grant, c.Number); r.claims[c.Channel].Me == c.Me {
			delete(r.claims, c.Channel)
		}
		return nil
	})
}

// Look implements [alert.Outbox].
func (m *Memory) Look(_ context.Context, id grant.ID, number int64, due time.Time) error {
	return m.write("Look", func() error {
		m.at(id, number).Due = due
		return nil
	})
}

// Settle implements [alert.Outbox]. The flag itself is in the grant, which a
// test keeps elsewhere.
func (m *Memory) Settle(_ context.Context, id grant.ID, due time.Time) error {
	return m.write("Settle", func() error {
		if m.settled == nil {
			m.settled = map[grant.ID][]time.Time{}
		}
		m.settled[id] = append(m.settled[id], due)
		return nil
	})
}

func clone(e alert.Episode) alert.Episode {
	e.Missing = slices.Clone(e.Missing)
	e.Ticket.Data = slices.Clone(e.Ticket.Data)
	e.Opened, e.Closed = maps.Clone(e.Opened), maps.Clone(e.Closed)
	return e
}

// Channel is a channel that keeps what it was sent. It is safe for concurrent
// use.
type Channel struct {
	Called string // its name
	// Fail, when not nil, is asked before each message is taken.
	Fail func(alert.Message) error

	mu   sync.Mutex
	sent []alert.Message // guarded by mu
}

var _ alert.Channel = (*Channel)(nil)

// Name implements [alert.Channel].
func (c *Channel) Name() string { return c.Called }

// Send implements [alert.Channel].
func (c *Channel) Send(_ context.Context, m alert.Message) error {
	if c.Fail != nil {
		if err := c.Fail(m); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, m)
	return nil
}

// Sent returns what was delivered, in order.
func (c *Channel) Sent() []alert.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sent)
}
