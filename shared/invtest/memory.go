// Package invtest holds the inventory of connections in memory, for tests, and
// the suite that every [connection.Inventory] must pass. The fake keeps copies,
// like a table does, so that a test that changes what it has read changes
// nothing for others.
package invtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
)

// Memory is an inventory in memory. The zero value is empty and ready. It is
// safe for concurrent use.
type Memory struct {
	// Fault, when not nil, is asked before each call by its method's name; what
	// it returns is the call's error, and nothing has happened.
	Fault func(method string) error

	mu          sync.Mutex // guards what follows
	connections map[connection.ID]connection.Connection
	clients     map[string]connection.Client
}

var _ connection.Inventory = (*Memory)(nil)

func (m *Memory) fault(method string) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(method)
}

// Add implements [connection.Inventory].
func (m *Memory) Add(_ context.Context, c connection.Connection) error {
	if err := m.fault("Add"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.connections[c.ID]; taken {
		return connection.ErrExists
	}
	if m.connections == nil {
		m.connections = map[connection.ID]connection.Connection{}
	}
	m.connections[c.ID] = copied(c)
	return nil
}

// Connection implements [connection.Inventory].
func (m *Memory) Connection(_ context.Context, id connection.ID) (connection.Connection, error) {
	if err := m.fault("Connection"); err != nil {
		return connection.Connection{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.connections[id]
	if !ok {
		return connection.Connection{}, connection.ErrUnknown
	}
	return copied(c), nil
}

// Of implements [connection.Inventory].
func (m *Memory) Of(_ context.Context, property string) ([]connection.Connection, error) {
	return m.which("Of", func(c connection.Connection) bool { return c.Property == property })
}

// ByGrant implements [connection.Inventory].
func (m *Memory) ByGrant(_ context.Context, id grant.ID) ([]connection.Connection, error) {
	return m.which("ByGrant", func(c connection.Connection) bool { return c.Grant == id })
}

// All implements [connection.Inventory].
func (m *Memory) All(_ context.Context, yield func(connection.Connection) bool) error {
	all, err := m.which("All", func(connection.Connection) bool { return true })
	for _, c := range all {
		if !yield(c) {
			break
		}
	}
	return err
}

// which returns the connections that fit, in the order of their ids.
func (m *Memory) which(method string, fits func(connection.Connection) bool) ([]connection.Connection, error) {
	if err := m.fault(method); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []connection.Connection
	for _, c := range m.connections {
		if fits(c) {
			found = append(found, copied(c))
		}
	}
	slices.SortFunc(found, func(a, b connection.Connection) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}

// Remove implements [connection.Inventory].
func (m *Memory) Remove(_ context.Context, c connection.Connection) error {
	if err := m.fault("Remove"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.connections[c.ID]; !ok {
		return connection.ErrUnknown
	}
	delete(m.connections, c.ID)
	return nil
}

// Reseal implements [connection.Inventory].
func (m *Memory) Reseal(_ context.Context, was, is connection.Connection) error {
	if err := m.fault("Reseal"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.connections[was.ID]
	if !ok {
		return connection.ErrUnknown
	}
	if c.SameSeals(is) {
		return nil
	}
	if !c.SameSeals(was) {
		return connection.ErrMoved
	}
	is = copied(is)
	c.Signing, c.WebhookSecret = is.Signing, is.WebhookSecret
	m.connections[was.ID] = c
	return nil
}

// AddClient implements [connection.Inventory].
func (m *Memory) AddClient(_ context.Context, c connection.Client) error {
	if err := m.fault("AddClient"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.clients[c.ID]; taken {
		return connection.ErrClientExists
	}
	if m.clients == nil {
		m.clients = map[string]connection.Client{}
	}
	m.clients[c.ID] = copiedClient(c)
	return nil
}

// Client implements [connection.Inventory].
func (m *Memory) Client(_ context.Context, id string) (connection.Client, error) {
	if err := m.fault("Client"); err != nil {
		return connection.Client{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.clients[id]
	if !ok {
		return connection.Client{}, connection.ErrUnknownClient
	}
	return copiedClient(c), nil
}

// Clients implements [connection.Inventory].
func (m *Memory) Clients(context.Context) ([]connection.Client, error) {
	if err := m.fault("Clients"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []connection.Client
	for _, id := range slices.Sorted(maps.Keys(m.clients)) {
		all = append(all, copiedClient(m.clients[id]))
	}
	return all, nil
}

// copied returns c with slices and maps of its own.
func copied(c connection.Connection) connection.Connection {
	c.Mappings = maps.Clone(c.Mappings)
	c.Signing = copiedSealed(c.Signing)
	c.WebhookSecret = copiedSealed(c.WebhookSecret)
	return c
}

func copiedClient(c connection.Client) connection.Client {
	if c.Rotation != nil {
		r := *c.Rotation
		c.Rotation = &r
	}
	return c
}

func copiedSealed(l []grant.Sealed) []grant.Sealed {
	l = slices.Clone(l)
	for i := range l {
		l[i].Data = slices.Clone(l[i].Data)
	}
	return l
}
