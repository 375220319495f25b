package ledger

import (
	"testing"

	"pgregory.net/rapid"
)

// sent is December's price at a stamp.
func sent(revision int64, heal int) []Span {
	return []Span{{Page: december, Field: Price, Days: DayRange(1, 31), Stamp: Stamp{revision, heal}}}
}

// desired is a December whose price is desired at a revision and was never
// sent.
func desired(revision int64) Page {
	p, _ := blank().Merge(want(revision, 100+revision))
	return p
}

func TestRecord_AnUpdateThatCameMeanwhileStaysDirty(t *testing.T) {
	p := desired(1)
	out := p.Dirty(0)
	p, _ = p.Merge(want(2, 200))
	p, n := p.Record(out)
	if n != 31 || on(p).Accepted != (Stamp{Revision: 1}) || !on(p).Dirty() {
		t.Fatalf("%d recorded: %+v", n, on(p))
	}
}

func TestRecord_OlderAnswerArrivesLast(t *testing.T) {
	p, _ := desired(2).Record(sent(2, 0))
	p, n := p.Record(sent(1, 0))
	if n != 0 || on(p).Accepted != (Stamp{Revision: 2}) || on(p).Dirty() {
		t.Fatalf("%d recorded: %+v", n, on(p))
	}
}

func TestRecord_AnotherPageIsNotTouched(t *testing.T) {
	other := []Span{{Page: PageKey{"SGL", "BAR", "2026-12"}, Field: Price, Days: 1, Stamp: Stamp{9, 0}}}
	if _, n := desired(1).Record(other); n != 0 {
		t.Errorf("%d recorded of another page", n)
	}
	unknown := []Span{{Page: december, Field: MaxStay, Days: 1, Stamp: Stamp{9, 0}}}
	if p, n := desired(1).Record(unknown); n != 0 || len(p.Days[1]) != 1 {
		t.Errorf("%d recorded of a field that the page does not have", n)
	}
}

func TestReject_UntilTheValueChanges(t *testing.T) {
	p, n := desired(1).Reject(sent(1, 0), "unknown rate")
	if n != 31 || on(p).Dirty() || on(p).Why != "unknown rate" {
		t.Fatalf("%d: %+v", n, on(p))
	}
	if p, n = p.Reject(sent(1, 0), "again"); n != 0 || on(p).Why != "unknown rate" {
		t.Errorf("rejected twice: %d, %+v", n, on(p))
	}
	p, _ = p.Merge(want(2, 200))
	if !on(p).Dirty() {
		t.Errorf("a new value does not go out: %+v", on(p))
	}
	// A refusal of the old value that comes late does not hold the new one.
	if p, _ = p.Reject(sent(1, 0), "late"); !on(p).Dirty() {
		t.Errorf("held by a late refusal: %+v", on(p))
	}
}

func TestAgain_OnlyWhatIsStillDesired(t *testing.T) {
	p, n := desired(1).Again(sent(1, 0))
	if n != 31 || on(p).Desired != (Stamp{1, 1}) {
		t.Fatalf("%d: %+v", n, on(p))
	}
	if _, n = p.Again(sent(1, 0)); n != 0 {
		t.Errorf("the same answer read twice made %d new stamps", n)
	}
	if _, n = desired(2).Again(sent(1, 0)); n != 0 {
		t.Errorf("a newer value got %d new stamps", n)
	}
}

func TestHealMark_OnlyWhereNewerIsDesired(t *testing.T) {
	// Nothing newer: dirty if unrecorded, and that is enough.
	if _, n := desired(1).HealMark(sent(1, 0)); n != 0 {
		t.Errorf("%d healed although the mark is what is desired", n)
	}
	// Newer, and already taken by the provider: the old one may come last.
	p, _ := desired(2).Record(sent(2, 0))
	p, n := p.HealMark(sent(1, 0))
	if n != 31 || !on(p).Dirty() || on(p).Desired != (Stamp{2, 1}) || on(p).Value != 102 {
		t.Fatalf("%d healed: %+v", n, on(p))
	}
	// A heal of the same revision is not something newer.
	if _, n = p.HealMark(sent(2, 0)); n != 0 {
		t.Errorf("%d healed against the same revision", n)
	}
}

func TestEndJob(t *testing.T) {
	for _, c := range []struct {
		name    string
		desired int64
		carried []Span
		applied bool
		healed  int
	}{
		{"applied, and nothing newer", 1, sent(1, 0), true, 0},
		{"failed, and still what is desired", 1, sent(1, 0), false, 31},
		{"applied after a newer send", 2, sent(1, 0), true, 31},
		{"failed after a newer send", 2, sent(1, 0), false, 31},
		{"failed at an older heal", 1, sent(1, -1), false, 0},
	} {
		p, _ := desired(c.desired).Record(sent(c.desired, 0))
		p, n := p.EndJob(c.carried, c.applied)
		if n != c.healed || on(p).Dirty() != (c.healed > 0) {
			t.Errorf("%s: %d healed, %+v", c.name, n, on(p))
		}
	}
}

