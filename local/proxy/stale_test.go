package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// wakeAt puts an item that the index holds under a time.
func (r *rig) wakeAt(name string, at int) {
	r.Helper()
	if a := r.putItem(name, fmt.Sprintf(`,"shard":{"S":"0"},"at":{"N":"%d"},"v":{"S":"at %d"}`, at, at)); a.status != http.StatusOK {
		r.Fatalf("put: %d %s", a.status, a.body)
	}
}

// due asks the index who is due by a time: "name@time" each.
func (r *rig) due(by int, more string) []string {
	r.Helper()
	a := r.call(serviceDynamo, "Query", fmt.Sprintf(`{"TableName":"t","IndexName":"wake",
		"KeyConditionExpression":"shard = :s AND #a <= :t","ExpressionAttributeNames":{"#a":"at"},
		"ExpressionAttributeValues":{":s":{"S":"0"},":t":{"N":"%d"}}%s}`, by, more))
	var page struct {
		Items []item
		Count int
	}
	a.into(r.T, &page)
	if page.Count != len(page.Items) {
		r.Errorf("count is %d with %d items", page.Count, len(page.Items))
	}
	found := []string{}
	for _, i := range page.Items {
		if i["v"] != nil {
			r.Errorf("the index shows an attribute that it does not project: %v", i)
		}
		found = append(found, scalar(i["pk"])+"@"+scalar(i["at"]))
	}
	return found
}

func wantDue(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("due are %v, want %v", got, want)
	}
}

// TestStale_IndexLagsBehindWrites: an entry that is new is not there yet, one
// that moved is where it was, one that is gone is still there; after the delay
// all is as it is. Reads of the table stay fresh meanwhile.
func TestStale_IndexLagsBehindWrites(t *testing.T) {
	r := newRig(t, Settings{})
	r.wakeAt("moved", 100)
	r.wakeAt("gone", 300)
	r.wakeAt("kept", 200)
	r.set(Settings{IndexDelay: 1000})
	r.wakeAt("new", 50)
	r.wakeAt("moved", 900)
	r.call(serviceDynamo, "DeleteItem", `{"TableName":"t","Key":`+key("gone")+`}`)

	wantDue(t, r.due(500, ""), "moved@100", "kept@200", "gone@300")
	wantDue(t, r.due(500, `,"ScanIndexForward":false`), "gone@300", "kept@200", "moved@100")
	if a := r.call(serviceDynamo, "GetItem", `{"TableName":"t","Key":`+key("moved")+`}`); !strings.Contains(string(a.body), "at 900") {
		t.Errorf("the table lags as well: %s", a.body)
	}
	r.pass(time.Second)
	wantDue(t, r.due(60, ""), "new@50")
	got := r.due(1000, "")
	slices.Sort(got)
	wantDue(t, got, "kept@200", "moved@900", "new@50")
}

// TestStale_OldestUnseenWriteCounts: of several writes within the delay, what
// was before the first is shown.
func TestStale_OldestUnseenWriteCounts(t *testing.T) {
	r := newRig(t, Settings{IndexDelay: 1000})
	r.wakeAt("a", 100)
	r.pass(time.Second)
	r.wakeAt("a", 200)
	r.pass(600 * time.Millisecond)
	r.wakeAt("a", 300)
	wantDue(t, r.due(1000, ""), "a@100")
	r.pass(400 * time.Millisecond) // the first of the two is seen now
	wantDue(t, r.due(1000, ""), "a@200")
	r.pass(600 * time.Millisecond)
	wantDue(t, r.due(1000, ""), "a@300")
}

// TestStale_FreshWhereItCannotBeRight: filters and pages are not guessed at.
func TestStale_FreshWhereItCannotBeRight(t *testing.T) {
	r := newRig(t, Settings{})
	r.wakeAt("a", 100)
	r.set(Settings{IndexDelay: 1000})
	r.wakeAt("a", 200)
	wantDue(t, r.due(1000, `,"FilterExpression":"attribute_exists(pk)"`), "a@200")
	wantDue(t, r.due(1000, `,"ProjectionExpression":"pk, sk, #a"`), "a@100")
	wantDue(t, r.due(1000, `,"ExclusiveStartKey":{"pk":{"S":"0"}}`), "a@200")
	r.wakeAt("new", 150)
	wantDue(t, r.due(150, `,"ExclusiveStartKey":{"pk":{"S":"0"}}`)) // not there on any page
}

