package rate

import (
	"iter"
	"maps"
	"slices"
	"time"

	"bellhop/shared/ledger"
)

// The first and the last place on earth where a day begins.
var (
	eastmost = time.FixedZone("UTC+14", 14*60*60)
	westmost = time.FixedZone("UTC-12", -12*60*60)
)

// earliestToday is a date before which every night is over at every property.
func earliestToday(now time.Time) ledger.Date { return ledger.DateIn(now, westmost) }

// latestDate is the last date that an update may be for.
func latestDate(now time.Time) ledger.Date {
	return ledger.DateIn(now, eastmost).AddYears(YearsAhead)
}

// pages yields the pages that the change touches, with their days.
func (c Change) pages() iter.Seq2[ledger.PageKey, uint32] {
	return func(yield func(ledger.PageKey, uint32) bool) {
		for from := c.From; from <= c.To; {
			to := min(c.To, from.EndOfMonth())
			key := ledger.PageKey{Room: c.Room, Plan: c.Plan, Month: from.Month()}
			if !yield(key, ledger.DayRange(from.Day(), to.Day())) {
				return
			}
			from = to + 1
		}
	}
}

func sortedFields(fields map[ledger.Field]int64) []ledger.Field {
	return slices.Sorted(maps.Keys(fields))
}
