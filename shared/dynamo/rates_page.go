package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// WritePage implements ledger.Store.
func (r *Rates) WritePage(ctx context.Context, id connection.ID, p ledger.Page) error {
	c := pageAt(p)
	_, err := r.put(ctx, pageItem(id, p), c)
	if current, no := refused(err); no {
		there, err := pageOf(p.Key, current)
		if err != nil {
			return err
		}
		return &ledger.PageConflict{Current: there}
	}
	if err != nil {
		return fmt.Errorf("writing page %s of %s: %w", p.Key, id, err)
	}
	return nil
}

// pageAt demands the version that the page was read at.
func pageAt(p ledger.Page) *clauses {
	c := newClauses()
	c.at("version", p.Version)
	return c
}

// PutJob implements ledger.Store.
func (r *Rates) PutJob(ctx context.Context, j ledger.Job) error {
	if _, err := r.put(ctx, jobItem(j), newClauses()); err != nil {
		return fmt.Errorf("writing job %s of %s: %w", j.ID, j.Connection, err)
	}
	return nil
}

// Job implements ledger.Store.
func (r *Rates) Job(ctx context.Context, id connection.ID, job string) (ledger.Job, error) {
	m, err := r.item(ctx, id, jobPrefix+job)
	if err != nil {
		return ledger.Job{}, err
	}
	if m == nil {
		return ledger.Job{}, ledger.ErrNoJob
	}
	return jobOf(id, m)
}

// Jobs implements ledger.Store.
func (r *Rates) Jobs(ctx context.Context, id connection.ID) ([]ledger.Job, error) {
	var jobs []ledger.Job
	in := r.under(id, jobPrefix)
	in.ConsistentRead = aws.Bool(true)
	err := r.each(ctx, in, func(m item) (bool, error) {
		j, err := jobOf(id, m)
		jobs = append(jobs, j)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the jobs of %s: %w", id, err)
	}
	return jobs, nil
}

// PollLater implements ledger.Store.
func (r *Rates) PollLater(ctx context.Context, id connection.ID, job string, wake time.Time) error {
	c := newClauses()
	c.when = append(c.when, "attribute_exists(#pk)")
	c.wake(id, ms(wake))
	c.add = append(c.add, "#polls :one")
	c.value(":one", num(1))
	update := c.update()
	err := untilAlone(ctx, func() error {
		_, err := r.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &r.table, Key: key(ratesPK(id), jobPrefix+job),
			UpdateExpression: &update, ConditionExpression: c.condition(),
			ExpressionAttributeNames: c.attributes(), ExpressionAttributeValues: c.values,
		})
		return err
	})
	if _, gone := refused(err); gone || err == nil {
		return nil
	}
	return fmt.Errorf("moving the poll of job %s of %s: %w", job, id, err)
}

// StartReadback implements ledger.Store.
func (r *Rates) StartReadback(ctx context.Context, b ledger.Readback) error {
	c := newClauses()
	c.when = append(c.when, "attribute_not_exists(#pk)")
	_, err := r.put(ctx, readbackItem(b), c)
	if _, runs := refused(err); runs || err == nil {
		return nil
	}
	return fmt.Errorf("starting the read-back of %s: %w", b.Connection, err)
}

// Readback implements ledger.Store.
func (r *Rates) Readback(ctx context.Context, id connection.ID) (ledger.Readback, error) {
	m, err := r.item(ctx, id, readbackKey)
	if err != nil {
		return ledger.Readback{}, err
	}
	if m == nil {
		return ledger.Readback{}, ledger.ErrNoReadback
	}
	return readbackOf(id, m)
}

// Seen implements ledger.Store. The table forgets the event some time after
// until; that it may do so late harms nobody, because a webhook that old is
// refused by its own timestamp.
func (r *Rates) Seen(ctx context.Context, id connection.ID, event string, until time.Time) (bool, error) {
	m := key(ratesPK(id), seenPrefix+event)
	m["v"], m["expires_at"] = num(version), num(until.Unix())
	c := newClauses()
	c.when = append(c.when, "attribute_not_exists(#pk)")
	_, err := r.put(ctx, m, c)
	if _, was := refused(err); was {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("remembering event %s of %s: %w", event, id, err)
	}
	return false, nil
}

// put writes a whole item on the clauses' condition.
func (r *Rates) put(ctx context.Context, m item, c *clauses) (*dynamodb.PutItemOutput, error) {
	in := &dynamodb.PutItemInput{TableName: &r.table, Item: m}
	if c.condition() != nil {
		in.ConditionExpression = c.condition()
		in.ExpressionAttributeNames = c.attributes()
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	if len(c.values) > 0 {
		in.ExpressionAttributeValues = c.values
	}
	var out *dynamodb.PutItemOutput
	err := untilAlone(ctx, func() (err error) {
		out, err = r.api.PutItem(ctx, in)
		return err
	})
	return out, err
}
