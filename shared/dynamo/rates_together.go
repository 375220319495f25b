package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// maxPagesTogether keeps a transaction under DynamoDB's hundred actions.
const maxPagesTogether = 90

// HealMark implements ledger.Store. Of more pages than fit into one
// transaction the first go ahead while the mark stays open; it is closed with
// the last. A crash between them heals the first ones twice, which sends the
// same values once more.
func (r *Rates) HealMark(ctx context.Context, w ledger.HealWrite) error {
	if len(w.Pages) == 0 {
		_, err := r.Close(ctx, ledger.CloseWrite{Connection: w.Connection, Nonce: w.Nonce, Closes: []string{w.Mark}})
		return err
	}
	parts := slices.Collect(slices.Chunk(w.Pages, maxPagesTogether))
	for i, pages := range parts {
		c := newClauses()
		c.heldBy(w.Nonce)
		place := c.mark(w.Mark)
		c.when = append(c.when, "attribute_exists("+place+")")
		if i == len(parts)-1 {
			c.remove = append(c.remove, place)
		}
		c.work(ledger.Keys(pages))
		if err := r.together(ctx, w.Connection, pages, c, nil); err != nil {
			return fmt.Errorf("healing mark %s of lane %s: %w", w.Mark, w.Connection, err)
		}
	}
	return nil
}

// EndJob implements ledger.Store. More pages than fit into one transaction go
// as in [Rates.HealMark], the job last.
func (r *Rates) EndJob(ctx context.Context, id connection.ID, job string, pages []ledger.Page, now time.Time) error {
	if len(pages) == 0 {
		_, err := r.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &r.table, Key: key(ratesPK(id), jobPrefix+job)})
		if err != nil {
			return fmt.Errorf("deleting job %s of %s: %w", job, id, err)
		}
		return nil
	}
	exists := newClauses()
	exists.when = append(exists.when, "attribute_exists(#pk)")
	parts := slices.Collect(slices.Chunk(pages, maxPagesTogether))
	for i, part := range parts {
		last := &types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &r.table, Key: key(ratesPK(id), jobPrefix+job),
			ConditionExpression: exists.condition(), ExpressionAttributeNames: exists.attributes(),
		}}
		if i == len(parts)-1 {
			last = &types.TransactWriteItem{Delete: &types.Delete{
				TableName: &r.table, Key: key(ratesPK(id), jobPrefix+job),
				ConditionExpression: exists.condition(), ExpressionAttributeNames: exists.attributes(),
			}}
		}
		if err := r.together(ctx, id, part, newWork(id, part, now), last); err != nil {
			return fmt.Errorf("ending job %s of %s: %w", job, id, err)
		}
	}
	return nil
}

// StepReadback implements ledger.Store. More drifted pages than fit into one
// transaction go ahead under the old cursor, which moves with the last; what
// they hold is dirty by then and not judged a second time.
func (r *Rates) StepReadback(ctx context.Context, b ledger.Readback, next *ledger.Readback, pages []ledger.Page, now time.Time) error {
	for len(pages) > maxPagesTogether {
		part := pages[:maxPagesTogether]
		check := atCursor(b)
		same := &types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &r.table, Key: key(ratesPK(b.Connection), readbackKey), ConditionExpression: check.condition(),
			ExpressionAttributeNames: check.attributes(), ExpressionAttributeValues: check.values,
		}}
		if err := r.together(ctx, b.Connection, part, newWork(b.Connection, part, now), same); err != nil {
			return fmt.Errorf("stepping the read-back of %s: %w", b.Connection, err)
		}
		pages = pages[maxPagesTogether:]
	}
	var work *clauses
	if len(pages) > 0 {
		work = newWork(b.Connection, pages, now)
	}
	if err := r.together(ctx, b.Connection, pages, work, r.step(b, next)); err != nil {
		return fmt.Errorf("stepping the read-back of %s: %w", b.Connection, err)
	}
	return nil
}

// step moves the cursor or, at the end, deletes it.
func (r *Rates) step(b ledger.Readback, next *ledger.Readback) *types.TransactWriteItem {
	c := atCursor(b)
	if next == nil {
		return &types.TransactWriteItem{Delete: &types.Delete{
			TableName: &r.table, Key: key(ratesPK(b.Connection), readbackKey), ConditionExpression: c.condition(),
			ExpressionAttributeNames: c.attributes(), ExpressionAttributeValues: c.values,
		}}
	}
	return &types.TransactWriteItem{Put: &types.Put{
		TableName: &r.table, Item: readbackItem(*next), ConditionExpression: c.condition(),
		ExpressionAttributeNames: c.attributes(), ExpressionAttributeValues: c.values,
	}}
}