// TestStale_ReadsOfTheTable: GetItem, BatchGetItem and Query lag without
// ConsistentRead, and are fresh with it.
func TestStale_ReadsOfTheTable(t *testing.T) {
	r := newRig(t, Settings{})
	r.putItem("old", `,"v":{"S":"before"}`)
	r.set(Settings{ReadDelay: 1000})
	r.putItem("old", `,"v":{"S":"after"}`)
	r.putItem("new", `,"v":{"S":"after"}`)
	reads := map[string]func(name, more string) reply{
		"GetItem": func(name, more string) reply {
			return r.call(serviceDynamo, "GetItem", `{"TableName":"t","Key":`+key(name)+more+`}`)
		},
		"BatchGetItem": func(name, more string) reply {
			return r.call(serviceDynamo, "BatchGetItem", `{"RequestItems":{"t":{"Keys":[`+key(name)+`]`+more+`}}}`)
		},
		"Query": func(name, more string) reply {
			return r.call(serviceDynamo, "Query", `{"TableName":"t","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"`+name+`"}}`+more+`}`)
		},
	}
	check := func(when, name, more, want string) {
		for operation, read := range reads {
			a := read(name, more)
			shown := ""
			for _, value := range []string{"before", "after"} {
				if strings.Contains(string(a.body), value) {
					shown += value
				}
			}
			if shown != want {
				t.Errorf("%s, %s of %q shows %q, want %q: %s", when, operation, name, shown, want, a.body)
			}
			if a.header.Get(checksumHeader) != checksum(a.body) {
				t.Errorf("%s, %s: the checksum does not fit the body", when, operation)
			}
		}
	}
	check("within the delay", "old", "", "before")
	check("within the delay", "new", "", "")
	check("consistent", "old", `,"ConsistentRead":true`, "after")
	check("consistent", "new", `,"ConsistentRead":true`, "after")
	r.pass(time.Second)
	check("after the delay", "old", "", "after")
	check("after the delay", "new", "", "after")
}

// TestStale_RefusedWriteLeavesNoTrace: what was not written does not make
// reads lag.
func TestStale_RefusedWriteLeavesNoTrace(t *testing.T) {
	r := newRig(t, Settings{ReadDelay: 1000})
	r.fake.answers("UpdateItem", 400, `{"__type":"ConditionalCheckFailedException"}`)
	r.call(serviceDynamo, "UpdateItem", `{"TableName":"t","Key":`+key("a")+`}`)
	r.proxy.stale.mu.Lock()
	defer r.proxy.stale.mu.Unlock()
	if left := len(r.proxy.stale.recent["t"]["pk=a sk=x"].writes); left != 0 {
		t.Errorf("%d writes are remembered", left)
	}
}

// TestStale_CostsNothingWhenOff: the proxy reads for itself only when it must.
func TestStale_CostsNothingWhenOff(t *testing.T) {
	r := newRig(t, Settings{})
	r.putItem("a", "")
	r.putItem("a", "")
	if got := len(r.fake.arrived("GetItem")); got != 0 {
		t.Errorf("%d reads of its own", got)
	}
	if got := len(r.fake.arrived("DescribeTable")); got != 1 {
		t.Errorf("the table was described %d times, want once", got)
	}
	for _, own := range r.fake.arrived("DescribeTable") {
		if !strings.Contains(own.header.Get("Authorization"), "Credential=test/20261121/us-east-1/dynamodb/aws4_request") {
			t.Errorf("its own call is signed %q", own.header.Get("Authorization"))
		}
	}
}

func TestKeyConditions(t *testing.T) {
	values := item{":a": map[string]any{"S": "a"}, ":1": map[string]any{"N": "1"}, ":9": map[string]any{"N": "9"}}
	here := item{"p": map[string]any{"S": "ab"}, "n": map[string]any{"N": "5.0"}}
	for _, row := range []struct {
		expression    string
		parsed, holds bool
	}{
		{"p = :a", true, false},
		{"n > :1", true, true},
		{"#n<:9", true, true},
		{"n >= :9", true, false},
		{"n <= :9 AND begins_with(p, :a)", true, true},
		{"(n BETWEEN :1 AND :9) and (begins_with(p,:a))", true, true},
		{"n between :9 AND :9", true, false},
		{"missing = :a", true, false},
		{"p > :1", true, false}, // of another type
		{"", true, true},
		{"p = :none", false, false},
		{"p = :a OR n = :1", false, false},
		{"p", false, false},
	} {
		conditions, ok := keyConditions(row.expression, map[string]string{"#n": "n"}, values)
		if ok != row.parsed {
			t.Errorf("%q: parsed is %v", row.expression, ok)
			continue
		}
		holds := ok
		for _, k := range conditions {
			holds = holds && k.holds(here)
		}
		if holds != row.holds {
			t.Errorf("%q: holds is %v", row.expression, holds)
		}
	}
}

func TestCompare_ByType(t *testing.T) {
	n := func(kind, text string) any { return map[string]any{kind: text} }
	for _, row := range []struct {
		a, b any
		want int
		ok   bool
	}{
		{n("N", "9"), n("N", "10"), -1, true},
		{n("S", "9"), n("S", "10"), 1, true},
		{n("N", "1763712000123456789012"), n("N", "1763712000123456789013"), -1, true},
		{n("B", "AAE="), n("B", "AAI="), -1, true},
		{n("S", "1"), n("N", "1"), 0, false},
		{n("N", "x"), n("N", "1"), 0, false},
		{nil, n("N", "1"), 0, false},
	} {
		if got, ok := compare(row.a, row.b); got != row.want || ok != row.ok {
			t.Errorf("compare(%v, %v) = %d, %v", row.a, row.b, got, ok)
		}
	}
}
