package ledgertest

import (
	"time"

	"bellhop/shared/ledger"
)

// laneStories: bump, bump and take, take.
var laneStories = map[string]func(*story){
	"Lane/NeverBumpedIsZero": func(s *story) {
		s.equal("the lane", s.lane(), ledger.Lane{Connection: s.id, Marks: map[string]ledger.Mark{}})
	},

	"Bump/CountsNamesAndWakes": func(s *story) {
		l := s.bump(december, rooms)
		s.equal("seq", l.Seq, int64(1))
		s.equal("pages", l.Pages, []ledger.PageKey{rooms, december})
		s.equal("the wake", l.WakeAt, noon)
		s.equal("what is returned", l, s.lane())

		l, err := s.store.Bump(s.ctx(), s.id, []ledger.PageKey{december, january, january}, noon.Add(time.Hour))
		s.must(err)
		s.equal("seq after the second", l.Seq, int64(2))
		s.equal("pages after the second", l.Pages, []ledger.PageKey{rooms, december, january})
		s.equal("the wake, which was there", l.WakeAt, noon)
	},

	"Bump/NamingNoneMeansAny": func(s *story) {
		s.bump(december)
		l := s.bump()
		s.equal("all", l.All, true)
		s.equal("pages", l.Pages, []ledger.PageKey{december})
	},

	"Bump/ThroughAHolding": func(s *story) {
		s.take("mine")
		l := s.bump(december)
		s.equal("the holder", l.HeldBy("mine"), true)
		s.equal("the wake, at the lease's end", l.WakeAt, later)
	},

	"BumpTake/InOneWrite": func(s *story) {
		w := s.taking("mine")
		w.Pages = []ledger.PageKey{december}
		l, err := s.store.BumpTake(s.ctx(), w)
		s.must(err)
		s.equal("seq", l.Seq, int64(1))
		s.equal("takes", l.Takes, int64(1))
		s.equal("pages", l.Pages, w.Pages)
		s.equal("the holder", *l.Holder, ledger.Holder{Nonce: "mine", LeaseEnd: later})
		s.equal("the wake", l.WakeAt, later)
		s.equal("what is returned", l, s.lane())
	},

	"BumpTake/NotWhileOnHold": func(s *story) {
		s.take("first")
		s.must(s.store.Hold(s.ctx(), ledger.HoldWrite{Connection: s.id, Nonce: "first", Until: noon.Add(1), Why: "throttled", WakeAt: later}))
		w := s.taking("mine")
		w.Now = noon.Add(-time.Millisecond)
		before := s.lane()
		_, err := s.store.BumpTake(s.ctx(), w)
		s.refused("taking during a hold", err, before)
		w.Now = noon
		l, err := s.store.BumpTake(s.ctx(), w)
		s.must(err)
		s.equal("the hold, which has ended", l.HoldUntil, time.Time{})
		s.equal("its reason", l.Hold, "")
	},

	"BumpTake/NotFromALiveHolder": func(s *story) {
		s.take("first")
		before := s.lane()
		_, err := s.store.BumpTake(s.ctx(), s.taking("mine"))
		s.refused("taking from a live holder", err, before)
	},

	"Take/FencedByTheCounter": func(s *story) {
		stale := s.taking("late")
		s.take("first")
		s.must(s.store.Release(s.ctx(), ledger.ReleaseWrite{Connection: s.id, Nonce: "first", Seq: s.lane().Seq}))
		before := s.lane()
		_, err := s.store.Take(s.ctx(), stale)
		s.refused("a take by an old reading of a lane that is free", err, before)
	},

	"Take/OnlyAfterLeaseAndMargin": func(s *story) {
		s.take("first")
		w := s.taking("second")
		w.Now = later.Add(w.Margin)
		before := s.lane()
		_, err := s.store.Take(s.ctx(), w)
		s.refused("taking at the margin", err, before)
		w.Now = w.Now.Add(time.Millisecond)
		w.LeaseEnd = w.Now.Add(time.Minute)
		l, err := s.store.Take(s.ctx(), w)
		s.must(err)
		s.equal("takes", l.Takes, int64(2))
		s.equal("the holder", l.HeldBy("second"), true)
		s.equal("seq, which a take alone leaves", l.Seq, int64(0))
	},

	"Take/LooksAtNoHold": func(s *story) {
		s.take("first")
		s.must(s.store.Hold(s.ctx(), ledger.HoldWrite{Connection: s.id, Nonce: "first", Until: later, Why: "health", WakeAt: later}))
		l := s.take("second")
		s.equal("the hold, which has ended", l.OnHold(noon), false)
	},

	"Take/MyOwnFirstSuccess": func(s *story) {
		w := s.taking("mine")
		_, err := s.store.Take(s.ctx(), w)
		s.must(err)
		s.bump(december) // somebody adds work before the answer is asked for again
		l, err := s.store.Take(s.ctx(), w)
		s.must(err)
		s.equal("takes", l.Takes, int64(1))
		s.equal("seq, with the work that came", l.Seq, int64(1))
		_, err = s.store.BumpTake(s.ctx(), w)
		s.must(err)
	},
}
