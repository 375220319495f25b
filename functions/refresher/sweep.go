package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/wake"
)

const (
	// shardsAtOnce bounds how many index shards are worked on side by side, and
	// readAtOnce how many grants of each are in memory at a time: what a sweep
	// needs does not grow with the fleet.
	shardsAtOnce = 16
	readAtOnce   = 100
	// sweepReserve is kept for sending what was found: nothing more is read
	// when less time than this is left.
	sweepReserve = 5 * time.Second
)

// index finds what is due in one shard of a table's wakes.
type index interface {
	Due(ctx context.Context, shard string, until time.Time) ([]wake.Due, error)
}

// reader reads grants, up to a hundred at a time: an index entry does not say
// how fast its grant lives. Grants that are gone are left out; with an error
// come those that could be read.
type reader interface {
	ReadMany(ctx context.Context, ids []grant.ID) ([]grant.Grant, error)
}

// queue takes wakes.
type queue interface {
	send(ctx context.Context, wakes []wake.Send) error
}

// sweeper is the minute's sweep. It writes nothing: it finds what is due soon
// in the wake indexes and sends each a message that arrives in its second.
// Twice the same minute, or a minute left out, does no harm.
type sweeper struct {
	grants, rates, alerts              index
	store                              reader
	refreshQueue, ratesQueue, alertsTo queue
	log                                *event.Log
	now                                func() time.Time
}

// swept counts what one sweep did. mu guards the rest.
type swept struct {
	mu       sync.Mutex
	wakes    map[wake.Kind]int
	failures []error
}

// sweep reads every shard. A shard that cannot be read, or a queue that takes
// nothing, stops no other: what was missed is due again in a minute.
func (s *sweeper) sweep(ctx context.Context, t wake.Tick) error {
	began := s.now()
	done := &swept{wakes: map[wake.Kind]int{}}
	var shards errgroup.Group
	shards.SetLimit(shardsAtOnce)
	for _, shard := range wake.Shards() {
		shards.Go(func() error {
			s.sweepGrants(ctx, t, shard, done)
			return nil
		})
		shards.Go(func() error {
			sent, err := s.sweepRates(ctx, t, shard)
			done.note(sent, err)
			return nil
		})
	}
	shards.Go(func() error {
		sent, err := s.sweepAlerts(ctx, t, wake.AlertShard)
		done.note(sent, err)
		return nil
	})
	_ = shards.Wait() // their errors are in done: none stops another
	s.log.Info(ctx, event.SweepDone,
		slog.Time("minute", t.Minute.UTC()), slog.Int("grants", done.wakes[wake.Grant]), slog.Int("lanes", done.wakes[wake.Lane]),
		slog.Int("jobs", done.wakes[wake.Job]), slog.Int("readbacks", done.wakes[wake.Readback]),
		slog.Int("alerts", done.wakes[wake.Alert]), slog.Int("failures", len(done.failures)),
		slog.Int64("sweep_ms", s.now().Sub(began).Milliseconds()))
	if err := errors.Join(done.failures...); err != nil {
		return fmt.Errorf("sweeping the minute %s: %w", t.Minute.UTC().Format(time.TimeOnly), err)
	}
	return nil
}

// note adds what one shard came to.
func (d *swept) note(sent []wake.Send, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range sent {
		d.wakes[s.Message.Kind]++
	}
	if err != nil {
		d.failures = append(d.failures, err)
	}
}

// sweepGrants wakes the grants of one shard, a hundred at a time, each hundred
// sent before the next is read. They are read: a grant's client is the group
// that must not starve the others, and its cadence says whether it needs more
// than one wake before the next sweep.
func (s *sweeper) sweepGrants(ctx context.Context, t wake.Tick, shard string, done *swept) {
	due, err := s.grants.Due(ctx, shard, t.Minute.Add(wake.GrantsAhead))
	done.note(nil, err)
	for part := range slices.Chunk(called(t, due), readAtOnce) {
		if s.short(ctx) {
			done.note(nil, fmt.Errorf("shard %s: time is up, the rest waits a minute", shard))
			return
		}
		grants, err := s.store.ReadMany(ctx, part)
		var sends []wake.Send
		for _, g := range grants {
			sends = append(sends, t.ForGrant(g)...)
		}
		done.note(s.deliver(ctx, s.refreshQueue, sends, err))
	}
}

// called are the grants of these entries that this tick sends for.
func called(t wake.Tick, due []wake.Due) []grant.ID {
	var ids []grant.ID
	for _, d := range due {
		if id, ok := wake.GrantOf(d); ok && t.Calls(d.At) {
			ids = append(ids, id)
		}
	}
	return ids
}

// sweepRates wakes the lanes, jobs and read-backs of one shard. It looks ahead
// from now, not from the minute that it stands for: the schedule's own second
// lies anywhere in that minute, and the next tick comes a minute from now.
func (s *sweeper) sweepRates(ctx context.Context, t wake.Tick, shard string) ([]wake.Send, error) {
	due, err := s.rates.Due(ctx, shard, t.Now.Add(wake.RatesAhead))
	return s.deliver(ctx, s.ratesQueue, each(due, t.ForRates), err)
}

// sweepAlerts wakes the alerter for what its fast path has not told.
func (s *sweeper) sweepAlerts(ctx context.Context, t wake.Tick, shard string) ([]wake.Send, error) {
	due, err := s.alerts.Due(ctx, shard, t.Minute.Add(-wake.AlertsAfter))
	return s.deliver(ctx, s.alertsTo, each(due, t.ForAlert), err)
}

// each decides entry by entry.
func each(due []wake.Due, decide func(wake.Due) (wake.Send, bool)) []wake.Send {
	var sends []wake.Send
	for _, d := range due {
		if send, ok := decide(d); ok {
			sends = append(sends, send)
		}
	}
	return sends
}

// deliver sends what was found, also when not all was, and returns what it sent.
func (s *sweeper) deliver(ctx context.Context, to queue, sends []wake.Send, err error) ([]wake.Send, error) {
	if len(sends) == 0 {
		return nil, err
	}
	if sendErr := to.send(ctx, sends); sendErr != nil {
		return nil, errors.Join(err, sendErr)
	}
	return sends, err
}

// short reports whether only the time for sending is left.
func (s *sweeper) short(ctx context.Context) bool {
	end, bounded := ctx.Deadline()
	return bounded && end.Sub(s.now()) < sweepReserve
}
