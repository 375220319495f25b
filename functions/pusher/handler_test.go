package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/connection"
	"bellhop/shared/ledgertest"
	"bellhop/shared/settings"
	"bellhop/shared/wake"
)

func TestHandle_UpdatesArrive(t *testing.T) {
	w := newWorld(t)
	failed := w.handle(says("lisbon-1", 1, "129.00"), says("lisbon-1", 2, "139.00"), says("porto-1", 1, "99.00"))
	if len(failed) != 0 || len(w.rejected.sent) != 0 {
		t.Fatalf("failed %v, rejected %v", failed, w.rejected.sent)
	}
	if got := w.provider.price("R-lisbon-1/DBL/BAR/2026-12-01"); got != "139.00" {
		t.Errorf("lisbon sells at %q, want the newest price", got)
	}
	if got := w.provider.price("R-porto-1/DBL/BAR/2026-12-01"); got != "99.00" {
		t.Errorf("porto sells at %q", got)
	}
	if w.provider.calls != 2 {
		t.Errorf("%d calls: two updates of one hotel in one batch are one push", w.provider.calls)
	}
}

func TestHandle_RedeliveredMessageIsHarmless(t *testing.T) {
	w := newWorld(t)
	w.handle(says("lisbon-1", 2, "139.00"))
	w.handle(says("lisbon-1", 1, "129.00")) // older, and late
	w.handle(says("lisbon-1", 2, "139.00"))
	if got := w.provider.price("R-lisbon-1/DBL/BAR/2026-12-01"); got != "139.00" || w.provider.calls != 1 {
		t.Errorf("sells at %q after %d calls", got, w.provider.calls)
	}
}

func TestHandle_PropertyAddressesEveryConnection(t *testing.T) {
	w := newWorld(t)
	body := strings.Replace(says("x", 1, "129.00"), `"connection":"x"`, `"property":"lisbon"`, 1)
	if failed := w.handle(body); len(failed) != 0 {
		t.Fatalf("failed %v", failed)
	}
	for _, id := range []string{"R-lisbon-1", "R-lisbon-2"} {
		if got := w.provider.price(id + "/DBL/BAR/2026-12-01"); got != "129.00" {
			t.Errorf("%s sells at %q", id, got)
		}
	}
	if w.provider.price("R-porto-1/DBL/BAR/2026-12-01") != "" {
		t.Error("another property was addressed too")
	}
}

func TestHandle_BadInputNeverStopsGoodInput(t *testing.T) {
	w := newWorld(t)
	mixed := `{"v":1,"connection":"lisbon-1","revision":7,"currency":"EUR","updates":[
		{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-03","price":"129.00"},
		{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-09","to":"2026-12-01","price":"1.00"},
		{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-05","to":"2026-12-05","price":"-4"}]}`
	if failed := w.handle("not JSON", mixed, says("porto-1", 1, "99.00")); len(failed) != 0 {
		t.Fatalf("failed %v: what cannot succeed is not retried", failed)
	}
	if w.provider.price("R-lisbon-1/DBL/BAR/2026-12-01") != "129.00" || w.provider.price("R-porto-1/DBL/BAR/2026-12-01") != "99.00" {
		t.Error("a good update was not taken")
	}
	all := w.rejections()
	if len(all) != 2 {
		t.Fatalf("%d messages on the rejected queue, want 2: %+v", len(all), all)
	}
	slices.SortFunc(all, func(a, b rejection) int { return strings.Compare(a.Message, b.Message) })
	if all[0].Message != "m0" || all[0].Problems[0].Index != -1 {
		t.Errorf("first is %+v, want the message that is no JSON", all[0])
	}
	r := all[1]
	if r.V != 1 || r.Message != "m1" || r.Connection != "lisbon-1" || r.Revision != 7 || len(r.Problems) != 2 {
		t.Fatalf("second is %+v", r)
	}
	if p := r.Problems[1]; p.Index != 2 || p.Field != "price" || !strings.Contains(p.Value, "-4") || p.Reason == "" {
		t.Errorf("problem is %+v, want index, field, value and reason", p)
	}
}

