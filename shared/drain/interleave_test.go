package drain

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/ledgertest"
)

// TestInterleave_AnotherPusherAtEveryCall lets a second process do its whole
// work, with a newer price, in front of each of the first one's calls.
func TestInterleave_AnotherPusherAtEveryCall(t *testing.T) {
	for _, s := range stories {
		for _, stands := range []time.Duration{0, leaseFor + 3*time.Second, 20 * time.Minute} {
			t.Run(fmt.Sprintf("%s, stands still for %v", s.name, stands), func(t *testing.T) {
				for n := 1; interrupted(t, s, n, stands); n++ {
				}
			})
		}
	}
}

// interrupted runs a story whose n-th call of the table comes after the process
// stood still, while another pushed a newer price. False when it has no such
// call.
func interrupted(t *testing.T, s story, n int, stands time.Duration) (met bool) {
	t.Helper()
	w := newWorld(t)
	if s.before != nil {
		s.before(w)
	}
	calls := 0
	w.ledger.Fault = func(string, connection.ID) ledgertest.Fault {
		if calls++; calls == n {
			met = true
			w.clock.advance(stands)
			w.push(w.process(), s.id, update(9, 1, 4, price(900)))
		}
		return ledgertest.Fine
	}
	if err := s.act(t.Context(), w.process()); err != nil {
		t.Fatalf("call %d: %v", n, err)
	}
	w.ledger.Fault = nil
	if lost := w.ledger.Forgotten(0); len(lost) > 0 {
		t.Errorf("call %d: forgotten: %v", n, lost)
	}
	w.sweep(w.process())
	w.atRest(s.id)
	return met && !t.Failed()
}

// TestInterleave_RequestArrivesAfterTheLease is a sender that stands still
// inside its call: its lane goes to another, which pushes a newer price and
// finds nothing to heal any more, and then the old price arrives.
func TestInterleave_RequestArrivesAfterTheLease(t *testing.T) {
	for _, answered := range []bool{true, false} {
		t.Run(fmt.Sprintf("answered %v", answered), func(t *testing.T) {
			w := newWorld(t)
			first := true
			w.hotel.meet = func(rw http.ResponseWriter, r *http.Request) bool {
				if !first {
					return false
				}
				first = false
				w.clock.advance(10 * time.Minute)
				w.hotel.mu.Unlock() // the provider serves others meanwhile
				w.push(w.process(), lisbon, update(2, 1, 3, price(200)))
				w.sweep(w.process())
				w.hotel.mu.Lock()
				if answered {
					return false
				}
				w.hotel.batch(discard{}, r)
				panic(http.ErrAbortHandler)
			}
			w.push(w.process(), lisbon, update(1, 1, 3, price(100)))
			if got := w.hotel.holds("DBL/BAR/2026-12-01", ledger.Price); got != 100 {
				t.Fatalf("the provider holds %d: the story did not happen", got)
			}
			w.sweep(w.process())
			w.atRest(lisbon)
		})
	}
}

// mishap is what the provider does to one request.
type mishap string

var mishaps = []mishap{"none", "none", "none", "throttled", "reset before", "reset after", "unavailable", "broken", "gateway"}

// fortune draws the course of the world for one run.
type fortune struct {
	*world
	draw   *rapid.T
	id     connection.ID
	unread [][]ledger.Want // messages that must come again
	depth  int             // processes at work, one inside a call of the other
	steps  int
}

// TestInterleave_Rapid lets chance choose: who pushes what in which order, whose
// call of the table fails how, who dies, who stands still while another works,
// and what the provider does with each request. In the end the newest value of
// every cell is at the provider, and nothing is open.
func TestInterleave_Rapid(t *testing.T) {
	rapid.Check(t, func(draw *rapid.T) {
		f := &fortune{world: newWorld(draw), draw: draw}
		f.id = rapid.SampledFrom([]connection.ID{lisbon, porto}).Draw(draw, "connection")
		f.hotel.asJob = rapid.Bool().Draw(draw, "jobs")
		f.hotel.meet = f.meet
		f.hotel.jobTakes = func(string) time.Duration {
			return time.Duration(rapid.IntRange(1, 200).Draw(draw, "job takes")) * time.Second
		}
		f.ledger.Fault = f.fault
		for range rapid.IntRange(1, 5).Draw(draw, "messages") {
			f.message()
			f.clock.advance(time.Duration(rapid.IntRange(0, 40).Draw(draw, "pause")) * time.Second)
		}
		f.settle()
	})
}

