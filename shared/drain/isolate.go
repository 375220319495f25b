package drain

import (
	"context"
	"math/bits"
	"slices"

	"bellhop/shared/dialect"
	"bellhop/shared/ledger"
)

// patience is how often in a row a provider may refuse what stands alone, with
// nothing else going through, before that is taken for the cells' fault.
const patience = 3

// isolate finds what a provider refuses in a chunk that it refused as a whole:
// the chunk is halved until the culprit stands alone. The culprit is rejected
// when the rest went through. A provider that refuses everything may be broken,
// and its words are not known: then nothing is rejected before it has said so
// several times.
func (h *Holding) isolate(ctx context.Context, whole attempt) error {
	var culprits []attempt
	wentThrough := false
	inRow, most := 1, bits.Len(uint(ledger.Count(whole.chunk.Spans)))+2
	if h.alone(whole) {
		culprits = append(culprits, whole)
	}
	parts := h.parts(whole)
	for len(parts) > 0 && (wentThrough || inRow <= most) {
		a, err := h.deliver(ctx, parts[0])
		if err != nil {
			return err
		}
		parts = parts[1:]
		if a.outcome.Kind != dialect.Refused {
			if err := h.conclude(ctx, a); err != nil {
				return err
			}
			wentThrough, inRow = true, 0
			continue
		}
		h.answer(a)
		inRow++
		if h.alone(a) {
			culprits = append(culprits, a)
		} else {
			parts = slices.Concat(h.parts(a), parts)
		}
	}
	if !wentThrough {
		return h.doubt(ctx, culprits)
	}
	return h.condemn(ctx, culprits)
}

// condemn rejects the culprits: all else went through.
func (h *Holding) condemn(ctx context.Context, culprits []attempt) error {
	for _, a := range culprits {
		if err := h.reject(ctx, a.chunk.Spans, a.outcome.Why); err != nil {
			return err
		}
	}
	return nil
}

// doubt is for a provider that refused everything. Only what it refuses in words
// that are known, or has refused often enough, is rejected; the rest waits.
func (h *Holding) doubt(ctx context.Context, culprits []attempt) error {
	sure := slices.DeleteFunc(culprits, func(a attempt) bool { return !a.outcome.Shared && h.failures < patience })
	if err := h.condemn(ctx, sure); err != nil {
		return err
	}
	if len(sure) > 0 {
		return nil // what is left, if anything, is looked at again
	}
	return h.hold(ctx, pause{why: holdOutage, failed: true})
}

// alone reports whether a refused chunk cannot be halved any more, or need not
// be: one field of one cell, or, where the refusal holds for all of an address,
// one room type and rate plan.
func (h *Holding) alone(a attempt) bool {
	if a.outcome.Shared {
		first := a.chunk.Items[0]
		return !slices.ContainsFunc(a.chunk.Items, func(i dialect.Item) bool {
			return i.Room != first.Room || i.Plan != first.Plan
		})
	}
	return ledger.Count(a.chunk.Spans) <= 1
}

// parts are the two halves of a refused chunk, rendered anew; none when it
// stands alone.
func (h *Holding) parts(a attempt) []dialect.Chunk {
	if h.alone(a) {
		return nil
	}
	var chunks []dialect.Chunk
	first, second := ledger.Halve(a.chunk.Spans)
	for _, half := range [][]ledger.Span{first, second} {
		more, _ := dialect.Render(h.s.dialect, h.s.target, h.known(), half)
		chunks = append(chunks, more...)
	}
	return chunks
}
