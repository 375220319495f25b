package grant

import (
	"testing"
	"time"
)

func TestDue_Boundaries(t *testing.T) {
	for _, c := range []struct {
		name          string
		wake, refresh time.Time
		early         time.Duration
	}{
		{"an ordinary refresh may be 5 s early", noon, noon, 5 * time.Second},
		{"a pause is kept, but for the rounding of a queue's delay", noon, noon.Add(-time.Hour), time.Second},
	} {
		g := Grant{WakeAt: c.wake, RefreshAt: c.refresh}
		at := noon.Add(-c.early)
		if g.Due(at.Add(-1)) || !g.Due(at) || !g.Due(at.Add(1)) || !g.Due(noon.Add(time.Hour)) {
			t.Errorf("%s: due %v %v %v around %v", c.name, g.Due(at.Add(-1)), g.Due(at), g.Due(at.Add(1)), at)
		}
	}
	if (Grant{}).Due(noon) {
		t.Error("due although nothing is to come")
	}
}

// A pause that happens to end in the millisecond in which the refresh was due is
// kept like any other.
func TestPause_IsNotTheRefreshesOwn(t *testing.T) {
	for _, refresh := range []time.Time{noon, noon.Add(300 * time.Microsecond)} {
		g := Grant{RefreshAt: refresh}
		g.WakeAt = g.Pause(noon, noon.Add(-time.Second))
		if g.Due(noon.Add(-2*time.Second)) || !g.Due(noon) {
			t.Errorf("with a refresh at %v a pause until %v is kept until %v", refresh, noon, g.WakeAt)
		}
	}
	for _, end := range []time.Time{noon.Add(time.Minute), noon, {}} {
		if at := (Grant{RefreshAt: noon}).Pause(end, noon); !at.Equal(end) {
			t.Errorf("a pause until %v is kept until %v", end, at)
		}
	}
}

func TestLeased_UntilTheSkewIsOver(t *testing.T) {
	g := Grant{Enabled: true, Lease: &Lease{Owner: "me", Deadline: noon}}
	over := noon.Add(Skew)
	if !g.Leased(noon.Add(1)) || !g.Leased(over) || g.Leased(over.Add(1)) || g.Leasable(over) || !g.Leasable(over.Add(1)) {
		t.Error("a lease ends for others when deadline and skew have passed, not sooner")
	}
}

func TestLeasable(t *testing.T) {
	kept := map[Nonce]Aside{"n": {Base: 1}}
	for _, c := range []struct {
		name string
		g    Grant
		want bool
	}{
		{"healthy", Grant{Enabled: true, Health: OK}, true},
		{"switched off", Grant{Health: OK}, false},
		{"a scope is missing: kept alive", Grant{Enabled: true, Health: ScopeUpdateRequired}, true},
		{"dead", Grant{Enabled: true, Health: ReauthorizationRequired}, false},
		{"dead, but a late answer may cure it", Grant{Enabled: true, Health: ReauthorizationRequired, Asides: kept}, true},
	} {
		if got := c.g.Leasable(noon); got != c.want {
			t.Errorf("%s: leasable %v", c.name, got)
		}
	}
}

func TestState(t *testing.T) {
	live := &Lease{Owner: "me", Deadline: noon.Add(time.Second)}
	for _, c := range []struct {
		g    Grant
		want State
	}{
		{Grant{Enabled: true, Health: OK}, Healthy},
		{Grant{Enabled: true, Health: OK, Lease: live}, Refreshing},
		{Grant{Enabled: true, Health: OK, Lease: &Lease{Deadline: noon.Add(-time.Minute)}}, Healthy},
		{Grant{Enabled: true, Health: ReauthorizationRequired, Lease: live}, State(ReauthorizationRequired)},
		{Grant{Enabled: true, Health: ScopeUpdateRequired}, State(ScopeUpdateRequired)},
		{Grant{Health: ReauthorizationRequired}, Disabled},
	} {
		if got := c.g.State(noon); got != c.want {
			t.Errorf("%+v: state %s, want %s", c.g, got, c.want)
		}
	}
}

func TestCrowded(t *testing.T) {
	g := Grant{Attempts: map[Nonce]Attempt{}, Asides: map[Nonce]Aside{"a": {}, "b": {}}}
	for _, n := range []Nonce{"1", "2", "3", "4", "5"} {
		g.Attempts[n] = Attempt{At: noon}
	}
	g.Attempts["ancient"] = Attempt{At: noon.Add(-veryOldAfter)}
	if g.Crowded("", noon) {
		t.Error("seven open ends are a crowd")
	}
	g.Attempts["6"] = Attempt{At: noon}
	if !g.Crowded("", noon) {
		t.Error("eight open ends are none")
	}
	if g.Crowded("", noon.Add(veryOldAfter)) {
		t.Error("attempts that are very old count")
	}
}

func TestOld_Boundaries(t *testing.T) {
	a := Attempt{At: noon}
	for name, c := range map[string]struct {
		is func(time.Time) bool
		at time.Duration
	}{"old": {a.Old, 25 * time.Second}, "very old": {a.VeryOld, 10 * time.Minute}} {
		at := noon.Add(c.at)
		if c.is(at.Add(-1)) || !c.is(at) {
			t.Errorf("%s does not begin at %v", name, c.at)
		}
	}
	g := Grant{Attempts: map[Nonce]Attempt{"me": a, "old": a, "young": {At: noon.Add(time.Second)}}}
	if got := g.VeryOldAttempts("me", noon.Add(veryOldAfter)); len(got) != 1 || got[0] != "old" {
		t.Errorf("very old: %v", got)
	}
}

func TestSettleDue(t *testing.T) {
	g := Grant{Home: HomeSecrets, Inline: &Sealed{}, Issued: noon}
	if g.SettleDue(noon.Add(30*time.Second)) || !g.SettleDue(noon.Add(30*time.Second+1)) {
		t.Error("its committer has 30 s")
	}
	if settled := (Grant{Home: HomeSecrets, Issued: noon}); settled.SettleDue(noon.Add(time.Hour)) {
		t.Error("a settled pair is to be settled")
	}
	if g.Home = HomeSealed; g.SettleDue(noon.Add(time.Hour)) {
		t.Error("home is the table")
	}
}
