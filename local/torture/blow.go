package torture

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"bellhop/local/owner"
	"bellhop/local/proxy"
	"bellhop/local/stack"
)

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
	if !owner.Pause(ctx, k.pause()) {
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
