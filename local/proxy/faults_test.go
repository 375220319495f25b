package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const send = `{"QueueUrl":"http://localhost/000000000000/rates","MessageGroupId":"lisbon-1","MessageBody":"secret stuff"}`

// TestFaults_InPairs is the table of the kinds: what the caller sees, and how
// often the service saw the call, for each of the services.
func TestFaults_InPairs(t *testing.T) {
	operations := map[string]string{serviceDynamo: "UpdateItem", serviceSQS: "SendMessage", serviceSecrets: "UpdateSecret"}
	for _, row := range []struct {
		kind      Kind
		status    map[string]int // by service; nil is a reset
		now, late int            // times it arrives by the answer, and in the end
	}{
		{NotLanded, nil, 0, 0},
		{Landed, nil, 1, 1},
		{LandsLate, nil, 0, 1},
		{LandsTwice, map[string]int{serviceDynamo: 200, serviceSQS: 200, serviceSecrets: 200}, 1, 2},
		{Throttle, map[string]int{serviceDynamo: 400, serviceSQS: 400, serviceSecrets: 400}, 0, 0},
		{Unavailable, map[string]int{serviceDynamo: 500, serviceSQS: 503, serviceSecrets: 500}, 0, 0},
		{UnavailableLanded, map[string]int{serviceDynamo: 500, serviceSQS: 503, serviceSecrets: 500}, 1, 1},
		{AccessDenied, map[string]int{serviceDynamo: 400, serviceSQS: 400, serviceSecrets: 400}, 0, 0},
		{Delay, map[string]int{serviceDynamo: 200, serviceSQS: 200, serviceSecrets: 200}, 1, 1},
	} {
		for service, operation := range operations {
			t.Run(string(row.kind)+"/"+service, func(t *testing.T) {
				r := newRig(t, Settings{})
				r.fake.answers(operation, http.StatusOK, `{}`)
				r.inject(Rule{Match: Match{Service: service}, Kind: row.kind, Count: 1, Delay: 60})
				a := r.call(service, operation, `{"SecretId":"s","TableName":"t"}`)
				if a.status != row.status[service] {
					t.Errorf("the caller sees %d %s, want %d", a.status, a.body, row.status[service])
				}
				if got := len(r.fake.arrived(operation)); got != row.now {
					t.Errorf("arrived %d times by the answer, want %d", got, row.now)
				}
				eventually(t, "as often as it should", func() bool { return len(r.fake.arrived(operation)) == row.late })
				if next := r.call(service, operation, `{"SecretId":"s"}`); next.status != http.StatusOK {
					t.Errorf("the rule outlives its count: %d", next.status)
				}
			})
		}
	}
}

// TestFaults_CopyIsTheSameRequest: a late copy carries the signature and the
// body of the original, and is marked in the log.
func TestFaults_CopyIsTheSameRequest(t *testing.T) {
	r := newRig(t, Settings{})
	r.inject(Rule{Kind: LandsTwice, Count: 1, Delay: 20})
	r.call(serviceSQS, "SendMessage", send)
	for range 20 { // other calls reuse the pooled buffers meanwhile
		r.call(serviceSQS, "SendMessage", strings.Repeat("x", len(send)))
	}
	eventually(t, "the copy arrives", func() bool { return len(r.fake.arrived("SendMessage")) == 22 })
	copies := 0
	for _, got := range r.fake.arrived("SendMessage") {
		if string(got.body) == send && strings.Contains(got.header.Get("Authorization"), "Credential=ASIAPUSHER/") {
			copies++
		}
	}
	if copies != 2 {
		t.Errorf("the request arrived %d times as it was, want 2", copies)
	}
	e, err := r.admin.Wait(t.Context(), LogQuery{}, func(e Entry) bool { return e.Copy })
	if err != nil || e.Status != http.StatusOK || e.Target != "rates" {
		t.Errorf("the log says %+v, %v", e, err)
	}
}

