package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bellhop/shared/connection"
	"bellhop/shared/dialect"
	"bellhop/shared/ledger"
)

// Holding is the right to push for one connection, from a take until it is
// released, put on hold or lost. It belongs to one goroutine.
type Holding struct {
	d     *Drainer
	s     site
	nonce string

	before ledger.Lane // as read before the take
	lane   ledger.Lane // as of the last read or write
	seen   int64       // seq as read before the pages: what a release may end
	pages  map[ledger.PageKey]ledger.Page

	// open are the marks of mine that are in the lane. All but the last are
	// answered and recorded; the next write of the lane closes those.
	open     map[string]sent
	failures int   // chunks in a row that did not go through
	refused  int64 // see ledger.Lane.Refused
}

// sent is what one of my marks stands for.
type sent struct {
	spans    []ledger.Span
	answered bool // its answer is known and recorded
}

// Connection is whose lane is held.
func (h *Holding) Connection() connection.ID { return h.s.ID }

// Drain pushes until nothing is dirty, the gate shuts, the provider wants a
// pause, the time of the invocation is up, or the lane is somebody else's. An
// error means that the table could not be reached: the lane's wake stands at the
// lease's end.
func (h *Holding) Drain(ctx context.Context) error {
	for {
		if err := h.round(ctx); errors.Is(err, errEnded) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// round is one pass of LOOP: the lane was read before, now its pages are.
func (h *Holding) round(ctx context.Context) error {
	if due := h.others(h.lane.DueMarks(h.d.Now())); len(due) > 0 {
		if err := h.heal(ctx, due[0]); err != nil {
			return err
		}
		return h.look(ctx)
	}
	dirty, err := h.scan(ctx)
	if err != nil {
		return err
	}
	chunks, lost := dialect.Render(h.s.dialect, h.s.target, h.known(), dirty)
	for _, u := range lost {
		if err := h.reject(ctx, u.Spans, u.Why); err != nil {
			return err
		}
	}
	for _, c := range chunks {
		if err := h.push(ctx, c); err != nil {
			return err
		}
	}
	if h.left(dirty) {
		return h.hold(ctx, pause{why: holdOutage, failed: true})
	}
	return h.release(ctx)
}

// left reports whether anything is dirty still that was to be sent in this
// round, just as it was: a release would forget it.
func (h *Holding) left(dirty []ledger.Span) bool {
	for _, s := range dirty {
		for _, now := range h.pages[s.Page].Dirty(0) {
			if now.Field == s.Field && now.Stamp == s.Stamp && now.Days&s.Days != 0 {
				return true
			}
		}
	}
	return false
}

// look reads the lane again.
func (h *Holding) look(ctx context.Context) error {
	lane, err := h.d.Ledger.Lane(ctx, h.s.ID)
	if err != nil {
		return fmt.Errorf("reading lane %s: %w", h.s.ID, err)
	}
	if !lane.HeldBy(h.nonce) {
		return h.lost(ctx, lane)
	}
	h.sees(lane)
	return nil
}

// sees takes a lane over as the one after which the pages are read.
func (h *Holding) sees(lane ledger.Lane) { h.lane, h.seen = lane, lane.Seq }

// scan reads the pages that the lane names and lists what is dirty in them.
// Nights that have passed meanwhile are set aside, as expired and unsent.
func (h *Holding) scan(ctx context.Context) ([]ledger.Span, error) {
	today := h.s.today(h.d.Now())
	keys := h.lane.Pages
	if h.lane.All {
		var err error
		if keys, err = h.d.Ledger.PageKeys(ctx, h.s.ID); err != nil {
			return nil, fmt.Errorf("listing the pages of %s: %w", h.s.ID, err)
		}
	}
	pages, err := h.d.Ledger.Pages(ctx, h.s.ID, keys)
	if err != nil {
		return nil, fmt.Errorf("reading the pages of %s: %w", h.s.ID, err)
	}
	h.pages = make(map[ledger.PageKey]ledger.Page, len(pages))
	var dirty []ledger.Span
	for _, p := range pages {
		h.pages[p.Key] = p
		err := h.change(ctx, p.Key, func(p ledger.Page) (ledger.Page, int) {
			p, late := p.Expire(today)
			p, aside := p.Reject(h.s.notCarried(p), notCarried)
			return p, late + aside
		})
		if err != nil {
			return nil, err
		}
		dirty = append(dirty, h.pages[p.Key].Dirty(today)...)
	}
	return dirty, nil
}

// known lists the pages that this holding has read, in the order of keys.
func (h *Holding) known() []ledger.Page {
	pages := make([]ledger.Page, 0, len(h.pages))
	for _, p := range h.pages {
		pages = append(pages, p)
	}
	slices.SortFunc(pages, func(a, b ledger.Page) int { return a.Key.Compare(b.Key) })
	return pages
}

// change writes what f makes of a page, under the page's version; refused, it is
// made of the page as it is then. It is not conditional on the lane: what the
// provider said is true whoever holds it.
func (h *Holding) change(ctx context.Context, key ledger.PageKey, f func(ledger.Page) (ledger.Page, int)) error {
	p, ok := h.pages[key]
	if !ok {
		pages, err := h.d.Ledger.Pages(ctx, h.s.ID, []ledger.PageKey{key})
		if err != nil {
			return fmt.Errorf("reading page %s of %s: %w", key, h.s.ID, err)
		}
		p = pages[0]
	}
	for range retries {
		next, changed := f(p)
		if changed == 0 {
			h.pages[key] = p
			return nil
		}
		err := h.d.Ledger.WritePage(ctx, h.s.ID, next)
		var c *ledger.PageConflict
		switch {
		case err == nil:
			next.Version++
			h.pages[key] = next
			return nil
		case errors.As(err, &c):
			p = c.Current
		default:
			return fmt.Errorf("writing page %s of %s: %w", key, h.s.ID, err)
		}
	}
	return fmt.Errorf("writing page %s of %s: %w", key, h.s.ID, ledger.ErrConflict)
}

// release is CLOSE+RELEASE: the usual end. It is refused when somebody has added
// work since the lane was read: then there is another round.
func (h *Holding) release(ctx context.Context) error {
	closes := h.answered()
	err := h.d.Ledger.Release(ctx, ledger.ReleaseWrite{
		Connection: h.s.ID, Nonce: h.nonce, Seq: h.seen, Closes: closes,
		Others: h.lane.Open(closes...), EarliestDue: h.lane.EarliestDue(closes...),
	})
	var c *ledger.LaneConflict
	switch {
	case err == nil:
		return errEnded
	case !errors.As(err, &c):
		return fmt.Errorf("releasing lane %s: %w", h.s.ID, err)
	case c.Current.HeldBy(h.nonce):
		h.sees(c.Current)
		return nil
	}
	return h.lost(ctx, c.Current)
}

// answered lists my marks that the next write of the lane may close.
func (h *Holding) answered() []string {
	var ids []string
	for id, m := range h.open {
		if m.answered {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// others leaves out the marks that are mine.
func (h *Holding) others(marks []string) []string {
	return slices.DeleteFunc(marks, func(id string) bool {
		_, mine := h.open[id]
		return mine
	})
}
