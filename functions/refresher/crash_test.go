package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
)

// A worker that dies before or after each of its writes, and what the next ones
// make of it. Only an answer that was in hand when it died may be lost, and only
// where presenting twice is not free.
func TestRefresh_DiesAtEachStep(t *testing.T) {
	steps := []struct {
		method string
		landed bool
		// inHand says that the worker held an answer that no table had.
		inHand bool
	}{
		{"Lease", false, false}, {"Lease", true, false},
		{"Exchange", false, false}, {"Exchange", true, true},
		{"Commit", false, true}, {"Commit", true, false},
		{"Settle", false, false}, {"Settle", true, false},
	}
	for _, rotation := range []profile.Rotation{none, grace, detect} {
		for _, step := range steps {
			name := fmt.Sprintf("%s/%s landed %v", rotation.Policy, step.method, step.landed)
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, rotation)
					w.diesAt(step.method, step.landed)
					w.untilDue()
					<-w.start()
					w.lives(5 * time.Minute)
					g := w.grant()
					if step.inHand && rotation.Policy == "detect" {
						if g.Health != grant.ReauthorizationRequired || g.Reason != grant.AnswerLost {
							t.Errorf("grant is %s, %s; want the owner asked, answer lost", g.Health, g.Reason)
						}
						return
					}
					if g.Health != grant.OK || g.Generation < 4 || g.Lease != nil && g.Lease.Deadline.Before(time.Now()) {
						t.Errorf("after five minutes: generation %d, %s %s", g.Generation, g.Health, g.Reason)
					}
					if !step.inHand && w.provider.MostPresented() > 1 {
						t.Errorf("a token was presented %d times", w.provider.MostPresented())
					}
				})
			})
		}
	}
}

// diesAt ends the first worker that comes to a step: before its effect, or
// after it and before it learns of it.
func (w *world) diesAt(step string, landed bool) {
	died := false
	die := func(at string, after bool) {
		if at == step && after == landed && !died {
			died = true
			runtime.Goexit()
		}
	}
	w.store.Fault = func(method string) granttest.Fault {
		if step == "Exchange" && landed && w.provider.Requests() > 0 && !died {
			died = true // it has the answer and writes nothing any more
			runtime.Goexit()
		}
		die(method, false)
		return granttest.None
	}
	invariants := w.store.Written
	w.store.Written = func(method string, before, after grant.Grant) {
		invariants(method, before, after)
		die(method, true)
	}
	w.provider.Act = func(int) granttest.Act {
		die("Exchange", false)
		return granttest.Answers
	}
}

// Every write loses its answer once, or lands twice, the second time much
// later: nothing is presented twice for it, and nobody's pair is lost.
func TestRefresh_WritesWithoutAnswer(t *testing.T) {
	for _, fault := range []granttest.Fault{granttest.Landed, granttest.NotLanded, granttest.Twice, granttest.Late} {
		for _, method := range []string{"Lease", "Commit", "Settle"} {
			t.Run(fmt.Sprintf("%s %d", method, fault), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, detect)
					first := true
					w.store.Fault = func(m string) granttest.Fault {
						if m == method && first {
							first = false
							return fault
						}
						return granttest.None
					}
					w.lives(90 * time.Second)
					w.store.Deliver()
					w.lives(3 * time.Minute)
					if g := w.grant(); g.Health != grant.OK || g.Generation < 5 || len(g.Asides) != 0 {
						t.Errorf("generation %d, %s, asides %v", g.Generation, g.Health, g.KnownAsides())
					}
					if w.provider.MostPresented() != 1 {
						t.Errorf("a token was presented %d times", w.provider.MostPresented())
					}
				})
			})
		}
	}
}

// Workers come and go at random times, die, stand still past their leases, and
// lose writes and answers. The invariants hold after every write; when the
// faults are over, the grant lives if any pair that reached us is good at the
// provider.
func TestRefresh_RandomInterleavings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rotation := rapid.SampledFrom([]profile.Rotation{none, grace, detect}).Draw(rt, "rotation")
		seed := rapid.Uint64().Draw(rt, "seed")
		faults := rapid.IntRange(0, 6).Draw(rt, "faults")
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, rotation)
			c := &chaos{world: w, rnd: rand.New(rand.NewPCG(seed, 1)), left: faults}
			c.play()
			w.lives(5 * time.Minute)
			g := w.grant()
			if faults == 0 && w.provider.MostPresented() > 1 {
				t.Errorf("without faults, a token was presented %d times", w.provider.MostPresented())
			}
			if c.lostNothing() && g.Health != grant.OK {
				t.Errorf("seed %d, %s: the owner was asked (%s) although nothing was lost", seed, rotation.Policy, g.Reason)
			}
			if g.Health == grant.OK && (len(g.Asides) > 0 || g.WakeAt.Before(time.Now().Add(-time.Minute))) {
				t.Errorf("seed %d, %s: it does not come to rest: asides %v, wake %v", seed, rotation.Policy, g.KnownAsides(), g.WakeAt)
			}
		})
	})
}

// chaos plays faults, a bounded number of them.
type chaos struct {
	*world
	rnd  *rand.Rand
	left int
	lost bool // an answer was lost between the provider's act and the first write
}

// play lets three workers be woken at random for six minutes.
func (c *chaos) play() {
	c.store.Fault = c.write
	c.provider.Act = c.act
	var workers []<-chan struct{}
	for end := time.Now().Add(6 * time.Minute); time.Now().Before(end); {
		workers = append(workers, c.start())
		time.Sleep(time.Duration(c.draw(20_000)) * time.Millisecond)
		if c.draw(4) == 0 {
			c.store.Deliver()
		}
	}
	c.mu.Lock()
	c.left = 0
	c.mu.Unlock()
	for _, done := range workers {
		<-done
	}
	c.store.Deliver()
}

func (c *chaos) draw(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.IntN(n)
}

// strikes reports whether a fault happens here.
func (c *chaos) strikes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 || c.rnd.IntN(6) > 0 {
		return false
	}
	c.left--
	return true
}

func (c *chaos) write(method string) granttest.Fault {
	if !c.strikes() {
		return granttest.None
	}
	answered := slices.Contains([]string{"Commit", "KeepAside"}, method)
	last := method == "KeepAside" // after it, nobody has the bytes any more
	switch c.draw(6) {
	case 0:
		c.loses(answered)
		runtime.Goexit()
	case 1:
		c.loses(answered) // the table takes longer than the function has
		time.Sleep(time.Duration(c.draw(18_000)) * time.Millisecond)
		return granttest.None
	case 2:
		return granttest.Landed
	case 3:
		return granttest.Twice
	case 4:
		c.loses(last)
		return granttest.Late
	}
	c.loses(last)
	return granttest.NotLanded
}

func (c *chaos) act(int) granttest.Act {
	if !c.strikes() {
		return granttest.Answers
	}
	switch c.draw(4) {
	case 0:
		runtime.Goexit()
	case 1:
		c.loses(true)
		return granttest.LosesAfter
	case 2:
		return granttest.NeverLeft
	}
	return granttest.LosesFirst
}

func (c *chaos) loses(answer bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = c.lost || answer
}

// lostNothing reports whether no answer was lost on its way to the table.
func (c *chaos) lostNothing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.lost
}
