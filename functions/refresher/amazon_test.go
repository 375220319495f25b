package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/grant"
	"bellhop/shared/wake"
)

// limits are what the template sets about who may run when.
type limits struct {
	function int // environments of the function: its reserve
	queue    int // of these, at most so many work for the queue (MaximumConcurrency)
	batch    int
	fair     bool // messages carry their group
}

// amazon is the refresh queue, the function's environments, and the schedule's
// asynchronous invocations, in virtual time. It is what AWS documents, as far as
// it decides who waits for whom:
//
//   - A fair queue (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html)
//     gives messages of groups first that have few others in flight. By how much a
//     group must stand out, AWS does not say: here, the fewest in flight go first.
//   - The event source mapping takes what is visible as soon as an environment is
//     free, up to the mapping's bound
//     (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
//   - An asynchronous invocation that finds none free is tried again after one
//     second, two, four … until the event is too old
//     (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
type amazon struct {
	limits
	worker func() *refresher
	fail   func(format string, args ...any)

	mu       sync.Mutex
	idle     []*refresher   // guarded by mu, like what follows
	busy     int            // environments at work
	ours     int            // of these, for the queue
	visible  []*message     // in the order in which they became so
	inFlight map[string]int // by group
	sent     int
	ticks    []time.Duration // how long each tick waited for an environment
	missed   int             // ticks that found none in time
	closed   bool            // nothing begins any more
}

// message is one message of the queue.
type message struct {
	id, body, group string
	receives        int
}

const (
	visibility  = grant.FunctionTimeout // the template sets both to 20 s
	maxReceives = 10
	maxEventAge = time.Minute
)

// send implements the function's queue.
func (a *amazon) send(_ context.Context, wakes []wake.Send) error {
	for _, w := range wakes {
		a.enqueue(wake.Encode(w.Message), w.Group, w.Delay)
	}
	return nil
}

func (a *amazon) enqueue(body, group string, delay time.Duration) {
	a.mu.Lock()
	a.sent++
	m := &message{id: fmt.Sprintf("m%d", a.sent), body: body, group: group}
	a.mu.Unlock()
	time.AfterFunc(delay, func() { a.show(m) })
}

// posted is how many messages were ever sent.
func (a *amazon) posted() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent
}

// show makes a message visible.
func (a *amazon) show(m *message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.visible = append(a.visible, m)
	a.pump()
}

// pump lets the mapping take what it may. a.mu is held.
func (a *amazon) pump() {
	for !a.closed && len(a.visible) > 0 && a.ours < a.queue && a.busy < a.function {
		batch := a.take()
		r := a.begin()
		a.ours++
		go func() {
			failed := a.invoke(r, batch)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.ours--
			a.end(r)
			a.settle(batch, failed)
			a.pump()
		}()
	}
}

// take picks the next batch. a.mu is held.
func (a *amazon) take() []*message {
	var batch []*message
	for len(batch) < a.batch && len(a.visible) > 0 {
		next := 0
		for i, m := range a.visible {
			if a.fair && a.inFlight[m.group] < a.inFlight[a.visible[next].group] {
				next = i
			}
		}
		m := a.visible[next]
		a.visible = slices.Delete(a.visible, next, next+1)
		m.receives++
		if a.inFlight == nil {
			a.inFlight = map[string]int{}
		}
		a.inFlight[m.group]++
		batch = append(batch, m)
	}
	return batch
}

// begin takes an environment that is idle, or starts one. a.mu is held.
func (a *amazon) begin() *refresher {
	a.busy++
	if n := len(a.idle); n > 0 {
		r := a.idle[n-1]
		a.idle = a.idle[:n-1]
		return r
	}
	return a.worker()
}

// end gives an environment back. a.mu is held.
func (a *amazon) end(r *refresher) {
	a.busy--
	a.idle = append(a.idle, r)
}

// invoke runs the function over a batch and returns the ids that failed.
func (a *amazon) invoke(r *refresher, batch []*message) map[string]bool {
	var event events.SQSEvent
	for _, m := range batch {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: m.id, Body: m.body, Attributes: map[string]string{"MessageGroupId": m.group},
		})
	}
	answer, err := a.handle(r, event)
	failed := map[string]bool{}
	if err != nil {
		a.fail("a batch failed as a whole: %v", err)
		return failed
	}
	for _, f := range answer.(events.SQSEventResponse).BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	return failed
}

// handle is one invocation, with the function's time limit.
func (a *amazon) handle(r *refresher, event any) (any, error) {
	raw, ok := event.(json.RawMessage)
	if !ok {
		raw, _ = json.Marshal(event)
	}
	ctx, cancel := context.WithTimeout(context.Background(), grant.FunctionTimeout)
	defer cancel()
	return r.Handle(ctx, raw)
}

// settle deletes what was handled; the rest is visible again when its time is
// over. a.mu is held.
func (a *amazon) settle(batch []*message, failed map[string]bool) {
	for _, m := range batch {
		a.inFlight[m.group]--
		switch {
		case !failed[m.id]:
		case m.receives == maxReceives:
			a.fail("dead letter: %s", m.body)
		default:
			time.AfterFunc(visibility, func() { a.show(m) })
		}
	}
}

// tick is the schedule's asynchronous invocation.
func (a *amazon) tick(event string) { a.tryTick(event, 0, time.Second) }

func (a *amazon) tryTick(event string, waited, pause time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy < a.function {
		a.ticks = append(a.ticks, waited)
		go a.sweep(a.begin(), event)
		return
	}
	if waited+pause > maxEventAge {
		a.missed++
		return
	}
	time.AfterFunc(pause, func() { a.tryTick(event, waited+pause, 2*pause) })
}

func (a *amazon) sweep(r *refresher, event string) {
	if _, err := a.handle(r, json.RawMessage(event)); err != nil {
		a.fail("sweep: %v", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.end(r)
	a.pump()
}

// close lets nothing begin any more, and what has begun come to its end.
func (a *amazon) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	time.Sleep(grant.FunctionTimeout)
}
