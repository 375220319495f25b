package drain

import (
	"context"
	"sync"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/profile"
)

// slack keeps us a little below a provider's rate: requests that left evenly
// arrive less evenly.
const slack = 10 // per cent

// paces spaces out the requests for each property, in this process. Only the
// holder of a lane pushes, so no other process competes with it but for the few
// requests of polls and read-backs. The zero value has seen no request.
type paces struct {
	mu   sync.Mutex
	next map[connection.ID]time.Time // guarded by mu: when the next may leave
}

// reserve takes the next free moment for one request and returns it.
func (p *paces) reserve(id connection.ID, pace profile.Pace, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = map[connection.ID]time.Time{}
	}
	at := p.next[id]
	if at.Before(now) {
		at = now
	}
	p.next[id] = at.Add(gap(pace))
	return at
}

// gap is the time between two requests; none without a pace.
func gap(p profile.Pace) time.Duration {
	if p.Requests <= 0 {
		return 0
	}
	return p.Window.D() / time.Duration(p.Requests) * (100 + slack) / 100
}

// paced waits until the property's pace allows one more request.
func (d *Drainer) paced(ctx context.Context, s site) error {
	now := d.Now()
	if wait := d.paces.reserve(s.ID, s.profile.API.Pace, now).Sub(now); wait > 0 {
		return d.Sleep(ctx, wait)
	}
	return nil
}
