package ledgertest

import (
	"errors"
	"fmt"
	"slices"

	"bellhop/shared/ledger"
)

// pageStories: pages under their versions.
var pageStories = map[string]func(*story){
	"Pages/NeverWrittenIsVersionZero": func(s *story) {
		s.equal("the page", s.page(december), ledger.Page{Key: december, Days: map[int]ledger.Cell{}})
	},

	"Pages/InTheOrderOfTheKeys": func(s *story) {
		s.written(page(january, 0, 1, 100))
		s.written(page(december, 0, 1, 200))
		lane, pages, err := s.store.LaneAndPages(s.ctx(), s.id, []ledger.PageKey{january, rooms, december, january})
		s.must(err)
		s.equal("the pages", ledger.Keys(pages), []ledger.PageKey{january, rooms, december, january})
		s.equal("their versions", []int64{pages[0].Version, pages[1].Version, pages[2].Version, pages[3].Version}, []int64{1, 0, 1, 1})
		s.equal("the lane", lane, s.lane())
	},

	"Pages/MoreThanABatch": func(s *story) {
		var keys []ledger.PageKey
		for i := range 230 {
			keys = append(keys, ledger.PageKey{Room: fmt.Sprintf("R%03d", i), Plan: "BAR", Month: "2026-12"})
		}
		s.written(page(keys[0], 0, 1, 100))
		s.written(page(keys[229], 0, 1, 300))
		s.bump(keys[0])
		lane, pages, err := s.store.LaneAndPages(s.ctx(), s.id, keys)
		s.must(err)
		s.equal("the first's version", pages[0].Version, int64(1))
		s.equal("the last's version", pages[229].Version, int64(1))
		s.equal("the keys", ledger.Keys(pages), keys)
		s.equal("seq", lane.Seq, int64(1))
	},

	"Pages/None": func(s *story) {
		pages, err := s.store.Pages(s.ctx(), s.id, nil)
		s.must(err)
		s.equal("the pages", len(pages), 0)
		_, pages, err = s.store.LaneAndPages(s.ctx(), s.id, nil)
		s.must(err)
		s.equal("the pages beside the lane", len(pages), 0)
	},

	"WritePage/ComesBackWhole": func(s *story) {
		p := page(december, 0, 1763712000123, 12900)
		p, _ = p.Record(p.Dirty(0))
		p.Days[24][ledger.PriceFor(2)] = ledger.Entry{
			Value: -1, Desired: ledger.Stamp{Revision: 9, Heal: 2}, Rejected: 9, Why: "below the floor: \"€ 20\"", Drift: 2, Contested: true,
		}
		got := s.written(p)
		p.Version = 1
		s.equal("the page", got, p)
	},

	"WritePage/OnlyAtTheVersionRead": func(s *story) {
		first := s.written(page(december, 0, 1, 100))
		err := s.store.WritePage(s.ctx(), s.id, page(december, 0, 2, 200))
		var c *ledger.PageConflict
		if !errors.As(err, &c) || !errors.Is(err, ledger.ErrConflict) {
			s.Fatalf("a page written over another: %v", err)
		}
		s.equal("the page in the refusal", c.Current, first)
		second, _ := first.Merge(ledger.Want{Page: december, Revision: 2, Values: []ledger.Value{{Field: ledger.Price, Days: 1, Value: 200}}})
		s.equal("the version after the next", s.written(second).Version, int64(2))
		err = s.store.WritePage(s.ctx(), s.id, first)
		if !errors.As(err, &c) {
			s.Fatalf("a page written twice from one reading: %v", err)
		}
		s.equal("the version in the refusal", c.Current.Version, int64(2))
	},

	"WritePage/ToAVersionThatIsNot": func(s *story) {
		err := s.store.WritePage(s.ctx(), s.id, page(december, 4, 1, 100))
		if !errors.Is(err, ledger.ErrConflict) {
			s.Fatalf("a page that is gone was written: %v", err)
		}
		s.equal("the version", s.page(december).Version, int64(0))
	},

	"WritePage/LeavesTheLane": func(s *story) {
		before := s.bump(january)
		s.written(page(december, 0, 1, 100))
		s.unchanged("a page write", before)
	},

	"PageKeys/OfThisConnectionAlone": func(s *story) {
		for _, k := range []ledger.PageKey{january, rooms, december} {
			s.written(page(k, 0, 1, 100))
		}
		s.must(s.store.WritePage(s.ctx(), s.id+"2", page(december, 0, 1, 100)))
		s.bump(december)
		keys, err := s.store.PageKeys(s.ctx(), s.id)
		s.must(err)
		s.equal("the keys", keys, []ledger.PageKey{rooms, december, january})
	},

	"EachPage/UntilToldToStop": func(s *story) {
		for _, k := range []ledger.PageKey{january, rooms, december} {
			s.written(page(k, 0, 1, 100))
		}
		var seen []ledger.PageKey
		s.must(s.store.EachPage(s.ctx(), s.id, func(p ledger.Page) bool {
			seen = append(seen, p.Key)
			return p.Waiting(0) == 31 && len(seen) < 5
		}))
		slices.SortFunc(seen, ledger.PageKey.Compare)
		s.equal("the pages", seen, []ledger.PageKey{rooms, december, january})
		n := 0
		s.must(s.store.EachPage(s.ctx(), s.id, func(ledger.Page) bool { n++; return false }))
		s.equal("pages seen by who wanted one", n, 1)
	},

	"Waiting/CountsThroughTheStore": func(s *story) {
		s.written(page(december, 0, 1, 100))
		n, err := ledger.Waiting(s.ctx(), s.store, s.id, 0)
		s.must(err)
		s.equal("cells that wait on an idle lane", n, 0)
		s.bump(december)
		n, err = ledger.Waiting(s.ctx(), s.store, s.id, december.Date(31))
		s.must(err)
		s.equal("cells that wait from the last night on", n, 1)
	},
}
