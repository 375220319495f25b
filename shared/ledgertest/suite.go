package ledgertest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// StoreSuite holds a store to the promises of ledger.Store: the condition and
// the update of every write, held and refused. It expects an empty store for
// every call of fresh.
func StoreSuite(t *testing.T, fresh func(t *testing.T) ledger.Store) {
	for _, group := range []map[string]func(*story){laneStories, holdingStories, pageStories, workStories} {
		for name, tell := range group {
			t.Run(name, func(t *testing.T) { tell(&story{T: t, store: fresh(t), id: "lisbon-1"}) })
		}
	}
}

// The times of the stories. Noon is now.
var (
	noon  = time.UnixMilli(1_795_262_400_123)
	later = noon.Add(15 * time.Second)
)

// The pages of the stories.
var (
	december = ledger.PageKey{Room: "DBL", Plan: "BAR", Month: "2026-12"}
	january  = ledger.PageKey{Room: "DBL", Plan: "BAR", Month: "2027-01"}
	rooms    = ledger.PageKey{Room: "DBL", Plan: "", Month: "2026-12"}
)

// story is one test with a store and one connection.
type story struct {
	*testing.T
	store ledger.Store
	id    connection.ID
}

func (s *story) ctx() context.Context { return s.T.Context() }

// must ends the story at an error that does not belong to it.
func (s *story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *story) lane() ledger.Lane {
	s.Helper()
	l, err := s.store.Lane(s.ctx(), s.id)
	s.must(err)
	return l
}

func (s *story) bump(keys ...ledger.PageKey) ledger.Lane {
	s.Helper()
	l, err := s.store.Bump(s.ctx(), s.id, keys, noon)
	s.must(err)
	return l
}

// take takes the lane as it is, under a nonce, until later.
func (s *story) take(nonce string) ledger.Lane {
	s.Helper()
	l, err := s.store.Take(s.ctx(), s.taking(nonce))
	s.must(err)
	return l
}

func (s *story) taking(nonce string) ledger.TakeWrite {
	s.Helper()
	return ledger.TakeWrite{Connection: s.id, Takes: s.lane().Takes, Nonce: nonce, Now: noon, LeaseEnd: later, Margin: time.Second}
}

func (s *story) mark(nonce, id string, closes ...string) ledger.Lane {
	s.Helper()
	l, err := s.store.Mark(s.ctx(), s.marking(nonce, id, closes...))
	s.must(err)
	return l
}

func (s *story) marking(nonce, id string, closes ...string) ledger.MarkWrite {
	return ledger.MarkWrite{Connection: s.id, Nonce: nonce, ID: id, Mark: aMark(), Closes: closes, Now: noon}
}

// aMark is one with several pages, fields and stamps, in joined form.
func aMark() ledger.Mark {
	return ledger.Mark{Due: noon.Add(time.Minute), Spans: ledger.Join([]ledger.Span{
		{Page: december, Field: ledger.Price, Days: ledger.DayRange(1, 31), Stamp: ledger.Stamp{Revision: 1763712000123}},
		{Page: december, Field: ledger.PriceFor(2), Days: ledger.DayBit(24), Stamp: ledger.Stamp{Revision: 1763712000123, Heal: 1}},
		{Page: rooms, Field: ledger.Available, Days: ledger.DayRange(3, 4), Stamp: ledger.Stamp{Revision: 7}},
	})}
}

// page is December's or another month's price at a revision.
func page(key ledger.PageKey, version, revision, price int64) ledger.Page {
	p, _ := ledger.Page{Key: key, Version: version}.Merge(ledger.Want{Page: key, Revision: revision, Values: []ledger.Value{
		{Field: ledger.Price, Days: ledger.DayRange(1, 31), Value: price},
	}})
	return p
}

// written stores a page and returns it as it is there.
func (s *story) written(p ledger.Page) ledger.Page {
	s.Helper()
	s.must(s.store.WritePage(s.ctx(), s.id, p))
	return s.page(p.Key)
}

func (s *story) page(key ledger.PageKey) ledger.Page {
	s.Helper()
	pages, err := s.store.Pages(s.ctx(), s.id, []ledger.PageKey{key})
	s.must(err)
	return pages[0]
}

// equal compares values of which times are instants and nil lists are empty.
func (s *story) equal(what string, got, want any) {
	s.Helper()
	if g, ok := got.(time.Time); ok {
		if w := want.(time.Time); !g.Equal(w) {
			s.Errorf("%s is %s, want %s", what, g, w)
		}
		return
	}
	if v := reflect.ValueOf(got); v.Kind() == reflect.Slice && v.Len() == 0 && reflect.ValueOf(want).Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s is %+v, want %+v", what, got, want)
	}
}

// refused demands a refusal that carries the lane as it is and changed nothing
// since before.
func (s *story) refused(what string, err error, before ledger.Lane) {
	s.Helper()
	var c *ledger.LaneConflict
	if !errors.As(err, &c) || !errors.Is(err, ledger.ErrConflict) {
		s.Fatalf("%s: %v, want a refusal", what, err)
	}
	s.equal(what+": the lane in the refusal", c.Current, before)
	s.unchanged(what, before)
}

func (s *story) unchanged(what string, before ledger.Lane) {
	s.Helper()
	s.equal(what+": the lane after it", s.lane(), before)
}

// conflict demands a refused transaction after which the lane is as before.
func (s *story) conflict(what string, err error, before ledger.Lane) {
	s.Helper()
	if !errors.Is(err, ledger.ErrConflict) {
		s.Fatalf("%s: %v, want ErrConflict", what, err)
	}
	s.unchanged(what, before)
}

func marksOf(l ledger.Lane) []string { return slices.Clip(l.Open()) }
