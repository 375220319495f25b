// Package event is what Bellhop says about itself: lifecycle events as JSON
// lines by slog, and metrics in CloudWatch's embedded metric format. The names
// are a closed list, described with their fields in docs/events.md; a test
// holds list, page and the log of a real run together.
//
// One event is one unit of work: it is filled on the way and written once, at
// the end. No event carries a token, a secret or a guest's data; secrets cannot
// get in because package secret prints none.
package event

import (
	"context"
	"io"
	"log/slog"
	"sync"
)

// Name is one of the events below.
type Name string

// The events. docs/events.md says when each is written and with which fields.
const (
	TokenRefreshed  Name = "token_refreshed"   // a new pair is committed
	LeaseLost       Name = "lease_lost"        // another worker has, or had, the lease: a normal result
	AnswerLost      Name = "answer_lost"       // an exchange whose outcome is unknown
	AnswerKeptAside Name = "answer_kept_aside" // an answer lost the race and is kept
	AsideRolled     Name = "aside_rolled"      // a kept answer became the committed pair
	ExchangeFailed  Name = "exchange_failed"   // the provider answered, without a pair, and the grant lives
	ExchangeHeld    Name = "exchange_held"     // no exchange now: what a client's grants share says when
	GrantDead       Name = "grant_dead"        // a person is needed
	SettleDeferred  Name = "settle_deferred"   // the pair stays inline for now
	EpochTurned     Name = "epoch_turned"      // a grant's pairs moved to a new secret
	RetireDeferred  Name = "retire_deferred"   // former secrets stay for now
	SweepDone       Name = "sweep_done"        // a minute's sweep
	UpdateTaken     Name = "update_taken"      // a rate update is in the ledger
	UpdateRefused   Name = "update_refused"    // a rate update, or part of it, was not
	ChunkSent       Name = "chunk_sent"        // one provider call and its outcome
	ChunkPutBack    Name = "chunk_put_back"    // a chunk waits
	MarkHealed      Name = "mark_healed"       // an open mark's cells go out once more
	JobClosed       Name = "job_closed"        // an asynchronous call ended
	ReadbackDone    Name = "readback_done"     // a read-back ended, with drift
	WebhookTaken    Name = "webhook_taken"     // a signed webhook was verified and enqueued
	WebhookRefused  Name = "webhook_refused"   // one was not
	Reconnected     Name = "reconnected"       // an owner consented
	ReconnectFailed Name = "reconnect_failed"  // a consent did not come to a grant
	AlertSent       Name = "alert_sent"        // one message reached one channel
	AlertFailed     Name = "alert_failed"      // one did not, and will be tried again
)

// All lists the names, for the page and the tests.
func All() []Name {
	return []Name{TokenRefreshed, LeaseLost, AnswerLost, AnswerKeptAside, AsideRolled, ExchangeFailed, ExchangeHeld, GrantDead,
		SettleDeferred, EpochTurned, RetireDeferred, SweepDone, UpdateTaken, UpdateRefused, ChunkSent, ChunkPutBack, MarkHealed,
		JobClosed, ReadbackDone, WebhookTaken, WebhookRefused, Reconnected, ReconnectFailed, AlertSent, AlertFailed}
}

// Log writes events and metrics. The zero value writes nothing. It is safe for
// concurrent use.
type Log struct {
	slog  *slog.Logger
	meter *meter
}

// New returns a Log that writes JSON lines to w, which is standard output on
// Lambda. Stack is the value of the one dimension that every metric has.
func New(w io.Writer, level slog.Level, stack string) *Log {
	w = &oneByOne{w: w} // events and metrics are written by two hands
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: rename})
	return &Log{slog: slog.New(h), meter: &meter{w: w, stack: stack}}
}

// oneByOne keeps lines whole, whoever writes them.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

// Write implements [io.Writer].
func (o *oneByOne) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(line)
}

// rename turns slog's keys into those that Lambda's JSON log format filters by.
func rename(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.TimeKey:
			a.Key = "timestamp"
		case slog.MessageKey:
			a.Key = "event"
		}
	}
	return a
}

// Info writes an event of the ordinary course.
func (l *Log) Info(ctx context.Context, name Name, attrs ...slog.Attr) {
	l.write(ctx, slog.LevelInfo, name, attrs)
}

// Warn writes an event that somebody may want to know about.
func (l *Log) Warn(ctx context.Context, name Name, attrs ...slog.Attr) {
	l.write(ctx, slog.LevelWarn, name, attrs)
}

// Error writes an event that needs somebody.
func (l *Log) Error(ctx context.Context, name Name, attrs ...slog.Attr) {
	l.write(ctx, slog.LevelError, name, attrs)
}

func (l *Log) write(ctx context.Context, level slog.Level, name Name, attrs []slog.Attr) {
	if l == nil || l.slog == nil {
		return
	}
	l.slog.LogAttrs(ctx, level, string(name), attrs...)
}