// message is a random update, taken in and drained by a process of its own.
func (f *fortune) message() {
	first := rapid.IntRange(1, 4).Draw(f.draw, "first")
	last := rapid.IntRange(first, 4).Draw(f.draw, "last")
	revision := int64(rapid.IntRange(1, 9).Draw(f.draw, "revision"))
	wants := update(revision, first, last, price(revision*100))
	if rapid.IntRange(0, 3).Draw(f.draw, "restriction") == 0 {
		wants = update(revision, first, last, map[ledger.Field]int64{ledger.StopSell: revision % 2})
	}
	f.deliver(wants)
}

// deliver runs a process; when it fails, the queue keeps its message.
func (f *fortune) deliver(wants []ledger.Want) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.depth++
	defer func() { f.depth-- }()
	d := f.process()
	d.Sleep = func(ctx context.Context, wait time.Duration) error {
		if rapid.IntRange(0, 30).Draw(f.draw, "dies asleep") == 0 {
			cancel()
		}
		return f.clock.sleep(ctx, wait)
	}
	_, h, err := d.TakeIn(ctx, f.id, wants)
	if err != nil {
		f.unread = append(f.unread, wants)
		return
	}
	if h != nil {
		_ = h.Drain(ctx)
	}
}

// fault is asked at every call of the table.
func (f *fortune) fault(string, connection.ID) ledgertest.Fault {
	if f.steps++; f.steps > 300 {
		return ledgertest.Fine
	}
	if f.depth < 3 && rapid.IntRange(0, 25).Draw(f.draw, "another") == 0 {
		f.clock.advance(time.Duration(rapid.SampledFrom([]int{0, 0, 33, 90}).Draw(f.draw, "stands")) * time.Second)
		f.message()
	}
	if rapid.IntRange(0, 15).Draw(f.draw, "fault") > 0 {
		return ledgertest.Fine
	}
	return rapid.SampledFrom([]ledgertest.Fault{ledgertest.NotLanded, ledgertest.Landed, ledgertest.Late, ledgertest.Copied}).Draw(f.draw, "kind")
}

// meet is asked at every request.
func (f *fortune) meet(rw http.ResponseWriter, r *http.Request) bool {
	if f.steps > 300 || r.Method != http.MethodPost {
		return false
	}
	if f.depth < 3 && rapid.IntRange(0, 10).Draw(f.draw, "another meanwhile") == 0 {
		f.meanwhile()
	}
	switch rapid.SampledFrom(mishaps).Draw(f.draw, "mishap") {
	case "throttled":
		rw.Header().Set("Retry-After", "2")
		rw.WriteHeader(http.StatusTooManyRequests)
	case "unavailable":
		rw.Header().Set("Retry-After", "2")
		rw.WriteHeader(http.StatusServiceUnavailable)
	case "broken":
		rw.WriteHeader(http.StatusInternalServerError)
	case "gateway":
		rw.WriteHeader(http.StatusBadGateway)
	case "reset before":
		panic(http.ErrAbortHandler)
	case "reset after":
		f.serve(discard{}, r)
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

// meanwhile is another message while the provider is at work on a request.
func (f *fortune) meanwhile() {
	f.hotel.mu.Unlock()
	defer f.hotel.mu.Lock()
	f.clock.advance(time.Duration(rapid.SampledFrom([]int{0, 3, 35}).Draw(f.draw, "takes")) * time.Second)
	f.message()
}

// serve does what the request asks for, for nobody to see.
func (f *fortune) serve(rw http.ResponseWriter, r *http.Request) {
	if f.id == porto {
		f.hotel.patchRate(rw, r)
	} else {
		f.hotel.batch(rw, r)
	}
}

// settle ends all faults, lets what is on its way arrive, brings what was not
// acknowledged again, and does what the sweep does until nothing is to come.
func (f *fortune) settle() {
	f.steps = 1000
	f.ledger.Fault, f.hotel.meet = nil, nil
	f.ledger.Land()
	f.clock.advance(time.Minute)
	for _, wants := range f.unread {
		f.push(f.process(), f.id, wants)
	}
	if lost := f.ledger.Forgotten(0); len(lost) > 0 {
		f.draw.Fatalf("forgotten: %v", lost)
	}
	f.sweep(f.process())
	f.atRest(f.id)
}