// TestFaults_LandedUnderTheRules: a call that landed has landed as any other:
// its version counts and its token is taken.
func TestFaults_LandedUnderTheRules(t *testing.T) {
	r := newRig(t, Settings{VersionQuota: 2})
	r.create("s", 1, "one")
	r.inject(Rule{Match: Match{Operation: "PutSecretValue"}, Kind: Landed, Count: 1})
	if a := r.put("s", 2, "two"); a.status != 0 {
		t.Fatalf("answer is %d", a.status)
	}
	if again := r.put("s", 2, "two"); again.status != http.StatusOK {
		t.Errorf("the retry is answered %d %s", again.status, again.body)
	}
	wantException(t, r.put("s", 3, "three"), "LimitExceededException")
}

func TestFaults_Matching(t *testing.T) {
	r := newRig(t, Settings{})
	if err := r.admin.NameFunction(t.Context(), "ASIAPUSHER", "demo-Pusher-1"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		rule   Rule
		struck bool
	}{
		{Rule{Match: Match{Service: serviceSQS, Operation: "SendMessage", Body: "lisbon-1", Function: "Pusher"}}, true},
		{Rule{}, true},
		{Rule{Match: Match{Service: serviceDynamo}}, false},
		{Rule{Match: Match{Operation: "SendMessageBatch"}}, false},
		{Rule{Match: Match{Body: "lisbon-2"}}, false},
		{Rule{Match: Match{Body: "lisbon-1", Also: "MessageBody"}}, true},
		{Rule{Match: Match{Body: "lisbon-1", Also: "lisbon-2"}}, false},
		{Rule{Match: Match{Body: "lisbon-2", Also: "lisbon-1"}}, false},
		{Rule{Match: Match{Function: "Refresher"}}, false},
	} {
		if err := r.admin.WithdrawAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		row.rule.Kind = Throttle
		r.inject(row.rule)
		if struck := r.call(serviceSQS, "SendMessage", send).status != http.StatusOK; struck != row.struck {
			t.Errorf("%+v: struck is %v", row.rule, struck)
		}
	}
}

func TestFaults_SkipCountAndOrder(t *testing.T) {
	r := newRig(t, Settings{})
	r.inject(Rule{Kind: Throttle, Skip: 1, Count: 2})
	r.inject(Rule{Kind: Unavailable, Count: 1})
	var got []int
	for range 5 {
		got = append(got, r.call(serviceSQS, "SendMessage", send).status)
	}
	for i, want := range []int{503, 400, 400, 200, 200} {
		if got[i] != want {
			t.Fatalf("answers are %v", got)
		}
	}
	rules, err := r.admin.Faults(t.Context())
	if err != nil || len(rules) != 2 || rules[0].Matched != 3 || rules[0].Struck != 2 {
		t.Errorf("rules are %+v, %v", rules, err)
	}
	if err := r.admin.Withdraw(t.Context(), rules[0].ID); err != nil {
		t.Error(err)
	}
	if err := r.admin.Withdraw(t.Context(), rules[0].ID); err == nil {
		t.Error("a rule can be withdrawn twice")
	}
}

func TestFaults_Probability(t *testing.T) {
	f := newFaults(7)
	f.add(Rule{Kind: Throttle, Probability: 0.05})
	c := &call{service: serviceSQS, body: &payload{}}
	struck := 0
	for range 10_000 {
		if _, ok := f.pick(c); ok {
			struck++
		}
	}
	if struck < 400 || struck > 600 {
		t.Errorf("%d of 10000 were struck, want about 500", struck)
	}
}

func TestRule_Check(t *testing.T) {
	for _, rule := range []Rule{{}, {Kind: "vanish"}, {Kind: Landed, Probability: 1.1}, {Kind: Landed, Count: -1}, {Kind: Delay, Delay: -1}} {
		if rule.check() == nil {
			t.Errorf("%+v is accepted", rule)
		}
	}
	if err := (Rule{Kind: Landed, Probability: 1}).check(); err != nil {
		t.Error(err)
	}
}

// TestClose_DropsWaitingCopies: Close does not wait for what is due in an hour.
func TestClose_DropsWaitingCopies(t *testing.T) {
	r := newRig(t, Settings{})
	r.inject(Rule{Kind: LandsLate, Delay: Millis(time.Hour)})
	r.call(serviceSQS, "SendMessage", send)
	r.proxy.Close()
	if got := len(r.fake.arrived("SendMessage")); got != 0 {
		t.Errorf("arrived %d times", got)
	}
}
