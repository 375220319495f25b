package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/dialect"
	"bellhop/shared/grant"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

// attempt is one send and what it came to.
type attempt struct {
	pass    pass
	chunk   dialect.Chunk
	mark    string
	key     string
	answer  dialect.Answer
	outcome dialect.Outcome
}

// push carries one chunk and draws the conclusion. errEnded when the holding is
// over.
func (h *Holding) push(ctx context.Context, c dialect.Chunk) error {
	a, err := h.deliver(ctx, c)
	if err != nil {
		return err
	}
	return h.conclude(ctx, a)
}

// deliver makes one call; two when the token was refused and there is a newer
// one by then.
func (h *Holding) deliver(ctx context.Context, c dialect.Chunk) (attempt, error) {
	p, err := h.admitted(ctx)
	if err != nil {
		return attempt{}, err
	}
	a, err := h.send(ctx, c, p)
	if err != nil || a.outcome.Kind != dialect.Unauthorized {
		return a, err
	}
	h.answer(a) // a refused token changes nothing
	newer, ok, err := h.d.fresher(ctx, h.s, p.grant)
	if err != nil || !ok {
		return a, err
	}
	return h.send(ctx, c, newer)
}

// admitted waits for the property's pace and passes the gate. Shut, or with too
// little time left for another call, it puts the lane on hold.
func (h *Holding) admitted(ctx context.Context) (pass, error) {
	if h.d.remaining(ctx) < sendWithin+grant.LongCall+recordWithin {
		return pass{}, h.hold(ctx, pause{why: outOfTime})
	}
	if err := h.d.paced(ctx, h.s); err != nil {
		return pass{}, err
	}
	p, closed, err := h.d.gate(ctx, h.s)
	if err != nil {
		return pass{}, err
	}
	if closed != nil {
		if closed.ask {
			h.d.ask(ctx, h.s)
		}
		return pass{}, h.hold(ctx, pause{why: closed.why, until: closed.until, failed: closed.until.IsZero()})
	}
	return p, nil
}

// send is MARK and SEND: the intent is written before the request leaves, and
// the request leaves only while the mark's promise about time holds.
func (h *Holding) send(ctx context.Context, c dialect.Chunk, p pass) (attempt, error) {
	call := h.s.dialect.Write(h.s.target, c.Items)
	a := attempt{pass: p, chunk: c, key: ledger.IdempotencyKey(h.s.ID, call.Body, c.Spans)}
	deadline, err := h.mark(ctx, &a)
	if err != nil {
		return attempt{}, err
	}
	if !h.d.Now().Before(deadline) { // this process stood still: the lane may be somebody else's
		a.outcome = dialect.Outcome{Kind: dialect.Outage, Why: "the mark was too old to send"}
	} else {
		with := dialect.Credentials{Access: p.access, Key: a.key, KeyHeader: h.s.profile.API.Idempotency}
		a.answer = h.d.Sender.Send(ctx, call, with, p.timeout)
		a.outcome = h.s.dialect.Judge(h.s.target, c.Items, a.answer)
	}
	h.d.noteSent(ctx, h.s, a)
	return a, nil
}

// mark is MARK: what is about to be sent, under a name used once, and in the
// same write the end of the former, recorded mark. It returns until when the
// request may leave. Refused, nothing may be sent.
func (h *Holding) mark(ctx context.Context, a *attempt) (time.Time, error) {
	now := h.d.Now()
	leave := now.Add(sendWithin)
	api := h.s.profile.API
	w := ledger.MarkWrite{
		Connection: h.s.ID, Nonce: h.nonce, ID: h.d.Fresh(), Now: now, Closes: h.answered(),
		Mark: ledger.Mark{Spans: a.chunk.Spans, Due: leave.Add(a.pass.timeout + api.Settle.D() + api.JobDeadline.D())},
	}
	if need := leave.Add(a.pass.timeout + recordWithin); h.lane.Holder != nil && h.lane.Holder.LeaseEnd.Before(need) {
		w.LeaseEnd = now.Add(leaseFor)
	}
	lane, err := h.d.Ledger.Mark(ctx, w)
	var c *ledger.LaneConflict
	if errors.As(err, &c) {
		return time.Time{}, h.lost(ctx, c.Current)
	}
	if err != nil { // it may be there: then it is healed when due
		return time.Time{}, fmt.Errorf("marking lane %s: %w", h.s.ID, err)
	}
	h.lane = lane
	a.mark, h.open = w.ID, map[string]sent{w.ID: {spans: a.chunk.Spans}}
	return leave, nil
}

