package torture

import (
	"math/rand/v2"
	"testing"

	"bellhop/local/stack"
)

// Of many blows the stated shares fall where they are said to fall, and every
// point gets some.
func TestChoose_Shares(t *testing.T) {
	random, blows := rand.New(rand.NewPCG(1, 1)), 20_000
	at, pushers, anywhere, open := map[string]int{}, 0, 0, 0
	for range blows {
		b := choose(random, nil, tally{Kills: 1, Open: 1})
		switch {
		case b.at == nil:
			anywhere++
		case b.at.function != b.function:
			t.Fatalf("a %s is to be caught at %q", b.function, b.at.name)
		default:
			at[b.at.name]++
			if b.at.open {
				open++
			}
		}
		if b.function == stack.Pusher {
			pushers++
		}
	}
	share := func(n int) float64 { return float64(n) / float64(blows) }
	if s := share(pushers); s < pusherShare-0.02 || s > pusherShare+0.02 {
		t.Errorf("%.2f of the blows are for pushers", s)
	}
	if s := share(anywhere); s < randomShare-0.02 || s > randomShare+0.02 {
		t.Errorf("%.2f of the blows are for whoever is there", s)
	}
	if s := share(open); s < 1.25/openShare {
		t.Errorf("%.2f of the blows fall inside an open attempt: too few to be sure of one in %d", s, openShare)
	}
	for _, p := range points {
		if at[p.name] == 0 {
			t.Errorf("nobody is ever killed %s", p.name)
		}
	}
}

// While too few of the kills fell inside an open attempt, the next one is to,
// unless all such points are in use.
func TestChoose_OpenAttemptsFirst(t *testing.T) {
	random, inUse := rand.New(rand.NewPCG(4, 4)), map[*point]bool{}
	for range 2 {
		b := choose(random, inUse, tally{Kills: 10, Open: 1})
		if b.at == nil || !b.at.open {
			t.Fatalf("the next blow is %+v", b)
		}
		inUse[b.at] = true
	}
	for range 200 {
		if b := choose(random, inUse, tally{Kills: 10, Open: 1}); b.at != nil && b.at.open {
			t.Fatalf("%q is in use", b.at.name)
		}
	}
}

// Two traps for the same call would take it from each other.
func TestChoose_NoPointTwiceAtOnce(t *testing.T) {
	random, inUse := rand.New(rand.NewPCG(2, 2)), map[*point]bool{}
	for range 500 {
		b := choose(random, inUse, tally{Kills: 1, Open: 1})
		if b.at == nil {
			continue
		}
		if inUse[b.at] {
			t.Fatalf("%q is in use", b.at.name)
		}
		inUse[b.at] = true
	}
	if len(inUse) != len(points) {
		t.Errorf("%d points were used, want all %d", len(inUse), len(points))
	}
	if chooseStop(random, inUse) != nil {
		t.Error("somebody is to be stopped at a point that is in use")
	}
}

// Somebody is stopped where it holds something, and the item says until when.
func TestChooseStop_WhereSomethingIsHeld(t *testing.T) {
	random, seen := rand.New(rand.NewPCG(3, 3)), map[string]int{}
	for range 2000 {
		if p := chooseStop(random, nil); p != nil {
			seen[p.name]++
			if p.ends == "" {
				t.Fatalf("at %q nothing is held", p.name)
			}
		}
	}
	for _, name := range []string{"after the lease", "before the commit", "after the mark"} {
		if seen[name] == 0 {
			t.Errorf("nobody is stopped %s", name)
		}
	}
}

// The killer keeps a little ahead of the rotations, within what a wave can hold.
func TestShare(t *testing.T) {
	c := Config{Kills: 1000, Stops: 50}
	for _, row := range []struct {
		name        string
		done        tally
		part        float64
		kills       int
		stopsOneToo bool
	}{
		{"at the beginning", tally{}, 0.01, 11, true},
		{"as far as it should be", tally{Kills: 550, Stops: 28}, 0.5, 1, false},
		{"a little behind", tally{Kills: 530, Stops: 27}, 0.5, 20, true},
		{"far behind", tally{Kills: 10, Stops: 0}, 0.9, mostAtOnce, true},
		{"beyond the end", tally{Kills: 1090, Stops: 60}, 1.4, 10, false},
	} {
		if kills, stop := share(row.done, c, row.part); kills != row.kills || stop != row.stopsOneToo {
			t.Errorf("%s: %d kills, stop %t", row.name, kills, stop)
		}
	}
}
