package ledger

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// stampTable lists the stamps of a page or of spans once, so that the rest can
// name them by number. Number 0 is the zero stamp, n the n-th of the sorted
// list.
type stampTable []Stamp

func newStampTable(p Page) stampTable {
	var all []Stamp
	for _, cell := range p.Days {
		for _, e := range cell {
			all = append(all, e.Desired, e.Accepted)
		}
	}
	return sortedStamps(all)
}

func sortedStamps(all []Stamp) stampTable {
	slices.SortFunc(all, compareStamps)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(s Stamp) bool { return s == Stamp{} })
}

func compareStamps(a, b Stamp) int {
	switch {
	case a.Less(b):
		return -1
	case b.Less(a):
		return 1
	}
	return 0
}

// encode writes revision and heal of each stamp, the revision as what it is
// more than the one before: revisions of thirteen digits mostly differ in the
// last five.
func (t stampTable) encode() []int64 {
	out := make([]int64, 0, 2*len(t))
	var last int64
	for _, s := range t {
		out = append(out, s.Revision-last, int64(s.Heal))
		last = s.Revision
	}
	return out
}

func decodeStamps(flat []int64) (stampTable, bool) {
	if len(flat)%2 != 0 {
		return nil, false
	}
	t := make(stampTable, 0, len(flat)/2)
	var last int64
	for i := 0; i < len(flat); i += 2 {
		if flat[i] < 0 || flat[i] > math.MaxInt64-last || flat[i+1] < 0 || flat[i+1] > math.MaxInt32 {
			return nil, false
		}
		last += flat[i]
		t = append(t, Stamp{Revision: last, Heal: int(flat[i+1])})
	}
	return t, true
}

func (t stampTable) index(s Stamp) int64 {
	if s == (Stamp{}) {
		return 0
	}
	i, _ := slices.BinarySearchFunc(t, s, compareStamps)
	return int64(i + 1)
}

func (t stampTable) has(indexes []int64) bool {
	for _, i := range indexes {
		if i < 0 || i > int64(len(t)) {
			return false
		}
	}
	return true
}

func (t stampTable) at(i int64) Stamp {
	if i == 0 {
		return Stamp{}
	}
	return t[i-1]
}

// spanDoc is the stored form of spans, in marks and jobs: one group for each
// page, set of days and stamp, with the fields that share them.
type spanDoc struct {
	V      int        `json:"v"`
	Stamps []int64    `json:"s,omitempty"`
	Groups []groupDoc `json:"g,omitempty"`
}

type groupDoc struct {
	Page   string `json:"k"`
	Fields string `json:"f"` // short names, one blank between
	Days   uint32 `json:"d"`
	Stamp  int64  `json:"s"`
}

// EncodeSpans writes spans in the stored form.
func EncodeSpans(spans []Span) string {
	var stamps []Stamp
	for _, s := range spans {
		stamps = append(stamps, s.Stamp)
	}
	table := sortedStamps(stamps)
	doc := spanDoc{V: pageVersion, Stamps: table.encode()}
	at := map[groupDoc]int{}
	for _, s := range spans {
		group := groupDoc{Page: s.Page.String(), Days: s.Days, Stamp: table.index(s.Stamp)}
		i, ok := at[group]
		if !ok {
			i = len(doc.Groups)
			at[group] = i
			group.Fields = shortName(s.Field)
			doc.Groups = append(doc.Groups, group)
			continue
		}
		doc.Groups[i].Fields += " " + shortName(s.Field)
	}
	b, _ := json.Marshal(doc) // numbers and strings always marshal
	return string(b)
}

// DecodeSpans reads what [EncodeSpans] wrote, in joined form. An error is
// [ErrCodec].
func DecodeSpans(stored string) ([]Span, error) {
	var doc spanDoc
	if err := json.Unmarshal([]byte(stored), &doc); err != nil || doc.V != pageVersion {
		return nil, fmt.Errorf("decoding spans: %w", ErrCodec)
	}
	table, ok := decodeStamps(doc.Stamps)
	if !ok {
		return nil, fmt.Errorf("decoding the stamps of spans: %w", ErrCodec)
	}
	var spans []Span
	for _, g := range doc.Groups {
		key, err := ParsePageKey(g.Page)
		if err != nil || !table.has([]int64{g.Stamp}) {
			return nil, fmt.Errorf("decoding spans of %q: %w", g.Page, ErrCodec)
		}
		for _, f := range strings.Fields(g.Fields) {
			spans = append(spans, Span{Page: key, Field: longName(f), Days: g.Days, Stamp: table.at(g.Stamp)})
		}
	}
	return Join(spans), nil
}
