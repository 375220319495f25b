package ledger

import (
	"errors"
	"fmt"
	"time"

	// The runtime of the functions carries no time zone database of its own.
	_ "time/tzdata"
)

// Date is a night at a property: the calendar date on which it begins, where
// the property is. It counts days since 1970-01-01, so dates compare and
// subtract as integers and no time zone can move one. The zero Date is
// 1970-01-01, which no rate is for.
type Date int32

const (
	dayLayout   = "2006-01-02"
	monthLayout = "2006-01"
	secondsADay = 24 * 60 * 60
)

// ErrDate says that a text is not a date that exists, written YYYY-MM-DD.
var ErrDate = errors.New("not a date that exists, written YYYY-MM-DD")

// ParseDate reads a date of exactly the form YYYY-MM-DD (RFC 3339 section 5.6,
// full-date). One that does not exist, like 2026-02-30, is [ErrDate].
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(dayLayout, s)
	if err != nil {
		return 0, ErrDate
	}
	return dateOf(t), nil
}

// DateOf returns the day of a month that [Date.Month] wrote. The day may lie
// outside the month: 0 is the last day of the month before.
func DateOf(month string, day int) (Date, error) {
	t, err := time.Parse(monthLayout, month)
	if err != nil {
		return 0, fmt.Errorf("reading month %q: %w", month, ErrDate)
	}
	return dateOf(t) + Date(day-1), nil
}

// Today returns the date at a property whose IANA time zone is given.
func Today(now time.Time, zone string) (Date, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return 0, fmt.Errorf("finding time zone %q: %w", zone, err)
	}
	return DateIn(now, loc), nil
}

// DateIn returns the date that a calendar in loc shows at an instant.
func DateIn(now time.Time, loc *time.Location) Date {
	y, m, d := now.In(loc).Date()
	return dateOf(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
}

// dateOf takes a midnight in UTC. Dividing toward minus infinity keeps dates
// before 1970 whole.
func dateOf(t time.Time) Date {
	s := t.Unix()
	if s < 0 {
		s -= secondsADay - 1
	}
	return Date(s / secondsADay)
}

// AddYears returns the same day n years on. The 29th of February becomes the
// first of March where there is none.
func (d Date) AddYears(n int) Date { return dateOf(d.utc().AddDate(n, 0, 0)) }

// Month is the month that the date belongs to: "2026-12".
func (d Date) Month() string { return d.utc().Format(monthLayout) }

// Day is the day of the month, from 1.
func (d Date) Day() int { return d.utc().Day() }

// EndOfMonth is the last date of the month that d belongs to.
func (d Date) EndOfMonth() Date {
	t := d.utc()
	return dateOf(time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC))
}

// String writes the date as YYYY-MM-DD.
func (d Date) String() string { return d.utc().Format(dayLayout) }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(b []byte) error {
	v, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

func (d Date) utc() time.Time { return time.Unix(int64(d)*secondsADay, 0).UTC() }
