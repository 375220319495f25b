package torture

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"bellhop/local/owner"
	"bellhop/local/stack"
)

// tally is what the killer has done.
type tally struct {
	Kills   int            // processes ended with SIGKILL
	Open    int            // of these, inside an open attempt for certain
	Pushers int            // of these, pushers
	Stops   int            // processes stopped past their lease and continued
	At      map[string]int // kills by point
	Waves   int
	Missed  int // traps that nobody came to, or blows that were withheld
}

// killer ends and freezes processes. mu guards what it has done and uses.
type killer struct {
	stack   *stack.Stack
	tables  *dynamodb.Client // the owner's, past the proxy
	journal *journal
	weather *weather
	grace   time.Duration

	mu     sync.Mutex
	random *rand.Rand      // guarded by mu
	inUse  map[*point]bool // guarded by mu
	done   tally           // guarded by mu
	named  int             // guarded by mu: traps so far
}

// newKiller returns one that has done nothing.
func newKiller(s *stack.Stack, j *journal, w *weather, c Config) *killer {
	return &killer{
		stack: s, tables: dynamodb.NewFromConfig(s.AWS()), journal: j, weather: w, grace: c.Grace,
		random: rand.New(rand.NewPCG(c.Seed, 1)), inUse: map[*point]bool{}, done: tally{At: map[string]int{}},
	}
}

// The rhythm of the waves.
const (
	strikers   = 4                // at work side by side in a wave
	waveFor    = 8 * time.Second  // a wave lasts, at most
	quietFor   = 12 * time.Second // at least, between two
	mendWithin = 45 * time.Second
	calmFor    = 3 * time.Second // at least, before a wave, without cut-off answers
	// ordinary is how old an attempt gets by the provider's own faults, which
	// mend themselves: in a large fleet there is always one of those.
	ordinary = 6 * time.Second
)

// run strikes in waves until ctx ends. Each is as large as quota says at its
// beginning; stop says whether one of the blows is a stop.
func (k *killer) run(ctx context.Context, quota func(tally) (kills int, stop bool)) error {
	for k.calm(ctx) {
		if err := k.weather.change(ctx, waveFaults); err != nil {
			return err
		}
		kills, stop := quota(k.sum())
		var frozen sync.WaitGroup
		if stop {
			frozen.Go(func() { k.freeze(ctx) })
		}
		k.wave(ctx, kills)
		if err := k.weather.change(ctx, quietFaults); err != nil {
			return err
		}
		k.mend(ctx)
		frozen.Wait()
		if err := k.weather.change(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// wave deals so many blows, side by side.
func (k *killer) wave(ctx context.Context, kills int) {
	ctx, cancel := context.WithTimeout(ctx, waveFor)
	defer cancel()
	blows := make(chan struct{}, kills)
	for range kills {
		blows <- struct{}{}
	}
	close(blows)
	var all sync.WaitGroup
	for range strikers {
		all.Go(func() {
			for range blows {
				for ctx.Err() == nil && !k.strike(ctx) {
				}
			}
		})
	}
	all.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done.Waves++
}

// calm waits until what the provider cut off is whole again. It reports whether
// ctx lasted.
func (k *killer) calm(ctx context.Context) bool {
	for began := time.Now(); owner.Pause(ctx, time.Second); {
		over := time.Since(began)
		if over > mendWithin || over > calmFor && (k.grace == 0 || k.journal.asides() == 0) {
			return true
		}
	}
	return false
}

// mend waits until every attempt that the wave left open has been followed by
// another that settled the matter.
func (k *killer) mend(ctx context.Context) {
	began := time.Now()
	for owner.Pause(ctx, 500*time.Millisecond) {
		over := time.Since(began)
		if over > mendWithin || over > quietFor && (k.grace == 0 || len(k.journal.unsettled(time.Now(), ordinary)) == 0) {
			return
		}
	}
}

func (k *killer) count(f stack.Function, at string, open bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done.Kills++
	k.done.At[string(f)+" "+at]++
	if open {
		k.done.Open++
	}
	if f == stack.Pusher {
		k.done.Pushers++
	}
}

// missed counts a blow that met nobody. It is always false.
func (k *killer) missed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done.Missed++
	return false
}

// sum is what was done so far.
func (k *killer) sum() tally {
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := k.done
	sum.At = map[string]int{}
	for at, n := range k.done.At {
		sum.At[at] = n
	}
	return sum
}
