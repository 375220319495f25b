package torture

import (
	"context"
	"fmt"
	"time"
)

// teller says once a minute how far it is.
type teller struct {
	run  *run
	last time.Time
	then int // rotations at the last word
}

func newTeller(r *run) *teller { return &teller{run: r, last: r.began} }

// every is how often there is a word.
const every = time.Minute

// minute tells the running totals when a minute is over.
func (t *teller) minute(ctx context.Context, rotations int) {
	now := time.Now()
	if now.Sub(t.last) < every {
		return
	}
	r, done := t.run, t.run.killer.sum()
	rate := float64(rotations-t.then) / now.Sub(t.last).Seconds()
	median, p99 := r.witness.lateness()
	r.say("%s: %d of %d rotations (%.1f a second, %s), %d kills (%d inside an open attempt), %d stops, %d waves, %d clicks; leases late by %s, p99 %s; AWS %s",
		now.Sub(r.began).Round(time.Second), rotations, r.Rotations, rate, remaining(r.Rotations-rotations, rate),
		done.Kills, done.Open, done.Stops, done.Waves, r.clicks.Load(),
		median.Round(100*time.Millisecond), p99.Round(100*time.Millisecond), t.calls(ctx, now))
	t.last, t.then = now, rotations
}

// remaining estimates how long the rest takes.
func remaining(rotations int, rate float64) string {
	switch {
	case rotations <= 0:
		return "enough of them"
	case rate <= 0:
		return "no end in sight"
	}
	return fmt.Sprintf("about %s left", (time.Duration(float64(rotations) / rate * float64(time.Second))).Round(10*time.Second))
}

// calls is how busy the stand-in for AWS was since the last word.
func (t *teller) calls(ctx context.Context, now time.Time) string {
	books, err := t.run.stack.Proxy.ResetCounts(ctx)
	if err != nil {
		return "does not tell"
	}
	all := 0
	for _, c := range books.Calls {
		all += c.Calls
	}
	return fmt.Sprintf("%.0f calls a second", float64(all)/now.Sub(books.Since).Seconds())
}
