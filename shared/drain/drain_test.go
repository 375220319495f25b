package drain

import (
	"net/http"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/ledger"
)

func TestDrain_OneUpdate(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.push(d, lisbon, update(1, 1, 31, price(12900)))
	w.atRest(lisbon)
	if w.hotel.pushes() != 1 {
		t.Errorf("%d pushes for one month of one price, want 1", w.hotel.pushes())
	}
}

func TestDrain_NothingIsPushedTwiceForNothing(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.push(d, lisbon, update(1, 1, 31, price(12900)))
	w.push(d, lisbon, update(1, 1, 31, price(12900))) // redelivered
	w.push(d, lisbon, update(2, 1, 31, price(12900))) // the PMS says the same again
	w.atRest(lisbon)
	if w.hotel.pushes() != 1 {
		t.Errorf("%d pushes, want 1", w.hotel.pushes())
	}
}

func TestDrain_InitialLoadOfACloudbedsHotel(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	var wants []ledger.Want
	for day := 1; day <= 31; day++ { // every night another price: 31 intervals
		wants = append(wants, update(1, day, day, map[ledger.Field]int64{
			ledger.Price: int64(10000 + day), ledger.MinStay: 2, ledger.Available: 4,
		})...)
	}
	w.push(d, porto, wants)
	w.sweep(d)
	w.atRest(porto)
	if w.hotel.pushes() != 2 {
		t.Errorf("%d pushes, want 2: at most 30 intervals a call", w.hotel.pushes())
	}
	if e := w.page(porto, "DBL", "BAR").Days[3][ledger.Available]; e.Why != notCarried || e.Dirty() {
		t.Errorf("availability is %+v, want it taken in and set aside", e)
	}
}

func TestDrain_WhileAnotherHoldsTheLane(t *testing.T) {
	w := newWorld(t)
	a, b := w.process(), w.process()
	_, holding, err := a.TakeIn(t.Context(), lisbon, update(1, 1, 3, price(100)))
	if err != nil || holding == nil {
		t.Fatalf("the lane was free: %v", err)
	}
	w.push(b, lisbon, update(2, 2, 5, price(200)))
	if w.hotel.pushes() != 0 {
		t.Error("somebody pushed without the lane")
	}
	if err := holding.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.atRest(lisbon)
}

func TestDrain_UpdateArrivesDuringTheCall(t *testing.T) {
	w := newWorld(t)
	a, b := w.process(), w.process()
	once := true
	w.hotel.meet = func(http.ResponseWriter, *http.Request) bool {
		if once {
			once = false
			w.push(b, lisbon, update(2, 2, 2, price(222)))
		}
		return false
	}
	w.push(a, lisbon, update(1, 1, 3, price(111)))
	w.atRest(lisbon)
	if w.hotel.pushes() != 2 {
		t.Errorf("%d pushes, want 2: the newer price goes out by the same holder", w.hotel.pushes())
	}
}

func TestDrain_UnknownOutcomeIsTheSameKeyAgain(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	lost := true
	w.hotel.meet = func(rw http.ResponseWriter, r *http.Request) bool {
		if !lost {
			return false
		}
		lost = false
		w.hotel.batch(discard{}, r) // it acted, and the connection broke
		panic(http.ErrAbortHandler)
	}
	w.push(d, lisbon, update(1, 1, 9, price(100)))
	if l := w.lane(lisbon); len(l.Marks) != 1 || l.Hold != holdUnknown {
		t.Fatalf("lane is %+v, want the mark open", l)
	}
	w.sweep(d)
	w.atRest(lisbon)
	if len(w.hotel.keys) != 2 || w.hotel.keys[0] != w.hotel.keys[1] {
		t.Errorf("keys are %v, want the same one twice", w.hotel.keys)
	}
	if w.hotel.applied != 9 {
		t.Errorf("%d values applied, want 9: the provider answered from its store", w.hotel.applied)
	}
}

// discard is where a lost answer goes.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func TestDrain_LateApplicationIsHealed(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	var late func()
	w.hotel.meet = func(http.ResponseWriter, *http.Request) bool {
		if late != nil {
			return false
		}
		late = func() { w.hotel.set("DBL/BAR/2026-12-01", ledger.Price, 100) }
		panic(http.ErrAbortHandler) // not acted yet, and the connection broke
	}
	w.push(d, lisbon, update(1, 1, 1, price(100)))
	l := w.lane(lisbon)
	w.clock.advance(l.HoldUntil.Sub(w.clock.now()))
	w.push(d, lisbon, update(2, 1, 1, price(200))) // newer, and it goes out at once
	if got := w.hotel.holds("DBL/BAR/2026-12-01", ledger.Price); got != 200 {
		t.Fatalf("the provider holds %d, want 200", got)
	}
	late() // within the provider's settling time the old price overtakes
	w.sweep(d)
	w.atRest(lisbon)
}

func TestDrain_StoredFailureGetsAnotherKey(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	bad := ""
	w.hotel.meet = func(rw http.ResponseWriter, r *http.Request) bool {
		key := r.Header.Get("Idempotency-Key")
		if bad == "" {
			bad = key
		}
		if key == bad { // it broke once, and says so for ever under that key
			rw.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}
	w.push(d, lisbon, update(1, 1, 9, price(100)))
	w.sweep(d)
	w.atRest(lisbon)
}

func TestDrain_PastNightsAreNotSent(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Enabled = false })
	w.push(d, lisbon, update(1, 1, 4, price(100)))
	w.clock.advance(time.Date(2026, 12, 3, 12, 0, 0, 0, time.UTC).Sub(w.clock.now()))
	w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Enabled = true })
	w.sweep(d)
	w.atRest(lisbon)
	if w.hotel.holds("DBL/BAR/2026-12-02", ledger.Price) != -1 || w.hotel.holds("DBL/BAR/2026-12-03", ledger.Price) != 100 {
		t.Error("a night that has passed was sent, or today's was not")
	}
	if e := w.page(lisbon, "DBL", "BAR").Days[2][ledger.Price]; e.Why != ledger.ExpiredUnsent {
		t.Errorf("entry is %+v, want it counted as expired and unsent", e)
	}
}

func TestDrain_OnePropertyIsPaced(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	var wants []ledger.Want
	for _, plan := range []string{"BAR", "NRF"} {
		for day := 1; day <= 31; day++ {
			for f, v := range map[ledger.Field]int64{ledger.Price: int64(10000 + day*7)} {
				wants = append(wants, updateFor("DBL", plan, 1, day, day, map[ledger.Field]int64{f: v})...)
			}
		}
	}
	w.push(d, porto, wants) // 62 intervals: three calls
	if took := w.clock.now().Sub(start); took < 440*time.Millisecond {
		t.Errorf("three calls in %v: the provider takes five a second", took)
	}
}

func TestDrain_ProcessThatStoodStillSendsNothing(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	_, h, err := d.TakeIn(t.Context(), lisbon, update(1, 1, 3, price(100)))
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(leaseFor + time.Second) // frozen between take and mark
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.hotel.pushes() != 0 {
		t.Error("sent without a live lease")
	}
	w.sweep(w.process())
	w.atRest(lisbon)
}
