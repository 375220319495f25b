package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/local/proxy"
	"bellhop/local/stack"
	"bellhop/shared/grant"
	"bellhop/shared/wake"
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
	waveFor    = 6 * time.Second  // a wave lasts, at most
	quietFor   = 12 * time.Second // at least, between two
	mendWithin = 45 * time.Second
	calmFor    = 4 * time.Second // before a wave, without cut-off answers
	// ordinary is how old an attempt gets by the provider's own faults, which
	// mend themselves: in a large fleet there is always one of those.
	ordinary = 6 * time.Second
)

// run strikes in waves until ctx ends. Each is as large as quota says at its
// beginning; stop says whether one of the blows is a stop.
func (k *killer) run(ctx context.Context, quota func(tally) (kills int, stop bool)) error {
	for sleep(ctx, calmFor) {
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

// mend waits until every attempt that the wave left open has been followed by
// another that settled the matter.
func (k *killer) mend(ctx context.Context) {
	began := time.Now()
	for sleep(ctx, 500*time.Millisecond) {
		over := time.Since(began)
		if over > mendWithin || over > quietFor && (k.grace == 0 || len(k.journal.unsettled(time.Now(), ordinary)) == 0) {
			return
		}
	}
}

// strike deals one blow, and reports whether somebody was hit.
func (k *killer) strike(ctx context.Context) bool {
	k.mu.Lock()
	b := choose(k.random, k.inUse, k.done)
	if b.at != nil {
		k.inUse[b.at] = true
	}
	k.mu.Unlock()
	if b.at == nil {
		return k.killAny(ctx, b.function)
	}
	defer k.leave(b.at)
	return k.killAt(ctx, b.at)
}

func (k *killer) leave(p *point) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.inUse, p)
}

// killAny ends one of the function's processes, whatever it is doing.
func (k *killer) killAny(ctx context.Context, f stack.Function) bool {
	if !sleep(ctx, k.pause()) {
		return false
	}
	running, err := k.stack.Processes(ctx)
	if err != nil {
		return false
	}
	var of []int
	for _, p := range running {
		if p.Function == f {
			of = append(of, p.PID)
		}
	}
	if len(of) == 0 || syscall.Kill(of[k.below(len(of))], syscall.SIGKILL) != nil {
		return k.missed()
	}
	k.count(f, "anywhere", false)
	return true
}

// pause is a moment of no meaning: what a random blow meets must be random.
func (k *killer) pause() time.Duration { return time.Duration(k.below(400)) * time.Millisecond }

func (k *killer) below(n int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.random.IntN(n)
}

// trapFor is how long a trap waits for somebody to come.
const trapFor = 3 * time.Second

// killAt ends the first process that comes to a point. Its call is held there
// until the proxy has seen it go: so a write before the point has had no effect,
// one after it has had all of it, and what is counted as inside an open attempt
// is.
func (k *killer) killAt(ctx context.Context, p *point) bool {
	name, hit, caught := k.catch(ctx, p)
	if name != "" {
		defer k.disarm(name)
	}
	if !caught {
		return k.missed()
	}
	if of, found := grantOf(hit.Key); found && k.grace > 0 && k.journal.recovering(of) {
		return k.missed() // a second blow in one grace: see the package's comment
	}
	if syscall.Kill(hit.PID, syscall.SIGKILL) != nil {
		return k.missed()
	}
	for end := time.Now().Add(trapFor); time.Now().Before(end); {
		if at, err := k.stack.Proxy.Point(ctx, name); err == nil && at.Hit != nil && at.Hit.Left {
			k.count(p.function, p.name, p.open)
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	k.count(p.function, p.name, false) // it is dead; whether its call was still held is not known
	return true
}

// catch arms a trap at a point and waits for somebody to come. Only processes of
// the function are caught, by their ids.
func (k *killer) catch(ctx context.Context, p *point) (name string, hit proxy.Hit, caught bool) {
	k.mu.Lock()
	k.named++
	name = fmt.Sprintf("%s %d", p.name, k.named)
	k.mu.Unlock()
	match := p.match
	match.Function = string(p.function)
	if k.stack.Proxy.Arm(ctx, proxy.Trap{Name: name, Match: match, When: p.side, Hold: proxy.UntilReleased}) != nil {
		return "", hit, false
	}
	waiting, cancel := context.WithTimeout(ctx, trapFor)
	defer cancel()
	hit, err := k.stack.Proxy.Await(waiting, name)
	return name, hit, err == nil && hit.PID != 0
}

// disarm lets go whoever is held, also when ctx has ended.
func (k *killer) disarm(name string) { _ = k.stack.Proxy.Disarm(context.Background(), name) }

// freeze stops a process where it holds something until its time is over and
// another had the chance to take its place, and then lets it go on.
func (k *killer) freeze(ctx context.Context) {
	for range 3 {
		k.mu.Lock()
		p := chooseStop(k.random, k.inUse)
		if p != nil {
			k.inUse[p] = true
		}
		k.mu.Unlock()
		if p == nil {
			continue
		}
		if k.freezeAt(ctx, p) {
			return
		}
	}
}

// successorFor is how long the one who takes over has, before the frozen one
// goes on. The function's time is over soon after.
const successorFor = 1200 * time.Millisecond

func (k *killer) freezeAt(ctx context.Context, p *point) bool {
	name, hit, caught := k.catch(ctx, p)
	k.leave(p) // its trap has sprung: the next one here may be killed meanwhile
	if name != "" {
		defer k.disarm(name)
	}
	if !caught || syscall.Kill(hit.PID, syscall.SIGSTOP) != nil {
		return k.missed()
	}
	defer func() { _ = syscall.Kill(hit.PID, syscall.SIGCONT) }() // gone, if its function's time was over
	deadline, err := k.deadline(ctx, hit, p.ends)
	if err != nil || !sleep(ctx, time.Until(deadline.Add(grant.Skew+50*time.Millisecond))) {
		return k.missed()
	}
	k.call(ctx, hit.Key)
	if !sleep(ctx, successorFor) {
		return k.missed()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done.Stops++
	return true
}

// deadline reads when the time of an item's holder is over.
func (k *killer) deadline(ctx context.Context, hit proxy.Hit, attribute string) (time.Time, error) {
	pk, sk, _ := strings.Cut(strings.TrimPrefix(hit.Key, "pk="), " sk=")
	out, err := k.tables.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(hit.Target), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}},
	})
	if err != nil {
		return time.Time{}, err
	}
	n, ok := out.Item[attribute].(*types.AttributeValueMemberN)
	if !ok {
		return time.Time{}, fmt.Errorf("%s has no %s", hit.Key, attribute)
	}
	ms, err := strconv.ParseInt(n.Value, 10, 64)
	return time.UnixMilli(ms), err
}

// call sends a grant's or a lane's wake, as the sweep does: somebody takes over
// now, and not when the frozen one's own message comes back.
func (k *killer) call(ctx context.Context, key string) {
	m, queue, group := wake.Message{Kind: wake.Grant, At: time.Now()}, k.stack.Outputs.RefreshQueueURL, clientID
	if of, found := grantOf(key); found {
		m.Grant = grant.ID(of)
	} else {
		pk, _, _ := strings.Cut(strings.TrimPrefix(key, "pk=CONN#"), " ")
		queue, group = k.stack.Outputs.RatesQueueURL, pk
		m = laneWake(pk)
	}
	_ = k.stack.Send(ctx, queue, stack.Message{Body: wake.Encode(m), Group: group}) // the sweep sends another
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
