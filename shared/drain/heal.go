package drain

import (
	"context"
	"errors"
	"fmt"

	"bellhop/shared/ledger"
)

// lost is for a lane that is not mine any more. What I have sent may arrive
// after what its new holder sends. While my mark is there and my answer was
// known, whoever holds the lane heals it when it is due. A mark that is gone was
// healed too early, and one without an answer may be: it is opened once more.
func (h *Holding) lost(ctx context.Context, lane ledger.Lane) error {
	now := h.d.Now()
	for id, m := range h.open {
		if _, there := lane.Marks[id]; there && m.answered {
			continue
		}
		due := now
		if !m.answered {
			due = now.Add(h.s.profile.API.Settle.D())
		}
		mark := ledger.Mark{Spans: m.spans, Due: due}
		if err := h.d.Ledger.Reopen(ctx, h.s.ID, h.d.Fresh(), mark, now); err != nil {
			return fmt.Errorf("opening a mark of lane %s again: %w", h.s.ID, err)
		}
	}
	h.d.noteLost(ctx, h.s)
	return errEnded
}

// heal is HEAL: a mark that somebody left open is due. Where something newer is
// desired, the old value may have arrived last, so the cells go out once more.
func (h *Holding) heal(ctx context.Context, id string) error {
	spans := h.lane.Marks[id].Spans
	pages, err := h.d.Ledger.Pages(ctx, h.s.ID, ledger.PagesOf(spans))
	if err != nil {
		return fmt.Errorf("reading the pages of a mark of %s: %w", h.s.ID, err)
	}
	var healed []ledger.Page
	cells := 0
	for _, p := range pages {
		if p, n := p.HealMark(spans); n > 0 {
			healed, cells = append(healed, p), cells+n
		}
	}
	err = h.d.Ledger.HealMark(ctx, ledger.HealWrite{Connection: h.s.ID, Nonce: h.nonce, Mark: id, Pages: healed})
	if errors.Is(err, ledger.ErrConflict) {
		return nil // somebody changed a page, or has the lane: the next look tells
	}
	if err != nil {
		return fmt.Errorf("healing a mark of lane %s: %w", h.s.ID, err)
	}
	h.d.noteHealed(ctx, h.s, id, cells)
	return nil
}
