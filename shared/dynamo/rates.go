package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// Rates is the rates table as a ledger.Store: everything about one connection
// under one partition key.
//
//	pk=CONN#id  sk=LANE                    the right to push, what is dirty, what is in flight
//	            sk=PAGE#room#plan#2026-12  a month of cells; room-level fields have an empty plan
//	            sk=JOB#id                  an asynchronous call of the provider's
//	            sk=READBACK                the cursor of a walk through the provider's rates
//	            sk=SEEN#event              a webhook that was taken
//
// Items that must be looked at later carry wake_shard and wake_at, the keys of
// the sparse index "wake"; nothing else does, and a change of any other
// attribute costs no write to the index. Safe for concurrent use.
type Rates struct {
	api   API
	table string
}

var _ ledger.Store = (*Rates)(nil)

// NewRates returns the store on a table.
func NewRates(api API, table string) *Rates { return &Rates{api: api, table: table} }

const (
	laneKey     = "LANE"
	pagePrefix  = "PAGE#"
	jobPrefix   = "JOB#"
	readbackKey = "READBACK"
	seenPrefix  = "SEEN#"

	// maxBatch is how many items one BatchGetItem reads.
	maxBatch = 100
)

func ratesPK(id connection.ID) string { return "CONN#" + string(id) }

// Lane implements ledger.Store.
func (r *Rates) Lane(ctx context.Context, id connection.ID) (ledger.Lane, error) {
	m, err := r.item(ctx, id, laneKey)
	if err != nil {
		return ledger.Lane{}, err
	}
	return laneOf(id, m)
}

// LaneAndPages implements ledger.Store. The lane is in the first batch: it is
// read before, or with, every page.
func (r *Rates) LaneAndPages(ctx context.Context, id connection.ID, keys []ledger.PageKey) (ledger.Lane, []ledger.Page, error) {
	found, err := r.batch(ctx, id, append([]string{laneKey}, pageSKs(keys)...))
	if err != nil {
		return ledger.Lane{}, nil, err
	}
	lane, err := laneOf(id, found[laneKey])
	if err != nil {
		return ledger.Lane{}, nil, err
	}
	pages, err := pagesOf(keys, found)
	return lane, pages, err
}

// Pages implements ledger.Store.
func (r *Rates) Pages(ctx context.Context, id connection.ID, keys []ledger.PageKey) ([]ledger.Page, error) {
	found, err := r.batch(ctx, id, pageSKs(keys))
	if err != nil {
		return nil, err
	}
	return pagesOf(keys, found)
}

// PageKeys implements ledger.Store. It reads consistently, because the drain of
// a lane that says "any page" relies on it, and the names alone.
func (r *Rates) PageKeys(ctx context.Context, id connection.ID) ([]ledger.PageKey, error) {
	var keys []ledger.PageKey
	in := r.under(id, pagePrefix)
	in.ConsistentRead = aws.Bool(true)
	in.ProjectionExpression = aws.String("sk")
	err := r.each(ctx, in, func(m item) (bool, error) {
		k, err := ledger.ParsePageKey(getStr(m, "sk")[len(pagePrefix):])
		keys = append(keys, k)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the pages of %s: %w", id, err)
	}
	slices.SortFunc(keys, ledger.PageKey.Compare) // the table sorts by the joined name
	return keys, nil
}

// EachPage implements ledger.Store.
func (r *Rates) EachPage(ctx context.Context, id connection.ID, yield func(ledger.Page) bool) error {
	err := r.each(ctx, r.under(id, pagePrefix), func(m item) (bool, error) {
		k, err := ledger.ParsePageKey(getStr(m, "sk")[len(pagePrefix):])
		if err != nil {
			return false, err
		}
		p, err := pageOf(k, m)
		return err == nil && yield(p), err
	})
	if err != nil {
		return fmt.Errorf("reading the pages of %s: %w", id, err)
	}
	return nil
}

// item reads one item consistently; nil when there is none.
func (r *Rates) item(ctx context.Context, id connection.ID, sk string) (item, error) {
	out, err := r.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &r.table, Key: key(ratesPK(id), sk), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", sk, id, err)
	}
	return out.Item, nil
}

// batch reads items consistently, by sort key. What the table leaves
// unprocessed, for its size or under throttling, is asked for again after a
// pause.
func (r *Rates) batch(ctx context.Context, id connection.ID, sks []string) (map[string]item, error) {
	found := map[string]item{}
	for part := range slices.Chunk(unique(sks), maxBatch) {
		var keys []item
		for _, sk := range part {
			keys = append(keys, key(ratesPK(id), sk))
		}
		for attempt := 0; len(keys) > 0; attempt++ {
			if err := backOff(ctx, attempt); err != nil {
				return nil, fmt.Errorf("reading pages of %s: %w", id, err)
			}
			out, err := r.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{r.table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
			})
			if err != nil {
				return nil, fmt.Errorf("reading pages of %s: %w", id, err)
			}
			for _, m := range out.Responses[r.table] {
				found[getStr(m, "sk")] = m
			}
			keys = out.UnprocessedKeys[r.table].Keys
		}
	}
	return found, nil
}

// under is the query for all items of a connection whose sort key begins so.
func (r *Rates) under(id connection.ID, prefix string) *dynamodb.QueryInput {
	cond := "pk = :pk AND begins_with(sk, :prefix)"
	return &dynamodb.QueryInput{
		TableName: &r.table, KeyConditionExpression: &cond,
		ExpressionAttributeValues: item{":pk": str(ratesPK(id)), ":prefix": str(prefix)},
	}
}

// each runs a query through all its pages until f says stop.
func (r *Rates) each(ctx context.Context, in *dynamodb.QueryInput, f func(item) (bool, error)) error {
	for {
		out, err := r.api.Query(ctx, in)
		if err != nil {
			return err
		}
		for _, m := range out.Items {
			if more, err := f(m); !more || err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func pageSK(k ledger.PageKey) string { return pagePrefix + k.String() }

func pageSKs(keys []ledger.PageKey) []string {
	sks := make([]string, len(keys))
	for i, k := range keys {
		sks[i] = pageSK(k)
	}
	return sks
}

// unique keeps the first of each: a batch may not name an item twice.
func unique(sks []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(sks), func(s string) bool {
		was := seen[s]
		seen[s] = true
		return was
	})
}
