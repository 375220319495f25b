package e2e

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/local/stack"
)

// The tables are touched by the stories for one reason alone: to let time pass
// that nobody waits for.

// change sets numbers of an item that must be there.
func (w *world) change(t *testing.T, table, pk, sk string, to map[string]int64) {
	t.Helper()
	names, values, set := map[string]string{}, map[string]types.AttributeValue{}, []string{}
	for i, name := range slices.Sorted(maps.Keys(to)) {
		alias, value := fmt.Sprintf("#a%d", i), fmt.Sprintf(":v%d", i)
		var path []string
		for j, part := range strings.Split(name, "/") {
			alias := fmt.Sprintf("%s_%d", alias, j)
			names[alias], path = part, append(path, alias)
		}
		values[value] = &types.AttributeValueMemberN{Value: strconv.FormatInt(to[name], 10)}
		set = append(set, strings.Join(path, ".")+" = "+value)
	}
	_, err := w.tables.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(table), Key: itemKey(pk, sk), ConditionExpression: aws.String("attribute_exists(pk)"),
		UpdateExpression: aws.String("SET " + strings.Join(set, ", ")), ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if err != nil {
		t.Fatalf("changing %s %s: %v", pk, sk, err)
	}
}

func itemKey(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk},
	}
}

// read returns an item, nil for none.
func (w *world) read(t *testing.T, table, pk, sk string) map[string]types.AttributeValue {
	t.Helper()
	out, err := w.tables.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(table), Key: itemKey(pk, sk), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatalf("reading %s %s: %v", pk, sk, err)
	}
	return out.Item
}

// number reads a number of an item, zero for none.
func number(item map[string]types.AttributeValue, name string) int64 {
	v, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(v.Value, 10, 64)
	return n
}

// names lists the keys of a map of an item.
func keysOf(item map[string]types.AttributeValue, name string) []string {
	m, _ := item[name].(*types.AttributeValueMemberM)
	if m == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.Value))
}

// bringForward lets a grant's next refresh be due now, and wakes it.
func (h *hotel) bringForward(t *testing.T) {
	t.Helper()
	now := time.Now().UnixMilli()
	h.w.change(t, h.w.Outputs.GrantsTable, "GRANT#"+h.grant, "TOKEN", map[string]int64{"wake_at": now, "refresh_at": now})
	h.wake(t)
}

// wake sends the grant's wake.
func (h *hotel) wake(t *testing.T) {
	t.Helper()
	body := fmt.Sprintf(`{"v":1,"wake":"grant","grant":%q,"at":%d}`, h.grant, time.Now().UnixMilli())
	if err := h.w.Send(t.Context(), h.w.Outputs.RefreshQueueURL, stack.Message{Body: body, Group: h.client}); err != nil {
		t.Fatal(err)
	}
}

// token is the grant's TOKEN item.
func (h *hotel) token(t *testing.T) map[string]types.AttributeValue {
	t.Helper()
	return h.w.read(t, h.w.Outputs.GrantsTable, "GRANT#"+h.grant, "TOKEN")
}

// lane is the connection's LANE item.
func (h *hotel) lane(t *testing.T) map[string]types.AttributeValue {
	t.Helper()
	return h.w.read(t, h.w.Outputs.RatesTable, "CONN#"+h.id, "LANE")
}

// moves waits until the grant has a newer pair.
func (h *hotel) moves(t *testing.T, within time.Duration, from int64) {
	t.Helper()
	eventually(t, within, h.id+" has a newer pair", func() string {
		if g := number(h.token(t), "generation"); g <= from {
			return fmt.Sprintf("still generation %d", g)
		}
		return ""
	})
}

// export writes every item of a table as text, binary values both as they are
// and in base64.
func (w *world) export(t *testing.T, table string) string {
	t.Helper()
	var text strings.Builder
	var from map[string]types.AttributeValue
	for {
		out, err := w.tables.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table), ExclusiveStartKey: from})
		if err != nil {
			t.Fatalf("exporting %s: %v", table, err)
		}
		for _, item := range out.Items {
			write(&text, &types.AttributeValueMemberM{Value: item})
			text.WriteByte('\n')
		}
		if from = out.LastEvaluatedKey; from == nil {
			return text.String()
		}
	}
}

func write(text *strings.Builder, v types.AttributeValue) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		text.WriteString(v.Value)
	case *types.AttributeValueMemberN:
		text.WriteString(v.Value)
	case *types.AttributeValueMemberB:
		text.Write(v.Value)
		text.WriteString(" " + base64.StdEncoding.EncodeToString(v.Value))
	case *types.AttributeValueMemberSS:
		text.WriteString(strings.Join(v.Value, " "))
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			write(text, e)
			text.WriteByte(' ')
		}
	case *types.AttributeValueMemberM:
		for _, name := range slices.Sorted(maps.Keys(v.Value)) {
			text.WriteString(" " + name + "=")
			write(text, v.Value[name])
		}
	}
}
