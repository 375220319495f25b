package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// Bump implements ledger.Store.
func (r *Rates) Bump(ctx context.Context, id connection.ID, keys []ledger.PageKey, now time.Time) (ledger.Lane, error) {
	c := newClauses()
	c.work(keys)
	c.wakeIfNone(id, ms(now))
	return r.lane(ctx, "bump", id, c)
}

// BumpTake implements ledger.Store.
func (r *Rates) BumpTake(ctx context.Context, w ledger.TakeWrite) (ledger.Lane, error) {
	c := taking(w)
	c.work(w.Pages)
	c.when = append(c.when, "(attribute_not_exists(#hold_until) OR #hold_until <= :now)")
	c.value(":now", ms(w.Now))
	l, err := r.lane(ctx, "bump and take", w.Connection, c)
	return ledger.OwnTake(l, err, w.Nonce)
}

// Take implements ledger.Store.
func (r *Rates) Take(ctx context.Context, w ledger.TakeWrite) (ledger.Lane, error) {
	c := taking(w)
	c.set = append(c.set, "#v = :v", "#marks = if_not_exists(#marks, :none)")
	c.value(":v", num(version))
	c.value(":none", mapOf(item{}))
	l, err := r.lane(ctx, "take", w.Connection, c)
	return ledger.OwnTake(l, err, w.Nonce)
}

// taking is what both takes write. The counter fences: whoever takes by an old
// reading is refused, also when his write arrives after a release.
func taking(w ledger.TakeWrite) *clauses {
	c := newClauses()
	c.at("takes", w.Takes)
	c.when = append(c.when, "(attribute_not_exists(#holder) OR #lease_end < :over)")
	c.value(":over", ms(w.Now.Add(-w.Margin)))
	c.add = append(c.add, "#takes :once")
	c.value(":once", num(1))
	c.set = append(c.set, "#holder = :mine", "#lease_end = :wake")
	c.value(":mine", str(w.Nonce))
	c.wake(w.Connection, ms(w.LeaseEnd))
	c.remove = append(c.remove, "#hold_until", "#hold")
	return c
}

// Mark implements ledger.Store.
func (r *Rates) Mark(ctx context.Context, w ledger.MarkWrite) (ledger.Lane, error) {
	c := newClauses()
	c.heldBy(w.Nonce)
	c.when = append(c.when, "#lease_end > :now")
	c.value(":now", ms(w.Now))
	c.set = append(c.set, c.mark(w.ID)+" = :mark")
	c.value(":mark", markValue(w.Mark))
	c.close(w.Closes)
	if !w.LeaseEnd.IsZero() {
		c.set = append(c.set, "#lease_end = :wake")
		c.wake(w.Connection, ms(w.LeaseEnd))
	}
	return r.lane(ctx, "mark", w.Connection, c)
}

// Close implements ledger.Store.
func (r *Rates) Close(ctx context.Context, w ledger.CloseWrite) (ledger.Lane, error) {
	c := newClauses()
	c.heldBy(w.Nonce)
	c.close(w.Closes)
	if w.Succeeded {
		c.remove = append(c.remove, "#failures", "#refused")
	}
	return r.lane(ctx, "close", w.Connection, c)
}

// Release implements ledger.Store. The open marks are compared by number and
// name: none may be there that was not seen, none gone that was.
func (r *Rates) Release(ctx context.Context, w ledger.ReleaseWrite) error {
	c := newClauses()
	c.heldBy(w.Nonce)
	c.at("seq", w.Seq)
	c.when = append(c.when, "size(#marks) = :open")
	c.value(":open", num(int64(len(w.Closes)+len(w.Others))))
	for _, id := range w.Closes {
		place := c.mark(id)
		c.when = append(c.when, "attribute_exists("+place+")")
		c.remove = append(c.remove, place)
	}
	for _, id := range w.Others {
		c.when = append(c.when, "attribute_exists("+c.mark(id)+")")
	}
	c.remove = append(c.remove, "#holder", "#lease_end", "#pages", "#all", "#hold_until", "#hold", "#failures", "#hops", "#refused")
	if len(w.Others) > 0 {
		c.wake(w.Connection, ms(w.EarliestDue))
	} else {
		c.remove = append(c.remove, "#wake_at", "#wake_shard")
	}
	_, err := r.lane(ctx, "release", w.Connection, c)
	return err
}

// Hold implements ledger.Store.
func (r *Rates) Hold(ctx context.Context, w ledger.HoldWrite) error {
	if w.WakeAt.IsZero() {
		return ledger.ErrNoWake
	}
	c := newClauses()
	c.heldBy(w.Nonce)
	c.close(w.Closes)
	c.remove = append(c.remove, "#holder", "#lease_end")
	c.wake(w.Connection, ms(w.WakeAt))
	c.set = append(c.set, "#failures = :failures", "#hops = :hops", "#refused = :refused")
	c.value(":failures", num(int64(w.Failures)))
	c.value(":hops", num(int64(w.Hops)))
	c.value(":refused", num(w.Refused))
	if w.Until.IsZero() {
		c.remove = append(c.remove, "#hold_until")
	} else {
		c.set = append(c.set, "#hold_until = :until")
		c.value(":until", ms(w.Until))
	}
	if w.Why == "" {
		c.remove = append(c.remove, "#hold")
	} else {
		c.set = append(c.set, "#hold = :why")
		c.value(":why", str(w.Why))
	}
	_, err := r.lane(ctx, "hold", w.Connection, c)
	return err
}

// Reopen implements ledger.Store.
func (r *Rates) Reopen(ctx context.Context, id connection.ID, mark string, m ledger.Mark, now time.Time) error {
	c := newClauses()
	c.set = append(c.set, c.mark(mark)+" = :mark")
	c.value(":mark", markValue(m))
	c.add = append(c.add, "#seq :one")
	c.value(":one", num(1))
	c.wake(id, ms(now))
	_, err := r.lane(ctx, "reopen", id, c)
	return err
}

// lane writes the lane and returns it as it is after, or a conflict with the
// lane as it is.
func (r *Rates) lane(ctx context.Context, write string, id connection.ID, c *clauses) (ledger.Lane, error) {
	update := c.update()
	var out *dynamodb.UpdateItemOutput
	err := untilAlone(ctx, func() (err error) {
		out, err = r.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &r.table, Key: key(ratesPK(id), laneKey),
			UpdateExpression: &update, ConditionExpression: c.condition(),
			ExpressionAttributeNames: c.attributes(), ExpressionAttributeValues: c.values,
			ReturnValues:                        types.ReturnValueAllNew,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		return err
	})
	if current, no := refused(err); no {
		l, err := laneOf(id, current)
		if err != nil {
			return ledger.Lane{}, err
		}
		return ledger.Lane{}, &ledger.LaneConflict{Write: write, Current: l}
	}
	if err != nil {
		return ledger.Lane{}, fmt.Errorf("writing lane %s (%s): %w", id, write, err)
	}
	return laneOf(id, out.Attributes)
}
