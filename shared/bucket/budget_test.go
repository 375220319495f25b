package bucket_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// late is how long after its take a call may reach the provider.
const late = 15 * time.Second

// budgets are those that providers have.
var budgets = map[string]bucket.Rules{
	"5 per 24 h":         {Windows: []bucket.Window{{Calls: 5, Span: 24 * time.Hour}}},
	"30 per hour":        {Windows: []bucket.Window{{Calls: 30, Span: time.Hour}}},
	"1 per hour":         {Windows: []bucket.Window{{Calls: 1, Span: time.Hour}}},
	"10 per 10 min":      {Windows: []bucket.Window{{Calls: 10, Span: 10 * time.Minute}}},
	"100 per 5 min":      {Windows: []bucket.Window{{Calls: 100, Span: 5 * time.Minute}}},
	"22 credits, 4 each": {Windows: []bucket.Window{{Calls: 22, Span: time.Hour, Cost: 4}}},
	"two at once":        {Windows: []bucket.Window{{Calls: 3, Span: time.Minute}, {Calls: 5, Span: time.Hour}}},
	"codes kept":         {CodeShare: 2, Windows: []bucket.Window{{Calls: 5, Span: time.Hour}}},
}

// took is a bucket in which calls were made at these offsets from noon.
func took(t *testing.T, rules bucket.Rules, code bool, offsets ...time.Duration) bucket.Bucket {
	t.Helper()
	b := bucket.Bucket{Name: "client/main"}
	for i, o := range offsets {
		next, answer := b.Take(rules, bucket.Ask{Nonce: fmt.Sprintf("%v-%d", code, i), Code: code}, noon.Add(o))
		if !answer.Goes() {
			t.Fatalf("call %d after %v: %s until %v", i, o, answer.Why, answer.At)
		}
		b = next
	}
	return b
}

// A spent budget lets nobody call, says when the next call is free, and lets it
// go at exactly that moment.
func TestTake_Spent(t *testing.T) {
	for _, c := range []struct {
		name  string
		calls []time.Duration
		now   time.Duration
		free  time.Duration
	}{
		{"5 per 24 h", []time.Duration{0, 1, 2, 3, 4}, time.Hour, 24*time.Hour + late},
		{"1 per hour", []time.Duration{0}, time.Minute, time.Hour + late},
		{"10 per 10 min", []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, 0, time.Minute}, 2 * time.Minute, 10*time.Minute + late},
		{"22 credits, 4 each", []time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute}, 5 * time.Minute, time.Hour + late},
		{"two at once: the shorter is spent", []time.Duration{0, 0, 10 * time.Second}, 20 * time.Second, time.Minute + late},
		{"two at once: both are", []time.Duration{0, 0, 20 * time.Minute, 20 * time.Minute, 20 * time.Minute}, 20*time.Minute + 1, time.Hour + late},
	} {
		name := c.name
		if len(name) > 11 && name[:11] == "two at once" {
			name = "two at once"
		}
		rules := budgets[name]
		b := took(t, rules, false, c.calls...)
		_, answer := b.Take(rules, bucket.Ask{Nonce: "one more"}, noon.Add(c.now))
		free := noon.Add(c.free)
		if answer.Why != bucket.WhyBudget || answer.At.Before(free) || answer.At.After(free.Add(2*time.Second)) {
			t.Errorf("%s: %q until %v, want the budget until %v or a moment later", c.name, answer.Why, answer.At, free)
		}
		if _, early := b.Take(rules, bucket.Ask{Nonce: "early"}, free.Add(-time.Nanosecond)); early.Goes() {
			t.Errorf("%s: went a nanosecond too early", c.name)
		}
		if _, exact := b.Take(rules, bucket.Ask{Nonce: "exact"}, free); !exact.Goes() {
			t.Errorf("%s: at the moment itself: %s until %v", c.name, exact.Why, exact.At)
		}
	}
}

// What is kept for codes is used by codes alone, and what they used of it is not
// kept twice.
func TestTake_CodesGetThrough(t *testing.T) {
	rules := budgets["codes kept"] // 5 per hour, 2 of them for codes
	b := took(t, rules, false, 0, 0, 0)
	if _, answer := b.Take(rules, bucket.Ask{Nonce: "r"}, noon); answer.Why != bucket.WhyBudget {
		t.Errorf("a refresh took what is kept for codes: %q", answer.Why)
	}
	for i := range 2 {
		next, answer := b.Take(rules, bucket.Ask{Nonce: fmt.Sprint("code", i), Code: true}, noon)
		if !answer.Goes() {
			t.Fatalf("code %d: %s", i, answer.Why)
		}
		b = next
	}
	if _, answer := b.Take(rules, bucket.Ask{Nonce: "code 3", Code: true}, noon); answer.Why != bucket.WhyBudget {
		t.Errorf("a code beyond the budget: %q", answer.Why)
	}

	b = took(t, rules, true, 0, 0, 0) // three codes: nothing more is kept
	for i := range 2 {
		next, answer := b.Take(rules, bucket.Ask{Nonce: fmt.Sprint("r", i)}, noon)
		if !answer.Goes() {
			t.Fatalf("refresh %d after three codes: %s", i, answer.Why)
		}
		b = next
	}
}

