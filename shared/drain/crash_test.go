package drain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/ledgertest"
	"bellhop/shared/wake"
)

// A story is what one process is about to do when it meets its fate. It may be
// done again: the queue brings a message again that was not acknowledged.
type story struct {
	name string
	id   connection.ID
	// before is what has happened already.
	before func(w *world)
	act    func(ctx context.Context, d *Drainer) error
}

var stories = []story{
	{
		name: "a first update", id: lisbon,
		act: func(ctx context.Context, d *Drainer) error { return push(ctx, d, lisbon, update(1, 1, 5, price(100))) },
	},
	{
		name: "a newer price over an open mark", id: lisbon,
		before: func(w *world) {
			cut := true
			w.hotel.meet = func(_ http.ResponseWriter, r *http.Request) bool {
				if !cut || r.Method != http.MethodPost {
					return false
				}
				cut = false
				w.hotel.batch(discard{}, r)
				panic(http.ErrAbortHandler)
			}
			w.push(w.process(), lisbon, update(1, 1, 5, price(100)))
			w.clock.advance(w.lane(lisbon).HoldUntil.Sub(w.clock.now()))
		},
		act: func(ctx context.Context, d *Drainer) error { return push(ctx, d, lisbon, update(2, 2, 3, price(200))) },
	},
	{
		name: "a due mark is healed", id: lisbon,
		before: func(w *world) {
			d := w.process()
			_, h, err := d.TakeIn(context.Background(), lisbon, update(1, 1, 3, price(100)))
			if err != nil {
				w.t.Fatal(err)
			}
			dies, cancel := context.WithCancel(context.Background())
			w.hotel.meet = func(http.ResponseWriter, *http.Request) bool { cancel(); return false }
			_ = h.Drain(dies) // sent, and died before recording
			w.hotel.meet = nil
			w.push(d, lisbon, update(2, 1, 1, price(200)))
			w.clock.advance(time.Minute)
		},
		act: func(ctx context.Context, d *Drainer) error {
			return d.Wake(ctx, wake.Message{Kind: wake.Lane, Connection: lisbon, At: start})
		},
	},
	{
		name: "a job at cloudbeds", id: porto,
		act: func(ctx context.Context, d *Drainer) error {
			return push(ctx, d, porto, update(1, 1, 5, map[ledger.Field]int64{ledger.Price: 100, ledger.StopSell: 1}))
		},
	},
	{
		name: "a job ends older than what is desired", id: porto,
		before: func(w *world) {
			w.hotel.jobTakes = func(job string) time.Duration {
				return map[string]time.Duration{"job-1": 8 * time.Second, "job-2": 2 * time.Second}[job]
			}
			d := w.process()
			w.push(d, porto, update(1, 1, 5, price(100)))
			w.push(d, porto, update(2, 2, 2, price(200)))
			w.clock.advance(10 * time.Second)
		},
		act: func(ctx context.Context, d *Drainer) error {
			for _, job := range []string{"job-2", "job-1"} { // the older one was applied last
				if err := d.Wake(ctx, wake.Message{Kind: wake.Job, Connection: porto, Job: job, At: start}); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		name: "part of it is refused", id: lisbon,
		before: func(w *world) {
			w.hotel.refuse = func(cell string, _ ledger.Field, v int64) string {
				if cell == "DBL/BAR/2026-12-04" && v == 100 {
					return "no"
				}
				return ""
			}
		},
		act: func(ctx context.Context, d *Drainer) error {
			return push(ctx, d, lisbon, append(update(1, 1, 3, price(90)), update(1, 4, 5, price(100))...))
		},
	},
	{
		name: "the provider wants a pause", id: lisbon,
		before: func(w *world) {
			busy := true
			w.hotel.meet = func(rw http.ResponseWriter, _ *http.Request) bool {
				if busy {
					rw.Header().Set("Retry-After", "7")
					rw.WriteHeader(http.StatusTooManyRequests)
					busy = false
					return true
				}
				return false
			}
		},
		act: func(ctx context.Context, d *Drainer) error { return push(ctx, d, lisbon, update(1, 1, 5, price(100))) },
	},
}

// fates are what can become of one call to the table.
var fates = map[string]ledgertest.Fault{
	"did not land": ledgertest.NotLanded, "landed, answer lost": ledgertest.Landed,
	"lands late": ledgertest.Late, "landed, and a copy lands late": ledgertest.Copied,
}

// fate is a process's: at its n-th call of the table something happens, and it
// may die of it.
type fate struct {
	n     int
	fault ledgertest.Fault
	dies  bool
}

// live runs a story under a fate, then lets another process clean up, and fails
// unless everything is at rest with the newest values at the provider. It
// reports whether the process lived long enough to meet its fate.
func live(t *testing.T, s story, f fate) (met bool) {
	t.Helper()
	w := newWorld(t)
	if s.before != nil {
		s.before(w)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	w.ledger.Fault = func(string, connection.ID) ledgertest.Fault {
		calls++
		if calls != f.n {
			return ledgertest.Fine
		}
		met = true
		if f.dies {
			cancel()
		}
		return f.fault
	}
	err := s.act(ctx, w.process())
	w.ledger.Fault = nil
	covered := err != nil // the message is not acknowledged: it covers what it wrote
	if lost := w.ledger.Forgotten(0); len(lost) > 0 && !covered {
		t.Errorf("forgotten: %v", lost)
	}
	if covered {
		w.clock.advance(time.Minute)
		if err := s.act(t.Context(), w.process()); err != nil {
			t.Fatalf("done again: %v", err)
		}
	}
	w.ledger.Land() // what was on its way arrives now
	w.sweep(w.process())
	w.atRest(s.id)
	return met
}

// TestCrash_AtEveryCall lets the process die at every call of the table, after
// it, for every way in which that call can end.
func TestCrash_AtEveryCall(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			eachFate(t, s, true)
		})
	}
}

// TestFault_AtEveryCall is the same with a process that lives on.
func TestFault_AtEveryCall(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			eachFate(t, s, false)
		})
	}
}

func eachFate(t *testing.T, s story, dies bool) {
	all := map[string]ledgertest.Fault{"after it": ledgertest.Fine}
	if !dies {
		all = map[string]ledgertest.Fault{}
	}
	for name, f := range fates {
		all[name] = f
	}
	for name, f := range all {
		for n := 1; ; n++ {
			met := false
			ok := t.Run(fmt.Sprintf("call %d %s", n, name), func(t *testing.T) { met = live(t, s, fate{n, f, dies}) })
			if !met || !ok {
				break
			}
		}
	}
}

func TestCrash_TableIsDownForAnHour(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.ledger.Fault = func(string, connection.ID) ledgertest.Fault { return ledgertest.NotLanded }
	for range 3 {
		if err := push(t.Context(), d, lisbon, update(1, 1, 5, price(100))); !errors.Is(err, ledgertest.ErrFault) {
			t.Fatalf("error is %v: the message must come again", err)
		}
		w.clock.advance(20 * time.Minute)
	}
	w.ledger.Fault = nil
	w.push(d, lisbon, update(1, 1, 5, price(100)))
	w.atRest(lisbon)
}
