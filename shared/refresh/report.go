package refresh

import (
	"context"
	"log/slog"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
)

// report is what one run has come to. It is filled on the way and written once.
type report struct {
	began   time.Time
	name    event.Name // empty for a run that is not worth an event
	came    string     // to what, in a bounded vocabulary
	answer  oauth.Outcome
	err     error // our own, behind an answer that nobody was asked for
	asked   bool  // an exchange was begun
	verdict grant.VerdictWrite
	home    string // "settled", "deferred", or empty when nothing was committed
	moved   bool   // the generation is one further than the snapshot's
	expires time.Time
}

func (p *report) outcome(came string)        { p.came = came }
func (p *report) answered(out oauth.Outcome) { p.answer, p.asked = out, true }
func (p *report) failed(out oauth.Outcome) {
	p.name, p.answer = event.ExchangeFailed, out
}
func (p *report) held(out oauth.Outcome) {
	p.name, p.came, p.answer = event.ExchangeHeld, "held", out
}
func (p *report) lost() { p.name, p.came = event.AnswerLost, "unknown" }
func (p *report) kept() { p.name, p.came = event.AnswerKeptAside, "kept_aside" }
func (p *report) committed(expires time.Time) {
	p.name, p.came, p.moved, p.expires = event.TokenRefreshed, "committed", true, expires
}
func (p *report) rolled(expires time.Time) {
	p.name, p.came, p.moved, p.expires = event.AsideRolled, "rolled", true, expires
}
func (p *report) dead(w grant.VerdictWrite) {
	p.name, p.came, p.verdict = event.GrantDead, string(w.Health), w
}

// concluded notes that the item shows what became of my attempt.
func (p *report) concluded(g grant.Grant) {
	if p.verdict.ID != "" && g.Health == p.verdict.Health {
		p.dead(p.verdict)
	}
}

// overtaken notes that an answer was not wanted any more: by my own commit,
// whose answer was lost, or by a new consent.
func (p *report) overtaken(byMyself bool, expires time.Time) {
	if byMyself {
		p.committed(expires)
		return
	}
	p.name, p.came = event.LeaseLost, "overtaken"
}

func (p *report) settled(home bool) {
	p.home = "deferred"
	if home {
		p.home = "settled"
	}
}

// emit writes the run's one event and its metrics.
func (r *Run) emit(ctx context.Context) {
	p, log, provider := r.report, r.c.Log, r.snapshot.Provider
	if p.asked && p.answer.Took > 0 {
		log.Observe(event.ExchangeLatency, p.answer.Took, provider)
	}
	switch p.name {
	case "":
		return
	case event.TokenRefreshed:
		log.Count(event.Refreshes, 1, provider)
	case event.ExchangeFailed, event.AnswerLost:
		log.Count(event.RefreshFailures, 1, provider)
	case event.GrantDead:
		log.Count(event.RefreshFailures, 1, provider)
		if !p.verdict.Same {
			log.Count(event.Reauthorizations, 1, provider)
		}
	}
	if attrs := r.attrs(); p.name == event.GrantDead {
		log.Error(ctx, p.name, attrs...)
	} else if p.name == event.ExchangeFailed || p.name == event.AnswerLost {
		log.Warn(ctx, p.name, attrs...)
	} else {
		log.Info(ctx, p.name, attrs...)
	}
}

// attrs are the run's fields; docs/events.md describes them.
func (r *Run) attrs() []slog.Attr {
	p, g := r.report, r.snapshot
	if p.moved {
		g.Generation++
	}
	attrs := append(grantAttrs(g, r.wake),
		slog.String("attempt", string(r.me)), slog.String("outcome", p.came),
		slog.Int64("took_ms", r.c.Now().Sub(p.began).Milliseconds()))
	if p.asked {
		attrs = append(attrs, slog.String("class", string(p.answer.Class)), slog.Int("status", p.answer.Status),
			slog.Int64("exchange_ms", p.answer.Took.Milliseconds()))
	}
	attrs = append(attrs, said("code", p.answer.Code)...)
	attrs = append(attrs, said("cause", p.answer.Cause)...)
	if p.err != nil {
		attrs = append(attrs, slog.String("error", p.err.Error()))
	}
	attrs = append(attrs, said("home", p.home)...)
	attrs = append(attrs, when("expires", p.expires)...)
	attrs = append(attrs, when("retry_at", p.answer.RetryAt)...)
	switch p.name {
	case event.GrantDead:
		attrs = append(attrs, slog.String("health", string(p.verdict.Health)),
			slog.String("reason", string(p.verdict.Reason)), slog.Any("missing", p.verdict.Missing))
	case event.LeaseLost:
		attrs = append(attrs, slog.String("step", "commit"))
	}
	return attrs
}

// said and when are an attribute, or none where there is nothing to say.
func said(key, value string) []slog.Attr {
	if value == "" {
		return nil
	}
	return []slog.Attr{slog.String(key, value)}
}

func when(key string, at time.Time) []slog.Attr {
	if at.IsZero() {
		return nil
	}
	return []slog.Attr{slog.Time(key, at.UTC())}
}

// grantAttrs name the grant in every event about it.
func grantAttrs(g grant.Grant, w Wake) []slog.Attr {
	return []slog.Attr{
		slog.String("grant", string(g.ID)), slog.String("provider", g.Provider), slog.String("client", g.Client),
		slog.Int64("generation", g.Generation), slog.String("correlation", w.Correlation),
	}
}

// crowded notes that a grant has too many open ends for another lease.
func (c *Cycle) crowded(ctx context.Context, g grant.Grant, w Wake) {
	c.Log.Error(ctx, event.ExchangeFailed, append(grantAttrs(g, w),
		slog.String("outcome", "crowded"), slog.Int("attempts", len(g.Attempts)), slog.Int("asides", len(g.Asides)))...)
	c.Log.Count(event.RefreshFailures, 1, g.Provider)
}