func TestDrift_HealsTwiceThenContests(t *testing.T) {
	p, _ := desired(1).Record(sent(1, 0))
	found := []Value{{Field: Price, Days: DayBit(1), Value: 77}}
	for round := 1; round <= 2; round++ {
		p, _ = p.Drift(p.Differ(found, nil))
		if e := on(p); !e.Dirty() || e.Drift != round || e.Desired.Heal != round {
			t.Fatalf("round %d: %+v", round, e)
		}
		p, _ = p.Record(p.Dirty(0))
	}
	p, n := p.Drift(p.Differ(found, nil))
	if e := on(p); n != 1 || e.Dirty() || !e.Contested {
		t.Fatalf("the third time: %d, %+v", n, e)
	}
	if left := p.Differ(found, nil); len(left) != 0 {
		t.Errorf("a contested field is fought over: %v", left)
	}
}

func TestDiffer_OnlyWhatIsSettled(t *testing.T) {
	found := []Value{{Field: Price, Days: DayRange(1, 3), Value: 77}}
	if d := desired(1).Differ(found, nil); len(d) != 0 {
		t.Errorf("dirty fields were judged: %v", d)
	}
	p, _ := desired(1).Record(sent(1, 0))
	if d := p.Differ(found, nil); len(d) != 1 || d[0].Days != DayRange(1, 3) {
		t.Errorf("settled fields: %v", d)
	}
	inFlight := []Span{{Page: december, Field: Price, Days: DayBit(2), Stamp: Stamp{9, 9}}}
	if d := p.Differ(found, inFlight); Count(d) != 2 {
		t.Errorf("one of three is in flight, judged: %v", d)
	}
	same := []Value{{Field: Price, Days: DayRange(1, 31), Value: 101}, {Field: MinStay, Days: 1, Value: 3}}
	if d := p.Differ(same, nil); len(d) != 0 {
		t.Errorf("equal or unknown fields differ: %v", d)
	}
	p, _ = p.Reject(sent(1, 0), "no")
	if d := p.Differ(found, nil); len(d) != 0 {
		t.Errorf("refused fields were judged: %v", d)
	}
}

func TestDrift_NotWhenSomethingNewerCame(t *testing.T) {
	p, _ := desired(1).Record(sent(1, 0))
	seen := p.Differ([]Value{{Field: Price, Days: 1, Value: 77}}, nil)
	p, _ = p.Merge(want(2, 200))
	if _, n := p.Drift(seen); n != 0 {
		t.Errorf("%d counted as drift of a value that nobody wants any more", n)
	}
}

func TestExpire_CountsAPassedNightOnce(t *testing.T) {
	p := desired(1)
	today := december.Date(4)
	p, n := p.Expire(today)
	if n != 3 || p.Waiting(0) != 28 || p.Days[1][Price].Why != ExpiredUnsent {
		t.Fatalf("%d expired, %d wait, %+v", n, p.Waiting(0), on(p))
	}
	if _, n = p.Expire(today); n != 0 {
		t.Errorf("%d expired a second time", n)
	}
	if e := on(p); e.Accepted != (Stamp{}) {
		t.Errorf("counted as delivered: %+v", e)
	}
}

func TestDirty_FromToday(t *testing.T) {
	p := desired(1)
	for _, c := range []struct {
		from Date
		want uint32
	}{
		{0, DayRange(1, 31)},
		{december.Date(1), DayRange(1, 31)},
		{december.Date(2), DayRange(2, 31)},
		{december.Date(31), DayBit(31)},
		{december.Date(32), 0},
		{december.Date(400), 0},
	} {
		var days uint32
		for _, s := range p.Dirty(c.from) {
			days |= s.Days
		}
		if days != c.want || p.IsDirty(c.from) != (c.want != 0) {
			t.Errorf("from %s: %b, want %b", c.from, days, c.want)
		}
	}
}

func TestWaiting_CountsCellsNotFields(t *testing.T) {
	p, _ := desired(1).Merge(Want{Page: december, Revision: 1, Values: []Value{{MinStay, DayBit(1), 2}, {PriceFor(2), DayBit(1), 2}}})
	if n := p.Waiting(0); n != 31 {
		t.Errorf("%d cells wait", n)
	}
	p, _ = p.Record(sent(1, 0))
	if n := p.Waiting(0); n != 1 {
		t.Errorf("%d cells wait for their other fields", n)
	}
}

// TestRecord_NeverClearsANewerDesired: whatever is recorded, refused or healed
// in whatever order, a field whose newest revision was neither accepted nor
// refused is dirty.
func TestRecord_NeverClearsANewerDesired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, newest := blank(), int64(0)
		answered := map[int64]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			r := rapid.Int64Range(1, 6).Draw(t, "revision")
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				p, _ = p.Merge(want(r, 100+r)) // every revision has its own value
				newest = max(newest, r)
			case 1:
				if r <= newest {
					p, _ = p.Record(sent(r, on(p).Desired.Heal))
					answered[r] = true
				}
			case 2:
				if r <= newest {
					p, _ = p.Reject(sent(r, 0), "no")
					answered[r] = true
				}
			case 3:
				p, _ = p.HealMark(sent(r, 0))
			case 4:
				p, _ = p.EndJob(sent(r, 0), rapid.Bool().Draw(t, "applied"))
			}
			e := on(p)
			if newest > 0 && (e.Desired.Revision != newest || e.Value != 100+newest) {
				t.Fatalf("desired is %+v, the newest revision is %d", e, newest)
			}
			if newest > 0 && !answered[newest] && !e.Dirty() {
				t.Fatalf("revision %d was never answered and is not dirty: %+v", newest, e)
			}
		}
	})
}