// conclude does what the outcome of a call asks for.
func (h *Holding) conclude(ctx context.Context, a attempt) error {
	o := a.outcome
	switch o.Kind {
	case dialect.Applied:
		return h.applied(ctx, a)
	case dialect.Accepted:
		return h.accepted(ctx, a)
	case dialect.Refused:
		h.answer(a)
		return h.isolate(ctx, a)
	case dialect.Unauthorized:
		h.answer(a)
		return h.unauthorized(ctx, a.pass.grant)
	case dialect.ScopeMissing:
		h.answer(a)
		return h.scopeMissing(ctx, a.pass.grant, o.Scopes)
	case dialect.Failed:
		return h.brokeDown(ctx, a)
	case dialect.Unknown: // it may have arrived, or may still: the mark stays
		return h.hold(ctx, pause{why: holdUnknown, until: o.RetryAt, failed: true})
	default: // Throttled, Outage, Denied: certainly not taken
		h.answer(a)
		return h.hold(ctx, pause{why: holdWords[o.Kind], until: o.RetryAt, failed: true})
	}
}

// answer notes that the fate of a send is known, so that its mark may be closed.
func (h *Holding) answer(a attempt) {
	h.open[a.mark] = sent{spans: a.chunk.Spans, answered: true}
}

// applied is RECORD after a 200: what was rendered is accepted, what the
// provider refused item by item is rejected.
func (h *Holding) applied(ctx context.Context, a attempt) error {
	taken := a.chunk.Spans
	for _, r := range a.outcome.Rejected {
		refused := a.chunk.Items[r.Item].Spans
		taken = ledger.Without(taken, refused)
		if err := h.reject(ctx, refused, r.Why); err != nil {
			return err
		}
	}
	if err := h.record(ctx, taken); err != nil {
		return err
	}
	h.through(a)
	h.d.noteAccepted(h.s, taken)
	return nil
}

// accepted puts the JOB before RECORD and CLOSE: from the first write on it is
// the job that covers the cells.
func (h *Holding) accepted(ctx context.Context, a attempt) error {
	now := h.d.Now()
	api := h.s.profile.API
	j := ledger.Job{
		Connection: h.s.ID, ID: a.outcome.Job, Spans: a.chunk.Spans,
		Started: now, Deadline: now.Add(api.JobDeadline.D()), WakeAt: later(a.outcome.RetryAt, now.Add(api.JobPoll.D())),
	}
	for _, i := range a.chunk.Items {
		j.Runs = append(j.Runs, i.Run)
	}
	if err := h.d.Ledger.PutJob(ctx, j); err != nil {
		return fmt.Errorf("putting job %s of %s: %w", j.ID, h.s.ID, err)
	}
	if err := h.record(ctx, a.chunk.Spans); err != nil {
		return err
	}
	h.through(a)
	h.d.wakeSoon(ctx, wake.Message{Kind: wake.Job, Connection: h.s.ID, Job: j.ID, At: j.WakeAt})
	return nil
}

// through notes that a chunk went through.
func (h *Holding) through(a attempt) {
	h.answer(a)
	h.failures, h.refused = 0, 0
}

// brokeDown is for a provider that says that it broke down. The first time that
// is an unknown outcome like any other. If it answers so from its store of keys,
// or keeps saying so, only another key helps: the same values go out under a new
// stamp.
func (h *Holding) brokeDown(ctx context.Context, a attempt) error {
	stored := a.outcome.Replayed || h.failures > 0 && h.s.profile.API.Idempotency != ""
	if !stored {
		return h.hold(ctx, pause{why: holdUnknown, until: a.outcome.RetryAt, failed: true})
	}
	for _, key := range ledger.PagesOf(a.chunk.Spans) {
		err := h.change(ctx, key, func(p ledger.Page) (ledger.Page, int) { return p.Again(a.chunk.Spans) })
		if err != nil {
			return err
		}
	}
	h.answer(a)
	return h.hold(ctx, pause{why: holdOutage, until: a.outcome.RetryAt, failed: true})
}

// record is RECORD, page by page: accepted by maximum.
func (h *Holding) record(ctx context.Context, spans []ledger.Span) error {
	for _, key := range ledger.PagesOf(spans) {
		err := h.change(ctx, key, func(p ledger.Page) (ledger.Page, int) { return p.Record(spans) })
		if err != nil {
			return err
		}
	}
	return nil
}

// reject records cells as refused for a reason, and reports them.
func (h *Holding) reject(ctx context.Context, spans []ledger.Span, why string) error {
	for _, key := range ledger.PagesOf(spans) {
		err := h.change(ctx, key, func(p ledger.Page) (ledger.Page, int) { return p.Reject(spans, why) })
		if err != nil {
			return err
		}
	}
	h.d.noteRejected(ctx, h.s, spans, why)
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
