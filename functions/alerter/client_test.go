package main

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/invtest"
)

const main1 = "client/main" // the bucket that the stories are about

var refusal = bucket.ClientRefusal{Code: "invalid_client", Status: 401, Payload: "00112233445566ff", SecretVersion: "v-2"}

// change lets a refresher write into the bucket.
func (o *office) change(decide func(bucket.Bucket) bucket.Bucket) bucket.Bucket {
	o.t.Helper()
	b, err := bucket.Change(o.t.Context(), o.table, main1, decide)
	o.must(err)
	return b
}

// refused is a provider that does not accept our registration, as so many
// grants find out.
func (o *office) refused(grants int) {
	o.t.Helper()
	o.clock = o.clock.Add(time.Minute)
	for range max(grants, 2) { // one alone would be about that grant
		o.change(func(b bucket.Bucket) bucket.Bucket {
			b.Grants = 1200
			return b.ClientRefused(refusal, o.clock)
		})
	}
}

// accepted is a provider that does.
func (o *office) accepted() {
	o.t.Helper()
	o.clock = o.clock.Add(40 * time.Minute)
	o.change(func(b bucket.Bucket) bucket.Bucket { return b.ClientAccepted("g", o.clock) })
}

func (o *office) tellsMain() {
	o.t.Helper()
	if err := o.tellClient(o.t.Context(), main1); err != nil {
		o.t.Errorf("telling about the client: %v", err)
	}
}

func (o *office) bucket() bucket.Bucket {
	o.t.Helper()
	b, err := o.table.Read(o.t.Context(), main1)
	o.must(err)
	return b
}

// However many grants meet the refusal, one message opens it and one closes it.
func TestTellClient_OneForAllItsGrants(t *testing.T) {
	o := newOffice(t)
	o.must(o.inventory.(*invtest.Memory).AddClient(t.Context(), invtest.Registration()))
	o.refused(100)
	for range 3 {
		o.tellsMain()
	}
	o.told("opened")
	m := o.slack.Sent()[0]
	if m.ID != "client/main.1.opened" || m.Provider != "Cloudbeds" || m.Client.Grants != 1200 || m.Client.Trouble.Code != "invalid_client" ||
		m.Client.Trouble.Payload != refusal.Payload || m.Client.Trouble.SecretVersion != "v-2" || !m.Link.Empty() {
		t.Errorf("message %+v, %+v", m, m.Client)
	}
	if !o.bucket().AlertDue.IsZero() {
		t.Error("the bucket is flagged although everybody was told")
	}
	o.refused(5)
	o.tellsMain()
	o.told("opened")

	o.accepted()
	for range 3 {
		o.tellsMain()
	}
	o.told("opened recovered")
	if m := o.slack.Sent()[1]; m.ID != "client/main.1.recovered" || !m.Ended.Equal(o.clock) {
		t.Errorf("message %+v", m)
	}
	o.refused(1)
	o.tellsMain()
	o.told("opened recovered opened")
	if id := o.webhook.Sent()[2].ID; id != "client/main.2.opened" {
		t.Errorf("the second episode's message is %s", id)
	}
	if log := o.log.String(); !strings.Contains(log, `"client":"main","episode":1,"channel":"slack","kind":"opened","delay_ms":0`) {
		t.Errorf("the log does not say what was sent: %s", log)
	}
}

// A record that comes late, twice, or about a client without trouble costs one
// read.
func TestTellClient_NothingIsWrittenWhenNothingIsOwed(t *testing.T) {
	o := newOffice(t)
	o.tellsMain()
	o.refused(1)
	o.tellsMain()
	_, before := o.table.Counts()
	o.tellsMain()
	if _, after := o.table.Counts(); after != before {
		t.Errorf("%d writes for a record that came twice", after-before)
	}
}

func TestTellClient_OverBeforeAnybodyWasTold(t *testing.T) {
	o := newOffice(t)
	o.refused(1)
	o.accepted()
	o.tellsMain()
	o.told("")
	if !o.bucket().AlertDue.IsZero() {
		t.Error("flagged although nothing is owed")
	}
}