func TestHandle_UnknownAddressIsRejected(t *testing.T) {
	w := newWorld(t)
	property := strings.Replace(says("x", 1, "129.00"), `"connection":"x"`, `"property":"atlantis"`, 1)
	if failed := w.handle(says("nobody", 1, "1.00"), property); len(failed) != 0 {
		t.Fatalf("failed %v", failed)
	}
	all := w.rejections()
	if len(all) != 2 || all[0].Problems[0].Field != "connection" || all[0].Problems[0].Value != "nobody" || all[1].Problems[0].Value != "atlantis" {
		t.Errorf("rejected are %+v", all)
	}
}

func TestHandle_WrongCurrencyForOneOfTwoConnections(t *testing.T) {
	w := newWorld(t)
	err := w.inventory.Add(t.Context(), connection.Connection{
		ID: "lisbon-3", Property: "lisbon", Provider: "generic", Grant: "lisbon-3", RemoteProperty: "R-3", Zone: "Europe/Lisbon", Currency: "USD",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.handle(strings.Replace(says("x", 1, "129.00"), `"connection":"x"`, `"property":"lisbon"`, 1))
	if w.provider.price("R-lisbon-1/DBL/BAR/2026-12-01") != "129.00" || w.provider.price("R-3/DBL/BAR/2026-12-01") != "" {
		t.Error("the right connections did not get the price")
	}
	if all := w.rejections(); len(all) != 1 || all[0].Connection != "lisbon-3" || all[0].Problems[0].Field != "currency" {
		t.Errorf("rejected are %+v", all)
	}
}

func TestHandle_ContradictionIsReported(t *testing.T) {
	w := newWorld(t)
	w.handle(says("lisbon-1", 5, "129.00"))
	w.handle(says("lisbon-1", 5, "139.00"))
	all := w.rejections()
	if len(all) != 1 || len(all[0].Problems) != 1 {
		t.Fatalf("rejected are %+v, want one problem for three nights", all)
	}
	p := all[0].Problems[0]
	if p.Index != 0 || p.Field != "price" || p.Value != "139.00" || !strings.Contains(p.Reason, "129.00") {
		t.Errorf("problem is %+v", p)
	}
	if e := w.entry("lisbon-1"); e.Value != 12900 {
		t.Errorf("the ledger has %d: the first to arrive stays", e.Value)
	}
}

func TestHandle_TableThatIsDownBringsTheMessageBack(t *testing.T) {
	w := newWorld(t)
	w.ledger.Fault = func(_ string, id connection.ID) ledgertest.Fault {
		if id == "lisbon-1" {
			return ledgertest.NotLanded
		}
		return ledgertest.Fine
	}
	bad := strings.Replace(says("lisbon-1", 1, "129.00"), `}]}`, `},{"room_type":"DBL"}]}`, 1)
	if failed := w.handle(bad, says("porto-1", 1, "99.00")); !slices.Equal(failed, []string{"m0"}) {
		t.Errorf("failed %v, want the one whose ledger does not answer", failed)
	}
	if len(w.rejected.sent) != 0 {
		t.Error("reported what comes again: it would be reported twice")
	}
	if w.provider.price("R-porto-1/DBL/BAR/2026-12-01") != "99.00" {
		t.Error("another hotel's update was not taken")
	}
	w.ledger.Fault = nil
	if failed := w.handle(bad); len(failed) != 0 || len(w.rejected.sent) != 1 {
		t.Errorf("failed %v, rejected %v", failed, w.rejected.sent)
	}
}

func TestHandle_InventoryThatIsDownBringsTheMessageBack(t *testing.T) {
	w := newWorld(t)
	w.inventory.Fault = func(string) error { return errDown }
	if failed := w.handle(says("lisbon-1", 1, "1.00")); len(failed) != 1 || len(w.rejected.sent) != 0 {
		t.Errorf("failed %v, rejected %v: nobody knows whether the connection exists", failed, w.rejected.sent)
	}
}

func TestHandle_ReportThatCannotBeSentBringsTheMessageBack(t *testing.T) {
	w := newWorld(t)
	w.rejected.err = errDown
	if failed := w.handle("not JSON"); len(failed) != 1 {
		t.Error("dropped without a trace")
	}
}

func TestHandle_AcknowledgedOnceItIsInTheLedger(t *testing.T) {
	w := newWorld(t)
	w.ledger.Fault = func(method string, _ connection.ID) ledgertest.Fault {
		if method == "Mark" { // taken in, and then the table goes down
			return ledgertest.NotLanded
		}
		return ledgertest.Fine
	}
	if failed := w.handle(says("lisbon-1", 1, "129.00")); len(failed) != 0 {
		t.Errorf("failed %v: the wake in the table stands for it", failed)
	}
	if lost := w.ledger.Forgotten(0); len(lost) != 0 {
		t.Errorf("forgotten: %v", lost)
	}
}

func TestHandle_WakesOfAllKinds(t *testing.T) {
	w := newWorld(t)
	w.handle(says("lisbon-1", 1, "129.00"))
	calls := w.provider.calls
	failed := w.handle(
		wake.Encode(wake.Message{Kind: wake.Lane, Connection: "lisbon-1", At: start}),
		wake.Encode(wake.Message{Kind: wake.Job, Connection: "lisbon-1", Job: "gone", At: start}),
		wake.Encode(wake.Message{Kind: wake.Lane, Connection: "nobody", At: start}),
	)
	if len(failed) != 0 || w.provider.calls != calls {
		t.Errorf("failed %v, %d calls: what is not due costs one read", failed, w.provider.calls-calls)
	}
}

func TestHandle_WakeThatMakesNoSenseIsADeadLetter(t *testing.T) {
	w := newWorld(t)
	if failed := w.handle(`{"v":1,"wake":"lane","at":1}`, `{"v":9,"wake":"lane","connection":"lisbon-1","at":1}`); len(failed) != 2 {
		t.Errorf("failed %v, want both", failed)
	}
}

func TestHandle_OneSlowHotelHoldsUpNoOther(t *testing.T) {
	w := newWorld(t)
	w.provider.slow, w.provider.hang = "R-lisbon-1", make(chan struct{})
	done := make(chan []string)
	go func() { done <- w.handle(says("lisbon-1", 1, "129.00"), says("porto-1", 1, "99.00")) }()
	for range 200 {
		if w.provider.price("R-porto-1/DBL/BAR/2026-12-01") == "99.00" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if w.provider.price("R-porto-1/DBL/BAR/2026-12-01") != "99.00" {
		t.Error("porto waited for lisbon's provider")
	}
	close(w.provider.hang)
	if failed := <-done; len(failed) != 0 {
		t.Errorf("failed %v", failed)
	}
}

func TestHandle_TheExampleEvent(t *testing.T) {
	raw, err := os.ReadFile("../../events/rates.json")
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	out, err := w.pusher.Handle(t.Context(), e)
	if err != nil || len(out.BatchItemFailures) != 0 || len(w.rejected.sent) != 0 {
		t.Fatalf("failures %v, rejected %v, %v", out.BatchItemFailures, w.rejected.sent, err)
	}
	if w.provider.price("R-lisbon-1/DBL/BAR/2026-12-01") != "129.00" {
		t.Error("the example's price did not arrive")
	}
}

// environment is a good one.
func environment() map[string]string {
	const queue = "https://sqs.example.com/1/q"
	return map[string]string{
		"STACK": "bellhop", "GRANTS_TABLE": "g", "RATES_TABLE": "r", "KEYS_SECRET": "bellhop/keys", "SECRETS_PREFIX": "bellhop/",
		"RATES_QUEUE_URL": queue, "REFRESH_QUEUE_URL": queue, "REJECTED_QUEUE_URL": queue,
	}
}

func TestWire(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	good := environment()
	p, err := wire(func(name string) string { return good[name] })
	if err != nil || p.drainer == nil || p.rejected == nil {
		t.Fatalf("pusher is %+v, %v", p, err)
	}
}

func TestSettings_AllProblemsTogether(t *testing.T) {
	_, err := settings.Read[variables](func(string) string { return "" })
	if err == nil {
		t.Fatal("nothing is wrong with nothing")
	}
	for name := range environment() {
		if !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestRun_SaysWhatIsWrong(t *testing.T) {
	if err := run(t.Context(), func(string) string { return "" }); err == nil {
		t.Error("started without an environment")
	}
}
