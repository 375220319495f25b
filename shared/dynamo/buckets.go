package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/bucket"
	"bellhop/shared/wake"
)

// Buckets is the [bucket.Store] of the grants table: one item for each bucket,
//
//	BUCKET#name STATE  version, grants, calls, hold_until, hold_why, holds,
//	                   lane{}, suspects{}, trouble{}, alert_shard, alert_due
//
// saved as a whole on condition of its version. It is bounded: the log of calls
// by the smallest budget of its longest window, the suspects, and the grants that
// are refused alone, by their number.
type Buckets struct {
	api   API
	table string
}

var _ bucket.Store = (*Buckets)(nil)

// NewBuckets returns the buckets that live in this table.
func NewBuckets(api API, table string) *Buckets { return &Buckets{api: api, table: table} }

func bucketKey(name string) item { return key("BUCKET#"+name, "STATE") }

// Read implements [bucket.Store].
func (s *Buckets) Read(ctx context.Context, name string) (bucket.Bucket, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: bucketKey(name), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return bucket.Bucket{}, fmt.Errorf("reading bucket %s: %w", name, err)
	}
	if len(out.Item) == 0 {
		return bucket.Bucket{Name: name}, nil
	}
	return bucketOf(name, out.Item), known(out.Item)
}

// Save implements [bucket.Store].
func (s *Buckets) Save(ctx context.Context, b bucket.Bucket) error {
	c := bucketChange(b)
	update := c.update()
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: bucketKey(b.Name),
		UpdateExpression: &update, ConditionExpression: c.condition(),
		ExpressionAttributeNames: c.attributes(), ExpressionAttributeValues: c.values,
	})
	if _, moved := refused(err); moved {
		return bucket.ErrMoved
	}
	if err != nil {
		return fmt.Errorf("saving bucket %s: %w", b.Name, err)
	}
	return nil
}

// bucketChange sets what b has and removes what it has not.
func bucketChange(b bucket.Bucket) *clauses {
	c := newClauses()
	c.at("version", b.Version)
	c.value(":next", num(b.Version+1))
	c.set = append(c.set, "#version = :next")
	values := bucketItem(b)
	for _, name := range bucketAttributes {
		if v, there := values[name]; there {
			c.value(":"+name, v)
			c.set = append(c.set, "#"+name+" = :"+name)
		} else {
			c.remove = append(c.remove, "#"+name)
		}
	}
	return c
}

// bucketAttributes are all that a save writes, but for the version.
var bucketAttributes = []string{
	"v", "grants", "calls", "hold_until", "hold_why", "holds", "lane", "suspects", "trouble", "alert_shard", "alert_due",
}

// bucketItem is what b says, but for its name and version. What is zero is left
// out.
func bucketItem(b bucket.Bucket) item {
	m := item{"v": num(version)}
	putNum(m, "grants", int64(b.Grants))
	putMaps(m, "calls", b.Calls, callItem)
	putTime(m, "hold_until", b.HoldUntil)
	putStr(m, "hold_why", b.HoldWhy)
	putNum(m, "holds", int64(b.Holds))
	if b.Lane.Owner != "" {
		m["lane"] = mapOf(item{"owner": str(b.Lane.Owner), "until": ms(b.Lane.Until)})
	}
	if s := suspectsItem(b.Suspects); len(s) > 0 {
		m["suspects"] = mapOf(s)
	}
	if b.Trouble != nil {
		m["trouble"] = mapOf(troubleItem(*b.Trouble))
	}
	if !b.AlertDue.IsZero() {
		m["alert_shard"], m["alert_due"] = str(wake.AlertShard), ms(b.AlertDue)
	}
	return m
}

func bucketOf(name string, m item) bucket.Bucket {
	b := bucket.Bucket{
		Name: name, Version: getNum(m, "version"), Grants: int(getNum(m, "grants")),
		Calls:     getMaps(m, "calls", callOf),
		HoldUntil: getTime(m, "hold_until"), HoldWhy: getStr(m, "hold_why"), Holds: int(getNum(m, "holds")),
		Suspects: suspectsOf(getMap(m, "suspects")), AlertDue: getTime(m, "alert_due"),
	}
	if lane := getMap(m, "lane"); lane != nil {
		b.Lane = bucket.Lane{Owner: getStr(lane, "owner"), Until: getTime(lane, "until")}
	}
	if t := getMap(m, "trouble"); t != nil {
		trouble := troubleOf(t)
		b.Trouble = &trouble
	}
	return b
}

// putMaps and getMaps are a list of small maps; an empty one is left out.
func putMaps[T any](m item, k string, all []T, write func(T) item) {
	if len(all) == 0 {
		return
	}
	l := make([]types.AttributeValue, len(all))
	for i, x := range all {
		l[i] = mapOf(write(x))
	}
	m[k] = &types.AttributeValueMemberL{Value: l}
}

func getMaps[T any](m item, k string, read func(item) T) []T {
	l, ok := m[k].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	var all []T
	for _, e := range l.Value {
		if x, ok := e.(*types.AttributeValueMemberM); ok {
			all = append(all, read(x.Value))
		}
	}
	return all
}
