package main

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/grant"
)

// hanging is a fleet in which one client's token endpoint falls silent.
type hanging struct {
	limits
	bare bool // without package-wide knowledge of silence: every wake is tried
	own  bool // each of its grants has a token endpoint of its own
	// watched is how long it is watched after the first two minutes; eight minutes
	// when zero.
	watched time.Duration
}

// owns are the two ways in which the grants of a client meet its host.
var owns = map[string]bool{"one endpoint for all": false, "one for each grant": true}

// endpointOf gives a grant its own, of the one host, if each has one.
func endpointOf(i int, own bool) func(*grant.Grant) {
	return func(g *grant.Grant) {
		if own {
			g.TokenURL = fmt.Sprintf("https://host.example/hotel-%d/token", i)
		}
	}
}

// suffered is what the others of a fleet, and the sweep, had of it.
type suffered struct {
	first time.Duration // the latest of the others' leases in the first two minutes
	late  time.Duration // 99 of 100 of them from then on
	tick  time.Duration // the longest that a tick waited for an environment
	tried int           // requests to the endpoint that hangs
}

// hangs lets the endpoint of a client with so many grants hang, and watches 45
// grants of other clients. All tokens live a minute.
func (h hanging) hangs(t *testing.T, grants int) (s suffered) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, h.limits)
		f.bare = h.bare
		bad := f.client("bad", grace, time.Minute)
		for i := range grants {
			f.connects(bad, grant.ID(fmt.Sprintf("bad-%d", i)), bad.Seed(), endpointOf(i, h.own))
		}
		for c := range 3 {
			good := f.client(fmt.Sprintf("good-%d", c), grace, time.Minute)
			for i := range 15 {
				f.connects(good, grant.ID(fmt.Sprintf("good-%d-%d", c, i)), good.Seed(), nil)
			}
		}
		f.lives(2 * time.Minute)
		bad.hang(grants > 0)
		before := bad.requests()
		f.forget()
		f.lives(2 * time.Minute)
		begin := f.suffered("good-0", "good-1", "good-2")
		f.forget()
		f.lives(cmp.Or(h.watched, 8*time.Minute))
		f.aws.close()
		s = f.suffered("good-0", "good-1", "good-2")
		s.first, s.tick, s.tried = begin.first, max(begin.tick, s.tick), bad.requests()-before
	})
	return s
}

// forget begins to watch.
func (f *fleet) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.late)
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	f.aws.ticks = nil
}

// looked is how often a client's grants were leased since then.
func (f *fleet) looked(client string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.late[client])
}

// suffered is what was seen since then.
func (f *fleet) suffered(clients ...string) suffered {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	var late []time.Duration
	for _, c := range clients {
		late = append(late, f.late[c]...)
	}
	slices.Sort(late)
	if len(late) < 50 {
		f.Errorf("only %d leases of the others", len(late))
		return suffered{}
	}
	s := suffered{late: late[len(late)*99/100], first: late[len(late)-1], tick: slices.Max(f.aws.ticks)}
	if f.aws.missed > 0 {
		s.tick = maxEventAge
	}
	return s
}

// noticeable is what "unchanged" allows: a wake's own second.
const noticeable = time.Second

// A token endpoint that hangs, or a host of many, delays neither the sweep nor
// the other clients, with or without a reserve. Before it is known to hang,
// nobody can be spared: it may cost any of the others one exchange's time.
//
// Each process finds out for itself when an endpoint is silent, so that now and
// then all environments of the queue try it in the same seconds, and up to ten of
// the others wait for them: fewer than one of a thousand. In eight minutes one
// such meeting is more than one of 100; hence forty.
func TestBulkhead_OneEndpointHangs(t *testing.T) {
	for _, reserved := range []string{"none", "small"} {
		deployed := asDeployed(t, reserved)
		if deployed.queue >= deployed.function {
			t.Fatalf("the queue may take all %d environments", deployed.function)
		}
		h := hanging{limits: deployed, watched: 40 * time.Minute}
		calm := h.hangs(t, 0)
		for name, own := range owns {
			t.Run(reserved+"/"+name, func(t *testing.T) {
				h.own = own
				hangs := h.hangs(t, 100)
				t.Logf("calm: %+v, hanging: %+v", calm, hangs)
				if hangs.late > calm.late+noticeable {
					t.Errorf("99 of 100 of the others are refreshed within %v of their second, without it within %v", hangs.late, calm.late)
				}
				if hangs.first > calm.first+exchangeLasts {
					t.Errorf("one of the others waited %v", hangs.first)
				}
				if hangs.tick > 0 {
					t.Errorf("a tick waited %v for an environment", hangs.tick)
				}
			})
		}
	}
}

// exchangeLasts bounds one exchange: docs/design.md section 5.
const exchangeLasts = 8 * time.Second

// Each part of the bulkhead is needed: without it, somebody waits.
func TestBulkhead_EachPartIsNeeded(t *testing.T) {
	deployed := asDeployed(t, "small")
	unbound, unfair := deployed, deployed
	unbound.queue = unbound.function
	unfair.fair = false

	// So many that they take all environments of the queue: with fewer it is
	// chance by how much the others come later.
	with := hanging{limits: deployed}.hangs(t, 200)
	if tried := (hanging{limits: deployed, bare: true}).hangs(t, 200); tried.late < with.late+2*noticeable {
		t.Errorf("with every wake tried, 99 of 100 come within %v, else within %v", tried.late, with.late)
	}
	bare := hanging{limits: deployed, bare: true}.hangs(t, 100)
	if bare.tick > 0 {
		t.Errorf("with every wake tried, a tick waited %v", bare.tick)
	}
	// Group and bound are what is left while an endpoint is not known to hang.
	if mixed := (hanging{limits: unfair, bare: true}).hangs(t, 100); mixed.late < 2*bare.late {
		t.Errorf("without the message group, 99 of 100 come within %v, with it within %v", mixed.late, bare.late)
	}
	if without := (hanging{limits: unbound, bare: true}).hangs(t, 100); without.tick == 0 {
		t.Error("without the bound of concurrency, no tick had to wait for an environment")
	}
}

// An endpoint that answers again is back within its longest pause, and so is a
// host of many.
func TestBulkhead_AnswersAgain(t *testing.T) {
	for name, own := range owns {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, asDeployed(t, "none"))
				e := f.client("main", none, time.Minute)
				for i := range 50 {
					f.connects(e, grant.ID(fmt.Sprintf("hotel-%d", i)), e.Seed(), endpointOf(i, own))
				}
				e.hang(true)
				f.lives(20 * time.Minute)
				e.hang(false)
				f.lives(longestSilence + time.Minute)
				defer f.aws.close()
				for _, id := range f.grants {
					if g := f.read(id); g.Generation < 2 || g.Health != grant.OK || !g.Lasts(time.Now()) {
						t.Errorf("%s is at generation %d, %s, and its token lasts until %v", id, g.Generation, g.Health, time.Until(g.Edge()))
					}
				}
			})
		})
	}
}
