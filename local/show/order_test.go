package show

import (
	"strings"
	"testing"

	"bellhop/local/sandbox"
)

var night = sandbox.CellID{Persona: sandbox.Generic, Property: "prop-lis", RoomType: "DBL", RatePlan: "BAR", Date: "2026-12-01"}

// saying is everything said about one slot.
func saying(field string, values ...said) map[slot][]said {
	w := newWanted()
	for _, v := range values {
		w.add(slot{night, field}, v)
	}
	return w.sayings(night.Persona, night.Property)
}

// applied is a history of one slot.
func applied(field string, values ...string) []sandbox.Change {
	var all []sandbox.Change
	for i, v := range values {
		all = append(all, sandbox.Change{N: i + 1, CellID: night, Field: field, Value: v, Request: 100 + i})
	}
	return all
}

func TestAudit_OlderOverNewerIsFound(t *testing.T) {
	sayings := saying("price", said{"100.00", 1}, said{"110.00", 2}, said{"120.00", 3})
	found := disorders(sayings, applied("price", "100.00", "120.00", "110.00"))
	if len(found) != 1 {
		t.Fatalf("found %v, want the one of revision 2 after revision 3", found)
	}
	if text := found[0].String(); !strings.Contains(text, "110.00 came after 120.00 of revision 3 (request 102)") {
		t.Errorf("it says %q", text)
	}
}

func TestAudit_OlderOverNewerIsFoundAlthoughItWasHealed(t *testing.T) {
	sayings := saying("price", said{"100.00", 1}, said{"110.00", 2})
	if found := disorders(sayings, applied("price", "110.00", "100.00", "110.00")); len(found) != 1 {
		t.Errorf("found %v, want the application in the middle", found)
	}
}

func TestAudit_SkippedAndRepeatedRevisionsAreInOrder(t *testing.T) {
	sayings := saying("price", said{"100.00", 1}, said{"110.00", 2}, said{"120.00", 3})
	for _, history := range [][]string{{"120.00"}, {"100.00", "120.00"}, {"100.00", "100.00", "110.00", "110.00"}} {
		if found := disorders(sayings, applied("price", history...)); len(found) > 0 {
			t.Errorf("history %v: found %v", history, found)
		}
	}
}

// A flag goes to and fro: the same value belongs to several revisions.
func TestAudit_AValueThatComesBackIsInOrder(t *testing.T) {
	sayings := saying("stop_sell", said{"false", 1}, said{"true", 2}, said{"false", 3})
	if found := disorders(sayings, applied("stop_sell", "false", "true", "false", "false")); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if found := disorders(sayings, applied("stop_sell", "false", "true", "false", "true")); len(found) != 1 {
		t.Errorf("found %v, want the true after revision 3", found)
	}
}

func TestAudit_AValueThatNobodySentIsFound(t *testing.T) {
	found := disorders(saying("price", said{"100.00", 1}), applied("price", "100.00", "99.00"))
	if len(found) != 1 || !strings.Contains(found[0].String(), "99.00 was never sent") {
		t.Errorf("found %v", found)
	}
}

func TestWanted_TheHighestRevisionWinsWhateverTheOrder(t *testing.T) {
	sayings := saying("price", said{"120.00", 3}, said{"100.00", 1}, said{"110.00", 2})
	cells := func(price string) []sandbox.Cell {
		return []sandbox.Cell{{CellID: night, Fields: map[string]string{"price": price}}}
	}
	if got, off := compare(sayings, cells("120.00")); got != (tally{1, 1}) || len(off) > 0 {
		t.Errorf("revision 3 is counted %v, wrong %v", got, off)
	}
	if got, off := compare(sayings, cells("110.00")); got != (tally{0, 1}) || len(off) != 1 || off[0].want.revision != 3 {
		t.Errorf("revision 2 is counted %v, wrong %v", got, off)
	}
}

func TestWanted_InsideOneMessageTheLaterUpdateWins(t *testing.T) {
	sayings := saying("price", said{"100.00", 5}, said{"101.00", 5})
	if values := sayings[slot{night, "price"}]; len(values) != 1 || values[0].value != "101.00" {
		t.Errorf("said %v", values)
	}
}

func TestCompare_ACellIsRightOnlyWithAllOfItsFields(t *testing.T) {
	w := newWanted()
	w.add(slot{night, "price"}, said{"100.00", 1})
	w.add(slot{night, "min_stay"}, said{"2", 1})
	sayings := w.sayings(night.Persona, night.Property)
	half := []sandbox.Cell{{CellID: night, Fields: map[string]string{"price": "100.00"}}}
	if got, off := compare(sayings, half); got != (tally{0, 1}) || len(off) != 1 || off[0].at.field != "min_stay" {
		t.Errorf("counted %v, wrong %v", got, off)
	}
	if got, _ := compare(sayings, nil); got != (tally{0, 1}) {
		t.Errorf("a cell that holds nothing is counted %v", got)
	}
}
