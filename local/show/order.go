package show

import (
	"cmp"
	"fmt"

	"bellhop/local/sandbox"
)

// disorder is an application of a value that was not to happen any more.
type disorder struct {
	at     slot
	change sandbox.Change
	after  said // what the slot held already; zero when the value was never said
}

// String is for people.
func (d disorder) String() string {
	where := fmt.Sprintf("%s %s/%s %s %s", d.at.cell.Property, d.at.cell.RoomType, d.at.cell.RatePlan, d.at.cell.Date, d.at.field)
	if d.after == (said{}) {
		return fmt.Sprintf("%s: %s was never sent (request %d)", where, d.change.Value, d.change.Request)
	}
	return fmt.Sprintf("%s: %s came after %s of revision %d (request %d)", where, d.change.Value, d.after.value, d.after.revision, d.change.Request)
}

// disorders finds, in the history of a property's slots, values that were
// applied after a value of a higher revision, and values that nobody sent.
//
// The books know no revisions, and a value may have been said more than once.
// So each application is taken for the oldest saying of its value that is not
// older than what was there before: only when there is none, an older value has
// overwritten a newer one. Prices are never repeated by this PMS; for them
// nothing is left to interpretation.
func disorders(sayings map[slot][]said, history []sandbox.Change) []disorder {
	var found []disorder
	latest := map[slot]said{}
	for _, change := range history {
		at := slot{change.CellID, change.Field}
		before := latest[at]
		next, known := oldestFrom(sayings[at], change.Value, before.revision)
		if !known {
			if !everSaid(sayings[at], change.Value) {
				before = said{}
			}
			found = append(found, disorder{at, change, before})
			continue
		}
		latest[at] = next
	}
	return found
}

// oldestFrom is the first saying of value with at least this revision.
func oldestFrom(values []said, value string, revision int64) (said, bool) {
	for _, v := range values {
		if v.value == value && v.revision >= revision {
			return v, true
		}
	}
	return said{}, false
}

func everSaid(values []said, value string) bool {
	_, known := oldestFrom(values, value, 0)
	return known
}

// compare orders slots.
func (s slot) compare(other slot) int {
	return cmp.Or(
		cmp.Compare(s.cell.Persona, other.cell.Persona), cmp.Compare(s.cell.Property, other.cell.Property),
		cmp.Compare(s.cell.RoomType, other.cell.RoomType), cmp.Compare(s.cell.RatePlan, other.cell.RatePlan),
		cmp.Compare(s.cell.Date, other.cell.Date), cmp.Compare(s.field, other.field),
	)
}
