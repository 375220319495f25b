package ledgertest

import (
	"errors"
	"time"

	"bellhop/shared/ledger"
)

// holdingStories: what a holder writes, and what only a holder may.
var holdingStories = map[string]func(*story){
	"Mark/SaysWhatIsSent": func(s *story) {
		s.take("mine")
		l := s.mark("mine", "m1")
		s.equal("the mark", l.Marks["m1"], aMark())
		s.equal("the wake, which does not move", l.WakeAt, later)
		s.equal("what is returned", l, s.lane())
	},

	"Mark/ClosesItsFormerInTheSameWrite": func(s *story) {
		s.take("mine")
		s.mark("mine", "m1")
		s.equal("the marks", marksOf(s.mark("mine", "m2", "m1")), []string{"m2"})
	},

	"Mark/RenewsTheLease": func(s *story) {
		s.take("mine")
		w := s.marking("mine", "m1")
		w.LeaseEnd = later.Add(time.Minute)
		l, err := s.store.Mark(s.ctx(), w)
		s.must(err)
		s.equal("the lease's end", l.Holder.LeaseEnd, w.LeaseEnd)
		s.equal("the wake", l.WakeAt, w.LeaseEnd)
	},

	"Mark/OnlyMine": func(s *story) {
		s.take("mine")
		before := s.lane()
		_, err := s.store.Mark(s.ctx(), s.marking("other", "m1"))
		s.refused("another's mark", err, before)
	},

	"Mark/NotAfterTheLease": func(s *story) {
		s.take("mine")
		before := s.lane()
		w := s.marking("mine", "m1")
		w.Now = later
		_, err := s.store.Mark(s.ctx(), w)
		s.refused("a mark at the lease's end", err, before)
	},

	"Mark/WithoutAHolder": func(s *story) {
		before := s.bump(december)
		_, err := s.store.Mark(s.ctx(), s.marking("mine", "m1"))
		s.refused("a mark on a lane that nobody has", err, before)
	},

	"Close/RemovesMineAndForgetsFailures": func(s *story) {
		s.take("first")
		s.must(s.store.Hold(s.ctx(), ledger.HoldWrite{Connection: s.id, Nonce: "first", WakeAt: noon, Failures: 3}))
		s.take("mine")
		s.mark("mine", "m1")
		s.mark("mine", "m2")
		l, err := s.store.Close(s.ctx(), ledger.CloseWrite{Connection: s.id, Nonce: "mine", Closes: []string{"m1", "gone"}})
		s.must(err)
		s.equal("the marks", marksOf(l), []string{"m2"})
		s.equal("the failures, not yet", l.Failures, 3)
		l, err = s.store.Close(s.ctx(), ledger.CloseWrite{Connection: s.id, Nonce: "mine", Closes: []string{"m2"}, Succeeded: true})
		s.must(err)
		s.equal("the failures", l.Failures, 0)
		s.equal("the holder", l.HeldBy("mine"), true)
	},

	"Close/OnlyMine": func(s *story) {
		s.take("mine")
		before := s.mark("mine", "m1")
		_, err := s.store.Close(s.ctx(), ledger.CloseWrite{Connection: s.id, Nonce: "other", Closes: []string{"m1"}})
		s.refused("another's close", err, before)
	},

	"Release/LeavesNothing": func(s *story) {
		s.bump(december)
		s.bump()
		s.take("mine")
		s.mark("mine", "m1")
		s.must(s.store.Release(s.ctx(), ledger.ReleaseWrite{Connection: s.id, Nonce: "mine", Seq: 2, Closes: []string{"m1"}}))
		s.equal("the lane", s.lane(), ledger.Lane{Connection: s.id, Seq: 2, Takes: 1, Marks: map[string]ledger.Mark{}})
	},

	"Release/NotWhenWorkCame": func(s *story) {
		s.bump(december)
		seen := s.take("mine")
		before := s.bump(january)
		err := s.store.Release(s.ctx(), ledger.ReleaseWrite{Connection: s.id, Nonce: "mine", Seq: seen.Seq})
		s.refused("a release over new work", err, before)
	},

	"Release/NotOverAnUnseenMark": func(s *story) {
		s.take("mine")
		before := s.mark("mine", "m1")
		err := s.store.Release(s.ctx(), ledger.ReleaseWrite{Connection: s.id, Nonce: "mine", Seq: before.Seq})
		s.refused("a release over an open mark", err, before)
		err = s.store.Release(s.ctx(), ledger.ReleaseWrite{Connection: s.id, Nonce: "mine", Seq: before.Seq, Closes: []string{"m2"}})
		s.refused("a release that closes another mark than the open one", err, before)
	},

	"Release/OthersMarksKeepTheWake": func(s *story) {
		s.take("first")
		s.mark("first", "theirs")
		s.must(s.store.Hold(s.ctx(), ledger.HoldWrite{Connection: s.id, Nonce: "first", WakeAt: noon}))
		seen := s.take("mine")
		s.mark("mine", "m1")
		due := seen.EarliestDue()
		s.must(s.store.Release(s.ctx(), ledger.ReleaseWrite{
			Connection: s.id, Nonce: "mine", Seq: seen.Seq, Closes: []string{"m1"}, Others: []string{"theirs"}, EarliestDue: due,
		}))
		l := s.lane()
		s.equal("the marks", marksOf(l), []string{"theirs"})
		s.equal("the wake", l.WakeAt, due)
		s.equal("the holder", l.Holder == nil, true)
	},

	"Release/OnlyMine": func(s *story) {
		before := s.take("mine")
		err := s.store.Release(s.ctx(), ledger.ReleaseWrite{Connection: s.id, Nonce: "other", Seq: before.Seq})
		s.refused("another's release", err, before)
	},

	"Hold/KeepsTheWork": func(s *story) {
		s.bump(december)
		s.take("mine")
		s.mark("mine", "m1")
		s.must(s.store.Hold(s.ctx(), ledger.HoldWrite{
			Connection: s.id, Nonce: "mine", Closes: []string{"m1"}, Until: later.Add(time.Hour), Why: "throttled",
			WakeAt: later, Failures: 2, Hops: 1,
		}))
		s.equal("the lane", s.lane(), ledger.Lane{
			Connection: s.id, Seq: 1, Takes: 1, Pages: []ledger.PageKey{december}, Marks: map[string]ledger.Mark{},
			HoldUntil: later.Add(time.Hour), Hold: "throttled", WakeAt: later, Failures: 2, Hops: 1,
		})
	},

	"Hold/WithoutAHoldLeavesTheWakeAlone": func(s *story) {
		s.take("mine")
		s.must(s.store.Hold(s.ctx(), ledger.HoldWrite{Connection: s.id, Nonce: "mine", WakeAt: noon}))
		s.equal("on hold", s.lane().OnHold(noon), false)
		s.equal("the wake", s.lane().WakeAt, noon)
	},

	"Hold/NeverWithoutAWake": func(s *story) {
		before := s.take("mine")
		err := s.store.Hold(s.ctx(), ledger.HoldWrite{Connection: s.id, Nonce: "mine", Until: later})
		if !errors.Is(err, ledger.ErrNoWake) {
			s.Fatalf("a hold without a wake: %v", err)
		}
		s.unchanged("a hold without a wake", before)
	},

	"Hold/OnlyMine": func(s *story) {
		before := s.take("mine")
		err := s.store.Hold(s.ctx(), ledger.HoldWrite{Connection: s.id, Nonce: "other", WakeAt: noon})
		s.refused("another's hold", err, before)
	},

	"Reopen/HasNoCondition": func(s *story) {
		s.take("winner")
		s.must(s.store.Reopen(s.ctx(), s.id, "fresh", aMark(), noon))
		l := s.lane()
		s.equal("the mark", l.Marks["fresh"], aMark())
		s.equal("seq", l.Seq, int64(1))
		s.equal("the wake", l.WakeAt, noon)
		s.equal("the holder", l.HeldBy("winner"), true)
	},
}
