package e2e

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// kills are told side by side, after all other stories. Each ends or freezes a
// process at a point that has a name; the proxy holds the call at that point,
// so that there is no luck in it. A process works on a whole batch of messages:
// from arming to the kill a story has the function's queue for itself.
var kills = []story{
	{"refresher_killed_after_its_lease", func(t *testing.T, w *world) { killRefresher(t, w, "mafra-1", afterLease) }},
	{"refresher_killed_between_answer_and_commit", func(t *testing.T, w *world) { killRefresher(t, w, "mafra-2", beforeCommit) }},
	{"refresher_killed_between_commit_and_settle", func(t *testing.T, w *world) { killRefresher(t, w, "mafra-3", beforeSettling) }},
	{"refresher_killed_before_the_settle_write", func(t *testing.T, w *world) { killRefresher(t, w, "mafra-4", beforeSettleWrite) }},
	{"refresher_frozen_after_its_lease", func(t *testing.T, w *world) { freezeRefresher(t, w, "nazare-1", afterLease) }},
	{"refresher_frozen_between_answer_and_commit", func(t *testing.T, w *world) { freezeRefresher(t, w, "nazare-2", beforeCommit) }},
	{"pusher_killed_after_its_take", func(t *testing.T, w *world) { killPusher(t, w, "sagres-1", afterTake) }},
	{"pusher_killed_between_mark_and_send", func(t *testing.T, w *world) { killPusher(t, w, "sagres-2", afterMark) }},
	{"pusher_killed_while_it_sends", killPusherWhileItSends},
	{"pusher_killed_between_send_and_record", func(t *testing.T, w *world) { killPusher(t, w, "sagres-4", beforeRecord) }},
	{"pusher_killed_before_its_release", func(t *testing.T, w *world) { killPusher(t, w, "sagres-5", beforeRelease) }},
	{"pusher_frozen_between_mark_and_send", func(t *testing.T, w *world) { freezePusher(t, w, "peniche-1", afterMark) }},
	{"pusher_frozen_between_send_and_record", func(t *testing.T, w *world) { freezePusher(t, w, "peniche-2", beforeRecord) }},
}

// point is a place in the life of a refresh or of a push, as the one call that
// stands there.
type point struct {
	name      string
	function  stack.Function
	service   string
	operation string
	also      string // what tells the call from others about the same item
	side      proxy.Side
	nth       int
	asked     int // requests that the provider has had by then
}

// trap is an armed point of one hotel.
type trap struct {
	point
	h     *hotel
	name  string
	since int // the requests before it was armed
}

// arm sets a trap for a hotel: the next process that comes to the point is held
// there. The function's queue is the story's own until it calls alone, or fails.
func (h *hotel) arm(t *testing.T, p point) (tr *trap, alone func()) {
	t.Helper()
	queue := h.w.quiet[p.function]
	queue.Lock()
	alone = sync.OnceFunc(queue.Unlock)
	t.Cleanup(alone)
	item := h.pairItem()
	if p.function == stack.Pusher {
		item = `"CONN#` + h.id + `"`
	}
	if p.service == "secretsmanager" {
		item = "grant/" + h.grant + "/"
	}
	tr = &trap{point: p, h: h, name: p.name + " " + h.id, since: len(h.requests(t))}
	err := h.w.Proxy.Arm(t.Context(), proxy.Trap{
		Name: tr.name, When: p.side, Nth: p.nth, Hold: proxy.UntilReleased,
		Match: proxy.Match{Service: p.service, Operation: p.operation, Body: item, Also: p.also, Function: string(p.function)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.w.Proxy.Disarm(context.Background(), tr.name) }) // a failed test holds nobody
	return tr, alone
}

// requests are those to the provider that change something for a hotel: its
// tokens or its rates.
func (h *hotel) requests(t *testing.T) []sandbox.Request {
	t.Helper()
	all, err := h.w.books.Requests(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r sandbox.Request) bool {
		return r.Property != h.id || !slices.Contains([]string{"token", "batch", "patchRate"}, r.Endpoint)
	})
}

// hit waits until a process is held at the point, and returns its id. That it is
// one of the function's own, and that the provider was asked as often as it must
// have been by then, is looked up, not believed.
func (tr *trap) hit(t *testing.T) (pid int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	hit, err := tr.h.w.Proxy.Await(ctx, tr.name)
	if err != nil {
		t.Fatalf("the point %q was not reached: %v", tr.name, err)
	}
	processes, err := tr.h.w.Processes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(processes, stack.Process{PID: hit.PID, Function: tr.function}) {
		t.Fatalf("process %d at %q is none of the %s's: %v", hit.PID, tr.name, tr.function, processes)
	}
	if asked := len(tr.h.requests(t)) - tr.since; asked != tr.asked {
		t.Errorf("the provider was asked %d times before %q, want %d", asked, tr.name, tr.asked)
	}
	return hit.PID
}

// kill ends the process that is held at the point, and waits until the proxy has
// seen it go: released before that, its call would still go on.
func (tr *trap) kill(t *testing.T) {
	t.Helper()
	deal(t, tr.hit(t), syscall.SIGKILL)
	eventually(t, 5*time.Second, "the proxy sees the caller at "+tr.name+" gone", func() string {
		p, err := tr.h.w.Proxy.Point(t.Context(), tr.name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Hit == nil || !p.Hit.Left {
			return "its call is still held"
		}
		return ""
	})
}

// release lets the held call go on.
func (tr *trap) release(t *testing.T) {
	t.Helper()
	if err := tr.h.w.Proxy.Release(t.Context(), tr.name); err != nil {
		t.Fatal(err)
	}
}

// wasHit asserts from the proxy's log that a call was caught at the point.
func (tr *trap) wasHit(t *testing.T) {
	t.Helper()
	eventually(t, 5*time.Second, "the point "+tr.name+" in the proxy's log", func() string {
		for _, e := range tr.h.w.proxyLog(t) {
			if e.Point == tr.name && e.Function == string(tr.function) {
				return ""
			}
		}
		return "not there"
	})
}

// proxyLog is every call that the proxy remembers.
func (w *world) proxyLog(t *testing.T) []proxy.Entry {
	t.Helper()
	log, err := w.Proxy.Log(t.Context(), proxy.LogQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// deal sends a signal to a function's process.
func deal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("%v to process %d: %v", s, pid, err)
	}
}

// outlasts waits until the lease in an item is over, with what others grant it
// for their clocks. It is the one thing that a story sits out: a process that is
// dead or stopped does not end its lease.
func outlasts(t *testing.T, item map[string]types.AttributeValue, attribute string) {
	t.Helper()
	const skew = 2 * time.Second
	end := number(item, attribute)
	if end == 0 {
		t.Fatalf("nobody has a lease: %s is not there", attribute)
	}
	time.Sleep(time.Until(time.UnixMilli(end).Add(skew + 50*time.Millisecond)))
}
