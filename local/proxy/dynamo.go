package proxy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// item is a DynamoDB item, or the part of one that is its key: by attribute
// name the value as DynamoDB JSON writes it, such as {"S": "TOKEN"}.
type item map[string]any

// text is the item's scalar attributes in the order of their names, as in
// "pk=GRANT#g1 sk=TOKEN". It identifies a key within its table.
func (i item) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(i)) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(name + "=" + scalar(i[name]))
	}
	return b.String()
}

// scalar is a string's, number's or binary's text; empty for anything else.
func scalar(value any) string {
	for _, inner := range typed(value) {
		if text, ok := inner.(string); ok {
			return text
		}
	}
	return ""
}

// typed is a value as its one pair of type and content.
func typed(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// dynamoRequest is the body of a DynamoDB call, as far as the proxy reads it.
type dynamoRequest struct {
	statement
	ConsistentRead         bool
	IndexName              string
	KeyConditionExpression string
	FilterExpression       string
	ProjectionExpression   string
	Select                 string
	Limit                  int
	TotalSegments          int
	ScanIndexForward       *bool
	ExclusiveStartKey      item
	ReturnConsumedCapacity string

	// What came before expressions; its presence alone matters.
	KeyConditions, QueryFilter, ScanFilter, AttributesToGet json.RawMessage

	RequestItems  map[string]json.RawMessage
	TransactItems []map[string]statement // by "Put", "Update", "Delete", "ConditionCheck", "Get"

	reads   map[string]batchRead // of a BatchGetItem, by table
	changes []write
}

// statement is what a single write and a transaction's part have in common.
type statement struct {
	TableName                 string
	Key                       item
	Item                      item
	UpdateExpression          string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues item
	ReturnValues              string
}

// batchRead is one table's share of a BatchGetItem.
type batchRead struct {
	Keys                     []item
	ConsistentRead           bool
	ProjectionExpression     string
	ExpressionAttributeNames map[string]string
	AttributesToGet          json.RawMessage
}

// write is one item's change, however it was asked for.
type write struct {
	kind string // "Put", "Update", "Delete" or "ConditionCheck"
	statement
}

// key is the written item's key; nil when a put's table is not known.
func (w write) key(t *table) item {
	if w.Key != nil {
		return w.Key
	}
	if t != nil && w.Item != nil {
		return t.keyOf(w.Item)
	}
	return nil
}

// parseDynamo reads a body. What it cannot read stays empty.
func parseDynamo(operation string, body []byte) *dynamoRequest {
	d := new(dynamoRequest)
	_ = json.Unmarshal(body, d)
	d.TableName = tableName(d.TableName)
	switch operation {
	case "PutItem", "UpdateItem", "DeleteItem":
		d.changes = []write{{strings.TrimSuffix(operation, "Item"), d.statement}}
	case "BatchWriteItem":
		d.parseBatchWrite()
	case "BatchGetItem":
		d.reads = make(map[string]batchRead, len(d.RequestItems))
		for name, raw := range d.RequestItems {
			var read batchRead
			_ = json.Unmarshal(raw, &read)
			d.reads[tableName(name)] = read
		}
	case "TransactWriteItems":
		for _, part := range d.TransactItems {
			for kind, s := range part {
				s.TableName = tableName(s.TableName)
				d.changes = append(d.changes, write{kind, s})
			}
		}
	}
	return d
}

func (d *dynamoRequest) parseBatchWrite() {
	for name, raw := range d.RequestItems {
		var list []struct {
			PutRequest    *struct{ Item item }
			DeleteRequest *struct{ Key item }
		}
		_ = json.Unmarshal(raw, &list)
		for _, change := range list {
			s := statement{TableName: tableName(name)}
			if change.PutRequest != nil {
				s.Item = change.PutRequest.Item
				d.changes = append(d.changes, write{"Put", s})
			} else if change.DeleteRequest != nil {
				s.Key = change.DeleteRequest.Key
				d.changes = append(d.changes, write{"Delete", s})
			}
		}
	}
}

// tableName takes the name out of an ARN.
func tableName(nameOrARN string) string {
	if _, name, found := strings.Cut(nameOrARN, ":table/"); found {
		name, _, _ = strings.Cut(name, "/")
		return name
	}
	return nameOrARN
}

// tables are the names of the tables whose items the call touches.
func (d *dynamoRequest) tables() []string {
	seen := make(map[string]bool)
	if d.Key != nil || d.Item != nil || d.IndexName != "" || d.KeyConditionExpression != "" || d.KeyConditions != nil {
		seen[d.TableName] = true
	}
	for _, w := range d.changes {
		seen[w.TableName] = true
	}
	for name := range d.reads {
		seen[name] = true
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

// about is the call's table and item key for the log. A put's key is told by
// the names that this project gives to keys, since its table may be unknown.
func (d *dynamoRequest) about() (target, key string) {
	if names := d.tables(); len(names) == 1 {
		target = names[0]
	} else if len(names) == 0 {
		target = d.TableName
	}
	switch {
	case d.Key != nil:
		return target, d.Key.text()
	case d.Item != nil:
		return target, conventionalKey(d.Item)
	case len(d.changes) == 1 && d.changes[0].Key != nil:
		return target, d.changes[0].Key.text()
	case len(d.changes) == 1:
		return target, conventionalKey(d.changes[0].Item)
	}
	return target, ""
}

func conventionalKey(i item) string {
	key := make(item)
	for _, name := range []string{"pk", "sk"} {
		if i[name] != nil {
			key[name] = i[name]
		}
	}
	return key.text()
}

// projection is the attribute names of a ProjectionExpression. It is false
// when the expression reaches into attributes.
func projection(expression string, names map[string]string) ([]string, bool) {
	if strings.ContainsAny(expression, ".[") {
		return nil, false
	}
	var wanted []string
	for name := range strings.SplitSeq(expression, ",") {
		wanted = append(wanted, resolve(strings.TrimSpace(name), names))
	}
	return wanted, true
}

// resolve replaces a "#placeholder" by its attribute name.
func resolve(name string, names map[string]string) string {
	if full, ok := names[name]; ok {
		return full
	}
	return name
}

// only keeps the wanted attributes.
func (i item) only(wanted []string) item {
	kept := make(item, len(wanted))
	for _, name := range wanted {
		if value, ok := i[name]; ok {
			kept[name] = value
		}
	}
	return kept
}
