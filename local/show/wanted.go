package show

import (
	"slices"
	"sync"

	"bellhop/local/sandbox"
)

// slot is one field of one cell, as the books name it.
type slot struct {
	cell  sandbox.CellID
	field string
}

// said is what the PMS once said about a slot.
type said struct {
	value    string // as the books write it
	revision int64
}

// wanted is all that the PMS has ever said, which is what the providers must
// come to hold: in every slot the value of the highest revision. It is safe for
// concurrent use.
type wanted struct {
	mu  sync.Mutex
	all map[slot][]said // guarded by mu; ascending by revision
}

func newWanted() *wanted { return &wanted{all: map[slot][]said{}} }

// add remembers a value. Of two with one revision the later counts, as inside
// one message.
func (w *wanted) add(at slot, v said) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.all[at]
	i := len(before)
	for i > 0 && before[i-1].revision > v.revision {
		i--
	}
	if i > 0 && before[i-1].revision == v.revision {
		before[i-1] = v
		return
	}
	w.all[at] = slices.Insert(before, i, v)
}

// heard says whether a slot was ever to have this value.
func (w *wanted) heard(at slot, value string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.all[at], func(v said) bool { return v.value == value })
}

// sayings are all slots of one property with everything said about them, the
// last of which is wanted.
func (w *wanted) sayings(persona sandbox.Persona, property string) map[slot][]said {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[slot][]said{}
	for at, values := range w.all {
		if at.cell.Persona == persona && at.cell.Property == property {
			found[at] = slices.Clone(values)
		}
	}
	return found
}

// tally counts cells.
type tally struct{ right, wanted int }

func (t tally) plus(o tally) tally { return tally{t.right + o.right, t.wanted + o.wanted} }

func (t tally) waiting() int { return t.wanted - t.right }

// compare counts the cells of which something is wanted, and those that hold
// all of it. It returns some of those that do not.
func compare(sayings map[slot][]said, held []sandbox.Cell) (tally, []wrong) {
	holds := map[sandbox.CellID]map[string]string{}
	for _, c := range held {
		holds[c.CellID] = c.Fields
	}
	cells := map[sandbox.CellID]bool{}
	var off []wrong
	for at, values := range sayings {
		want, has := values[len(values)-1], holds[at.cell][at.field]
		if _, seen := cells[at.cell]; !seen {
			cells[at.cell] = true
		}
		if has != want.value {
			cells[at.cell] = false
			off = append(off, wrong{at, want, has})
		}
	}
	slices.SortFunc(off, func(a, b wrong) int { return a.at.compare(b.at) })
	count := tally{wanted: len(cells)}
	for _, right := range cells {
		if right {
			count.right++
		}
	}
	return count, off
}

// wrong is a slot that does not hold what it should.
type wrong struct {
	at   slot
	want said
	has  string // empty: nothing yet
}
