package drain

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/ledger"
	"bellhop/shared/ledgertest"
	"bellhop/shared/wake"
)

// readback brings a read-back's wake, which starts one when none runs.
func (w *world) readback(d *Drainer, id connection.ID) {
	w.t.Helper()
	if err := d.Wake(w.t.(*testing.T).Context(), wake.Message{Kind: wake.Readback, Connection: id, At: w.clock.now()}); err != nil {
		w.t.Fatal(err)
	}
}

// loaded is a world where both hotels have their rates.
func loaded(t *testing.T) (*world, *Drainer) {
	t.Helper()
	w := newWorld(t)
	d := w.process()
	for _, id := range []connection.ID{lisbon, porto} {
		w.push(d, id, append(update(1, 1, 31, map[ledger.Field]int64{ledger.Price: 100, ledger.MinStay: 2}),
			updateFor("DBL", "NRF", 1, 1, 31, price(80))...))
		w.sweep(d)
		w.atRest(id)
	}
	w.clock.advance(time.Minute)
	return w, d
}

func TestReadback_FindsNothing(t *testing.T) {
	w, d := loaded(t)
	pushes := w.hotel.pushes()
	for _, id := range []connection.ID{lisbon, porto} {
		w.readback(d, id)
		w.atRest(id)
		if _, err := w.ledger.Readback(t.Context(), id); !errors.Is(err, ledger.ErrNoReadback) {
			t.Errorf("%s: the read-back has not ended: %v", id, err)
		}
	}
	if w.hotel.pushes() != pushes {
		t.Error("pushed although nothing drifted")
	}
}

func TestReadback_HealsWhatDrifted(t *testing.T) {
	for _, id := range []connection.ID{lisbon, porto} {
		w, d := loaded(t)
		w.hotel.set("DBL/BAR/2026-12-17", ledger.Price, 1) // somebody changed it by hand
		delete(w.hotel.cells, "DBL/NRF/2026-12-24")        // or lost it
		w.readback(d, id)
		w.sweep(d)
		w.atRest(id)
		if e := w.page(id, "DBL", "BAR").Days[17][ledger.Price]; e.Drift != 1 || e.Desired.Heal != 1 {
			t.Errorf("%s: entry is %+v, want one drift healed", id, e)
		}
	}
}

func TestReadback_ContestedAfterTwoHeals(t *testing.T) {
	w, d := loaded(t)
	for range 3 {
		w.hotel.set("DBL/BAR/2026-12-17", ledger.Price, 1)
		w.readback(d, lisbon)
		w.sweep(d)
	}
	if e := w.page(lisbon, "DBL", "BAR").Days[17][ledger.Price]; !e.Contested || e.Dirty() {
		t.Errorf("entry is %+v, want it contested and left alone", e)
	}
	w.atRest(lisbon)
}

func TestReadback_LeavesAloneWhatIsNotSettled(t *testing.T) {
	w, d := loaded(t)
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Enabled = false })
	w.push(d, lisbon, update(2, 17, 17, price(999))) // dirty: it waits
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Enabled = true })
	w.readback(d, lisbon)
	if e := w.page(lisbon, "DBL", "BAR").Days[17][ledger.Price]; e.Drift != 0 {
		t.Errorf("entry is %+v: what was not sent has not drifted", e)
	}
	w.sweep(d)
	w.atRest(lisbon)
}

func TestReadback_PushInTheMiddleIsNoDrift(t *testing.T) {
	w, d := loaded(t)
	other := w.process()
	reads := 0
	w.hotel.meet = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		if reads++; reads == 1 {
			w.hotel.mu.Unlock()
			w.push(other, lisbon, update(2, 1, 31, price(222)))
			w.hotel.mu.Lock()
		}
		return false
	}
	w.readback(d, lisbon)
	w.sweep(d)
	w.atRest(lisbon)
	for day, cell := range w.page(lisbon, "DBL", "BAR").Days {
		if cell[ledger.Price].Drift != 0 {
			t.Fatalf("day %d has drifted: %+v", day, cell)
		}
	}
}

func TestReadback_NoPageIsLostOrRepeated(t *testing.T) {
	w, d := loaded(t)
	for _, month := range []string{"2027-01", "2027-02"} {
		wants := update(1, 1, 28, price(100))
		wants[0].Page.Month = month
		w.push(d, lisbon, wants)
	}
	w.sweep(d)
	w.clock.advance(time.Minute)
	var compared []int
	gets := 0
	w.hotel.meet = func(rw http.ResponseWriter, r *http.Request) bool {
		if gets++; r.Method == http.MethodGet && gets%3 == 2 {
			rw.Header().Set("Retry-After", "3")
			rw.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		return false
	}
	w.readback(d, lisbon)
	for range 30 {
		r, err := w.ledger.Readback(t.Context(), lisbon)
		if err != nil {
			break
		}
		compared = append(compared, r.Compared)
		if wait := r.WakeAt.Sub(w.clock.now()); wait > 4*time.Second {
			t.Fatalf("waits %v although the provider said 3 s", wait)
		}
		w.clock.advance(r.WakeAt.Sub(w.clock.now()))
		w.readback(w.process(), lisbon) // a new process goes on where the last one stopped
	}
	if len(compared) == 0 || !slices.IsSorted(compared) {
		t.Fatalf("compared %v: it was not interrupted, or began again", compared)
	}
	w.atRest(lisbon)
	if last := compared[len(compared)-1]; last > 31*3+28*2 {
		t.Errorf("%d fields compared, more than there are", last)
	}
}

func TestReadback_TransactionsThatFail(t *testing.T) {
	for fault := range 3 {
		w, d := loaded(t)
		w.hotel.set("DBL/BAR/2026-12-17", ledger.Price, 1)
		once := true
		w.ledger.Fault = func(method string, _ connection.ID) ledgertest.Fault {
			if method == "StepReadback" && once {
				once = false
				return ledgertest.Fault(fault + 1)
			}
			return ledgertest.Fine
		}
		_ = d.Wake(t.Context(), wake.Message{Kind: wake.Readback, Connection: lisbon, At: w.clock.now()})
		w.ledger.Land()
		w.sweep(d)
		w.atRest(lisbon)
		if e := w.page(lisbon, "DBL", "BAR").Days[17][ledger.Price]; e.Drift != 1 {
			t.Errorf("fault %d: entry is %+v, want the drift counted once", fault, e)
		}
	}
}

func TestReadback_WaitsForItsGrant(t *testing.T) {
	w, d := loaded(t)
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Health = grant.ReauthorizationRequired })
	w.hotel.set("DBL/BAR/2026-12-17", ledger.Price, 1)
	w.readback(d, lisbon)
	r, err := w.ledger.Readback(t.Context(), lisbon)
	if err != nil || !r.WakeAt.After(w.clock.now()) || r.Cursor != "" {
		t.Fatalf("read-back is %+v, %v: want it waiting at its beginning", r, err)
	}
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Health = grant.OK })
	w.sweep(d)
	w.atRest(lisbon)
}
