package dynamo

import (
	"context"

	"bellhop/shared/connection"
)

// Remembers reports whether [Rates.Seen] was called for that event. It is asked
// before an event is acted upon, Seen after: an event whose handling failed in
// between is not taken for a replay when it comes again.
func (r *Rates) Remembers(ctx context.Context, id connection.ID, event string) (bool, error) {
	m, err := r.item(ctx, id, seenPrefix+event)
	return m != nil, err
}
