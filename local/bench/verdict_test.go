package bench

import (
	"strings"
	"testing"
	"time"

	"bellhop/shared/grant"
)

// good are results that meet every goal.
func good() results {
	return results{
		contentions: []contention{
			{with: "bellhop", presentations: 5, pairs: 5, most: 1, tries: 5000},
			{with: "x/oauth2", presentations: 1001, pairs: 1, most: 876, revoked: true},
		},
		costs: []cost{
			{home: grant.HomeSecrets, refreshes: 20, calls: map[string]int{"dynamodb.UpdateItem": 60, "secretsmanager.PutSecretValue": 40}},
			{home: grant.HomeSealed, refreshes: 20, calls: map[string]int{"dynamodb.UpdateItem": 40}},
		},
		sweeps: []swept{{due: 100, queries: mostQueries, pages: 7, invocation: invocation{took: time.Second, peak: mostMemory}}},
		punctuality: punctuality{
			grants: 2, late: []time.Duration{0, 1, mostLate}, lived: time.Hour,
		},
	}
}

// Each goal that is missed by the least is said, and only that one.
func TestMissed(t *testing.T) {
	if err := missed(good().figures()); err != nil {
		t.Fatalf("results that meet every goal: %v", err)
	}
	for name, c := range map[string]struct {
		spoil func(r *results)
		says  string
	}{
		"one exchange too many":     {func(r *results) { r.contentions[0].presentations++ }, "1.20 (6 for 5 pairs), want 1.00"},
		"nothing was exchanged":     {func(r *results) { r.contentions[0].presentations, r.contentions[0].pairs = 0, 0 }, "0.00 (0 for 0 pairs)"},
		"presented twice":           {func(r *results) { r.contentions[0].most = 2 }, "2 times"},
		"our consent was revoked":   {func(r *results) { r.contentions[0].revoked = true }, "revoked by the provider"},
		"a call at home too many":   {func(r *results) { r.costs[0].calls["dynamodb.GetItem"] = 1 }, "5.05 (GetItem 0.05"},
		"a call sealed too many":    {func(r *results) { r.costs[1].calls["dynamodb.GetItem"] = 1 }, "2.05 (GetItem 0.05"},
		"a query too many":          {func(r *results) { r.sweeps[0].queries++ }, "34, and 7 for further pages"},
		"a sweep that did not look": {func(r *results) { r.sweeps[0].queries = 0 }, "0, and 7"},
		"a byte too many":           {func(r *results) { r.sweeps[0].peak++ }, "64.0 MB, want at most 64 MB"},
		"too late":                  {func(r *results) { r.punctuality.late[2] += 10 * time.Millisecond }, "2.01s, want at most 2s"},
		"nobody was exchanged":      {func(r *results) { r.punctuality.late = nil }, "lateness of 0 exchanges"},
		"a moment without a token":  {func(r *results) { r.punctuality.bare = time.Millisecond }, "1ms of 1h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.spoil(&r)
			err := missed(r.figures())
			if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want one miss that says %q", err, c.says)
			}
		})
	}
}

// What the system does not tell is said so, and is no miss.
func TestFigures_MemoryIsNotTold(t *testing.T) {
	r := good()
	r.sweeps[0].peak = 0
	if err := missed(r.figures()); err != nil {
		t.Error(err)
	}
	if text := page(r.figures(), "today"); !strings.Contains(text, "this system does not tell") {
		t.Errorf("in\n%s", text)
	}
}

func TestPageAndPrint(t *testing.T) {
	r := good()
	r.costs[1].calls["dynamodb.GetItem"] = 20
	text := page(r.figures(), "2026-03-29 12:00 UTC, commit 3381318")
	for _, line := range []string{
		"`make bench`: 2026-03-29 12:00 UTC, commit 3381318.",
		"| calls to AWS for a refresh, home sealed | 3.00 (GetItem 1.00, UpdateItem 2.00) | at most 2 ✗ |",
		"| … memory of the process | 64.0 MB | at most 64 MB ✓ |",
		"| exchanges for each new pair, 8 processes of 125 workers at one grant, x/oauth2 | 1001.00 (1001 for 1 pairs) |  |",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line\n%s\nin\n%s", line, text)
		}
	}
	var screen strings.Builder
	if err := print(&screen, r.figures()); err != nil || strings.Count(screen.String(), "\n") != 1+len(r.figures()) {
		t.Errorf("%v\n%s", err, screen.String())
	}
}

// A run that broke off tells what it has.
func TestFigures_OfAPart(t *testing.T) {
	r := results{sweeps: good().sweeps}
	if all := r.figures(); len(all) != 3 {
		t.Errorf("%+v", all)
	}
}
