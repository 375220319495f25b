// Package dynamo implements the domain's contracts (grant.Store,
// connection.Inventory, ledger.Store, and the outbox of alerts) on two DynamoDB
// tables. Each method is one conditional write of docs/protocols.md; the rules
// themselves live in the domain packages, the wording of conditions here.
package dynamo

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// API is what the adapters use of the DynamoDB client.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// item is one stored item, or the values of an expression.
type item = map[string]types.AttributeValue

// version is written to every item as "v"; a release reads its own and the
// former one.
const version = 1

// str, num, ms, bin and flag make attribute values. Times are Unix
// milliseconds.
func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func ms(t time.Time) types.AttributeValue { return num(t.UnixMilli()) }
func bin(b []byte) types.AttributeValue   { return &types.AttributeValueMemberB{Value: b} }
func flag(b bool) types.AttributeValue    { return &types.AttributeValueMemberBOOL{Value: b} }
func mapOf(m item) types.AttributeValue   { return &types.AttributeValueMemberM{Value: m} }
func list(l ...string) types.AttributeValue {
	v := make([]types.AttributeValue, len(l))
	for i, s := range l {
		v[i] = str(s)
	}
	return &types.AttributeValueMemberL{Value: v}
}

// putNum, putTime and putFlag set an attribute, unless it would say zero.

func putNum(m item, k string, n int64) {
	if n != 0 {
		m[k] = num(n)
	}
}

func putTime(m item, k string, t time.Time) {
	if !t.IsZero() {
		m[k] = ms(t)
	}
}

func putFlag(m item, k string, b bool) {
	if b {
		m[k] = flag(true)
	}
}

// The readers below take what an attribute holds, or the zero value when it is
// missing or of another type: an absent attribute is how the tables say zero.

func getStr(m item, k string) string {
	if v, ok := m[k].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func getNum(m item, k string) int64 {
	if v, ok := m[k].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(v.Value, 10, 64)
		return n
	}
	return 0
}

func getTime(m item, k string) time.Time {
	if n := getNum(m, k); n != 0 {
		return time.UnixMilli(n)
	}
	return time.Time{}
}

func getBin(m item, k string) []byte {
	if v, ok := m[k].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

func getFlag(m item, k string) bool {
	v, ok := m[k].(*types.AttributeValueMemberBOOL)
	return ok && v.Value
}

func getMap(m item, k string) item {
	if v, ok := m[k].(*types.AttributeValueMemberM); ok {
		return v.Value
	}
	return nil
}

func getList(m item, k string) []string {
	v, ok := m[k].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(v.Value))
	for _, e := range v.Value {
		if s, ok := e.(*types.AttributeValueMemberS); ok {
			out = append(out, s.Value)
		}
	}
	return out
}

// key is an item's primary key.
func key(pk, sk string) item { return item{"pk": str(pk), "sk": str(sk)} }

// refused reports whether err says that a write's condition did not hold, with
// the item as it was then (asked for by ReturnValuesOnConditionCheckFailure).
func refused(err error) (item, bool) {
	var c *types.ConditionalCheckFailedException
	if errors.As(err, &c) {
		return c.Item, true
	}
	return nil, false
}
