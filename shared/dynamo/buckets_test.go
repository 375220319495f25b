package dynamo

import (
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/wake"
)

func TestBuckets_KeepTheContract(t *testing.T) {
	buckettest.Suite(t, func(t *testing.T) bucket.Store {
		api, table := realTable(t)
		return NewBuckets(api, table)
	})
}

// A client that is in trouble is found by the alert index, until nobody owes an
// alert about it.
func TestBuckets_AlertsAreDue(t *testing.T) {
	api, table := realTable(t)
	b := buckettest.Full("client/main")
	if err := NewBuckets(api, table).Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	due, err := NewAlerts(api, table).Due(t.Context(), wake.AlertShard, b.AlertDue)
	if err != nil || len(due) != 1 || due[0].PK != "BUCKET#client/main" || due[0].SK != "STATE" || !due[0].At.Equal(b.AlertDue) {
		t.Errorf("due %+v, %v", due, err)
	}
	b.Version++
	b.AlertDue = time.Time{}
	if err := NewBuckets(api, table).Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if due, err := NewAlerts(api, table).Due(t.Context(), wake.AlertShard, b.HoldUntil); err != nil || len(due) != 0 {
		t.Errorf("still due: %+v, %v", due, err)
	}
}

func TestBuckets_RefuseALaterRelease(t *testing.T) {
	api, table := realTable(t)
	set(t, api, table, "BUCKET#client/main", "STATE", item{"v": num(2), "version": num(1)})
	if b, err := NewBuckets(api, table).Read(t.Context(), "client/main"); err == nil {
		t.Errorf("an item of version 2 was read as %+v", b)
	}
}

// What a save writes is what a read knows: an attribute that is not in the list
// would stay for ever.
func TestBuckets_AttributesAreListed(t *testing.T) {
	known := map[string]bool{}
	for _, name := range bucketAttributes {
		known[name] = true
	}
	for name := range bucketItem(buckettest.Full("b")) {
		if !known[name] {
			t.Errorf("attribute %s is written and not in bucketAttributes", name)
		}
		delete(known, name)
	}
	if len(known) > 0 {
		t.Errorf("listed and never written: %v", known)
	}
}
