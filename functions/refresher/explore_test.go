package main

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

// The refresher's own code, all of it, under a scheduler that owns every effect:
// explore_stage_test.go has the actors and the time, explore_gate_test.go the
// effects, explore_house_test.go the providers, explore_people_test.go the
// others who come, explore_books_test.go the invariants, explore_search_test.go
// the walk, explore_mutations_test.go what it must notice. `make explore` walks
// further than `go test` does.
var (
	thorough  = flag.Bool("explore", false, "explore for minutes, with more disturbances")
	seedFlag  = flag.Uint64("seed", 0, "of the random part; with -explore, 0 takes a fresh one")
	wanderFor = flag.Duration("wander", time.Second, "how long to explore at random, for each number of workers")
)

// holds explores a staging to its end.
func holds(t *testing.T, c staging, limit time.Duration) {
	t.Helper()
	began := time.Now()
	s := explore(t, c, limit)
	t.Logf("%-70s %8d states %8d executions %8v", c, len(s.seen), s.paths, time.Since(began).Round(time.Millisecond))
	if s.found != nil {
		t.Errorf("%s: %v\n%s", c, s.found.broken, s.found.story)
	}
	if s.ranOut {
		t.Errorf("%s: not at its end after %v", c, limit)
	}
}

// exploreLimit bounds one staging, far above what any takes.
const exploreLimit = 10 * time.Minute

func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("explores for some seconds")
	}
}

// Two refreshers, every provider, one disturbance at any effect: and then a fair
// one alone.
func TestExplore_OneDisturbance(t *testing.T) {
	skipShort(t)
	for _, r := range regimes() {
		holds(t, staging{regime: r, runs: 2, alive: 2, disturbances: 1}, exploreLimit)
	}
}

// The others who may come at any time: the owner, somebody else in the owner's
// place, a person who disables, a pusher with a late verdict.
func TestExplore_Company(t *testing.T) {
	skipShort(t)
	for _, name := range []string{"detect", "grace-newest"} {
		r := regimeNamed(name)
		holds(t, staging{regime: r, runs: 1, alive: 1, callback: true}, exploreLimit)
		holds(t, staging{regime: r, runs: 1, alive: 1, stranger: true}, exploreLimit)
		holds(t, staging{regime: r, runs: 2, alive: 2, disable: true, judge: true}, exploreLimit)
		holds(t, staging{regime: r, runs: 1, alive: 1, disable: true, judge: true, disturbances: 1}, exploreLimit)
	}
}

// More runs, and two disturbances.
func TestExplore_Further(t *testing.T) {
	if !*thorough {
		t.Skip("make explore")
	}
	for _, r := range regimes() {
		holds(t, staging{regime: r, runs: 2, alive: 2, disturbances: 2}, exploreLimit)
		holds(t, staging{regime: r, runs: 3, alive: 2, disturbances: 1}, exploreLimit)
		holds(t, staging{regime: r, runs: 2, alive: 2, callback: true}, exploreLimit)
		holds(t, staging{regime: r, runs: 1, alive: 1, callback: true, disturbances: 1}, exploreLimit)
		holds(t, staging{regime: r, runs: 1, alive: 1, stranger: true, disturbances: 1}, exploreLimit)
		holds(t, staging{regime: r, runs: 2, alive: 2, disable: true, judge: true, disturbances: 1}, exploreLimit)
	}
}

// What catches a mutation says nothing about the code as it is.
func TestExplore_NothingIsWrongWithoutMutation(t *testing.T) {
	if !*thorough {
		t.Skip("make explore")
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) { holds(t, m.staging(), exploreLimit) })
	}
}

// Three workers and more disturbances than can be walked through, at random.
func TestExplore_AtRandom(t *testing.T) {
	skipShort(t)
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
				callback: random.IntN(4) == 0, disable: random.IntN(4) == 0, judge: random.IntN(4) == 0}
			if v := wander(t, c, random); v != nil {
				t.Fatalf("seed %d, execution %d, %s: %v\n%s", from, n, c, v.broken, v.story)
			}
		}
		t.Logf("seed %d: %d executions with %d at once", from, n, alive)
	}
}
