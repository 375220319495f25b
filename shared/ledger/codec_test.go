package ledger

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyPage draws pages with every kind of entry on some days.
func anyPage(t *rapid.T) Page {
	stamp := rapid.Custom(func(t *rapid.T) Stamp {
		return Stamp{rapid.Int64Range(1, 1<<62).Draw(t, "revision"), rapid.IntRange(0, 3).Draw(t, "heal")}
	})
	p := Page{Key: december, Version: 7, Days: map[int]Cell{}}
	for range rapid.IntRange(0, 40).Draw(t, "entries") {
		e := Entry{Value: rapid.Int64().Draw(t, "value"), Desired: stamp.Draw(t, "desired")}
		if rapid.Bool().Draw(t, "sent") {
			e.Accepted = stamp.Draw(t, "accepted")
		}
		if rapid.Bool().Draw(t, "in question") {
			e.Rejected = rapid.Int64Range(0, 9).Draw(t, "rejected")
			e.Why = rapid.String().Draw(t, "why")
			e.Drift = rapid.IntRange(0, 2).Draw(t, "drift")
			e.Contested = rapid.Bool().Draw(t, "contested")
		}
		day := rapid.IntRange(1, 31).Draw(t, "day")
		if p.Days[day] == nil {
			p.Days[day] = Cell{}
		}
		p.Days[day][rapid.SampledFrom(allFields()).Draw(t, "field")] = e
	}
	return p
}

func allFields() []Field {
	fields := []Field{Price, MinStay, MinStayThrough, MaxStay, ClosedToArrival, ClosedToDeparture, StopSell, Available, "of_tomorrow"}
	for n := 1; n <= MaxOccupancy; n++ {
		fields = append(fields, PriceFor(n))
	}
	return fields
}

func TestCodec_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPage(t)
		stored := EncodePage(p)
		back, err := DecodePage(p.Key, p.Version, stored)
		if err != nil {
			t.Fatalf("%s: %v", stored, err)
		}
		if !sameText(p, back) {
			t.Fatalf("%v came back as %v by %s", p, back, stored)
		}
		if again := EncodePage(back); again != stored {
			t.Fatalf("the same page has two forms: %s and %s", stored, again)
		}
	})
}

// sameText compares pages; JSON keeps valid UTF-8 alone, and reasons are words.
func sameText(a, b Page) bool {
	for _, p := range []Page{a, b} {
		for _, cell := range p.Days {
			for f, e := range cell {
				e.Why = strings.ToValidUTF8(e.Why, "\ufffd")
				cell[f] = e
			}
		}
	}
	return reflect.DeepEqual(a, b)
}

func TestSpans_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := spans(t, "spans")
		back, err := DecodeSpans(EncodeSpans(given))
		if err != nil || !reflect.DeepEqual(Join(given), back) && len(back)+Count(given) > 0 {
			t.Fatalf("%v came back as %v, %v", given, back, err)
		}
	})
}

func TestFields_HaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]Field{}
	for _, f := range allFields() {
		s := shortName(f)
		if other, ok := seen[s]; ok {
			t.Errorf("%s and %s are both stored as %q", f, other, s)
		}
		seen[s] = f
		if longName(s) != f {
			t.Errorf("%s is stored as %q and read as %s", f, s, longName(s))
		}
	}
}

// TestCodec_StaysSmall: a month with prices for 18 occupancies that change
// every night and with all restrictions, pushed and updated again, stays under
// eight kilobytes; what most hotels have costs one write unit.
func TestCodec_StaysSmall(t *testing.T) {
	full := Want{Page: december, Revision: 1763712000123}
	for day := 1; day <= 31; day++ {
		for n := 1; n <= MaxOccupancy; n++ {
			full.Values = append(full.Values, Value{PriceFor(n), DayBit(day), int64(10000 + 500*n + 137*day)})
		}
		full.Values = append(full.Values, Value{Price, DayBit(day), int64(11000 + 137*day)})
		full.Values = append(full.Values, Value{MinStay, DayBit(day), int64(1 + day%3)})
	}
	for _, f := range []Field{MinStayThrough, MaxStay, ClosedToArrival, ClosedToDeparture, StopSell, Available} {
		full.Values = append(full.Values, Value{f, DayRange(1, 31), 1})
	}
	p, _ := blank().Merge(full)
	p, _ = p.Record(p.Dirty(0))
	for i := range 10 { // ten later updates of a weekend each
		w := Want{Page: december, Revision: 1763712000123 + int64(i)*86_400_000}
		w.Values = []Value{{PriceFor(i + 1), DayRange(3*i+1, 3*i+2), int64(20000 + i)}}
		p, _ = p.Merge(w)
	}
	plain, _ := blank().Merge(want(1763712000123, 12900))
	varied := Want{Page: december, Revision: 1763712000123}
	for day := 1; day <= 31; day++ {
		varied.Values = append(varied.Values, Value{Price, DayBit(day), int64(9900 + 137*day)})
	}
	daily, _ := blank().Merge(varied)
	for _, c := range []struct {
		name  string
		page  Page
		limit int
	}{{"everything, every night", p, 8 << 10}, {"a price a night", daily, 512}, {"one price", plain, 128}} {
		n := len(EncodePage(c.page))
		t.Logf("%-24s %5d bytes", c.name, n)
		if n > c.limit {
			t.Errorf("%s takes %d bytes, more than %d", c.name, n, c.limit)
		}
	}
}

