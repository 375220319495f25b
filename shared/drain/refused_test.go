package drain

import (
	"testing"

	"bellhop/shared/ledger"
)

func TestDrain_RejectedItemIsReportedAndNotRetried(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.hotel.refuse = func(cell string, _ ledger.Field, v int64) string {
		if cell == "DBL/BAR/2026-12-02" && v < 50 {
			return "below_floor"
		}
		return ""
	}
	w.push(d, lisbon, append(update(1, 1, 1, price(100)), update(1, 2, 2, price(10))...))
	w.atRest(lisbon)
	if e := w.page(lisbon, "DBL", "BAR").Days[2][ledger.Price]; e.Why != "below_floor" || e.Dirty() {
		t.Errorf("entry is %+v, want it rejected with the reason", e)
	}
	pushes := w.hotel.pushes()
	w.push(d, lisbon, update(2, 1, 1, price(110)))
	if w.hotel.pushes() != pushes+1 {
		t.Error("the rejected cell was sent again")
	}
	w.push(d, lisbon, update(3, 2, 2, price(90))) // its value changes: it goes out
	w.atRest(lisbon)
	if got := w.hotel.holds("DBL/BAR/2026-12-02", ledger.Price); got != 90 {
		t.Errorf("the provider holds %d, want 90", got)
	}
}

func TestDrain_HalvingFindsTheCulprit(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.hotel.refuse = func(cell string, f ledger.Field, _ int64) string {
		if cell == "DBL/BAR/2026-12-17" && f == ledger.MinStay {
			return "Invalid minLos."
		}
		return ""
	}
	var wants []ledger.Want
	for day := 1; day <= 28; day++ {
		wants = append(wants, update(1, day, day, map[ledger.Field]int64{ledger.Price: int64(10000 + day), ledger.MinStay: 2})...)
	}
	w.push(d, porto, wants)
	w.sweep(d)
	w.atRest(porto)
	cell := w.page(porto, "DBL", "BAR").Days[17]
	if cell[ledger.MinStay].Why != "Invalid minLos." {
		t.Errorf("min_stay is %+v, want it rejected", cell[ledger.MinStay])
	}
	if w.hotel.holds("DBL/BAR/2026-12-17", ledger.Price) != 10017 {
		t.Error("the culprit's other field was not delivered")
	}
	if n := w.hotel.pushes(); n > 16 {
		t.Errorf("%d pushes to find one of 56", n)
	}
}

func TestDrain_DerivedRateIsRejectedAsAWhole(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.hotel.refuse = func(cell string, _ ledger.Field, _ int64) string {
		if cell[:7] == "DBL/NRF" {
			return `rate ID "1002" is derived and cannot be updated`
		}
		return ""
	}
	var wants []ledger.Want
	for day := 1; day <= 10; day++ {
		wants = append(wants, updateFor("DBL", "BAR", 1, day, day, price(int64(9000+day)))...)
		wants = append(wants, updateFor("DBL", "NRF", 1, day, day, price(int64(8000+day)))...)
	}
	w.push(d, porto, wants)
	w.sweep(d)
	w.atRest(porto)
	for day, cell := range w.page(porto, "DBL", "NRF").Days {
		if cell[ledger.Price].Why == "" {
			t.Errorf("day %d of the derived rate is not rejected", day)
		}
	}
	if n := w.hotel.pushes(); n > 4 {
		t.Errorf("%d pushes; one address need not be halved night by night", n)
	}
}

func TestDrain_AProviderThatRefusesEverythingIsNotBelievedAtOnce(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	broken := true
	w.hotel.refuse = func(string, ledger.Field, int64) string {
		if broken {
			return "Une erreur est survenue"
		}
		return ""
	}
	w.push(d, porto, update(1, 1, 31, map[ledger.Field]int64{ledger.Price: 100, ledger.MinStay: 1}))
	if l := w.lane(porto); l.Hold != holdOutage {
		t.Fatalf("lane is %+v, want it held", l)
	}
	broken = false
	w.sweep(d)
	w.atRest(porto)
	for day, cell := range w.page(porto, "DBL", "BAR").Days {
		if cell[ledger.Price].Why != "" {
			t.Fatalf("day %d was rejected: %+v", day, cell)
		}
	}
}

func TestDrain_UnmappedRateSaysWhichMappingToAdd(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.push(d, porto, append(updateFor("STE", "BAR", 1, 1, 3, price(100)), updateFor("SGL", "BAR", 1, 1, 3, price(100))...))
	w.sweep(d)
	w.atRest(porto)
	if why := w.page(porto, "STE", "BAR").Days[1][ledger.Price].Why; why != "no mapping: add STE/BAR to connection porto-1" {
		t.Errorf("reason is %q", why)
	}
}