// atCursor demands that the read-back is this one and has not moved.
func atCursor(b ledger.Readback) *clauses {
	c := newClauses()
	c.when = append(c.when, "#cursor = :cursor", "#started = :started")
	c.value(":cursor", str(b.Cursor))
	c.value(":started", ms(b.Started))
	return c
}

// newWork is the lane's part when pages became dirty.
func newWork(id connection.ID, pages []ledger.Page, now time.Time) *clauses {
	c := newClauses()
	c.work(ledger.Keys(pages))
	c.wakeIfNone(id, ms(now))
	return c
}

// together writes pages at the versions that they were read at, the lane (nil:
// not) and one more item (nil: none) in one transaction, or in a plain write
// when it is one item alone. A condition that does not hold is
// ledger.ErrConflict.
func (r *Rates) together(ctx context.Context, id connection.ID, pages []ledger.Page, lane *clauses, more *types.TransactWriteItem) error {
	if len(pages) == 0 && lane == nil {
		return r.alone(ctx, more)
	}
	var all []types.TransactWriteItem
	for _, p := range pages {
		c := pageAt(p)
		put := &types.Put{
			TableName: &r.table, Item: pageItem(id, p),
			ConditionExpression: c.condition(), ExpressionAttributeNames: c.attributes(),
		}
		if len(c.values) > 0 {
			put.ExpressionAttributeValues = c.values
		}
		all = append(all, types.TransactWriteItem{Put: put})
	}
	update := lane.update()
	all = append(all, types.TransactWriteItem{Update: &types.Update{
		TableName: &r.table, Key: key(ratesPK(id), laneKey), UpdateExpression: &update, ConditionExpression: lane.condition(),
		ExpressionAttributeNames: lane.attributes(), ExpressionAttributeValues: lane.values,
	}})
	if more != nil {
		all = append(all, *more)
	}
	token := uuid.NewString() // the same for every try: a try whose answer was lost is not written twice
	err := untilAlone(ctx, func() error {
		_, err := r.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{ClientRequestToken: &token, TransactItems: all})
		return err
	})
	return asConflict(err)
}

// alone writes the one item of a transaction that has no other: half the price.
func (r *Rates) alone(ctx context.Context, w *types.TransactWriteItem) error {
	err := untilAlone(ctx, func() (err error) {
		if d := w.Delete; d != nil {
			_, err = r.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
				TableName: d.TableName, Key: d.Key, ConditionExpression: d.ConditionExpression,
				ExpressionAttributeNames: d.ExpressionAttributeNames, ExpressionAttributeValues: d.ExpressionAttributeValues,
			})
			return err
		}
		_, err = r.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: w.Put.TableName, Item: w.Put.Item, ConditionExpression: w.Put.ConditionExpression,
			ExpressionAttributeNames: w.Put.ExpressionAttributeNames, ExpressionAttributeValues: w.Put.ExpressionAttributeValues,
		})
		return err
	})
	return asConflict(err)
}

// asConflict makes a condition that did not hold, in a plain write or anywhere
// in a transaction, into ledger.ErrConflict.
func asConflict(err error) error {
	if _, no := refused(err); no {
		return ledger.ErrConflict
	}
	var c *types.TransactionCanceledException
	if errors.As(err, &c) && hasReason(c, "ConditionalCheckFailed") {
		return ledger.ErrConflict
	}
	return err
}

func hasReason(c *types.TransactionCanceledException, code string) bool {
	return slices.ContainsFunc(c.CancellationReasons, func(r types.CancellationReason) bool {
		return r.Code != nil && *r.Code == code
	})
}

// triesAlone bounds how often a write that met another's transaction is tried;
// with the pauses between it is over within a second.
const triesAlone = 6

// untilAlone runs a write again while another one's transaction is in its way:
// that is a matter of milliseconds and says nothing about the write's own
// condition.
func untilAlone(ctx context.Context, write func() error) error {
	var err error
	for attempt := range triesAlone {
		if stopped := backOff(ctx, attempt); stopped != nil {
			return errors.Join(err, stopped)
		}
		if err = write(); !crossed(err) {
			return err
		}
	}
	return err
}

// crossed reports whether another transaction was in the way, and nothing else
// was wrong.
func crossed(err error) bool {
	var conflict *types.TransactionConflictException
	var running *types.TransactionInProgressException
	var canceled *types.TransactionCanceledException
	switch {
	case errors.As(err, &conflict), errors.As(err, &running):
		return true
	case errors.As(err, &canceled):
		return hasReason(canceled, "TransactionConflict") && !hasReason(canceled, "ConditionalCheckFailed")
	}
	return false
}

// backOff waits before a repeated attempt, not before the first: 10 ms, doubled
// each time up to 320 ms, with jitter so that two that met do not meet again.
func backOff(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return ctx.Err()
	}
	base := 10 * time.Millisecond << min(attempt-1, 5)
	t := time.NewTimer(base/2 + rand.N(base))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
