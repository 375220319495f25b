package drain

import (
	"context"
	"log/slog"
	"time"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/ledger"
)

// The notes of a drain: what docs/events.md promises about it, in one place.
// None holds a token, a price or a provider's raw answer.

func (s site) attrs(more ...slog.Attr) []slog.Attr {
	return append([]slog.Attr{
		slog.String("connection", string(s.ID)), slog.String("provider", s.Provider), slog.String("grant", string(s.Grant)),
	}, more...)
}

// noteSent writes the wide event of one call.
func (d *Drainer) noteSent(ctx context.Context, s site, a attempt) {
	attrs := s.attrs(
		slog.String("class", string(a.outcome.Kind)), slog.Int("status", a.answer.Status),
		slog.Int64("generation", a.pass.grant.Generation), slog.String("mark", a.mark), slog.String("key", a.key),
		slog.Int("items", len(a.chunk.Items)), slog.Int("cells", ledger.Count(a.chunk.Spans)),
		slog.Int("rejected", len(a.outcome.Rejected)), slog.Bool("replayed", a.outcome.Replayed),
		slog.String("job", a.outcome.Job), slog.String("why", a.outcome.Why),
		slog.Float64("call_ms", float64(a.answer.Took.Microseconds())/1000),
	)
	d.Log.Info(ctx, event.ChunkSent, attrs...)
	d.Log.Count(event.ChunksSent, 1, s.Provider)
}

func (d *Drainer) noteAccepted(s site, spans []ledger.Span) {
	if n := ledger.Count(spans); n > 0 {
		d.Log.Count(event.CellsAccepted, float64(n), s.Provider)
	}
}

func (d *Drainer) noteRejected(ctx context.Context, s site, spans []ledger.Span, why string) {
	for _, page := range ledger.PagesOf(spans) {
		d.Log.Warn(ctx, event.UpdateRefused, s.attrs(
			slog.String("by", "provider"), slog.Int("problems", 1), slog.String("why", why), slog.String("page", page.String()))...)
	}
	d.Log.Count(event.UpdatesRefused, 1, s.Provider)
}

func (d *Drainer) notePutBack(ctx context.Context, s site, why string, w ledger.HoldWrite) {
	d.Log.Info(ctx, event.ChunkPutBack, s.attrs(
		slog.String("why", why), slog.Time("until", w.WakeAt), slog.Int("failures", w.Failures), slog.Int("hops", w.Hops))...)
	d.Log.Count(event.ChunksPutBack, 1, s.Provider)
}

func (d *Drainer) noteHealed(ctx context.Context, s site, mark string, cells int) {
	d.Log.Info(ctx, event.MarkHealed, s.attrs(slog.String("mark", mark), slog.Int("cells", cells))...)
}

func (d *Drainer) noteLost(ctx context.Context, s site) {
	d.Log.Info(ctx, event.LeaseLost, s.attrs(slog.String("step", "lane"))...)
}

func (d *Drainer) noteDead(ctx context.Context, s site, w grant.JudgeWrite) {
	d.Log.Error(ctx, event.GrantDead, s.attrs(
		slog.String("health", string(w.Health)), slog.String("reason", string(w.Reason)),
		slog.Int64("generation", w.Presented), slog.Any("missing", w.Missing))...)
	d.Log.Count(event.Reauthorizations, 1, s.Provider)
}

func (d *Drainer) noteJob(ctx context.Context, s site, j ledger.Job, outcome, why string, again int) {
	d.Log.Info(ctx, event.JobClosed, s.attrs(
		slog.String("job", j.ID), slog.String("result", outcome), slog.String("why", why), slog.Int("polls", j.Polls+1),
		slog.Int("cells", ledger.Count(j.Spans)), slog.Int("again", again),
		slog.Float64("job_ms", float64(d.Now().Sub(j.Started)/time.Millisecond)))...)
}

func (d *Drainer) noteReadback(ctx context.Context, s site, r ledger.Readback) {
	d.Log.Info(ctx, event.ReadbackDone, s.attrs(
		slog.Int("compared", r.Compared), slog.Int("drifted", r.Drifted),
		slog.Float64("readback_ms", float64(d.Now().Sub(r.Started)/time.Millisecond)))...)
}
