package oauth

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := at
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, row := range []struct {
		value, date string
		want        time.Duration // from now; -1 for none
	}{
		{"", "", -1},
		{"0", "", 0},
		{"1", "", time.Second},
		{" 120 ", "", 2 * time.Minute},
		{"1.2", "", 2 * time.Second},
		{"-5", "", 0},
		{"86400", "", 24 * time.Hour},
		{"86401", "", 24 * time.Hour},
		{"99999999999999999999", "", 24 * time.Hour},
		{"1e999", "", -1},
		{"NaN", "", -1},
		{"Inf", "", -1},
		{"soon", "", -1},
		{"5 seconds", "", -1},
		{date(time.Minute), "", time.Minute},
		{date(-time.Minute), "", 0},
		{date(1000 * time.Hour), "", 24 * time.Hour},
		{now.Add(time.Minute).Format(time.RFC850), "", time.Minute},
		{now.Add(time.Minute).Format(time.ANSIC), "", time.Minute},
		{now.Add(time.Minute).Format(time.RFC3339), "", -1},
		// their clock is an hour ahead of ours; the wait is the difference
		{date(time.Hour + time.Minute), date(time.Hour), time.Minute},
		{date(-time.Hour + time.Minute), date(-time.Hour), time.Minute},
		{date(time.Minute), "unreadable", time.Minute},
		{"7", date(time.Hour), 7 * time.Second},
	} {
		h := http.Header{"Retry-After": {row.value}, "Date": {row.date}}
		got := RetryAfter(h, now)
		if row.want < 0 {
			if !got.IsZero() {
				t.Errorf("%q: retry at %v, want none", row.value, got)
			}
		} else if !got.Equal(now.Add(row.want)) {
			t.Errorf("%q with date %q: retry in %v, want %v", row.value, row.date, got.Sub(now), row.want)
		}
	}
	if got := RetryAfter(nil, now); !got.IsZero() {
		t.Errorf("no header: retry at %v", got)
	}
}
