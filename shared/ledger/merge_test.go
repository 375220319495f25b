package ledger

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// want is one value for the whole of December.
func want(revision, value int64) Want {
	return Want{Page: december, Revision: revision, Values: []Value{{Field: Price, Days: DayRange(1, 31), Value: value}}}
}

func blank() Page { return Page{Key: december, Days: map[int]Cell{}} }

// on is the price of the first of the month.
func on(p Page) Entry { return p.Days[1][Price] }

func TestMerge_HighestRevisionWins(t *testing.T) {
	p, m := blank().Merge(want(5, 100))
	if m.Changed != 31 || on(p).Value != 100 || !on(p).Dirty() {
		t.Fatalf("the first: %+v, %+v", m, on(p))
	}
	p, m = p.Merge(want(4, 90))
	if m.Changed != 0 || m.Older != 31 || on(p).Value != 100 {
		t.Fatalf("an older one: %+v, %+v", m, on(p))
	}
	p, m = p.Merge(want(5, 100))
	if m.Changed != 0 || len(m.Conflicts) != 0 {
		t.Fatalf("a redelivery: %+v", m)
	}
	p, m = p.Merge(want(6, 110))
	if m.Changed != 31 || on(p).Value != 110 || on(p).Desired != (Stamp{Revision: 6}) {
		t.Fatalf("a newer one: %+v, %+v", m, on(p))
	}
}

func TestMerge_EqualRevisionAnotherValueIsReported(t *testing.T) {
	p, _ := blank().Merge(want(5, 100))
	p, m := p.Merge(want(5, 101))
	if m.Changed != 0 || on(p).Value != 100 {
		t.Fatalf("it was taken: %+v, %+v", m, on(p))
	}
	if len(m.Conflicts) != 31 || m.Conflicts[0] != (Conflict{december, 1, Price, 100, 101}) {
		t.Fatalf("reported as %+v", m.Conflicts)
	}
}

func TestMerge_LaterIndexWinsInsideAMessage(t *testing.T) {
	p, m := blank().Merge(Want{Page: december, Revision: 1, Values: []Value{
		{Price, DayRange(1, 10), 100}, {Price, DayRange(5, 6), 120}, {MinStay, DayBit(5), 2},
	}})
	if len(m.Conflicts) != 0 || m.Changed != 11 {
		t.Fatalf("%+v", m)
	}
	if a, b := p.Days[4][Price].Value, p.Days[5][Price].Value; a != 100 || b != 120 {
		t.Errorf("the fourth costs %d, the fifth %d", a, b)
	}
}

func TestMerge_LeavesThePageItWasCalledOn(t *testing.T) {
	p, _ := blank().Merge(want(1, 100))
	before := p.Clone()
	_, _ = p.Merge(want(2, 200))
	if !reflect.DeepEqual(p, before) {
		t.Error("the page changed under its reader")
	}
}

func TestMerge_TheSameValueAgainIsNotPushedAgain(t *testing.T) {
	p, _ := blank().Merge(want(1, 100))
	p, _ = p.Record(p.Dirty(0))
	p, m := p.Merge(want(2, 100))
	if m.Changed != 31 || on(p).Dirty() || on(p).Desired.Revision != 2 {
		t.Fatalf("%+v, %+v", m, on(p))
	}
	// An older send that may still arrive is healed all the same.
	late := []Span{{Page: december, Field: Price, Days: DayRange(1, 31), Stamp: Stamp{Revision: 1}}}
	if _, healed := p.HealMark(late); healed != 31 {
		t.Errorf("%d of 31 healed", healed)
	}
}

func TestMerge_ARefusedValueStaysRefusedUntilItChanges(t *testing.T) {
	p, _ := blank().Merge(want(1, 100))
	p, _ = p.Reject(p.Dirty(0), "below the floor")
	p, _ = p.Merge(want(2, 100))
	if e := on(p); e.Dirty() || e.Rejected != 2 || e.Why != "below the floor" {
		t.Fatalf("the same value again: %+v", e)
	}
	p, _ = p.Merge(want(3, 150))
	if e := on(p); !e.Dirty() || e.Why != "" {
		t.Fatalf("another value: %+v", e)
	}
}

func TestMerge_ANewValueEndsDriftAndDispute(t *testing.T) {
	p, _ := blank().Merge(want(1, 100))
	p.Days[1][Price] = Entry{Value: 100, Desired: Stamp{1, 2}, Accepted: Stamp{1, 2}, Drift: 2, Contested: true}
	same, _ := p.Merge(want(2, 100))
	if e := on(same); !e.Contested || e.Dirty() {
		t.Errorf("the same value: %+v", e)
	}
	other, _ := p.Merge(want(2, 120))
	if e := on(other); e.Contested || e.Drift != 0 || !e.Dirty() || e.Desired != (Stamp{Revision: 2}) {
		t.Errorf("another value: %+v", e)
	}
}

// TestMerge_OrderDoesNotMatter: messages of different revisions leave the same
// desired values in whatever order they arrive, and however often.
func TestMerge_OrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "messages")
		var wants []Want
		for i := range n {
			w := Want{Page: december, Revision: int64(i + 1)}
			for range rapid.IntRange(1, 3).Draw(t, "values") {
				w.Values = append(w.Values, Value{
					Field: rapid.SampledFrom([]Field{Price, MinStay}).Draw(t, "field"),
					Days:  rapid.Uint32Range(1, 1<<31-1).Draw(t, "days"),
					Value: rapid.Int64Range(1, 2).Draw(t, "value"),
				})
			}
			wants = append(wants, w)
		}
		inOrder := blank()
		for _, w := range wants {
			inOrder, _ = inOrder.Merge(w)
		}
		shuffled := blank()
		for _, w := range append(rapid.Permutation(wants).Draw(t, "arrival"), wants...) {
			var m Merged
			if shuffled, m = shuffled.Merge(w); len(m.Conflicts) > 0 {
				t.Fatalf("conflicts without an equal revision: %v", m.Conflicts)
			}
		}
		if !reflect.DeepEqual(inOrder.Days, shuffled.Days) {
			t.Fatalf("in order %v, as they came %v", inOrder.Days, shuffled.Days)
		}
	})
}
