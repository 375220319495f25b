package e2e

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// The points of the pusher. Its first write of a page takes the update in, the
// second records the answer.
var (
	afterTake = point{
		name: "after_take", function: stack.Pusher, service: "dynamodb", operation: "UpdateItem",
		also: "#takes :once", side: proxy.After, nth: 1, asked: 0,
	}
	afterMark = point{
		name: "after_mark", function: stack.Pusher, service: "dynamodb", operation: "UpdateItem",
		also: "= :mark", side: proxy.After, nth: 1, asked: 0,
	}
	beforeRecord = point{
		name: "before_record", function: stack.Pusher, service: "dynamodb", operation: "PutItem",
		also: `"PAGE#`, side: proxy.Before, nth: 2, asked: 1,
	}
	beforeRelease = point{
		name: "before_release", function: stack.Pusher, service: "dynamodb", operation: "UpdateItem",
		also: "size(#marks) = :open", side: proxy.Before, nth: 1, asked: 1,
	}
)

// killPusher kills a pusher at a point. The lane's wake stands at its lease's
// end, and whoever is woken then carries on; what a PMS sends meanwhile is taken
// in and not lost either.
func killPusher(t *testing.T, w *world, id string, p point) {
	h := connected(t, w, id, booking{persona: sandbox.Generic})
	tr, alone := h.arm(t, p)
	h.send(t, h.next(4))
	tr.kill(t)
	h.takenIn(t, h.next(2))
	alone()
	tr.wasHit(t)
	outlasts(t, h.lane(t), "lease_end")
	w.sweep(t)
	h.arrives(t, 30*time.Second)
	h.clears(t)
}

// takenIn sends an update and waits until the lane has been bumped for it.
func (h *hotel) takenIn(t *testing.T, u update) {
	t.Helper()
	before := number(h.lane(t), "seq")
	h.send(t, u)
	eventually(t, 15*time.Second, "the update is taken in", func() string {
		if seq := number(h.lane(t), "seq"); seq == before {
			return fmt.Sprintf("seq is still %d", seq)
		}
		return ""
	})
}

// clears waits until nothing is open any more but marks that are not due.
func (h *hotel) clears(t *testing.T) {
	t.Helper()
	eventually(t, 40*time.Second, "the lane of "+h.id+" is free", func() string {
		if item := h.lane(t); item["holder"] != nil || item["pages"] != nil {
			return fmt.Sprintf("held %v, pages %v", item["holder"] != nil, item["pages"] != nil)
		}
		return ""
	})
}

// killPusherWhileItSends kills a pusher whose request the provider has already,
// and acts on a little later.
func killPusherWhileItSends(t *testing.T, w *world) {
	h := connected(t, w, "sagres-3", booking{persona: sandbox.Generic})
	h.trouble(t, latency("batch", 2500))
	tr, alone := h.arm(t, afterMark)
	h.send(t, h.next(4))
	pid := tr.hit(t)
	tr.release(t)
	eventually(t, 5*time.Second, "the request is at the provider", func() string {
		if !slices.ContainsFunc(h.requests(t), func(r sandbox.Request) bool { return r.Endpoint == "batch" && r.Status == 0 }) {
			return "not in its books"
		}
		return ""
	})
	deal(t, pid, syscall.SIGKILL)
	alone()
	tr.wasHit(t)
	outlasts(t, h.lane(t), "lease_end")
	w.sweep(t)
	h.arrives(t, 30*time.Second)
	h.clears(t)
}

// freezePusher stops a pusher at a point until its lane is somebody else's and a
// newer price is out, and then lets it go on: it must neither send the older
// price nor spoil what the other has recorded.
func freezePusher(t *testing.T, w *world, id string, p point) {
	h := connected(t, w, id, booking{persona: sandbox.Generic})
	tr, alone := h.arm(t, p)
	h.send(t, h.next(4))
	pid := tr.hit(t)
	deal(t, pid, syscall.SIGSTOP)
	h.takenIn(t, h.next(4)) // by another, which finds the lane held
	alone()
	outlasts(t, h.lane(t), "lease_end")
	w.sweep(t)
	h.arrives(t, 15*time.Second)
	pushes := w.pushesTo(t, h)
	tr.release(t)
	deal(t, pid, syscall.SIGCONT)
	tr.wasHit(t)
	w.awaitEvent(t, 30*time.Second, "lease_lost", "connection", h.id)
	if n := w.pushesTo(t, h); n != pushes {
		t.Errorf("the frozen pusher has sent %d requests after it lost its lane", n-pushes)
	}
	h.send(t, h.next(4))
	h.arrives(t, 30*time.Second)
}
