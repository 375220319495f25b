package refresh

import (
	"context"
	"sync"
	"time"

	"bellhop/shared/connection"
)

// clientFor is how long a client is believed to be as it was read. Operators
// change a client's endpoints and policy, rarely; its secrets are kept
// elsewhere.
const clientFor = 2 * time.Minute

// remembered is a registry that asks for a client once in a while: a lease
// must not wait for what hardly ever changes.
type remembered struct {
	registry registry
	now      func() time.Time

	mu      sync.Mutex
	clients map[string]readClient // guarded by mu
}

type readClient struct {
	connection.Client
	until time.Time
}

// Client implements [registry]. Two workers that miss at once both ask, which
// costs a read; what could not be read is asked for again.
func (r *remembered) Client(ctx context.Context, id string) (connection.Client, error) {
	r.mu.Lock()
	known, ok := r.clients[id]
	r.mu.Unlock()
	now := r.now()
	if ok && now.Before(known.until) {
		return known.Client, nil
	}
	c, err := r.registry.Client(ctx, id)
	if err != nil {
		return c, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients == nil {
		r.clients = map[string]readClient{}
	}
	r.clients[id] = readClient{Client: c, until: now.Add(clientFor)}
	return c, nil
}
