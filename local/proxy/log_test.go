package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestLog_NamesAndKeysOnly: every call is told apart, and no value of any of
// them is in the log.
func TestLog_NamesAndKeysOnly(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("demo/grant/g1/1", 1, "hunter2")
	r.put("demo/grant/g1/1", 2, "hunter2")
	r.getVersion("demo/grant/g1/1", 2)
	r.call(serviceSQS, "SendMessage", strings.Replace(send, "secret stuff", "hunter2", 1))
	r.call(serviceDynamo, "UpdateItem", `{"TableName":"t","Key":{"sk":{"S":"TOKEN"},"pk":{"S":"GRANT#g1"}},"ExpressionAttributeValues":{":p":{"S":"hunter2"}}}`)
	r.call(serviceDynamo, "PutItem", `{"TableName":"t","Item":{"sk":{"S":"META"},"pk":{"S":"CONN#c1"},"secret":{"S":"hunter2"}}}`)
	r.call(serviceDynamo, "TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"t","Item":{"pk":{"S":"a"},"sk":{"S":"b"}}}},{"Put":{"TableName":"t","Item":{"x":{"S":"hunter2"}}}}]}`)

	want := []Entry{
		{Service: serviceSecrets, Operation: "CreateSecret", Target: "demo/grant/g1/1", Key: token(1)},
		{Service: serviceSecrets, Operation: "PutSecretValue", Target: "demo/grant/g1/1", Key: token(2)},
		{Service: serviceSecrets, Operation: "GetSecretValue", Target: "demo/grant/g1/1", Key: token(2)},
		{Service: serviceSQS, Operation: "SendMessage", Target: "rates", Key: "lisbon-1"},
		{Service: serviceDynamo, Operation: "UpdateItem", Target: "t", Key: "pk=GRANT#g1 sk=TOKEN"},
		{Service: serviceDynamo, Operation: "PutItem", Target: "t", Key: "pk=CONN#c1 sk=META"},
		{Service: serviceDynamo, Operation: "TransactWriteItems", Target: "t"},
	}
	got := r.log()
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, e := range got {
		if e.Service != want[i].Service || e.Operation != want[i].Operation || e.Target != want[i].Target || e.Key != want[i].Key {
			t.Errorf("entry %d is %+v, want %+v", i, e, want[i])
		}
		if e.Seq != int64(i+1) || e.Status != http.StatusOK || e.Function != "ASIAPUSHER" || e.Remote == "" {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
	raw, _ := json.Marshal(got)
	if strings.Contains(string(raw), "hunter2") || strings.Contains(string(raw), "Signature") {
		t.Errorf("the log holds a value: %s", raw)
	}
}

// TestLog_TellsWhatHappened: fault, exception and reset.
func TestLog_TellsWhatHappened(t *testing.T) {
	r := newRig(t, Settings{})
	r.inject(Rule{Kind: Landed, Count: 1})
	r.inject(Rule{Kind: Throttle, Count: 1})
	r.call(serviceSQS, "SendMessage", send)
	r.call(serviceSQS, "SendMessage", send)
	log := r.log()
	if e := log[0]; e.Fault != Landed || e.Status != 0 || e.Note != "connection reset" {
		t.Errorf("a reset is logged as %+v", e)
	}
	if e := log[1]; e.Fault != Throttle || e.Status != 400 || e.Error != "RequestThrottled" {
		t.Errorf("a throttle is logged as %+v", e)
	}
}

func TestLog_IsBoundedAndAsked(t *testing.T) {
	l := newRequestLog(3)
	for _, e := range []Entry{
		{Service: "a", Operation: "x"}, {Service: "a", Operation: "y", Function: "demo-Pusher"},
		{Service: "b", Operation: "x"}, {Service: "a", Operation: "x"}, {Service: "a", Operation: "y"},
	} {
		l.add(e)
	}
	for _, row := range []struct {
		query LogQuery
		want  []int64
	}{
		{LogQuery{}, []int64{3, 4, 5}},
		{LogQuery{Since: 4}, []int64{5}},
		{LogQuery{Since: 5}, []int64{}},
		{LogQuery{Service: "a"}, []int64{4, 5}},
		{LogQuery{Operation: "x"}, []int64{3, 4}},
		{LogQuery{Limit: 1}, []int64{5}},
		{LogQuery{Function: "Pusher"}, []int64{}}, // forgotten by now
	} {
		got := l.entries(row.query)
		if len(got) != len(row.want) {
			t.Errorf("%+v: %+v, want %v", row.query, got, row.want)
			continue
		}
		for i := range got {
			if got[i].Seq != row.want[i] {
				t.Errorf("%+v: %+v, want %v", row.query, got, row.want)
			}
		}
	}
}