func TestCodec_StoredFormIsReadable(t *testing.T) {
	p, _ := blank().Merge(want(1763712000123, 12900))
	p, _ = p.Record(p.Dirty(0))
	p, _ = p.Merge(Want{Page: december, Revision: 1763712000500, Values: []Value{{PriceFor(2), DayBit(24), 15900}}})
	// Tables hold this: a change of it needs another version.
	const stored = `{"v":1,"s":[1763712000123,0,377,0],"f":{` +
		`"p":{"d":2147483647,"v":[12900],"w":[1],"a":[1]},"p2":{"d":8388608,"v":[15900],"w":[2]}}}`
	if got := EncodePage(p); got != stored {
		t.Errorf("stored as\n%s, want\n%s", got, stored)
	}
}

func TestDecodePage_RefusesWhatItCannotRead(t *testing.T) {
	for name, stored := range map[string]string{
		"nothing":                  ``,
		"not JSON":                 `{"v":1`,
		"a later release's":        `{"v":2,"f":{}}`,
		"without a version":        `{"f":{}}`,
		"a day too many":           `{"v":1,"s":[1,0],"f":{"p":{"d":4294967295,"v":[1],"w":[1]}}}`,
		"no day":                   `{"v":1,"s":[1,0],"f":{"p":{"d":0,"v":[],"w":[]}}}`,
		"runs too short":           `{"v":1,"s":[1,0],"f":{"p":{"d":7,"v":[1,1],"w":[1]}}}`,
		"runs too long":            `{"v":1,"s":[1,0],"f":{"p":{"d":1,"v":[1,1,2,1,3,4,1],"w":[2]}}}`,
		"a stamp that is not":      `{"v":1,"s":[1,0],"f":{"p":{"d":1,"v":[1],"w":[2]}}}`,
		"half a stamp":             `{"v":1,"s":[1],"f":{}}`,
		"a stamp past all numbers": `{"v":1,"s":[9223372036854775807,0,1,0],"f":{}}`,
		"a field without a name":   `{"v":1,"s":[1,0],"f":{"":{"d":1,"v":[1],"w":[1]}}}`,
	} {
		if p, err := DecodePage(december, 1, stored); !errors.Is(err, ErrCodec) {
			t.Errorf("%s was read as %v, %v", name, p, err)
		}
	}
}

func TestDecodeSpans_RefusesWhatItCannotRead(t *testing.T) {
	for name, stored := range map[string]string{
		"nothing":             ``,
		"a later release's":   `{"v":2}`,
		"half a stamp":        `{"v":1,"s":[1]}`,
		"a page that is none": `{"v":1,"s":[1,0],"g":[{"k":"DBL","f":"p","d":1,"s":1}]}`,
		"a stamp that is not": `{"v":1,"s":[1,0],"g":[{"k":"DBL#BAR#2026-12","f":"p","d":1,"s":2}]}`,
	} {
		if s, err := DecodeSpans(stored); !errors.Is(err, ErrCodec) {
			t.Errorf("%s was read as %v, %v", name, s, err)
		}
	}
}

// FuzzDecodePage: whatever a table holds, reading it ends in a page that can be
// written again, or in ErrCodec.
func FuzzDecodePage(f *testing.F) {
	p, _ := blank().Merge(want(1763712000123, 12900))
	f.Add(EncodePage(p))
	f.Add(`{"v":1,"s":[5,0,1,2],"f":{"p":{"d":7,"v":[1,2,3],"w":[1,1,2],"a":[0,1,2],"x":[{"d":1,"r":5,"y":"no"}]}}}`)
	f.Add(`{"v":1,"f":{"p":{"d":1,"v":[1,9223372036854775807,2],"w":[0]}}}`)
	f.Fuzz(func(t *testing.T, stored string) {
		p, err := DecodePage(december, 1, stored)
		if err != nil {
			if !errors.Is(err, ErrCodec) {
				t.Fatal(err)
			}
			return
		}
		back, err := DecodePage(december, 1, EncodePage(p))
		if err != nil || !reflect.DeepEqual(p, back) {
			t.Fatalf("%q: %v, then %v, %v", stored, p, back, err)
		}
	})
}
