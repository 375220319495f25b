package ledger

import (
	"context"
	"fmt"

	"bellhop/shared/connection"
)

// pageReader is what counting needs of a [Store].
type pageReader interface {
	Lane(ctx context.Context, id connection.ID) (Lane, error)
	EachPage(ctx context.Context, id connection.ID, yield func(Page) bool) error
}

// Waiting counts the cells of a connection, from today on, that the provider
// has not been told. A lane that names no page and has no open mark costs one
// read. The pages are read eventually consistently, so a count right after a
// write may miss it.
func Waiting(ctx context.Context, s pageReader, id connection.ID, today Date) (int, error) {
	lane, err := s.Lane(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("reading lane %s: %w", id, err)
	}
	if lane.Idle() {
		return 0, nil
	}
	n := 0
	err = s.EachPage(ctx, id, func(p Page) bool {
		n += p.Waiting(today)
		return true
	})
	if err != nil {
		return 0, fmt.Errorf("reading the pages of %s: %w", id, err)
	}
	return n, nil
}
