package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bellhop/shared/dialect"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

const (
	// mostPollWait is the longest between two polls of a job when the provider
	// does not say.
	mostPollWait = time.Minute
	// freshWake is how old a wake may be that pulls a poll forward: a webhook's
	// hint. An older one is a duplicate of the sweep's.
	freshWake = 30 * time.Second
)

// wakeJob polls an asynchronous call. Only a poll closes a job; a webhook merely
// makes it come sooner.
func (d *Drainer) wakeJob(ctx context.Context, m wake.Message) error {
	s, err := d.site(ctx, m.Connection)
	if err != nil {
		return err
	}
	j, err := d.Ledger.Job(ctx, s.ID, m.Job)
	if errors.Is(err, ledger.ErrNoJob) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading job %s of %s: %w", m.Job, s.ID, err)
	}
	now := d.Now()
	if j.WakeAt.After(now.Add(early)) && now.Sub(m.At) > freshWake {
		return nil
	}
	o, err := d.poll(ctx, s, j)
	if err != nil {
		return err
	}
	return d.concludeJob(ctx, s, j, o)
}

// poll asks once how far a job is. A shut gate is no answer.
func (d *Drainer) poll(ctx context.Context, s site, j ledger.Job) (dialect.JobOutcome, error) {
	if err := d.paced(ctx, s); err != nil {
		return dialect.JobOutcome{}, err
	}
	p, closed, err := d.gate(ctx, s)
	if err != nil {
		return dialect.JobOutcome{}, err
	}
	if closed != nil {
		if closed.ask {
			d.ask(ctx, s)
		}
		return dialect.JobOutcome{Kind: dialect.Unauthorized, RetryAt: closed.until, Why: closed.why}, nil
	}
	a := d.Sender.Send(ctx, s.dialect.Poll(s.target, j.ID), dialect.Credentials{Access: p.access}, p.timeout)
	return s.dialect.JudgePoll(s.target, j, a), nil
}

// concludeJob closes the job, or says when to ask again.
func (d *Drainer) concludeJob(ctx context.Context, s site, j ledger.Job, o dialect.JobOutcome) error {
	overdue := !d.Now().Before(j.Deadline)
	switch {
	case o.Kind == dialect.Applied:
		return d.endJob(ctx, s, j, o, true)
	case o.Kind == dialect.Failed:
		return d.endJob(ctx, s, j, o, false)
	case overdue:
		o.Why = "the job is not done by its deadline"
		return d.endJob(ctx, s, j, o, false)
	}
	return d.pollLater(ctx, s, j, o)
}

// pollLater moves the next poll: to when the server says, else ever slower. The
// message goes by the queue a few times in a row, then by the wake.
func (d *Drainer) pollLater(ctx context.Context, s site, j ledger.Job, o dialect.JobOutcome) error {
	at := o.RetryAt
	if at.IsZero() {
		wait := s.profile.API.JobPoll.D() << min(j.Polls/2, 10)
		at = d.Now().Add(min(max(wait, time.Second), mostPollWait))
	}
	if at.After(j.Deadline) {
		at = later(j.Deadline, d.Now())
	}
	if err := d.Ledger.PollLater(ctx, s.ID, j.ID, at); err != nil {
		return fmt.Errorf("moving the poll of job %s of %s: %w", j.ID, s.ID, err)
	}
	if j.Polls%(mostHops+1) < mostHops {
		d.wakeSoon(ctx, wake.Message{Kind: wake.Job, Connection: s.ID, Job: j.ID, At: at})
	}
	return nil
}