// A share as large as the budget, or a call that costs more than it, would let
// nobody through for ever: such rules are bent, not obeyed.
func TestTake_RulesThatLeaveNothing(t *testing.T) {
	for name, rules := range map[string]bucket.Rules{
		"share of all": {CodeShare: 9, Windows: []bucket.Window{{Calls: 1, Span: time.Hour}}},
		"too dear":     {Windows: []bucket.Window{{Calls: 3, Span: time.Hour, Cost: 7}}},
	} {
		if _, answer := (bucket.Bucket{}).Take(rules, bucket.Ask{Nonce: "n"}, noon); !answer.Goes() {
			t.Errorf("%s: %s until %v", name, answer.Why, answer.At)
		}
	}
}

// A call that was certainly not sent is given back; one that was counted twice
// by a lost answer counts once.
func TestRefund(t *testing.T) {
	rules := budgets["1 per hour"]
	ask := bucket.Ask{Nonce: "n"}
	once, _ := (bucket.Bucket{}).Take(rules, ask, noon)
	twice, answer := once.Take(rules, ask, noon.Add(time.Second))
	if !answer.Goes() || len(twice.Calls) != 1 {
		t.Errorf("taken again: %q, %d calls", answer.Why, len(twice.Calls))
	}
	back := twice.Refund("n")
	if len(twice.Calls) != 1 || len(back.Calls) != 0 || len(twice.Refund("other").Calls) != 1 {
		t.Errorf("refunded: %d calls, before %d", len(back.Calls), len(twice.Calls))
	}
	if _, answer := back.Take(rules, bucket.Ask{Nonce: "m"}, noon); !answer.Goes() {
		t.Errorf("after the refund: %s", answer.Why)
	}
}

// The log is as long as the longest window asks and no longer.
func TestTake_LogIsBounded(t *testing.T) {
	rules := budgets["two at once"]
	b := bucket.Bucket{Name: "client/main"}
	at, most := noon, 0
	for i := range 200 {
		next, answer := b.Take(rules, bucket.Ask{Nonce: fmt.Sprint(i)}, at)
		if !answer.Goes() {
			at = answer.At
			continue
		}
		b, most = next, max(most, len(next.Calls))
	}
	if most > 5 {
		t.Errorf("%d calls were in the log, the budget has 5", most)
	}
}

// In any run of takes and refunds, by any number of processes over one store, with
// lost and late saves and calls that reach the provider late, no window ever holds
// more calls than it may.
func TestTake_NoWindowEverHoldsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := budgets[rapid.SampledFrom([]string{"5 per 24 h", "1 per hour", "22 credits, 4 each", "two at once", "codes kept"}).Draw(t, "budget")]
		store := &buckettest.Memory{}
		fault := buckettest.None
		store.Fault = func(bucket.Bucket) buckettest.Fault { return fault }
		type held struct {
			b     bucket.Bucket
			went  bool
			nonce string
			at    time.Time
		}
		var open []held       // read and decided, not saved yet
		var calls []time.Time // reached the provider
		now := noon
		t.Repeat(map[string]func(*rapid.T){
			"decide": func(t *rapid.T) {
				b, _ := store.Read(t.Context(), "client/main")
				ask := bucket.Ask{Nonce: fmt.Sprint("n", now.UnixNano(), len(open), len(calls)), Code: rapid.Bool().Draw(t, "code")}
				next, answer := b.Take(rules, ask, now)
				if answer.Goes() {
					open = append(open, held{next, true, ask.Nonce, now})
				} else if !answer.At.After(now) {
					t.Fatalf("told to wait until %v at %v", answer.At, now)
				}
			},
			"save": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip("nobody has decided")
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "who")
				h := open[i]
				open = append(open[:i], open[i+1:]...)
				fault = rapid.SampledFrom([]buckettest.Fault{buckettest.None, buckettest.None, buckettest.Landed, buckettest.Late}).Draw(t, "fault")
				if now.Sub(h.at) > 5*time.Second || store.Save(t.Context(), h.b) != nil {
					return // whoever saved late or without an answer does not call
				}
				reaches := now.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "on the way")) * time.Second)
				calls = append(calls, reaches)
			},
			"deliver": func(*rapid.T) { store.Deliver() },
			"wait": func(t *rapid.T) {
				now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 20 * time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "wait"))
			},
			"": func(t *rapid.T) {
				for _, w := range rules.Windows {
					for _, first := range calls {
						n := 0
						for _, c := range calls {
							if !c.Before(first) && c.Before(first.Add(w.Span)) {
								n += max(w.Cost, 1)
							}
						}
						if n > w.Calls {
							t.Fatalf("%d calls within %v, allowed %d", n, w.Span, w.Calls)
						}
					}
				}
			},
		})
	})
}
