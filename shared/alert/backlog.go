package alert

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// Bounds of a count: connections counted at the same time, and how long people
// wait for a number that they can do without.
const (
	countsAtOnce = 8
	countWithin  = 3 * time.Second
)

// Backlog counts the cells that wait: those of which the provider was not told
// what is desired, from the property's own today on.
type Backlog struct {
	Ledger pages
	Now    func() time.Time
}

// pages is what counting needs of a [ledger.Store].
type pages interface {
	Lane(ctx context.Context, id connection.ID) (ledger.Lane, error)
	EachPage(ctx context.Context, id connection.ID, yield func(ledger.Page) bool) error
}

// Waiting counts the cells of these connections together, or gives up after
// three seconds.
func (b Backlog) Waiting(ctx context.Context, connections []connection.Connection) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(countsAtOnce)
	var cells atomic.Int64
	for _, c := range connections {
		group.Go(func() error {
			today, err := ledger.Today(b.Now(), c.Zone)
			if err != nil {
				return fmt.Errorf("counting what waits for %s: %w", c.ID, err)
			}
			n, err := ledger.Waiting(ctx, b.Ledger, c.ID, today)
			cells.Add(int64(n))
			return err
		})
	}
	err := group.Wait()
	return int(cells.Load()), err
}
