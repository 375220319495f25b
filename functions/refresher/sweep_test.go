package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
	"bellhop/shared/wake"
)

// entries is an index in memory.
type entries struct {
	due   map[string][]wake.Due // by shard
	fails string                // the shard that cannot be read
}

func (e entries) Due(_ context.Context, shard string, until time.Time) ([]wake.Due, error) {
	if shard == e.fails {
		return nil, errors.New("shard is away")
	}
	var due []wake.Due
	for _, d := range e.due[shard] {
		if !d.At.After(until) {
			due = append(due, d)
		}
	}
	return due, nil
}

// sweeper sweeps the world's one grant.
func (w *world) sweeper() *sweeper {
	return &sweeper{
		grants: live{w}, rates: entries{}, alerts: entries{}, store: w.store,
		refreshQueue: w.sent, ratesQueue: w.sent, alertsTo: w.sent, log: w.worker().log, now: time.Now,
	}
}

// live is the index that the store would have.
type live struct{ w *world }

func (l live) Due(_ context.Context, shard string, until time.Time) ([]wake.Due, error) {
	g := l.w.grant()
	if shard != wake.Shard(string(hotel)) || g.WakeAt.IsZero() || g.WakeAt.After(until) {
		return nil, nil
	}
	return []wake.Due{{PK: "GRANT#" + string(hotel), SK: "TOKEN", At: g.WakeAt}}, nil
}

// A token of 60 s under a sweep of once a minute, up to 59 s late: it never
// runs out, and is exchanged once for each generation.
func TestSweep_KeepsAMinuteTokenAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		s := w.sweeper()
		late := []time.Duration{0, 59, 30, 0, 59, 1, 45, 10, 59, 0}
		begin := time.Now()
		for minute, seconds := range late {
			tick := begin.Add(time.Duration(minute) * time.Minute)
			time.Sleep(time.Until(tick.Add(seconds * time.Second)))
			before := len(w.sent.wakes)
			if err := s.sweep(t.Context(), wake.NewTick(tick.Format(time.RFC3339), time.Now())); err != nil {
				t.Fatal(err)
			}
			for _, send := range w.sent.wakes[before:] {
				time.AfterFunc(send.Delay, func() {
					if err := w.wakes(); err != nil {
						t.Error(err)
					}
				})
			}
			for range 30 { // watch it until about the next tick
				time.Sleep(time.Second)
				if g := w.grant(); !g.Lasts(time.Now()) && !g.Leased(time.Now()) {
					t.Fatalf("minute %d: at %v the token has %v left", minute, time.Since(begin), time.Until(g.Expires))
				}
			}
		}
		if w.provider.MostPresented() != 1 || w.grant().Generation < 12 {
			t.Errorf("generation %d, a token seen %d times", w.grant().Generation, w.provider.MostPresented())
		}
	})
}

