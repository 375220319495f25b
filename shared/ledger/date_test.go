package ledger

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDate(t *testing.T) {
	for _, good := range []string{"1970-01-01", "1969-12-31", "2024-02-29", "2026-12-31", "0001-01-01", "9999-12-31"} {
		d, err := ParseDate(good)
		if err != nil || d.String() != good {
			t.Errorf("%s came back as %s, %v", good, d, err)
		}
	}
	for _, bad := range []string{"", "2026-02-30", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "26-01-01",
		"2026-12-01T00:00:00Z", "2026/12/01", " 2026-12-01", "2026-12-32", "20261201", "+2026-12-01"} {
		if d, err := ParseDate(bad); !errors.Is(err, ErrDate) {
			t.Errorf("%q was read as %s, %v", bad, d, err)
		}
	}
}

func TestDate_AgreesWithTheCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		when := time.Date(rapid.IntRange(1900, 2200).Draw(t, "year"), time.January,
			rapid.IntRange(1, 366).Draw(t, "day of year"), 0, 0, 0, 0, time.UTC)
		d := DateIn(when, time.UTC)
		if d.String() != when.Format("2006-01-02") || d.Day() != when.Day() || d.Month() != when.Format("2006-01") {
			t.Fatalf("%s is %s", when, d)
		}
		if next := d + 1; next.String() != when.AddDate(0, 0, 1).Format("2006-01-02") {
			t.Fatalf("the day after %s is %s", d, next)
		}
		if back, err := DateOf(d.Month(), d.Day()); err != nil || back != d {
			t.Fatalf("%s by month and day is %s, %v", d, back, err)
		}
		if end := d.EndOfMonth(); end.Month() != d.Month() || (end+1).Day() != 1 {
			t.Fatalf("the month of %s ends %s", d, end)
		}
	})
}

func TestToday_IsTheProperties(t *testing.T) {
	now := time.Date(2026, 12, 31, 11, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"Pacific/Kiritimati": "2027-01-01", "Europe/Lisbon": "2026-12-31", "Pacific/Niue": "2026-12-31", "Asia/Tokyo": "2026-12-31",
	} {
		if d, err := Today(now, zone); err != nil || d.String() != want {
			t.Errorf("in %s it is %s, %v; want %s", zone, d, err, want)
		}
	}
	// The hour that a clock change skips or repeats moves no date.
	spring := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	if d, _ := Today(spring, "Europe/Lisbon"); d.String() != "2026-03-29" {
		t.Errorf("in the skipped hour it is %s", d)
	}
	if _, err := Today(now, "Atlantis/Capital"); err == nil {
		t.Error("a zone that is none was taken")
	}
}

func TestDate_AddYears(t *testing.T) {
	leap, _ := ParseDate("2024-02-29")
	if got := leap.AddYears(1).String(); got != "2025-03-01" {
		t.Errorf("a year after the leap day is %s", got)
	}
	if got := leap.AddYears(4).String(); got != "2028-02-29" {
		t.Errorf("four years after the leap day is %s", got)
	}
}

func TestDate_InJSON(t *testing.T) {
	d, _ := ParseDate("2026-12-24")
	b, err := json.Marshal(d)
	if err != nil || string(b) != `"2026-12-24"` {
		t.Fatalf("written as %s, %v", b, err)
	}
	var back Date
	if err := json.Unmarshal(b, &back); err != nil || back != d {
		t.Fatalf("read back as %s, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"2026-02-30"`), &back); err == nil {
		t.Error("the 30th of February was read")
	}
}

func TestPageKey_NamesItself(t *testing.T) {
	for _, k := range []PageKey{{"DBL", "BAR", "2026-12"}, {"DBL", "", "2026-12"}, {"Suite, 2", "B&B (flex)", "2027-01"}} {
		back, err := ParsePageKey(k.String())
		if err != nil || back != k {
			t.Errorf("%v came back as %v, %v", k, back, err)
		}
	}
	for _, bad := range []string{"", "DBL", "DBL#BAR", "#BAR#2026-12", "DBL#BAR#2026-13", "DBL#BAR#2026-12#x", "DBL#BAR#"} {
		if _, err := ParsePageKey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%q was read as a page: %v", bad, err)
		}
	}
}

func TestPageKey_OutlivesItsMonth(t *testing.T) {
	k := PageKey{"DBL", "BAR", "2026-02"}
	if got := k.Expires().Format(time.RFC3339); got != "2026-04-29T00:00:00Z" {
		t.Errorf("February's page expires %s", got)
	}
}
