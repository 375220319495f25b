package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/wake"
)

// megafleet is the tables of 100,000 grants, of which some are due: an index, a
// table that makes each grant as it is read, and a queue that counts.
type megafleet struct {
	due map[string][]wake.Due
	now time.Time

	mu      sync.Mutex // guards what follows
	queries int
	reads   int
	read    int
	sent    int
	heap    uint64 // most that was seen in use
}

const fleetSize = 100_000

func newMegafleet(due int) *megafleet {
	f := &megafleet{due: map[string][]wake.Due{}, now: time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)}
	for i := range due {
		id := fmt.Sprintf("hotel-%05d", i*fleetSize/due)
		f.due[wake.Shard(id)] = append(f.due[wake.Shard(id)], wake.Due{PK: "GRANT#" + id, SK: "TOKEN", At: f.now})
	}
	return f
}

func (f *megafleet) Due(_ context.Context, shard string, _ time.Time) ([]wake.Due, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries++
	return f.due[shard], nil
}

// ReadMany makes grants as large as sealed JWTs make them.
func (f *megafleet) ReadMany(_ context.Context, ids []grant.ID) ([]grant.Grant, error) {
	f.mu.Lock()
	f.reads++
	f.read += len(ids)
	f.mu.Unlock()
	var all []grant.Grant
	for _, id := range ids {
		all = append(all, granttest.Living(id, func(g *grant.Grant) {
			g.Inline.Data = make([]byte, 6<<10)
			g.RefreshAt, g.WakeAt, g.Issued = f.now, f.now, f.now.Add(-51*time.Minute)
		}))
	}
	return all, nil
}

func (f *megafleet) send(_ context.Context, wakes []wake.Send) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent += len(wakes)
	if f.sent%1000 < len(wakes) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		f.heap = max(f.heap, m.HeapInuse)
	}
	return nil
}

// What a sweep costs does not grow with the fleet: 33 queries, and a read for
// each hundred that is due.
func TestSweep_OfALargeFleet(t *testing.T) {
	for _, due := range []int{0, 100, 10_000} {
		t.Run(fmt.Sprintf("%d of %d due", due, fleetSize), func(t *testing.T) {
			f := newMegafleet(due)
			rates, alerts := &megafleet{}, &megafleet{}
			s := &sweeper{
				grants: f, rates: rates, alerts: alerts, store: f, refreshQueue: f, ratesQueue: f, alertsTo: f,
				log: event.New(&lines{}, 0, "test"), now: func() time.Time { return f.now },
			}
			if err := s.sweep(t.Context(), wake.Tick{Minute: f.now, Now: f.now}); err != nil {
				t.Fatal(err)
			}
			if n := f.queries + rates.queries + alerts.queries; n > 33 {
				t.Errorf("%d queries, want 33 at most", n)
			}
			if most := due/readAtOnce + len(wake.Shards()); f.reads > min(most, due) || f.read != due || f.sent != due {
				t.Errorf("%d grants by %d reads, %d wakes; want %d by %d reads at most", f.read, f.reads, f.sent, due, most)
			}
			if f.heap > 64<<20 {
				t.Errorf("%d MB in use", f.heap>>20)
			}
		})
	}
}