// A channel that is down holds no other, keeps the bucket flagged, so that the
// sweep comes back, and is told once it is up.
func TestTellClient_AChannelIsDown(t *testing.T) {
	o := newOffice(t)
	o.refused(1)
	o.slack.Fail = func(alert.Message) error { return alert.StatusError(503) }
	for range 3 {
		if err := o.tellClient(t.Context(), main1); err == nil {
			t.Error("a channel is down and nothing is owed")
		}
		if o.bucket().AlertDue.IsZero() {
			t.Fatal("nothing calls the alerter again")
		}
		o.clock = o.clock.Add(11 * time.Minute)
	}
	if sent(o.webhook) != "opened" || sent(o.slack) != "" {
		t.Errorf("told: webhook %q, slack %q", sent(o.webhook), sent(o.slack))
	}
	o.slack.Fail = nil
	o.tellsMain()
	o.told("opened")
}

// The stream's record and the sweep's message arrive at the same time.
func TestTellClient_StreamAndSweepAtOnce(t *testing.T) {
	o := newOffice(t)
	o.refused(1)
	again := true
	o.slack.Fail = func(alert.Message) error {
		if again {
			again = false
			o.tellsMain()
		}
		return nil
	}
	o.tellsMain()
	o.told("opened")
}

// A client that was removed meanwhile, or that nobody counted, is told about
// all the same.
func TestTellClient_WhatIsNotKnownIsSaidSo(t *testing.T) {
	o := newOffice(t)
	o.change(func(b bucket.Bucket) bucket.Bucket {
		return b.ClientRefused(refusal, o.clock).ClientRefused(refusal, o.clock)
	})
	o.tellsMain()
	m := o.slack.Sent()[0]
	if m.Client.Grants != alert.Uncounted || !strings.HasPrefix(m.Title(), "The provider refuses our registration main") {
		t.Errorf("message %q, %+v", m.Title(), m.Client)
	}
}

// Every save has its three fates at every place. Whatever becomes of it, the
// next calls bring every channel to the same end, and no channel hears
// "recovered" before "opened".
func TestTellClient_DiesAnywhere(t *testing.T) {
	for _, fault := range []buckettest.Fault{buckettest.Landed, buckettest.NotLanded, buckettest.Late} {
		for at := 1; at <= 10; at++ {
			synctest.Test(t, func(t *testing.T) { diesAt(t, fault, at) })
		}
	}
}

func diesAt(t *testing.T, fault buckettest.Fault, at int) {
	o := newOffice(t)
	saves, armed := 0, true
	o.refused(1)
	var mu sync.Mutex // the channels are told side by side
	o.table.Fault = func(bucket.Bucket) buckettest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if saves++; armed && saves >= at && saves < at+12 {
			return fault // longer than one change is tried: this call dies here
		}
		return buckettest.None
	}
	_ = o.tellClient(t.Context(), main1)
	armed = false
	o.table.Deliver()
	o.clock = o.clock.Add(time.Minute) // past every claim
	o.tellsMain()
	o.accepted()
	o.tellsMain()
	for _, c := range []string{sent(o.slack), sent(o.webhook)} {
		// Dying between sending and marking sends it once more.
		if c != "opened recovered" && c != "opened opened recovered" {
			t.Errorf("fault %d at save %d: told %q", fault, at, c)
		}
	}
	if !o.bucket().AlertDue.IsZero() {
		t.Errorf("fault %d at save %d: still flagged", fault, at)
	}
}

func TestHandle_RecordsAboutClients(t *testing.T) {
	o := newOffice(t)
	o.refused(1)
	batch := `{"Records":[` + record("1", "BUCKET#client/main", true) + "," + record("2", "BUCKET#client/main", true) + "," +
		record("3", "BUCKET#client/other", false) + `]}`
	answer, err := o.Handle(t.Context(), json.RawMessage(batch))
	if b, _ := json.Marshal(answer); err != nil || string(b) != `{"batchItemFailures":[]}` {
		t.Errorf("answer %s, %v", b, err)
	}
	o.told("opened")
}

func TestHandle_MessagesAboutClients(t *testing.T) {
	o := newOffice(t)
	o.refused(1)
	o.slack.Fail = func(alert.Message) error { return alert.StatusError(500) }
	batch := json.RawMessage(`{"Records":[{"eventSource":"aws:sqs","messageId":"m",` +
		`"body":"{\"v\":1,\"wake\":\"alert\",\"bucket\":\"client/main\"}"}]}`)
	answer, err := o.Handle(t.Context(), batch)
	if b, _ := json.Marshal(answer); err != nil || string(b) != `{"batchItemFailures":[{"itemIdentifier":"m"}]}` {
		t.Errorf("answer %s, %v", b, err)
	}
	o.slack.Fail = nil
	if _, err := o.Handle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	o.told("opened")
}
