package bucket_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/shared/bucket"
)

// look asks for a grant at so long after noon.
func look(b bucket.Bucket, grant string, after time.Duration) bucket.Answer {
	return b.Look(bucket.Ask{Grant: grant, Nonce: "n"}, noon.Add(after))
}

func TestHold_UntilTheProviderSaid(t *testing.T) {
	b := bucket.Bucket{Name: "client/main", Grants: 10}.Hold(bucket.WhyThrottled, noon.Add(time.Minute), noon)
	answer := look(b, "g", time.Minute-1)
	if answer.Why != bucket.WhyThrottled || answer.At.Before(noon.Add(time.Minute)) || answer.At.After(noon.Add(time.Minute+2*time.Second)) {
		t.Errorf("a moment before: %q until %v", answer.Why, answer.At)
	}
	if again := look(b, "g", answer.At.Sub(noon)); !again.Goes() {
		t.Errorf("at the moment it was told: %q until %v", again.Why, again.At)
	}
}

// Who asks for an answer that may be lost waits for no hold, but for everything
// else: our registration that is refused, the turn, the budgets.
func TestHold_NotOverALostAnswer(t *testing.T) {
	b := bucket.Bucket{Name: "client/main"}.Hold(bucket.WhyThrottled, noon.Add(time.Minute), noon)
	rules := bucket.Rules{Windows: []bucket.Window{{Calls: 1, Span: time.Hour}}}
	ask := bucket.Ask{Grant: "g", Nonce: "n", Lost: true}
	counted, answer := b.Take(rules, ask, noon)
	if !answer.Goes() {
		t.Errorf("%q until %v", answer.Why, answer.At)
	}
	if _, no := counted.Take(rules, bucket.Ask{Grant: "g", Nonce: "other", Lost: true}, noon); no.Why != bucket.WhyBudget {
		t.Errorf("a budget that is used up: %q", no.Why)
	}
	for _, grant := range []string{"a", "b"} {
		b = b.ClientRefused(bucket.ClientRefusal{Grant: grant}, noon)
	}
	if no := b.Look(ask, noon); no.Why != bucket.WhyClient {
		t.Errorf("a registration that is refused: %q", no.Why)
	}
}

// What the provider demanded is not shortened: not by a shorter word, not by
// silence, not by a success.
func TestHold_IsNeverShortened(t *testing.T) {
	long := bucket.Bucket{Name: "client/main"}.Hold(bucket.WhyOutage, noon.Add(time.Hour), noon)
	for name, b := range map[string]bucket.Bucket{
		"a shorter word": long.Hold(bucket.WhyThrottled, noon.Add(time.Minute), noon),
		"silence":        long.Hold(bucket.WhyThrottled, time.Time{}, noon.Add(time.Second)),
		"a success":      long.Heard(),
	} {
		if !b.HoldUntil.Equal(noon.Add(time.Hour)) || b.HoldWhy != bucket.WhyOutage {
			t.Errorf("%s: %s until %v", name, b.HoldWhy, b.HoldUntil)
		}
	}
	longer := long.Hold(bucket.WhyThrottled, noon.Add(2*time.Hour), noon)
	if !longer.HoldUntil.Equal(noon.Add(2*time.Hour)) || longer.HoldWhy != bucket.WhyThrottled || longer.Holds != 1 {
		t.Errorf("a longer word: %s until %v, %d holds", longer.HoldWhy, longer.HoldUntil, longer.Holds)
	}
	if wild := long.Hold(bucket.WhyThrottled, noon.Add(999*time.Hour), noon); wild.HoldUntil.After(noon.Add(24 * time.Hour)) {
		t.Errorf("a wild number silences until %v", wild.HoldUntil)
	}
}

// Where the provider does not say, holds in a row grow, each between a second and
// its ceiling; ten who meet the same wall are one hold; a success begins anew.
func TestHold_UnsaidSchedule(t *testing.T) {
	b, now := bucket.Bucket{Name: "client/main"}, noon
	var line []string
	for n := range 12 {
		b = b.Hold(bucket.WhyThrottled, time.Time{}, now)
		for range 10 {
			b = b.Hold(bucket.WhyThrottled, time.Time{}, now.Add(time.Millisecond))
		}
		d := b.HoldUntil.Sub(now)
		line = append(line, d.Round(time.Second).String())
		if most := min(4*time.Second<<n, 15*time.Minute); d < time.Second || d > most || b.Holds != n+1 {
			t.Errorf("hold %d lasts %v (ceiling %v), counted as %d", n, d, most, b.Holds)
		}
		now = b.HoldUntil
	}
	t.Logf("unsaid: %s", strings.Join(line, " "))
	if d := b.Heard().Hold(bucket.WhyThrottled, time.Time{}, now).HoldUntil.Sub(now); d > 4*time.Second {
		t.Errorf("the first hold after a success lasts %v", d)
	}
}

