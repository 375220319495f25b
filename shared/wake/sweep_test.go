package wake

import (
	"testing"
	"time"

	"bellhop/shared/grant"
)

// minute is a sweep that comes so late.
func minute(late time.Duration) Tick { return Tick{Minute: noon, Now: noon.Add(late)} }

func TestNewTick(t *testing.T) {
	now := noon.Add(42 * time.Second)
	for scheduled, want := range map[string]time.Time{
		"2026-03-29T12:00:00Z":           noon,
		"2026-03-29T11:59:00Z":           noon.Add(-time.Minute), // late: it still stands for its own
		"2020-01-01T00:00:00Z":           noon,                   // an event kept in a file
		"<aws.scheduler.scheduled-time>": noon,                   // nobody filled it in
		"":                               noon,
	} {
		if got := NewTick(scheduled, now); !got.Minute.Equal(want) || !got.Now.Equal(now) {
			t.Errorf("%q: %+v, want the minute %v", scheduled, got, want)
		}
	}
}

// What does not answer is called again after 1, 2, 4, 8 and 15 minutes, then
// every 15: by ticks of each minute, once for each.
func TestCalls_Pace(t *testing.T) {
	at := noon
	var called []int
	for overdue := range 61 {
		if (Tick{Minute: noon.Add(time.Duration(overdue) * time.Minute)}).Calls(at) {
			called = append(called, overdue)
		}
	}
	want := []int{0, 1, 2, 4, 8, 15, 30, 45, 60}
	if len(called) != len(want) {
		t.Fatalf("called after %v minutes, want %v", called, want)
	}
	for i := range want {
		if called[i] != want[i] {
			t.Fatalf("called after %v minutes, want %v", called, want)
		}
	}
	if !minute(0).Calls(noon.Add(time.Hour)) {
		t.Error("what is to come is not called")
	}
}

// living is a grant whose token is refreshed every cadence, next at wakeAt.
func living(cadence time.Duration, wakeAt time.Time) grant.Grant {
	return grant.Grant{
		ID: "g", Client: "main", Enabled: true, Health: grant.OK, Generation: 1,
		Issued: wakeAt.Add(-cadence), RefreshAt: wakeAt, WakeAt: wakeAt, Expires: wakeAt.Add(20 * time.Second),
	}
}

func delays(sends []Send) (d []time.Duration) {
	for _, s := range sends {
		d = append(d, s.Delay/time.Second)
	}
	return d
}

func TestForGrant_HitsItsSecond(t *testing.T) {
	for _, c := range []struct {
		name    string
		cadence time.Duration
		wake    time.Duration // after the minute
		late    time.Duration
		want    []time.Duration // delays in seconds
	}{
		{"an hour's token, once", 51 * time.Minute, 100 * time.Second, 0, []time.Duration{100}},
		{"the delay is rounded down", 51 * time.Minute, 100*time.Second + 999*time.Millisecond, 0, []time.Duration{100}},
		{"a late sweep shortens it", 51 * time.Minute, 100 * time.Second, 59 * time.Second, []time.Duration{41}},
		{"a minute's token, for each refresh until the next sweeps", 40 * time.Second, 10 * time.Second, 0, []time.Duration{10, 50, 90, 130}},
		{"overdue: now, and then by its cadence", 40 * time.Second, -30 * time.Second, 5 * time.Second, []time.Duration{0, 40, 80, 120}},
		{"the last second that the sweep looks at", 51 * time.Minute, 130 * time.Second, 0, []time.Duration{130}},
		{"beyond it", 51 * time.Minute, 150*time.Second + 1, 0, nil},
		{"a very fast one is bounded", time.Second, 0, 0, []time.Duration{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130}},
	} {
		got := minute(c.late).ForGrant(living(c.cadence, noon.Add(c.wake)))
		if d := delays(got); len(d) != len(c.want) {
			t.Errorf("%s: delays %v, want %v", c.name, d, c.want)
			continue
		}
		for i, s := range got {
			if s.Delay != c.want[i]*time.Second || s.Group != "main" || s.Message.Kind != Grant || s.Message.Grant != "g" {
				t.Errorf("%s: message %d is %+v, want delay %v", c.name, i, s, c.want[i])
			}
		}
	}
}

func TestForGrant_NothingToWakeFor(t *testing.T) {
	for name, change := range map[string]func(*grant.Grant){
		"no wake":          func(g *grant.Grant) { g.WakeAt = time.Time{} },
		"switched off":     func(g *grant.Grant) { g.Enabled = false },
		"waits for people": func(g *grant.Grant) { g.Health = grant.ReauthorizationRequired },
		"called enough":    func(g *grant.Grant) { g.WakeAt = noon.Add(-3 * time.Minute) },
	} {
		g := living(time.Minute, noon)
		change(&g)
		if got := minute(0).ForGrant(g); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	g := living(time.Minute, noon)
	g.Health, g.Asides = grant.ReauthorizationRequired, map[grant.Nonce]grant.Aside{"late": {}}
	if len(minute(0).ForGrant(g)) == 0 {
		t.Error("a late answer that may cure it is not looked at")
	}
}

// Lanes, jobs and read-backs are not due before their second: rounded up.
func TestForRates(t *testing.T) {
	for _, c := range []struct {
		sk   string
		want string
	}{
		{"LANE", `{"v":1,"wake":"lane","connection":"lisbon-1","at":1774785601500}`},
		{"JOB#4711#x", `{"v":1,"wake":"job","connection":"lisbon-1","job":"4711#x","at":1774785601500}`},
		{"READBACK#r", `{"v":1,"wake":"readback","connection":"lisbon-1","at":1774785601500}`},
		{"PAGE#DBL#BAR#2026-12", ""},
	} {
		send, ok := minute(0).ForRates(Due{PK: "CONN#lisbon-1", SK: c.sk, At: noon.Add(1500 * time.Millisecond)})
		if ok != (c.want != "") {
			t.Errorf("%s: sent %v", c.sk, ok)
			continue
		}
		if ok && (Encode(send.Message) != c.want || send.Delay != 2*time.Second || send.Group != "lisbon-1") {
			t.Errorf("%s: %+v", c.sk, send)
		}
	}
	if _, ok := minute(0).ForRates(Due{PK: "GRANT#g", SK: "LANE", At: noon}); ok {
		t.Error("an item of another table")
	}
}

func TestForAlert_LeavesTheStreamItsTime(t *testing.T) {
	at := func(overdue time.Duration) bool {
		_, ok := minute(0).ForAlert(Due{PK: "GRANT#g", SK: "TOKEN", At: noon.Add(-overdue)})
		return ok
	}
	for overdue, want := range map[time.Duration]bool{
		2 * time.Minute: true, 3 * time.Minute: true, 4 * time.Minute: true, 5 * time.Minute: false, 6 * time.Minute: true,
	} {
		if at(overdue) != want {
			t.Errorf("alert due %v ago: sent %v", overdue, !want)
		}
	}
	for pk, want := range map[string]string{
		"GRANT#g": `{"v":1,"wake":"alert","grant":"g"}`, "BUCKET#client/main": `{"v":1,"wake":"alert","bucket":"client/main"}`,
		"CONN#c": "", "GRANT#": "", "BUCKET#": "",
	} {
		send, ok := minute(0).ForAlert(Due{PK: pk, At: noon.Add(-2 * time.Minute)})
		if ok != (want != "") || ok && Encode(send.Message) != want {
			t.Errorf("%s: sent %v, %+v", pk, ok, send)
		}
	}
}
