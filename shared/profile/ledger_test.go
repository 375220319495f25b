package profile_test

import (
	"testing"

	"bellhop/shared/ledger"
	"bellhop/shared/profile"
)

// The fields that a profile may name are those of the ledger's cells, with the
// prices by occupancy as one. A profile must place each of them, so a field that
// only one side knows shows here.
func TestFields_AreTheLedgers(t *testing.T) {
	p, err := profile.ByName("generic")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"occupancy_prices": true}
	for _, f := range []ledger.Field{
		ledger.Price, ledger.MinStay, ledger.MinStayThrough, ledger.MaxStay, ledger.ClosedToArrival,
		ledger.ClosedToDeparture, ledger.StopSell, ledger.Available,
	} {
		known[string(f)] = true
	}
	for _, f := range append(p.API.Fields, p.API.Ignored...) {
		if !known[f] {
			t.Errorf("the ledger knows no field %q", f)
		}
		delete(known, f)
	}
	for f := range known {
		t.Errorf("no profile can name field %q", f)
	}
}
