package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// The refresher's own code, all of it, under a scheduler that owns every effect.
// docs/refresh-cycle.md says how to run it and how to read what it prints. The
// chapters, each explore_*_test.go: staging, what an exploration is about; stage
// and time, the actors and their clock; gate, vault and shelf, the effects;
// house and siblings, the providers; people and operator, the others who come;
// books and fair, the invariants; options, state, search and wander, the walk;
// mutations and mutants, what it must notice. `make explore` walks further than
// `go test` does.
var (
	thorough  = flag.Bool("explore", false, "explore for minutes, with more disturbances")
	seedFlag  = flag.Uint64("seed", 0, "of the random part; with -explore, 0 takes a fresh one")
	wanderFor = flag.Duration("wander", time.Second, "how long to explore at random, for each number of workers")
)

// holds explores stagings to their ends, beside each other, and says what it
// has seen.
func holds(t *testing.T, all ...staging) {
	t.Helper()
	var seen tally
	t.Run("of", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				seen.add(hold(t, c))
			})
		}
	})
	t.Logf("%s", &seen)
}

// hold explores one staging to its end.
func hold(t *testing.T, c staging) *search {
	began := time.Now()
	s := explore(t, c, exploreLimit)
	t.Logf("%s: %d states, %d executions, %v", c, len(s.seen), s.paths, time.Since(began).Round(time.Millisecond))
	if s.found != nil {
		t.Errorf("%v\n%s", s.found.broken, s.found.story)
	}
	if s.ranOut {
		t.Errorf("not at its end after %d executions", s.paths)
	}
	return s
}

// exploreLimit bounds the executions of one staging, far above what any takes.
const exploreLimit = 5_000_000

// tally is what explorations have seen together.
type tally struct {
	mu                                        sync.Mutex
	stagings, states, executions, steps, lost int // guarded by mu
}

func (y *tally) add(s *search) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.stagings++
	y.states += len(s.seen)
	y.executions += s.paths
	y.steps += s.steps
	y.lost += s.lost
}

func (y *tally) String() string {
	return fmt.Sprintf("%d configurations, %d states, %d executions of %d steps; in %d of them a pair was lost that no design could keep",
		y.stagings, y.states, y.executions, y.steps, y.lost)
}

// raced says that the race detector is on; see explore_race_test.go.
var raced bool

func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("explores for some seconds")
	}
	if raced {
		t.Skip("explored without the race detector, in TestExplore_CatchesEveryMutation's process")
	}
}

// Two refreshers, one disturbance at any effect, and then a fair one alone: at
// every provider, or, in go test, at those that tell the most.
func TestExplore_OneDisturbance(t *testing.T) {
	skipShort(t)
	t.Parallel()
	var all []staging
	for _, r := range regimes() {
		if *thorough || r.telling {
			all = append(all, staging{regime: r, runs: 2, alive: 2, disturbances: 1})
		}
	}
	holds(t, all...)
}

// The same with tokens that live ten minutes: there is an edge to wait for, and a
// pair that nobody settled is settled by whoever finds it.
func TestExplore_BeforeTheEdge(t *testing.T) {
	skipShort(t)
	t.Parallel()
	var all []staging
	for _, name := range []string{"detect", "grace-newest-revokes"} {
		all = append(all, staging{regime: regimeNamed(name), runs: 2, alive: 2, disturbances: 1, life: 10 * time.Minute})
	}
	holds(t, all...)
}

// The others who may come at any time: the owner, somebody else in the owner's
// place, a person who disables, a pusher with a late verdict.
func TestExplore_Company(t *testing.T) {
	skipShort(t)
	t.Parallel()
	var all []staging
	for _, name := range []string{"detect", "grace-newest"} {
		r := regimeNamed(name)
		all = append(all,
			staging{regime: r, runs: 1, alive: 1, callback: true},
			staging{regime: r, runs: 1, alive: 1, stranger: true},
			staging{regime: r, runs: 2, alive: 2, disable: true, judge: true},
			staging{regime: r, runs: 1, alive: 1, disable: true, judge: true, disturbances: 1},
			staging{regime: r, runs: 2, alive: 1, judge: true, retry: true, rehome: true},
			staging{regime: r, runs: 1, alive: 1, revoke: true})
	}
	holds(t, all...)
}

// Two disturbances at every provider; at some, more runs, longer tokens, and
// company that is disturbed.
func TestExplore_Further(t *testing.T) {
	skipUnlessThorough(t)
	t.Parallel()
	var all []staging
	for _, r := range regimes() {
		all = append(all, staging{regime: r, runs: 2, alive: 2, disturbances: 2})
	}
	for _, name := range []string{"none", "detect", "grace-newest-revokes", "grace-newest-revokes-siblings", "grace-first-revokes"} {
		r := regimeNamed(name)
		all = append(all,
			staging{regime: r, runs: 3, alive: 2, disturbances: 1},
			staging{regime: r, runs: 2, alive: 2, disturbances: 2, life: time.Minute},
			staging{regime: r, runs: 1, alive: 1, stranger: true, disturbances: 1},
			staging{regime: r, runs: 2, alive: 2, disable: true, judge: true, disturbances: 1},
			staging{regime: r, runs: 2, alive: 1, judge: true, retry: true, rehome: true, disturbances: 1},
			staging{regime: r, runs: 2, alive: 1, revoke: true, disturbances: 1})
	}
	for _, name := range []string{"detect", "grace-newest-revokes"} {
		r := regimeNamed(name)
		all = append(all,
			staging{regime: r, runs: 2, alive: 1, callback: true},
			staging{regime: r, runs: 1, alive: 1, callback: true, disturbances: 1})
	}
	holds(t, all...)
}

// What catches a mutation says nothing about the code as it is: the same
// explorations of the code without a mutation, to their ends.
func TestExplore_NothingIsWrongWithoutMutation(t *testing.T) {
	skipUnlessThorough(t)
	t.Parallel()
	var all []staging
	for _, m := range mutations {
		if c := m.staging(); !slices.ContainsFunc(all, func(had staging) bool { return had.String() == c.String() }) {
			all = append(all, c)
		}
	}
	holds(t, all...)
}

func skipUnlessThorough(t *testing.T) {
	t.Helper()
	if !*thorough {
		t.Skip("make explore")
	}
}

// Three workers and more disturbances than can be walked through, at random.
func TestExplore_AtRandom(t *testing.T) {
	skipShort(t)
	t.Parallel()
	from := *seedFlag
	if from == 0 && *thorough {
		from = rand.Uint64() // go test takes the same walk every time: what it finds, it finds for everybody
	}
	all := regimes()
	for alive := 2; alive <= 3; alive++ {
		random := rand.New(rand.NewPCG(from, uint64(alive)))
		n, began := 0, time.Now()
		for ; time.Since(began) < *wanderFor; n++ {
			c := staging{regime: all[random.IntN(len(all))], runs: 4, alive: alive, disturbances: 1 + random.IntN(5),
				life:     time.Duration(random.IntN(2)) * time.Minute,
				callback: random.IntN(4) == 0, disable: random.IntN(4) == 0, judge: random.IntN(4) == 0,
				retry: random.IntN(4) == 0, rehome: random.IntN(4) == 0, revoke: random.IntN(8) == 0}
			if v := wander(t, c, random); v != nil {
				t.Fatalf("seed %d, execution %d, %s: %v\n%s", from, n, c, v.broken, v.story)
			}
		}
		t.Logf("seed %d: %d executions with %d at once", from, n, alive)
	}
}
