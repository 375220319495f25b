package grant

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/shared/profile"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// pairOf lives so long from noon.
func pairOf(life time.Duration, documented bool) Pair {
	return Pair{Issued: noon, Expires: noon.Add(life), Documented: documented}
}

// When a token is refreshed, for the lives that providers have. The jitter makes
// it earlier by a twentieth of the life at most.
func TestTimesOf_Lives(t *testing.T) {
	rule := profile.RefreshRule{}
	for _, c := range []struct {
		life       time.Duration
		documented bool
		rule       profile.RefreshRule
		latest     time.Duration // after its issue
	}{
		{60 * time.Second, false, rule, 40 * time.Second},
		{60 * time.Second, true, rule, 40 * time.Second},
		{5 * time.Minute, false, rule, 200 * time.Second}, // a third of the life is the margin
		{10 * time.Minute, false, rule, 8 * time.Minute},  // 120 s
		{time.Hour, false, rule, 51 * time.Minute},        // 15 %
		{time.Hour, true, rule, 48 * time.Minute},         // 20 %: nobody promised the hour
		{48 * time.Hour, false, rule, 40*time.Hour + 48*time.Minute},
		{time.Hour, false, profile.RefreshRule{Share: 0.5}, 30 * time.Minute},
		{time.Hour, false, profile.RefreshRule{Margin: profile.Seconds(20 * time.Minute)}, 40 * time.Minute},
		{time.Minute, false, profile.RefreshRule{Margin: profile.Seconds(time.Minute)}, 30 * time.Second}, // never before half-time
		{time.Second, false, rule, 5 * time.Second},                                                       // never without pause
		{-time.Second, false, rule, 5 * time.Second},
	} {
		got := TimesOf("g", pairOf(c.life, c.documented), c.rule)
		after := got.RefreshAt.Sub(noon)
		if after > c.latest || after < c.latest-min(max(c.life, 0)/20, time.Minute) {
			t.Errorf("life %v: refreshed after %v, want %v or a little sooner", c.life, after, c.latest)
		}
		if !got.WakeAt.Equal(got.RefreshAt) || !got.Issued.Equal(noon) || !got.Expires.Equal(noon.Add(c.life)) {
			t.Errorf("life %v: times %+v", c.life, got)
		}
	}
}

func TestTimesOf_FleetIsSpread(t *testing.T) {
	var first, last time.Time
	for i := range 200 {
		at := TimesOf(ID(fmt.Sprintf("grant-%d", i)), pairOf(time.Hour, false), profile.RefreshRule{}).RefreshAt
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	if spread := last.Sub(first); spread < 50*time.Second || spread > time.Minute {
		t.Errorf("200 grants of one minute are spread over %v, want nearly a minute", spread)
	}
}

// A token of five minutes and more gets calls of 10 s, a shorter one of 5 s; 2 s
// remain for the way.
func TestLasts_Boundaries(t *testing.T) {
	for _, c := range []struct{ life, edge time.Duration }{
		{time.Minute, 53 * time.Second},
		{5*time.Minute - time.Nanosecond, 5*time.Minute - time.Nanosecond - 7*time.Second},
		{5 * time.Minute, 4*time.Minute + 48*time.Second},
		{time.Hour, time.Hour - 12*time.Second},
	} {
		g := Grant{Issued: noon, Expires: noon.Add(c.life)}
		at := noon.Add(c.edge)
		if !g.Edge().Equal(at) || !g.Lasts(at) || g.Lasts(at.Add(1)) {
			t.Errorf("life %v: edge after %v, want %v", c.life, g.Edge().Sub(noon), c.edge)
		}
	}
	if (Grant{}).Lasts(noon) || !(Grant{}).Edge().IsZero() {
		t.Error("a grant without a pair lasts")
	}
}

// The whole schedule of pauses, to be felt: for a token of an hour and for one
// of a minute.
func TestBackoff_Schedule(t *testing.T) {
	ceiling := func(life time.Duration, failures int) time.Duration {
		return min(2*time.Second<<failures, longestPause, max(life, shortLifeRest))
	}
	for _, life := range []time.Duration{time.Minute, time.Hour} {
		var line []string
		for failures := range 14 {
			g := Grant{ID: "g", Generation: 7, Issued: noon, Expires: noon.Add(life), Failures: failures}
			d := g.Backoff()
			line = append(line, d.Round(time.Second).String())
			if d < time.Second || d > ceiling(life, failures) {
				t.Errorf("life %v, failure %d: pause %v, ceiling %v", life, failures, d, ceiling(life, failures))
			}
			if d != g.Backoff() {
				t.Error("one failure has two pauses")
			}
		}
		t.Logf("life %-6v %s", life, strings.Join(line, " "))
	}
	// A request that is refused is tried less often, however short the token's life.
	minute, longest := Grant{ID: "g", Issued: noon, Expires: noon.Add(time.Minute), Rejections: 1}, time.Duration(0)
	for minute.Failures = range 40 {
		longest = max(longest, minute.Backoff())
	}
	if longest > longestPause || longest < longestPause*3/4 {
		t.Errorf("a refused request is repeated after %v at most", longest)
	}
	if d := (Grant{ID: "g", Failures: 1 << 40}).Backoff(); d < time.Second || d > longestPause {
		t.Errorf("after very many failures: %v", d)
	}
}

// A pause is anywhere below its ceiling: grants that failed together do not try
// again together.
func TestBackoff_FullJitter(t *testing.T) {
	const ceiling = 32 * time.Second // after four failures
	shortest, longest := ceiling, time.Duration(0)
	for i := range 200 {
		g := Grant{ID: ID(fmt.Sprintf("grant-%d", i)), Issued: noon, Expires: noon.Add(time.Hour), Failures: 4}
		d := g.Backoff()
		shortest, longest = min(shortest, d), max(longest, d)
	}
	if shortest < time.Second || shortest >= ceiling/4 || longest <= ceiling*3/4 || longest > ceiling {
		t.Errorf("200 grants pause for %v to %v, want all of 1 s to %v", shortest, longest, ceiling)
	}
}

func TestRetryAt(t *testing.T) {
	g := Grant{ID: "g", Issued: noon, Expires: noon.Add(time.Minute)}
	if got := g.RetryAt(noon.Add(time.Hour), noon); !got.Equal(noon.Add(time.Hour + WakeEarly)) {
		t.Errorf("an hour's pause ends at %v", got)
	}
	if got := g.RetryAt(noon.Add(999*time.Hour), noon); !got.Equal(noon.Add(longestHold + WakeEarly)) {
		t.Errorf("a wild pause ends at %v", got)
	}
	for _, unsaid := range []time.Time{{}, noon, noon.Add(-time.Hour)} {
		if got := g.RetryAt(unsaid, noon); !got.After(noon) || got.After(noon.Add(firstPause)) {
			t.Errorf("said %v: tried again at %v", unsaid, got)
		}
	}
}
