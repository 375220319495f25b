package proxy

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
)

// units asks the books for one table, index and operation.
func (r *rig) units(index, operation string) (read, write float64) {
	r.Helper()
	books, err := r.admin.Counts(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	for _, c := range books.Capacity {
		if c.Table == "t" && c.Index == index && c.Operation == operation {
			return c.Read, c.Write
		}
	}
	return 0, 0
}

// TestCounts_CallsByOperation: answered, refused, reset, and passed through.
func TestCounts_CallsByOperation(t *testing.T) {
	r := newRig(t, Settings{})
	r.inject(Rule{Match: Match{Operation: "UpdateItem"}, Kind: Throttle, Count: 1})
	r.inject(Rule{Match: Match{Operation: "UpdateItem"}, Kind: Landed, Count: 1})
	for range 3 {
		r.call(serviceDynamo, "UpdateItem", `{"TableName":"t"}`)
	}
	request, _ := http.NewRequest(http.MethodPost, r.url, strings.NewReader("Action=DescribeStacks"))
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/cloudformation/aws4_request, …")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()

	books, err := r.admin.ResetCounts(t.Context())
	if err != nil || len(books.Calls) != 2 {
		t.Fatalf("books are %+v, %v", books, err)
	}
	if c := books.Calls[0]; c.Service != "cloudformation" || c.Operation != "POST" || c.Calls != 1 {
		t.Errorf("passed through: %+v", c)
	}
	c := books.Calls[1]
	if c.Calls != 3 || c.Resets != 1 || c.Errors["ProvisionedThroughputExceededException"] != 1 || len(c.Errors) != 1 {
		t.Errorf("understood: %+v", c)
	}
	if books.Of(serviceDynamo, "UpdateItem") != 3 || books.Of(serviceSQS, "SendMessage") != 0 {
		t.Error("Of does not find its operation")
	}
	if books, err := r.admin.Counts(t.Context()); err != nil || len(books.Calls) != 0 || len(books.Capacity) != 0 {
		t.Errorf("after the reset: %+v, %v", books, err)
	}
}

func blob(bytes int) string { return strings.Repeat("x", bytes) }

func (r *rig) putItem(name string, extra string) reply {
	r.Helper()
	return r.call(serviceDynamo, "PutItem", fmt.Sprintf(`{"TableName":"t","Item":{"pk":{"S":%q},"sk":{"S":"x"}%s}}`, name, extra))
}

func key(name string) string { return fmt.Sprintf(`{"pk":{"S":%q},"sk":{"S":"x"}}`, name) }

// TestMeter_WritesByTheLargerItem: one unit for every started KB of what is
// larger, the old item or the new one.
func TestMeter_WritesByTheLargerItem(t *testing.T) {
	r := newRig(t, Settings{})
	for _, row := range []struct {
		call func() reply
		want float64
	}{
		{func() reply { return r.putItem("a", `,"v":{"S":"small"}`) }, 1},
		{func() reply { return r.putItem("a", `,"v":{"S":"`+blob(1024)+`"}`) }, 2},
		{func() reply { return r.putItem("a", ``) }, 2}, // the old one was larger
		{func() reply { return r.putItem("a", ``) }, 1},
	} {
		_, before := r.units("", "PutItem")
		row.call()
		if _, after := r.units("", "PutItem"); after-before != row.want {
			t.Errorf("cost %v, want %v", after-before, row.want)
		}
	}
	r.putItem("b", `,"v":{"S":"`+blob(3000)+`"}`)
	r.call(serviceDynamo, "DeleteItem", `{"TableName":"t","Key":`+key("b")+`}`)
	if _, write := r.units("", "DeleteItem"); write != 3 {
		t.Errorf("deleting 3000 bytes cost %v, want 3", write)
	}
}

// TestMeter_UpdatesFollowTheItem: by its expression, by an answer that carries
// the item, and by a condition that was refused with the item.
func TestMeter_UpdatesFollowTheItem(t *testing.T) {
	r := newRig(t, Settings{})
	update := func(expression, values, returns string) float64 {
		_, before := r.units("", "UpdateItem")
		r.call(serviceDynamo, "UpdateItem", `{"TableName":"t","Key":`+key("a")+`,"UpdateExpression":"`+expression+
			`","ExpressionAttributeNames":{"#v":"v"},"ExpressionAttributeValues":{`+values+`},"ReturnValues":"`+returns+`"}`)
		_, after := r.units("", "UpdateItem")
		return after - before
	}
	large := `":v":{"S":"` + blob(2000) + `"}`
	if cost := update("SET #v = :v", large, ""); cost != 2 {
		t.Errorf("a new item of 2 KB cost %v", cost)
	}
	if cost := update("SET w = :v REMOVE #v", large, ""); cost != 2 {
		t.Errorf("one attribute for another cost %v", cost)
	}
	if cost := update("REMOVE w", "", ""); cost != 2 {
		t.Errorf("removing 2 KB cost %v", cost)
	}
	if cost := update("ADD n :n", `":n":{"N":"1"}`, ""); cost != 1 {
		t.Errorf("a small item cost %v", cost)
	}
	image := `{"pk":{"S":"a"},"sk":{"S":"x"},"v":{"S":"` + blob(5000) + `"}}`
	r.fake.answers("UpdateItem", 200, `{"Attributes":`+image+`}`)
	if cost := update("ADD n :n", `":n":{"N":"1"}`, "ALL_NEW"); cost != 5 {
		t.Errorf("an item that is told to have 5 KB cost %v", cost)
	}
	r.fake.answers("UpdateItem", 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":{"pk":{"S":"a"},"sk":{"S":"x"},"v":{"S":"`+blob(1500)+`"}}}`)
	if cost := update("REMOVE w", "", ""); cost != 2 {
		t.Errorf("a refused condition on 1.5 KB cost %v", cost)
	}
	r.fake.answers("UpdateItem", 400, `{"__type":"ValidationException"}`)
	if cost := update("REMOVE w", "", ""); cost != 0 {
		t.Errorf("an invalid request cost %v", cost)
	}
}

// TestMeter_IndexIsWrittenWhenItsKeyChanges: entering and leaving cost one,
// moving costs two, anything else nothing.
func TestMeter_IndexIsWrittenWhenItsKeyChanges(t *testing.T) {
	r := newRig(t, Settings{})
	update := func(expression, at string) float64 {
		_, before := r.units("wake", "UpdateItem")
		r.call(serviceDynamo, "UpdateItem", `{"TableName":"t","Key":`+key("a")+`,"UpdateExpression":"`+expression+
			`","ExpressionAttributeValues":{":s":{"S":"0"},":t":{"N":"`+at+`"}}}`)
		_, after := r.units("wake", "UpdateItem")
		return after - before
	}
	for _, row := range []struct {
		what, expression, at string
		want                 float64
	}{
		{"an item outside", "SET v = :s", "0", 0},
		{"half of the key", "SET shard = :s", "0", 0},
		{"entering", "SET at = :t", "100", 1},
		{"the same again", "SET at = :t, v = :s", "100", 0},
		{"kept by if_not_exists", "SET at = if_not_exists(at, :t)", "150", 0},
		{"moving", "SET at = :t", "200", 2},
		{"leaving", "REMOVE at, shard", "0", 1},
		{"staying outside", "SET v = :t", "5", 0},
		{"entering by if_not_exists", "SET shard = :s, at = if_not_exists(at, :t)", "300", 1},
	} {
		if cost := update(row.expression, row.at); cost != row.want {
			t.Errorf("%s cost %v, want %v", row.what, cost, row.want)
		}
	}
	if _, write := (Counts{Capacity: []Capacity{{Table: "t", Write: 1}, {Table: "t", Index: "wake", Write: 2}, {Table: "u", Write: 4}}}).Units("t"); write != 3 {
		t.Errorf("Units sums to %v", write)
	}
}

func TestMeter_TransactionsDouble(t *testing.T) {
	r := newRig(t, Settings{})
	body := `{"TransactItems":[{"Put":{"TableName":"t","Item":{"pk":{"S":"a"},"sk":{"S":"x"},"v":{"S":"` + blob(1500) + `"}}}},
		{"ConditionCheck":{"TableName":"t","Key":` + key("b") + `}}]}`
	r.call(serviceDynamo, "TransactWriteItems", body)
	if _, write := r.units("", "TransactWriteItems"); write != 6 {
		t.Errorf("cost %v, want 2 x 2 for the put and 2 x 1 for the check", write)
	}
	r.fake.answers("TransactGetItems", 200, `{"Responses":[{"Item":{"v":{"S":"`+blob(5000)+`"}}},{}]}`)
	r.call(serviceDynamo, "TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"t","Key":`+key("a")+`}},{"Get":{"TableName":"t","Key":`+key("b")+`}}]}`)
	if read, _ := r.units("", "TransactGetItems"); read != 6 {
		t.Errorf("cost %v, want 2 x 2 and 2 x 1", read)
	}
}

// TestMeter_Reads: by started 4 KB, half when they may be stale; a page by its
// sum, a batch by the item.
func TestMeter_Reads(t *testing.T) {
	r := newRig(t, Settings{})
	r.putItem("a", `,"v":{"S":"`+blob(5000)+`"}`)
	r.putItem("b", `,"v":{"S":"`+blob(100)+`"}`)
	get := func(more string) func() {
		return func() { r.call(serviceDynamo, "GetItem", `{"TableName":"t","Key":`+more+`}`) }
	}
	batch := func(more string) func() {
		return func() {
			r.call(serviceDynamo, "BatchGetItem", `{"RequestItems":{"t":{"Keys":[`+key("a")+`,`+key("b")+`,`+key("none")+`]`+more+`}}}`)
		}
	}
	query := func(more string) func() {
		return func() {
			r.call(serviceDynamo, "Query", `{"TableName":"t","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"a"}}`+more+`}`)
		}
	}
	for _, row := range []struct {
		what, operation string
		do              func()
		want            float64
	}{
		{"consistent, 5 KB", "GetItem", get(key("a") + `,"ConsistentRead":true`), 2},
		{"eventual, 5 KB", "GetItem", get(key("a")), 1},
		{"a part of it", "GetItem", get(key("a") + `,"ProjectionExpression":"pk"`), 1},
		{"missing, consistent", "GetItem", get(key("none") + `,"ConsistentRead":true`), 1},
		{"missing, eventual", "GetItem", get(key("none")), 0.5},
		{"a batch of two and a missing one", "BatchGetItem", batch(``), 2},
		{"a consistent batch", "BatchGetItem", batch(`,"ConsistentRead":true`), 4},
		{"a page", "Query", query(``), 1},
		{"a consistent page", "Query", query(`,"ConsistentRead":true`), 2},
	} {
		before, _ := r.units("", row.operation)
		row.do()
		if after, _ := r.units("", row.operation); after-before != row.want {
			t.Errorf("%s cost %v, want %v", row.what, after-before, row.want)
		}
	}
}

// TestMeter_TakesTheServicesWord where the caller asked for it.
func TestMeter_TakesTheServicesWord(t *testing.T) {
	r := newRig(t, Settings{})
	r.fake.answers("UpdateItem", 200, `{"ConsumedCapacity":{"TableName":"t","CapacityUnits":7,"GlobalSecondaryIndexes":{"wake":{"CapacityUnits":3}}}}`)
	r.call(serviceDynamo, "UpdateItem", `{"TableName":"t","ReturnConsumedCapacity":"INDEXES","Key":`+key("a")+`}`)
	if _, write := r.units("", "UpdateItem"); write != 4 {
		t.Errorf("the table cost %v, want 4", write)
	}
	if _, write := r.units("wake", "UpdateItem"); write != 3 {
		t.Errorf("the index cost %v, want 3", write)
	}
	r.fake.answers("BatchGetItem", 200, `{"ConsumedCapacity":[{"TableName":"t","CapacityUnits":2.5}]}`)
	r.call(serviceDynamo, "BatchGetItem", `{"ReturnConsumedCapacity":"TOTAL","RequestItems":{}}`)
	if read, _ := r.units("", "BatchGetItem"); read != 2.5 {
		t.Errorf("the batch cost %v, want 2.5", read)
	}
}

func TestSize_OfValues(t *testing.T) {
	for _, row := range []struct {
		json string
		want int
	}{
		{`{"S":"añ"}`, 3},
		{`{"N":"0"}`, 1}, {`{"N":"12"}`, 2}, {`{"N":"-123.5"}`, 4}, {`{"N":"1763712000123"}`, 8}, {`{"N":"1000000"}`, 2},
		{`{"B":"AAEC"}`, 3}, {`{"B":"AA=="}`, 1},
		{`{"BOOL":true}`, 1}, {`{"NULL":true}`, 1},
		{`{"SS":["a","bc"]}`, 3},
		{`{"L":[{"S":"a"},{"S":"b"}]}`, 3 + 2 + 2},
		{`{"M":{"key":{"S":"value"}}}`, 3 + 1 + 3 + 5},
		{`{"M":{}}`, 3},
	} {
		var value any
		reply{body: []byte(row.json)}.into(t, &value)
		if got := valueSize(value); got != row.want {
			t.Errorf("valueSize(%s) = %d, want %d", row.json, got, row.want)
		}
	}
}

func TestUnits_Boundaries(t *testing.T) {
	for _, row := range []struct {
		bytes       int
		write, read float64
	}{{0, 1, 1}, {1, 1, 1}, {1024, 1, 1}, {1025, 2, 1}, {4096, 4, 1}, {4097, 5, 2}} {
		if w, s, e := writeUnits(row.bytes), readUnits(row.bytes, true), readUnits(row.bytes, false); w != row.write || s != row.read || math.Abs(e-row.read/2) > 1e-9 {
			t.Errorf("%d bytes: %v, %v, %v", row.bytes, w, s, e)
		}
	}
}

func TestSections_OfUpdates(t *testing.T) {
	got := sections("SET a = :a, #b.c = list_append(if_not_exists(l, :e), :x) REMOVE attempts.#me, setting ADD n :one")
	want := map[string][]string{
		"SET":    {"a = :a", "#b.c = list_append(if_not_exists(l, :e), :x)"},
		"REMOVE": {"attempts.#me", "setting"},
		"ADD":    {"n :one"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sections are %v, want %v", got, want)
	}
}
