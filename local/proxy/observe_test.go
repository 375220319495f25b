package proxy

import (
	"net/http"
	"sync"
	"testing"
)

// observed collects what a proxy tells.
type observed struct {
	mu  sync.Mutex
	all []Observation
}

func (o *observed) take(seen Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen.Answer = append([]byte(nil), seen.Answer...)
	o.all = append(o.all, seen)
}

func (o *observed) told() []Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Observation(nil), o.all...)
}

const lease = `{"TableName":"t","Key":{"pk":{"S":"GRANT#g1"},"sk":{"S":"TOKEN"}},"UpdateExpression":"set holder = :h",
	"ExpressionAttributeNames":{"#me":"n1"},"ExpressionAttributeValues":{":h":{"N":"1"}}}`

// What is observed is what the service has decided, not what its caller was
// told: of a lost answer, that it landed; of a call that never arrived, nothing.
func TestObserve_WhatLanded(t *testing.T) {
	for _, row := range []struct {
		kind   Kind
		landed int // observed in the end
	}{
		{"", 1}, {NotLanded, 0}, {Landed, 1}, {LandsLate, 1}, {LandsTwice, 2},
		{Throttle, 0}, {Unavailable, 0}, {UnavailableLanded, 1}, {Delay, 1},
	} {
		t.Run(string(row.kind), func(t *testing.T) {
			r, seen := newRig(t, Settings{}), &observed{}
			r.proxy.observer = seen.take
			r.fake.answers("UpdateItem", http.StatusOK, `{"Attributes":{"generation":{"N":"7"}}}`)
			if row.kind != "" {
				r.inject(Rule{Kind: row.kind, Count: 1, Delay: 30})
			}
			r.call(serviceDynamo, "UpdateItem", lease)
			eventually(t, "as often as it landed", func() bool { return len(seen.told()) == row.landed })
			for _, o := range seen.told() {
				if !o.Landed || o.Key != "pk=GRANT#g1 sk=TOKEN" || o.Names["#me"] != "n1" || o.Update != "set holder = :h" || len(o.Answer) == 0 {
					t.Errorf("it is told as %+v", o)
				}
			}
		})
	}
}

func TestObserve_ARefusalIsNoLanding(t *testing.T) {
	r, seen := newRig(t, Settings{}), &observed{}
	r.proxy.observer = seen.take
	r.fake.answers("UpdateItem", http.StatusBadRequest, `{"__type":"ConditionalCheckFailedException"}`)
	r.call(serviceDynamo, "UpdateItem", lease)
	if all := seen.told(); len(all) != 1 || all[0].Landed || all[0].Error != "ConditionalCheckFailedException" {
		t.Errorf("it is told as %+v", all)
	}
}

// Every item of a transaction is told; reads are not.
func TestObserve_TransactionsAndReads(t *testing.T) {
	r, seen := newRig(t, Settings{}), &observed{}
	r.proxy.observer = seen.take
	r.fake.answers("TransactWriteItems", http.StatusOK, `{}`)
	r.call(serviceDynamo, "TransactWriteItems", `{"TransactItems":[
		{"Update":{"TableName":"t","Key":{"pk":{"S":"GRANT#g1"},"sk":{"S":"TOKEN"}},"UpdateExpression":"set epoch = :e"}},
		{"Put":{"TableName":"t","Item":{"pk":{"S":"TICKET#1"},"sk":{"S":"TICKET"},"v":{"N":"1"}}}}]}`)
	r.call(serviceDynamo, "GetItem", `{"TableName":"t","Key":{"pk":{"S":"GRANT#g1"},"sk":{"S":"TOKEN"}}}`)
	r.call(serviceSQS, "SendMessage", send)
	all := seen.told()
	if len(all) != 2 || all[0].Key != "pk=GRANT#g1 sk=TOKEN" || all[1].Key != "pk=TICKET#1 sk=TICKET" {
		t.Errorf("told: %+v", all)
	}
}
