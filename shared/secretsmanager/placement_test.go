package secretsmanager

import (
	"fmt"
	"testing"
	"time"

	"bellhop/shared/grant"
)

func TestThreshold_SpreadsAFleet(t *testing.T) {
	for _, most := range []int{2, 20, 90, 99} {
		seen := map[int]int{}
		for i := range 1000 {
			n := threshold(grant.ID(fmt.Sprintf("hotel-%d", i)), most)
			if n > most || n < most-most/5 || n < 1 {
				t.Fatalf("threshold %d of at most %d", n, most)
			}
			seen[n]++
		}
		if len(seen) != most/5+1 {
			t.Errorf("at most %d: %d different thresholds, want %d", most, len(seen), most/5+1)
		}
		t.Logf("at most %d: %v", most, seen)
	}
	if got := threshold("lisbon-1", 90); got != 79 {
		t.Errorf("the threshold of one grant is %d now: it must not change", got)
	}
}

func TestDue_Table(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		writes int
		age    time.Duration
		want   bool
	}{
		{0, 0, false},
		{89, time.Hour, false},
		{90, time.Hour, true},
		{90, 24 * time.Hour, true},
		{90, 24*time.Hour + 1, false}, // slower than 90 a day: the first have grown old
		{180, 48 * time.Hour, true},
		{180, 48*time.Hour + 1, false},
		{720, 30 * 24 * time.Hour, false},
		{90, -time.Hour, true}, // a clock that went back
	} {
		at := grant.Placement{Epoch: 1, Writes: row.writes, Since: now.Add(-row.age)}
		if got := due(at, 90, now); got != row.want {
			t.Errorf("%d writes in %v: due is %v", row.writes, row.age, got)
		}
	}
}

func TestVersionOf_IsForEver(t *testing.T) {
	if got := versionOf("lisbon-1", 7); got != "3dea22b2-1cb1-58d3-89ef-162853d6a864" {
		t.Errorf("version is %s", got)
	}
	seen := map[string]bool{}
	for _, id := range []grant.ID{"a", "a1", "a\x001"} {
		for gen := range int64(20) {
			v := versionOf(id, gen)
			if seen[v] || len(v) != 36 {
				t.Errorf("%s of %s %d is not its own", v, id, gen)
			}
			seen[v] = true
		}
	}
}

func TestTurned_DoesNotShareItsList(t *testing.T) {
	list := make([]string, 1, 8)
	list[0] = "a"
	at := grant.Placement{Epoch: 1, Retired: list}
	x, y := turned(at, "x"), turned(at, "y")
	if x.Retired[1] != "x" || y.Retired[1] != "y" || len(at.Retired) != 1 {
		t.Errorf("retired %v, %v, %v", at.Retired, x.Retired, y.Retired)
	}
}
