package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"bellhop/shared/connection"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestLane_Free(t *testing.T) {
	const margin = time.Second
	end := noon.Add(-margin)
	for _, c := range []struct {
		name   string
		holder *Holder
		want   bool
	}{
		{"nobody has it", nil, true},
		{"its lease runs", &Holder{"n", noon.Add(time.Minute)}, false},
		{"its lease is over, but clocks may differ", &Holder{"n", noon}, false},
		{"at the margin", &Holder{"n", end}, false},
		{"just past the margin", &Holder{"n", end.Add(-time.Nanosecond)}, true},
	} {
		if got := (Lane{Holder: c.holder}).Free(noon, margin); got != c.want {
			t.Errorf("%s: free is %v", c.name, got)
		}
	}
}

func TestLane_DueAndOnHold(t *testing.T) {
	for _, c := range []struct {
		at          time.Time
		due, onHold bool
	}{
		{time.Time{}, false, false},
		{noon.Add(-1), true, false},
		{noon, true, false},
		{noon.Add(1), false, true},
	} {
		l := Lane{WakeAt: c.at, HoldUntil: c.at}
		if l.Due(noon) != c.due || l.OnHold(noon) != c.onHold {
			t.Errorf("at %s: due %v, on hold %v", c.at, l.Due(noon), l.OnHold(noon))
		}
	}
}

func TestLane_Marks(t *testing.T) {
	l := Lane{Marks: map[string]Mark{
		"late": {Due: noon.Add(time.Minute)}, "old": {Due: noon.Add(-time.Minute)},
		"now": {Due: noon}, "also now": {Due: noon},
	}}
	if got := l.DueMarks(noon); !slices.Equal(got, []string{"old", "also now", "now"}) {
		t.Errorf("due are %v", got)
	}
	if got := l.Open("old", "now"); !slices.Equal(got, []string{"also now", "late"}) {
		t.Errorf("open are %v", got)
	}
	if got := l.EarliestDue("old"); !got.Equal(noon) {
		t.Errorf("the earliest is due %s", got)
	}
	if got := (Lane{}).EarliestDue(); !got.IsZero() {
		t.Errorf("without marks the earliest is due %s", got)
	}
}

func TestLane_WakeAfterHold(t *testing.T) {
	l := Lane{Marks: map[string]Mark{"m": {Due: noon}}}
	if got := l.WakeAfterHold(noon.Add(time.Hour)); !got.Equal(noon) {
		t.Errorf("a long hold wakes %s, not when the mark is due", got)
	}
	if got := l.WakeAfterHold(noon.Add(time.Hour), "m"); !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("with the mark closed it wakes %s", got)
	}
	if got := l.WakeAfterHold(noon.Add(-time.Hour)); !got.Equal(noon.Add(-time.Hour)) {
		t.Errorf("a short hold wakes %s", got)
	}
}

func TestLane_CloneSharesNothing(t *testing.T) {
	l := Lane{Pages: []PageKey{december}, Holder: &Holder{Nonce: "a"}, Marks: map[string]Mark{"m": {Spans: sent(1, 0)}}}
	c := l.Clone()
	c.Pages[0].Room, c.Holder.Nonce = "other", "b"
	c.Marks["m"].Spans[0].Days = 0
	delete(c.Marks, "m")
	if l.Pages[0] != december || l.Holder.Nonce != "a" || l.Marks["m"].Spans[0].Days == 0 {
		t.Errorf("the lane changed with its clone: %+v", l)
	}
}

func TestConflicts_AreErrConflict(t *testing.T) {
	for _, err := range []error{&LaneConflict{Write: "Mark"}, &PageConflict{}} {
		if !errors.Is(err, ErrConflict) {
			t.Errorf("%v is not ErrConflict", err)
		}
	}
}

func TestOwnTake(t *testing.T) {
	mine := &LaneConflict{Current: Lane{Takes: 3, Holder: &Holder{Nonce: "mine"}}}
	if l, err := OwnTake(Lane{}, mine, "mine"); err != nil || l.Takes != 3 {
		t.Errorf("my own first success: %+v, %v", l, err)
	}
	if _, err := OwnTake(Lane{}, mine, "other"); err == nil {
		t.Error("another's take counted as mine")
	}
	if _, err := OwnTake(Lane{}, context.DeadlineExceeded, "mine"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an unknown outcome became %v", err)
	}
}

// shelf is a reader of a lane and pages for counting.
type shelf struct {
	lane  Lane
	pages []Page
	reads int
}

func (s *shelf) Lane(context.Context, connection.ID) (Lane, error) { return s.lane, nil }

func (s *shelf) EachPage(_ context.Context, _ connection.ID, yield func(Page) bool) error {
	s.reads++
	for _, p := range s.pages {
		if !yield(p) {
			break
		}
	}
	return nil
}

func TestWaiting_SkipsPagesWhenTheLaneIsIdle(t *testing.T) {
	s := &shelf{pages: []Page{desired(1), desired(2)}}
	if n, err := Waiting(t.Context(), s, "lisbon-1", 0); n != 0 || err != nil || s.reads != 0 {
		t.Errorf("idle: %d, %v, %d reads", n, err, s.reads)
	}
	s.lane.Pages = []PageKey{december}
	if n, err := Waiting(t.Context(), s, "lisbon-1", december.Date(31)); n != 2 || err != nil {
		t.Errorf("on the last night %d wait, %v", n, err)
	}
}

func TestField_Kinds(t *testing.T) {
	if n, ok := PriceFor(18).Occupancy(); n != 18 || !ok {
		t.Errorf("the price for 18 is for %d, %v", n, ok)
	}
	for _, f := range []Field{Price, "price:0", "price:19", "price:x", MinStay} {
		if n, ok := f.Occupancy(); ok {
			t.Errorf("%s is for %d", f, n)
		}
	}
	if !Price.Money() || !PriceFor(1).Money() || MinStay.Money() {
		t.Error("money is not told from counts")
	}
	if !StopSell.Closes(1) || StopSell.Closes(0) || !Available.Closes(0) || Available.Closes(1) || Price.Closes(0) {
		t.Error("closings are not told from openings")
	}
}

func TestPage_Values(t *testing.T) {
	p, _ := blank().Merge(Want{Page: december, Revision: 1, Values: []Value{
		{MinStay, DayRange(1, 31), 2}, {Price, DayRange(1, 31), 100}, {Price, DayRange(24, 26), 150},
	}})
	want := []Value{
		{MinStay, DayRange(1, 31), 2},
		{Price, DayRange(1, 23) | DayRange(27, 31), 100}, {Price, DayRange(24, 26), 150},
	}
	if got := p.Values(); !slices.Equal(got, want) {
		t.Errorf("the page says %v, want %v", got, want)
	}
	if v, ok := p.Value(24, Price); v != 150 || !ok {
		t.Errorf("Christmas costs %d, %v", v, ok)
	}
	if _, ok := p.Value(24, MaxStay); ok {
		t.Error("a field that was never said has a value")
	}
	if got := p.Fields(); !slices.Equal(got, []Field{MinStay, Price}) {
		t.Errorf("the fields are %v", got)
	}
}
