package torture

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/shared/profile"
)

// run is one torture of a running stack.
type run struct {
	Config
	stack   *stack.Stack
	witness *Witness
	fleet   *fleet
	weather *weather
	killer  *killer
	clicks  atomic.Int64 // of owners who were asked to consent again
	sent    atomic.Int64 // rate updates
	began   time.Time
	before  int // rotations in the provider's books that are none of ours
}

// On tortures a stack that is running and that w has watched from its start on,
// and leaves it running, with every grant of the fleet switched off. When it was
// interrupted or broke off, the result is what was reached by then, nil if that
// is nothing, beside the error.
func On(ctx context.Context, s *stack.Stack, w *Witness, c Config) (*Result, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	f, err := newFleet(s, c.Grants)
	if err != nil {
		return nil, err
	}
	r := &run{Config: c, stack: s, witness: w, fleet: f, weather: &weather{books: f.Books, proxy: s.Proxy}}
	r.killer = newKiller(s, w.journal, r.weather, c)
	result := &Result{Config: c}
	for _, step := range []func(context.Context) error{r.connect, r.torment, r.rest} {
		if err := step(ctx); err != nil {
			r.fill(context.WithoutCancel(ctx), result)
			return result, err
		}
	}
	err = r.fill(ctx, result)
	if err == nil {
		err = r.audit(ctx, result)
	}
	return result, err
}

// connect makes the provider as unforgiving as it is to be, and the fleet.
func (r *run) connect(ctx context.Context) error {
	var err error
	if r.before, err = r.rotated(ctx); err != nil {
		return err
	}
	switches, err := r.fleet.Books.Switches(ctx, sandbox.Cloudbeds)
	if err != nil {
		return err
	}
	switches.AccessTokenLifetime, switches.ReuseGrace = r.Life.Milliseconds(), r.Grace.Milliseconds()
	switches.Reuse = sandbox.ReuseDetect
	if err := r.fleet.Books.SetSwitches(ctx, sandbox.Cloudbeds, switches); err != nil {
		return err
	}
	rotation := profile.Rotation{Policy: "detect"}
	if r.Grace > 0 {
		rotation = profile.Rotation{Policy: "grace", Grace: profile.Seconds(r.Grace)}
	}
	began := time.Now()
	over := min(r.between(), time.Duration(r.Grants)*300*time.Millisecond)
	if err := r.fleet.connect(ctx, rotation, over); err != nil {
		return fmt.Errorf("connecting the fleet: %w", err)
	}
	r.say("%d grants are connected (%s)", r.Grants, time.Since(began).Round(100*time.Millisecond))
	return r.sweep(ctx) // the schedule's first tick may be a minute away
}

// sweep brings the minute's sweep forward.
func (r *run) sweep(ctx context.Context) error {
	event := fmt.Sprintf(`{"v":1,"sweep":%q}`, time.Now().UTC().Format(time.RFC3339))
	if _, err := r.stack.Invoke(ctx, stack.Refresher, []byte(event)); err != nil {
		return fmt.Errorf("sweeping by hand: %w", err)
	}
	return nil
}

// torment lets everything loose until enough was rotated, killed and stopped.
func (r *run) torment(ctx context.Context) error {
	r.began = time.Now()
	if err := r.weather.begin(ctx); err != nil {
		return err
	}
	acting, stop := context.WithCancel(ctx)
	defer stop()
	var actors sync.WaitGroup
	failed := make(chan error, 1)
	actors.Go(func() {
		if err := r.killer.run(acting, r.quota); err != nil && acting.Err() == nil {
			failed <- err
		}
	})
	r.accompany(acting, &actors)
	err := r.await(ctx, failed)
	stop()
	actors.Wait()
	if err != nil {
		return err
	}
	r.say("enough: the faults end, everything must come to rest")
	return r.weather.clear(ctx)
}

// accompany starts everybody beside the killer.
func (r *run) accompany(ctx context.Context, actors *sync.WaitGroup) {
	if r.Updates > 0 {
		each := time.Duration(float64(time.Second) / r.Updates)
		actors.Go(func() {
			r.sent.Add(int64(pms(ctx, r.stack, r.fleet.ids, each, rand.New(rand.NewPCG(r.Seed, 2)))))
		})
	}
	actors.Go(func() { r.fleet.reconnect(ctx, r.witness.journal, func() { r.clicks.Add(1) }) })
}

// look is how often the state of things is looked at.
const look = time.Second

// await watches until enough has happened, tells about it each minute, and shuts
// Secrets Manager now and then.
func (r *run) await(ctx context.Context, failed <-chan error) error {
	tell, shut := newTeller(r), false
	for {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		tell.minute(ctx, r.witness.pairs())
		if over, err := r.enough(ctx); over || err != nil {
			return err
		}
		phase := time.Since(r.began) % shutEvery
		if is := phase > shutEvery-shutFor; is != shut {
			shut = is
			if err := r.weather.shutSecrets(ctx, shut); err != nil {
				return err
			}
		}
	}
}

// rotated is how many exchanges the provider has answered with a new pair since
// the beginning: others may have been at work on the same stack before.
func (r *run) rotated(ctx context.Context) (int, error) {
	s, err := r.fleet.Books.Summary(ctx)
	return s.Refresh.Presentations - s.Refresh.Refused - r.before, err
}

// enough reports whether the run is long and hard enough. When the killer lags
// behind, it goes on a little for his sake, but not for ever. The provider's
// books are asked when the table says that it may be so: they grow, and to sum
// them up each second would cost more and more.
func (r *run) enough(ctx context.Context) (bool, error) {
	if r.witness.pairs() < r.Rotations {
		return false, nil
	}
	rotations, err := r.rotated(ctx)
	done := r.killer.sum()
	hard := done.Kills >= r.Kills && done.Stops >= r.Stops && done.Open*openShare >= r.Kills
	return rotations >= r.Rotations && (hard || rotations >= r.Rotations*3/2), err
}

// cycle is about how long a wave and the quiet after it take together.
const cycle = 26 * time.Second

// quota says how large the next wave is: the killer keeps a little ahead of the
// rotations.
func (r *run) quota(done tally) (kills int, stop bool) {
	rotations := r.witness.pairs()
	rate := float64(r.Grants) / r.between().Seconds()
	return share(done, r.Config, (float64(rotations)+rate*cycle.Seconds())/float64(r.Rotations))
}

// mostAtOnce bounds a wave: a queue whose batches all fail is paused.
const mostAtOnce = 40

// share is what is missing to the part of the kills and stops that belongs to a
// part of the rotations, with a tenth more, so that the last wave is not the one
// that everything waits for.
func share(done tally, c Config, part float64) (kills int, stop bool) {
	want := func(all int) int { return int(math.Ceil(1.1 * float64(all) * min(part, 1))) }
	return min(max(want(c.Kills)-done.Kills, 1), mostAtOnce), done.Stops < want(c.Stops)
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Out, "torture: "+format+"\n", args...)
}
