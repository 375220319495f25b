package ledger

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var december = PageKey{"DBL", "BAR", "2026-12"}

// spans draws a list over few pages, fields and stamps, so that they meet.
func spans(t *rapid.T, name string) []Span {
	one := rapid.Custom(func(t *rapid.T) Span {
		return Span{
			Page:  PageKey{"DBL", rapid.SampledFrom([]string{"", "BAR"}).Draw(t, "plan"), "2026-12"},
			Field: rapid.SampledFrom([]Field{Price, PriceFor(2), MinStay}).Draw(t, "field"),
			Days:  rapid.Uint32Range(0, 1<<31-1).Draw(t, "days"),
			Stamp: Stamp{rapid.Int64Range(1, 3).Draw(t, "revision"), rapid.IntRange(0, 2).Draw(t, "heal")},
		}
	})
	return rapid.SliceOfN(one, 0, 8).Draw(t, name)
}

// members is what spans say, one by one.
func members(spans []Span) map[Span]bool {
	m := map[Span]bool{}
	for _, s := range spans {
		for day := range s.EachDay() {
			s.Days = DayBit(day)
			m[s] = true
		}
	}
	return m
}

func TestJoin_SaysTheSameInOneForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := spans(t, "spans")
		joined := Join(given)
		if !reflect.DeepEqual(members(given), members(joined)) {
			t.Fatalf("%v became %v", given, joined)
		}
		if again := Join(slices.Concat(joined, given)); !slices.Equal(joined, again) {
			t.Fatalf("joined again: %v, then %v", joined, again)
		}
	})
}

func TestWithout_LeavesTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := spans(t, "spans"), spans(t, "others")
		taken := members(b)
		for left := range members(Without(a, b)) {
			for o := range taken {
				if o.Page == left.Page && o.Field == left.Field && o.Days == left.Days {
					t.Fatalf("%v is left although %v names it", left, o)
				}
			}
		}
	})
}

func TestHalve_LosesNothingAndEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := Join(spans(t, "spans"))
		first, second := Halve(given)
		if !slices.Equal(Join(slices.Concat(first, second)), given) {
			t.Fatalf("%v became %v and %v", given, first, second)
		}
		if n := Count(given); Count(first) != (n+1)/2 || Count(second) != n/2 {
			t.Fatalf("%d in halves of %d and %d", n, Count(first), Count(second))
		}
	})
}

func TestRuns(t *testing.T) {
	for _, c := range []struct {
		set  uint32
		want [][2]int
	}{
		{0, nil},
		{DayBit(1), [][2]int{{1, 1}}},
		{DayRange(1, 31), [][2]int{{1, 31}}},
		{DayRange(3, 5) | DayBit(7) | DayRange(30, 31), [][2]int{{3, 5}, {7, 7}, {30, 31}}},
	} {
		var got [][2]int
		for first, last := range Runs(c.set) {
			got = append(got, [2]int{first, last})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%b runs %v, want %v", c.set, got, c.want)
		}
	}
	if DayRange(5, 4) != 0 {
		t.Error("a reversed range has days")
	}
}

func TestSpan_Dates(t *testing.T) {
	s := Span{Page: december, Days: DayBit(24) | DayBit(31)}
	var got []string
	for d := range s.Dates() {
		got = append(got, d.String())
	}
	if !slices.Equal(got, []string{"2026-12-24", "2026-12-31"}) {
		t.Errorf("the nights are %v", got)
	}
}

func TestPagesOf_EachOnce(t *testing.T) {
	later := PageKey{"DBL", "BAR", "2027-01"}
	got := PagesOf([]Span{{Page: later}, {Page: december}, {Page: later, Field: Price}})
	if !slices.Equal(got, []PageKey{december, later}) {
		t.Errorf("the pages are %v", got)
	}
}

func TestLess_IsTotal(t *testing.T) {
	stamp := rapid.Custom(func(t *rapid.T) Stamp {
		return Stamp{rapid.Int64Range(0, 2).Draw(t, "revision"), rapid.IntRange(0, 2).Draw(t, "heal")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := stamp.Draw(t, "a"), stamp.Draw(t, "b"), stamp.Draw(t, "c")
		if n := btoi(a.Less(b)) + btoi(b.Less(a)) + btoi(a == b); n != 1 {
			t.Fatalf("%v and %v: %d of less, greater, equal hold", a, b, n)
		}
		if a.Less(b) && b.Less(c) && !a.Less(c) {
			t.Fatalf("%v < %v < %v does not carry over", a, b, c)
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestIdempotencyKey_TellsApartWhatMustBe(t *testing.T) {
	at := func(rev int64, heal int) []Span {
		return []Span{{Page: december, Field: Price, Days: 1, Stamp: Stamp{rev, heal}}}
	}
	key := IdempotencyKey("lisbon-1", []byte("body"), at(1, 0))
	if len(key) != 32 {
		t.Errorf("the key is %q", key)
	}
	if again := IdempotencyKey("lisbon-1", []byte("body"), slices.Concat(at(1, 0), at(1, 0))); again != key {
		t.Error("a retry has another key")
	}
	for what, other := range map[string]string{
		"another connection":   IdempotencyKey("lisbon-2", []byte("body"), at(1, 0)),
		"another body":         IdempotencyKey("lisbon-1", []byte("bodY"), at(1, 0)),
		"the price comes back": IdempotencyKey("lisbon-1", []byte("body"), at(3, 0)),
		"a heal":               IdempotencyKey("lisbon-1", []byte("body"), at(1, 1)),
	} {
		if other == key {
			t.Errorf("%s has the same key", what)
		}
	}
}
