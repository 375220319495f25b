package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// pageVersion is the version of the stored form of pages and spans that this
// release writes. A release reads its own and the one before; this is the
// first.
const pageVersion = 1

// ErrCodec says that a stored page or list of spans is not readable: written by
// a later release, or damaged. Nothing may be written over it.
var ErrCodec = errors.New("stored form is not readable by this release")

// pageDoc is the stored form of a page: JSON, so that a person can read it in
// the console, with runs of equal days and a table of stamps, because every
// started kilobyte of an item is paid for at each write.
type pageDoc struct {
	V      int                 `json:"v"`
	Stamps []int64             `json:"s,omitempty"` // see stampTable
	Fields map[string]fieldDoc `json:"f"`
}

// fieldDoc is one field of the month. The lists of runs go over the set days in
// ascending order: value, count, value, count, ..., the last value without its
// count.
type fieldDoc struct {
	Days      uint32       `json:"d"`
	Values    []int64      `json:"v"`
	Desired   []int64      `json:"w"`           // indexes of stamps
	Accepted  []int64      `json:"a,omitempty"` // absent: never
	Questions []questionOf `json:"x,omitempty"`
}

// questionOf holds what is out of the ordinary on some days.
type questionOf struct {
	Days      uint32 `json:"d"`
	Rejected  int64  `json:"r,omitempty"`
	Why       string `json:"y,omitempty"`
	Drift     int    `json:"n,omitempty"`
	Contested bool   `json:"c,omitempty"`
}

// EncodePage writes the page's days in the stored form. Equal pages have equal
// forms. Key and version are not part of it.
func EncodePage(p Page) string {
	days := p.sortedDays()
	table := newStampTable(p)
	doc := pageDoc{V: pageVersion, Stamps: table.encode(), Fields: map[string]fieldDoc{}}
	for _, f := range p.Fields() {
		doc.Fields[shortName(f)] = encodeField(p, f, days, table)
	}
	b, _ := json.Marshal(doc) // numbers and strings always marshal
	return string(b)
}

func encodeField(p Page, f Field, days []int, table stampTable) fieldDoc {
	var d fieldDoc
	var values, desired, accepted []int64
	for _, day := range days {
		e, ok := p.Days[day][f]
		if !ok {
			continue
		}
		d.Days |= DayBit(day)
		values = append(values, e.Value)
		desired = append(desired, table.index(e.Desired))
		accepted = append(accepted, table.index(e.Accepted))
		d.Questions = addQuestion(d.Questions, day, e)
	}
	d.Values, d.Desired = runs(values), runs(desired)
	if slices.Max(accepted) > 0 {
		d.Accepted = runs(accepted)
	}
	return d
}

func addQuestion(list []questionOf, day int, e Entry) []questionOf {
	q := questionOf{Rejected: e.Rejected, Why: e.Why, Drift: e.Drift, Contested: e.Contested}
	if q == (questionOf{}) {
		return list
	}
	for i, known := range list {
		q.Days = known.Days
		if q == known {
			list[i].Days |= DayBit(day)
			return list
		}
	}
	q.Days = DayBit(day)
	return append(list, q)
}

// DecodePage reads what [EncodePage] wrote. The version is the page's, not the
// form's. An error is [ErrCodec].
func DecodePage(key PageKey, version int64, stored string) (Page, error) {
	var doc pageDoc
	if err := json.Unmarshal([]byte(stored), &doc); err != nil {
		return Page{}, fmt.Errorf("decoding page %s: %w", key, ErrCodec)
	}
	if doc.V != pageVersion {
		return Page{}, fmt.Errorf("decoding page %s of form %d: %w", key, doc.V, ErrCodec)
	}
	table, ok := decodeStamps(doc.Stamps)
	p := Page{Key: key, Version: version, Days: map[int]Cell{}}
	for name, f := range doc.Fields {
		ok = ok && name != "" && f.Days>>31 == 0 && p.decodeField(longName(name), f, table)
	}
	if !ok {
		return Page{}, fmt.Errorf("decoding page %s: %w", key, ErrCodec)
	}
	return p, nil
}

// decodeField adds one field to the page, or reports that its lists do not fit
// together.
func (p Page) decodeField(f Field, d fieldDoc, table stampTable) bool {
	n := bits.OnesCount32(d.Days)
	values, ok1 := spread(d.Values, n)
	desired, ok2 := spread(d.Desired, n)
	accepted, ok3 := make([]int64, n), true
	if d.Accepted != nil {
		accepted, ok3 = spread(d.Accepted, n)
	}
	if !ok1 || !ok2 || !ok3 || n == 0 || !table.has(desired) || !table.has(accepted) {
		return false
	}
	i := 0
	for day := range Days(d.Days) {
		e := Entry{Value: values[i], Desired: table.at(desired[i]), Accepted: table.at(accepted[i])}
		for _, q := range d.Questions {
			if q.Days&DayBit(day) != 0 {
				e.Rejected, e.Why, e.Drift, e.Contested = q.Rejected, q.Why, q.Drift, q.Contested
			}
		}
		if p.Days[day] == nil {
			p.Days[day] = Cell{}
		}
		p.Days[day][f] = e
		i++
	}
	return true
}

// runs shortens a list to value, count, value, count, ..., value.
func runs(list []int64) []int64 {
	var out []int64
	for i := 0; i < len(list); {
		j := i
		for j < len(list) && list[j] == list[i] {
			j++
		}
		out = append(out, list[i])
		if j < len(list) {
			out = append(out, int64(j-i))
		}
		i = j
	}
	return out
}

// spread undoes runs for a list of n, and reports whether it has that length.
func spread(runs []int64, n int) ([]int64, bool) {
	out := make([]int64, 0, n)
	for i := 0; i < len(runs); i += 2 {
		count := int64(n - len(out))
		if i+1 < len(runs) {
			count = min(runs[i+1], count)
		}
		for range count {
			out = append(out, runs[i])
		}
	}
	return out, len(out) == n && len(runs)%2 == 1
}