// Each kind of item goes to its own queue; a shard that cannot be read keeps
// the others from nothing, and is said.
func TestSweep_EveryKindToItsQueue(t *testing.T) {
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	store := granttest.NewMemory()
	if err := store.Create(t.Context(), granttest.Living("hotel", nil)); err != nil {
		t.Fatal(err)
	}
	refresh, rates, alerts, log := &outgoing{}, &outgoing{}, &outgoing{}, &lines{}
	s := &sweeper{
		store: store, refreshQueue: refresh, ratesQueue: rates, alertsTo: alerts,
		log: event.New(log, 0, "test"), now: func() time.Time { return now },
		grants: entries{due: map[string][]wake.Due{wake.Shard("hotel"): {
			{PK: "GRANT#hotel", SK: "TOKEN", At: now}, {PK: "GRANT#gone", SK: "TOKEN", At: now},
		}}},
		rates: entries{fails: "7", due: map[string][]wake.Due{"3": {
			{PK: "CONN#lisbon-1", SK: "LANE", At: now}, {PK: "CONN#lisbon-1", SK: "JOB#a#b", At: now.Add(1500 * time.Millisecond)},
			{PK: "CONN#lisbon-2", SK: "READBACK#1", At: now}, {PK: "CONN#lisbon-2", SK: "PAGE#x", At: now},
			{PK: "CONN#lisbon-3", SK: "LANE", At: now.Add(-3 * time.Minute)}, // called often enough for now
		}}},
		alerts: entries{due: map[string][]wake.Due{"0": {{PK: "GRANT#porto", SK: "EPISODE#2", At: now.Add(-2 * time.Minute)}}}},
	}
	err := s.sweep(t.Context(), wake.Tick{Minute: now, Now: now})
	if err == nil || !strings.Contains(err.Error(), "shard is away") || errors.Is(err, grant.ErrNotFound) {
		t.Errorf("sweep says %v", err)
	}
	bodies := func(o *outgoing) (all []string) {
		for _, send := range o.wakes {
			all = append(all, send.Delay.String()+" "+wake.Encode(send.Message))
		}
		slices.Sort(all)
		return all
	}
	if got := bodies(rates); len(got) != 3 || !strings.HasPrefix(got[2], `2s {"v":1,"wake":"job","connection":"lisbon-1","job":"a#b"`) {
		t.Errorf("rates queue got %q", got)
	}
	if got := bodies(refresh); len(got) != 4 || refresh.wakes[0].Group != "main" { // 40 s apart, 130 s ahead
		t.Errorf("refresh queue got %q", got)
	}
	if got := bodies(alerts); len(got) != 1 || got[0] != `0s {"v":1,"wake":"alert","grant":"porto"}` {
		t.Errorf("alerts queue got %q", got)
	}
}

// A schedule may tick at any second of the minute: what is due within the next 60
// s is called all the same, or a dead holder's lane would wait for another tick.
func TestSweep_LooksAMinuteAheadFromItsOwnSecond(t *testing.T) {
	tick := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	now := tick.Add(45 * time.Second)
	rates := &outgoing{}
	s := &sweeper{
		grants: entries{}, alerts: entries{}, store: granttest.NewMemory(), ratesQueue: rates,
		refreshQueue: &outgoing{}, alertsTo: &outgoing{}, now: func() time.Time { return now },
		rates: entries{due: map[string][]wake.Due{"3": {
			{PK: "CONN#lisbon-1", SK: "LANE", At: now.Add(59 * time.Second)}, {PK: "CONN#lisbon-2", SK: "LANE", At: now.Add(61 * time.Second)},
		}}},
	}
	if err := s.sweep(t.Context(), wake.Tick{Minute: tick, Now: now}); err != nil {
		t.Fatal(err)
	}
	if len(rates.wakes) != 1 || rates.wakes[0].Message.Connection != "lisbon-1" || rates.wakes[0].Delay != 59*time.Second {
		t.Errorf("sent %+v, want lisbon-1 in 59 s", rates.wakes)
	}
}

// Near its end the sweep sends what it has and leaves the rest to the next.
func TestSweep_TimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, grace)
		w.untilDue()
		ctx, cancel := context.WithTimeout(t.Context(), sweepReserve-time.Second)
		defer cancel()
		err := w.sweeper().sweep(ctx, wake.Tick{Minute: time.Now().Truncate(time.Minute), Now: time.Now()})
		if err == nil || len(w.sent.wakes) != 0 {
			t.Errorf("%v, sent %d", err, len(w.sent.wakes))
		}
	})
}

func TestSweep_QueueIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, profile.Rotation{Policy: "none"})
		w.untilDue()
		w.sent.err = errors.New("queue is away")
		if err := w.sweeper().sweep(t.Context(), wake.Tick{Minute: time.Now().Truncate(time.Minute), Now: time.Now()}); err == nil {
			t.Error("nothing was sent and nothing is said")
		}
	})
}
