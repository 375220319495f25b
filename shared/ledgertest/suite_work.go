package ledgertest

import (
	"errors"
	"fmt"
	"time"

	"bellhop/shared/ledger"
)

// workStories: what makes cells dirty in a transaction, and what is remembered
// beside.
var workStories = map[string]func(*story){
	"HealMark/WithThePagesThatGoOutAgain": func(s *story) {
		p := s.written(page(december, 0, 2, 100))
		s.take("first")
		s.mark("first", "due")
		healed, n := p.HealMark(aMark().Spans)
		s.equal("fields newer than the mark", n, 0)
		healed, _ = healed.Merge(ledger.Want{Page: december, Revision: 1 << 60, Values: []ledger.Value{{Field: ledger.Price, Days: 1, Value: 1}}})
		s.must(s.store.HealMark(s.ctx(), ledger.HealWrite{Connection: s.id, Nonce: "first", Mark: "due", Pages: []ledger.Page{healed}}))
		l := s.lane()
		s.equal("the marks", len(l.Marks), 0)
		s.equal("seq", l.Seq, int64(1))
		s.equal("the pages", l.Pages, []ledger.PageKey{december})
		s.equal("the page's version", s.page(december).Version, int64(2))
	},

	"HealMark/AllOrNothing": func(s *story) {
		p := s.written(page(december, 0, 2, 100))
		s.take("mine")
		before := s.mark("mine", "due")
		heal := func(w ledger.HealWrite) error {
			w.Connection, w.Mark = s.id, "due"+w.Mark
			return s.store.HealMark(s.ctx(), w)
		}
		s.conflict("healing without the lane", heal(ledger.HealWrite{Nonce: "other", Pages: []ledger.Page{p}}), before)
		s.conflict("healing a mark that is gone", heal(ledger.HealWrite{Nonce: "mine", Mark: "2", Pages: []ledger.Page{p}}), before)
		old := p
		old.Version = 0
		s.conflict("healing a page as it was", heal(ledger.HealWrite{Nonce: "mine", Pages: []ledger.Page{page(january, 0, 1, 1), old}}), before)
		s.equal("the other page's version", s.page(january).Version, int64(0))
		s.equal("the page's version", s.page(december).Version, int64(1))
	},

	"HealMark/AloneWhenNothingIsNewer": func(s *story) {
		s.take("mine")
		before := s.mark("mine", "due")
		err := s.store.HealMark(s.ctx(), ledger.HealWrite{Connection: s.id, Nonce: "other", Mark: "due"})
		s.conflict("closing another's mark without the lane", err, before)
		s.must(s.store.HealMark(s.ctx(), ledger.HealWrite{Connection: s.id, Nonce: "mine", Mark: "due"}))
		s.equal("the marks", len(s.lane().Marks), 0)
		s.equal("seq, as nothing became dirty", s.lane().Seq, before.Seq)
	},

	"HealMark/MorePagesThanATransaction": func(s *story) {
		s.take("mine")
		s.mark("mine", "due")
		pages := manyPages(120)
		s.must(s.store.HealMark(s.ctx(), ledger.HealWrite{Connection: s.id, Nonce: "mine", Mark: "due", Pages: pages}))
		s.equal("the marks", len(s.lane().Marks), 0)
		s.equal("the pages", s.lane().Pages, ledger.Keys(pages))
		s.equal("the last page's version", s.page(pages[119].Key).Version, int64(1))
	},

	"Job/ComesBackWhole": func(s *story) {
		_, err := s.store.Job(s.ctx(), s.id, "j1")
		if !errors.Is(err, ledger.ErrNoJob) {
			s.Fatalf("a job that never was: %v", err)
		}
		j := aJob(s)
		s.must(s.store.PutJob(s.ctx(), j))
		s.must(s.store.PutJob(s.ctx(), j)) // the same job twice is one
		got, err := s.store.Job(s.ctx(), s.id, j.ID)
		s.must(err)
		s.equal("the job", got, j)
		jobs, err := s.store.Jobs(s.ctx(), s.id)
		s.must(err)
		s.equal("the open jobs", jobs, []ledger.Job{j})
	},

	"PollLater/OnlyWhileItIsOpen": func(s *story) {
		j := aJob(s)
		s.must(s.store.PutJob(s.ctx(), j))
		s.must(s.store.PollLater(s.ctx(), s.id, j.ID, later.Add(time.Hour)))
		got, err := s.store.Job(s.ctx(), s.id, j.ID)
		s.must(err)
		s.equal("the next poll", got.WakeAt, later.Add(time.Hour))
		s.equal("the polls", got.Polls, j.Polls+1)
		s.must(s.store.EndJob(s.ctx(), s.id, j.ID, nil, noon))
		s.must(s.store.PollLater(s.ctx(), s.id, j.ID, later))
		if _, err = s.store.Job(s.ctx(), s.id, j.ID); !errors.Is(err, ledger.ErrNoJob) {
			s.Fatalf("an ended job came back by its poll: %v", err)
		}
	},

	"EndJob/WithThePagesThatBecomeDirty": func(s *story) {
		p := s.written(page(december, 0, 1, 100))
		j := aJob(s)
		s.must(s.store.PutJob(s.ctx(), j))
		s.must(s.store.EndJob(s.ctx(), s.id, j.ID, []ledger.Page{p}, noon))
		l := s.lane()
		s.equal("seq", l.Seq, int64(1))
		s.equal("the pages", l.Pages, []ledger.PageKey{december})
		s.equal("the wake", l.WakeAt, noon)
		s.equal("the page's version", s.page(december).Version, int64(2))
		err := s.store.EndJob(s.ctx(), s.id, j.ID, []ledger.Page{s.page(december)}, noon)
		s.conflict("ending a job twice", err, l)
		s.must(s.store.EndJob(s.ctx(), s.id, j.ID, nil, noon)) // alone it has no condition
	},

	"EndJob/KeepsAWakeAndAllOrNothing": func(s *story) {
		s.take("mine")
		j := aJob(s)
		s.must(s.store.PutJob(s.ctx(), j))
		before := s.lane()
		s.conflict("with a page as it was", s.store.EndJob(s.ctx(), s.id, j.ID, []ledger.Page{page(december, 3, 1, 1)}, noon), before)
		_, err := s.store.Job(s.ctx(), s.id, j.ID)
		s.must(err)
		s.must(s.store.EndJob(s.ctx(), s.id, j.ID, []ledger.Page{page(december, 0, 1, 1)}, noon))
		s.equal("the wake, which was there", s.lane().WakeAt, later)
	},

	"EndJob/MorePagesThanATransaction": func(s *story) {
		j := aJob(s)
		s.must(s.store.PutJob(s.ctx(), j))
		pages := manyPages(120)
		s.must(s.store.EndJob(s.ctx(), s.id, j.ID, pages, noon))
		s.equal("the pages", s.lane().Pages, ledger.Keys(pages))
		if _, err := s.store.Job(s.ctx(), s.id, j.ID); !errors.Is(err, ledger.ErrNoJob) {
			s.Fatalf("the job is still there: %v", err)
		}
	},

	"Readback/StartsOnce": func(s *story) {
		if _, err := s.store.Readback(s.ctx(), s.id); !errors.Is(err, ledger.ErrNoReadback) {
			s.Fatalf("a read-back that never was: %v", err)
		}
		r := aReadback(s)
		s.must(s.store.StartReadback(s.ctx(), r))
		second := r
		second.Cursor, second.Started = "elsewhere", later
		s.must(s.store.StartReadback(s.ctx(), second))
		got, err := s.store.Readback(s.ctx(), s.id)
		s.must(err)
		s.equal("the one that runs", got, r)
	},

	"StepReadback/CursorAlone": func(s *story) {
		r := aReadback(s)
		s.must(s.store.StartReadback(s.ctx(), r))
		next := r
		next.Cursor, next.Compared, next.Drifted, next.WakeAt = "page 2", 31, 1, later
		s.must(s.store.StepReadback(s.ctx(), r, &next, nil, noon))
		got, err := s.store.Readback(s.ctx(), s.id)
		s.must(err)
		s.equal("the read-back", got, next)
		s.equal("seq, as nothing became dirty", s.lane().Seq, int64(0))
		s.conflict("stepping twice from one place", s.store.StepReadback(s.ctx(), r, &next, nil, noon), s.lane())
		s.conflict("ending from a place that was left", s.store.StepReadback(s.ctx(), r, nil, nil, noon), s.lane())
		s.must(s.store.StepReadback(s.ctx(), next, nil, nil, noon))
		if _, err = s.store.Readback(s.ctx(), s.id); !errors.Is(err, ledger.ErrNoReadback) {
			s.Fatalf("it goes on after its end: %v", err)
		}
		s.conflict("stepping what has ended", s.store.StepReadback(s.ctx(), next, nil, nil, noon), s.lane())
	},

	"StepReadback/WithThePagesThatDrifted": func(s *story) {
		p := s.written(page(december, 0, 1, 100))
		r := aReadback(s)
		s.must(s.store.StartReadback(s.ctx(), r))
		next := r
		next.Cursor = "page 2"
		old := p
		old.Version = 0
		s.conflict("with a page as it was", s.store.StepReadback(s.ctx(), r, &next, []ledger.Page{old}, noon), s.lane())
		s.must(s.store.StepReadback(s.ctx(), r, &next, []ledger.Page{p}, noon))
		l := s.lane()
		s.equal("seq", l.Seq, int64(1))
		s.equal("the pages", l.Pages, []ledger.PageKey{december})
		s.equal("the wake", l.WakeAt, noon)
		s.must(s.store.StepReadback(s.ctx(), next, nil, manyPages(120), noon))
		s.equal("the pages named", len(s.lane().Pages), 121)
	},

	"StepReadback/NotAnotherWalk": func(s *story) {
		r := aReadback(s)
		s.must(s.store.StartReadback(s.ctx(), r))
		former := r
		former.Started = noon.Add(-time.Hour)
		s.conflict("a step of a walk that has ended", s.store.StepReadback(s.ctx(), former, nil, nil, noon), s.lane())
	},

	"Seen/OnceEach": func(s *story) {
		for i, want := range []bool{false, true, true} {
			was, err := s.store.Seen(s.ctx(), s.id, "evt-1", later)
			s.must(err)
			s.equal(fmt.Sprintf("seen, time %d", i+1), was, want)
		}
		was, err := s.store.Seen(s.ctx(), s.id, "evt-2", later)
		s.must(err)
		s.equal("another event", was, false)
		was, err = s.store.Seen(s.ctx(), s.id+"2", "evt-1", later)
		s.must(err)
		s.equal("another connection's", was, false)
	},
}

func manyPages(n int) []ledger.Page {
	pages := make([]ledger.Page, n)
	for i := range pages {
		pages[i] = page(ledger.PageKey{Room: fmt.Sprintf("R%03d", i), Plan: "BAR", Month: "2026-12"}, 0, 1, 100)
	}
	return pages
}

func aJob(s *story) ledger.Job {
	from, _ := ledger.ParseDate("2026-12-01")
	return ledger.Job{
		Connection: s.id, ID: "job/1 of #7", Spans: aMark().Spans,
		Runs:    []ledger.Run{{Room: "DBL", Plan: "BAR", From: from, To: from + 30}},
		Started: noon, Deadline: noon.Add(time.Hour), WakeAt: later, Polls: 2,
	}
}

func aReadback(s *story) ledger.Readback {
	return ledger.Readback{Connection: s.id, From: "2026-12-01", To: "2027-11-30", Started: noon, WakeAt: noon}
}