// endJob is JOB END: what the job carried and has to go out once more becomes
// dirty in the same transaction that deletes it. Parts that the provider refused
// are rejected in it too.
func (d *Drainer) endJob(ctx context.Context, s site, j ledger.Job, o dialect.JobOutcome, applied bool) error {
	var again []ledger.Span
	for range retries {
		pages, err := d.Ledger.Pages(ctx, s.ID, ledger.PagesOf(j.Spans))
		if err != nil {
			return fmt.Errorf("reading the pages of job %s of %s: %w", j.ID, s.ID, err)
		}
		var changed []ledger.Page
		changed, again = endPages(pages, j, o, applied)
		err = d.Ledger.EndJob(ctx, s.ID, j.ID, changed, d.Now())
		if errors.Is(err, ledger.ErrConflict) {
			if _, err := d.Ledger.Job(ctx, s.ID, j.ID); errors.Is(err, ledger.ErrNoJob) {
				return nil // somebody else ended it
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("ending job %s of %s: %w", j.ID, s.ID, err)
		}
		return d.afterJob(ctx, s, j, o, applied, again)
	}
	return fmt.Errorf("ending job %s of %s: %w", j.ID, s.ID, ledger.ErrConflict)
}

// endPages is what the end of a job makes of its pages: those that change, and
// what of them is to be sent again.
func endPages(pages []ledger.Page, j ledger.Job, o dialect.JobOutcome, applied bool) (changed []ledger.Page, again []ledger.Span) {
	for _, p := range pages {
		next, n := p.EndJob(j.Spans, applied)
		if n > 0 {
			again = append(again, ledger.Without(next.Dirty(0), p.Dirty(0))...)
		}
		for _, r := range o.Rejected {
			var m int
			next, m = next.Reject(within(j.Spans, r.Run), r.Why)
			n += m
		}
		if n > 0 {
			changed = append(changed, next)
		}
	}
	return changed, again
}

// within picks the nights of a run out of spans.
func within(spans []ledger.Span, r ledger.Run) []ledger.Span {
	var out []ledger.Span
	for _, s := range spans {
		if s.Page.Room != r.Room || s.Page.Plan != r.Plan {
			continue
		}
		days := s.Days
		s.Days = 0
		for day := range ledger.Days(days) {
			if date := s.Page.Date(day); date >= r.From && date <= r.To {
				s.Days |= ledger.DayBit(day)
			}
		}
		if s.Days != 0 {
			out = append(out, s)
		}
	}
	return out
}

// afterJob says what became of the job and goes on: what became dirty is pushed
// at once, but for a job that came to nothing, which the provider is given time
// for.
func (d *Drainer) afterJob(ctx context.Context, s site, j ledger.Job, o dialect.JobOutcome, applied bool, again []ledger.Span) error {
	outcome := string(dialect.Applied)
	if !applied {
		outcome = string(dialect.Failed)
	}
	d.noteJob(ctx, s, j, outcome, o.Why, ledger.Count(again))
	for _, r := range o.Rejected {
		if refused := within(j.Spans, r.Run); len(refused) > 0 {
			d.noteRejected(ctx, s, refused, r.Why)
		}
	}
	if applied {
		d.noteAccepted(s, j.Spans)
	}
	if len(again) == 0 {
		return nil
	}
	if !applied {
		return d.pauseAfter(ctx, s, again)
	}
	return d.drainIfFree(ctx, s)
}

// pauseAfter keeps the lane from sending at once what a job just failed to do:
// the longer, the more often it was tried.
func (d *Drainer) pauseAfter(ctx context.Context, s site, again []ledger.Span) error {
	lane, err := d.Ledger.Lane(ctx, s.ID)
	if err != nil {
		return fmt.Errorf("reading lane %s: %w", s.ID, err)
	}
	now := d.Now()
	if !lane.Free(now, margin) || lane.OnHold(now) {
		return nil
	}
	h, err := d.take(ctx, s, lane)
	if err != nil || h == nil {
		return err
	}
	tries := slices.MaxFunc(again, func(a, b ledger.Span) int { return a.Stamp.Heal - b.Stamp.Heal }).Stamp.Heal
	wait := backoff(fmt.Sprint(s.ID, lane.Takes), tries)
	return ended(h.hold(ctx, pause{why: holdOutage, until: now.Add(wait)}))
}