// Where the provider does not say, the hold is anywhere below its ceiling: the
// buckets of one outage do not come back together.
func TestHold_UnsaidIsFullJitter(t *testing.T) {
	const ceiling = 32 * time.Second // of the fourth in a row
	shortest, longest := ceiling, time.Duration(0)
	for i := range 200 {
		b := bucket.Bucket{Name: fmt.Sprintf("client/%d", i), Holds: 3}.Hold(bucket.WhyThrottled, time.Time{}, noon)
		d := b.HoldUntil.Sub(noon)
		shortest, longest = min(shortest, d), max(longest, d)
	}
	if shortest < time.Second || shortest >= ceiling/4 || longest <= ceiling*3/4 || longest > ceiling {
		t.Errorf("200 buckets hold for %v to %v, want all of 1 s to %v", shortest, longest, ceiling)
	}
}

// A thousand grants come back over most of a minute, each at a moment of its own,
// and the same one every time.
func TestHold_ResumesSpread(t *testing.T) {
	for _, c := range []struct {
		grants   int
		shortest time.Duration
	}{{1000, 45 * time.Second}, {0, 9 * time.Second}, {1, time.Second}, {100_000, 290 * time.Second}} {
		b := bucket.Bucket{Name: "client/main", Grants: c.grants}.Hold(bucket.WhyOutage, noon.Add(time.Minute), noon)
		seconds := map[int64]int{}
		var last time.Time
		for i := range 1000 {
			at := b.Resumes(fmt.Sprintf("grant-%d", i))
			if at.Before(b.HoldUntil) || !at.Equal(b.Resumes(fmt.Sprintf("grant-%d", i))) {
				t.Fatalf("grant %d resumes at %v, the hold lasts until %v", i, at, b.HoldUntil)
			}
			seconds[at.Unix()]++
			if at.After(last) {
				last = at
			}
		}
		if spread := last.Sub(b.HoldUntil); spread < c.shortest {
			t.Errorf("%d grants: back within %v, want at least %v", c.grants, spread, c.shortest)
		}
		for _, n := range seconds {
			if c.grants == 1000 && n > 40 {
				t.Errorf("%d of a thousand come in one second", n)
			}
		}
	}
	if at := (bucket.Bucket{}).Resumes("g"); !at.IsZero() {
		t.Errorf("nobody was held and resumes at %v", at)
	}
}

// One at a time, by nonce and deadline: a copy of my own take is mine, another
// waits, the dead one's turn runs out, and I cannot give back another's.
func TestLane(t *testing.T) {
	rules := bucket.Rules{OneAtATime: true}
	ask := func(n string, after time.Duration) bucket.Ask {
		return bucket.Ask{Grant: n, Nonce: n, Until: noon.Add(after + 15*time.Second)}
	}
	mine, answer := (bucket.Bucket{}).Take(rules, ask("a", 0), noon)
	if !answer.Goes() {
		t.Fatalf("a free lane: %s", answer.Why)
	}
	if _, answer := mine.Take(rules, ask("a", 1), noon.Add(1)); !answer.Goes() {
		t.Errorf("my own: %s", answer.Why)
	}
	_, busy := mine.Take(rules, ask("b", time.Second), noon.Add(time.Second))
	if busy.Why != bucket.WhyLane || !busy.At.After(noon.Add(time.Second)) || busy.At.After(noon.Add(6*time.Second)) {
		t.Errorf("another's: %q until %v", busy.Why, busy.At)
	}
	if mine.Leave("b").Lane != mine.Lane || mine.Leave("a").Lane.Owner != "" || mine.Refund("a").Lane.Owner != "" {
		t.Error("a turn is given back by its owner, and by nobody else")
	}
	over := 17 * time.Second // the deadline, and what clocks may differ
	if _, answer := mine.Take(rules, ask("b", over), noon.Add(over)); answer.Why != bucket.WhyLane {
		t.Errorf("at the end itself: %q", answer.Why)
	}
	if _, answer := mine.Take(rules, ask("b", over), noon.Add(over+1)); !answer.Goes() {
		t.Errorf("after the end: %s", answer.Why)
	}
}
