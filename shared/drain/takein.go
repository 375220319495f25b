package drain

import (
	"context"
	"errors"
	"fmt"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// retries bounds how often a refused page write is merged again. Somebody else
// succeeds each time, so it ends long before.
const retries = 50

// Taken is what became of the wants of a take-in.
type Taken struct {
	Changed int // fields of cells whose desired value or revision rose
	Older   int // fields that were known newer
	// Conflicts are, for each want, the values that contradict an equal
	// revision; the ledger's own stays.
	Conflicts [][]ledger.Conflict
}

// TakeIn merges what updates want into the connection's pages and sees to it
// that the lane is woken: page first, bump second, because the caller's message
// covers only the gap between the two. When it returns without an error the
// message may be deleted. The holding is not nil when the lane was free: the
// caller drains it.
//
// An error means that the message must come again; what was written until then
// does no harm.
func (d *Drainer) TakeIn(ctx context.Context, id connection.ID, wants []ledger.Want) (Taken, *Holding, error) {
	s, err := d.site(ctx, id)
	if err != nil {
		return Taken{}, nil, err
	}
	taken := Taken{Conflicts: make([][]ledger.Conflict, len(wants))}
	keys, byPage := grouped(wants)
	lane, pages, err := d.Ledger.LaneAndPages(ctx, id, keys)
	if err != nil {
		return Taken{}, nil, fmt.Errorf("reading lane and pages of %s: %w", id, err)
	}
	var dirty []ledger.PageKey
	for _, p := range pages {
		p, err := d.mergePage(ctx, s, p, wants, byPage[p.Key], &taken)
		if err != nil {
			return Taken{}, nil, err
		}
		if p.IsDirty(s.today(d.Now())) { // whoever made it so: a redelivery closes the gap of its first delivery
			dirty = append(dirty, p.Key)
		}
	}
	if len(dirty) == 0 {
		return taken, nil, nil
	}
	h, err := d.bump(ctx, s, lane, dirty)
	return taken, h, err
}

// grouped finds the pages of wants, and which wants are about each.
func grouped(wants []ledger.Want) (keys []ledger.PageKey, byPage map[ledger.PageKey][]int) {
	byPage = map[ledger.PageKey][]int{}
	for i, w := range wants {
		if byPage[w.Page] == nil {
			keys = append(keys, w.Page)
		}
		byPage[w.Page] = append(byPage[w.Page], i)
	}
	return keys, byPage
}

// mergePage is TAKE-IN's page write: merged under the page's version, again with
// what is there when somebody was faster, and no write when nothing is newer.
func (d *Drainer) mergePage(ctx context.Context, s site, p ledger.Page, wants []ledger.Want, at []int, taken *Taken) (ledger.Page, error) {
	for range retries {
		next, sum := p, Taken{}
		for _, i := range at {
			var m ledger.Merged
			next, m = next.Merge(wants[i])
			sum.Changed, sum.Older = sum.Changed+m.Changed, sum.Older+m.Older
			taken.Conflicts[i] = m.Conflicts
		}
		next, aside := next.Reject(s.notCarried(next), notCarried)
		if sum.Changed+aside == 0 {
			taken.Older += sum.Older
			return p, nil
		}
		err := d.Ledger.WritePage(ctx, s.ID, next)
		var c *ledger.PageConflict
		switch {
		case err == nil:
			taken.Changed, taken.Older = taken.Changed+sum.Changed, taken.Older+sum.Older
			return next, nil
		case errors.As(err, &c):
			p = c.Current
		default:
			return p, fmt.Errorf("writing page %s of %s: %w", p.Key, s.ID, err)
		}
	}
	return p, fmt.Errorf("writing page %s of %s: %w", p.Key, s.ID, ledger.ErrConflict)
}

// notCarried lists the dirty fields that the provider does not know. They are
// set aside when they are taken in, so that dirty always means that something is
// to be sent.
func (s site) notCarried(p ledger.Page) []ledger.Span {
	var aside []ledger.Span
	for _, span := range p.Dirty(0) {
		if !s.target.Carries(span.Field) {
			aside = append(aside, span)
		}
	}
	return aside
}

// bump adds the pages to the lane, and takes it when it is free. BUMP+TAKE is
// one write; where the lane as read says that it would be refused, the bump
// comes alone.
func (d *Drainer) bump(ctx context.Context, s site, lane ledger.Lane, dirty []ledger.PageKey) (*Holding, error) {
	now := d.Now()
	if lane.Free(now, margin) && !lane.OnHold(now) {
		h, err := d.taken(s, lane, func(w ledger.TakeWrite) (ledger.Lane, error) {
			w.Pages = dirty
			return d.Ledger.BumpTake(ctx, w)
		})
		if err != nil || h != nil {
			return h, err
		}
	}
	lane, err := d.Ledger.Bump(ctx, s.ID, dirty, d.Now())
	if err != nil {
		return nil, fmt.Errorf("bumping lane %s: %w", s.ID, err)
	}
	now = d.Now()
	held := !lane.Free(now, margin)
	waits := lane.OnHold(now) && !lane.WakeAt.After(lane.HoldUntil)
	if held || waits {
		return nil, nil // the holder drains for us, or the wake does
	}
	return d.take(ctx, s, lane)
}

// take is TAKE. Nil without an error: somebody else has it, a normal result.
func (d *Drainer) take(ctx context.Context, s site, lane ledger.Lane) (*Holding, error) {
	return d.taken(s, lane, func(w ledger.TakeWrite) (ledger.Lane, error) {
		return d.Ledger.Take(ctx, w)
	})
}

// taken makes a take, fenced by the lane as read, into a holding.
func (d *Drainer) taken(s site, read ledger.Lane, write func(ledger.TakeWrite) (ledger.Lane, error)) (*Holding, error) {
	now := d.Now()
	w := ledger.TakeWrite{
		Connection: s.ID, Takes: read.Takes, Nonce: d.Fresh(),
		Now: now, LeaseEnd: now.Add(leaseFor), Margin: margin,
	}
	lane, err := write(w)
	var c *ledger.LaneConflict
	if errors.As(err, &c) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("taking lane %s: %w", s.ID, err)
	}
	h := &Holding{d: d, s: s, nonce: w.Nonce, before: read, failures: read.Failures, refused: read.Refused}
	h.sees(lane)
	return h, nil
}
