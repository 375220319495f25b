package torture

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop/local/figures"
	"bellhop/local/leaks"
	"bellhop/local/sandbox"
)

// asPromised is a result in which every promise was kept.
func asPromised() *Result {
	return &Result{
		Config:  Config{Grants: 100, Rotations: 2000, Grace: 30 * time.Second, Kills: 20, Stops: 1, Figures: figures.Page},
		tally:   tally{Kills: 21, Open: 7, Stops: 1, Waves: 4},
		audit:   audit{rotations: 2001, generations: 1990, presentations: 2001, recoveries: 11, reasons: map[string]int{}},
		audited: true, took: 100 * time.Second, sent: 100, pushes: 99, provider: map[string]int{"error": 20},
	}
}

// Each promise by itself makes the command fail, and says which it was.
func TestVerdict(t *testing.T) {
	if err := asPromised().Verdict(); err != nil {
		t.Fatal(err)
	}
	one := []finding{{grant: "g", what: "x", story: []string{"12:00 it happened"}}}
	for _, row := range []struct {
		want  string
		spoil func(*Result)
	}{
		{"books were not read", func(r *Result) { r.audited = false }},
		{"1 tokens lost in silence", func(r *Result) { r.lost = one }},
		{"1 presentations without an open attempt", func(r *Result) { r.twice = one }},
		{"1 reauthorizations that no lost answer", func(r *Result) { r.unexplained = one }},
		{"2 reauthorizations although there is a grace", func(r *Result) { r.reasons["answer_lost"] = 2 }},
		{"1 grants did not come to rest", func(r *Result) { r.unwell = one }},
		{"1 secrets in a log", func(r *Result) { r.leaks = []leaks.Leak{{What: "a token", Place: "a log"}} }},
		{"1999 rotations, want 2000", func(r *Result) { r.audit.rotations = 1999 }},
		{"19 kills, want 20", func(r *Result) { r.tally.Kills = 19 }},
		{"3 kills inside an open attempt, want 4", func(r *Result) { r.Open = 3 }},
		{"0 stops, want 1", func(r *Result) { r.tally.Stops = 0 }},
	} {
		r := asPromised()
		row.spoil(r)
		if err := r.Verdict(); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v, want %q", err, row.want)
		}
	}
	noGrace := asPromised()
	noGrace.Grace, noGrace.reasons = 0, map[string]int{"answer_lost": 3}
	if err := noGrace.Verdict(); err != nil {
		t.Errorf("without a grace lost answers cost clicks: %v", err)
	}
}

// What is broken is told as a story, and not all of it.
func TestPrint(t *testing.T) {
	r := asPromised()
	for range firstStories + 2 {
		r.lost = append(r.lost, finding{grant: "torture-0007", what: lostInSilence, generation: 3, story: []string{"12:00:00.000 it arrives"}})
	}
	var out strings.Builder
	r.Print(&out)
	if n := strings.Count(out.String(), "BROKEN: "+lostInSilence+": grant torture-0007\n      12:00:00.000 it arrives"); n != firstStories {
		t.Errorf("%d stories are told\n%s", n, out.String())
	}
	if !strings.Contains(out.String(), "and 2 more") || !strings.Contains(out.String(), "exchanges per generation") {
		t.Error(out.String())
	}
	r.audited, r.rotations = false, 1234
	out.Reset()
	r.Print(&out)
	if !strings.Contains(out.String(), "1234 rotations") || !strings.Contains(out.String(), "nothing is written") {
		t.Errorf("broken off: %s", out.String())
	}
}

// Each kind of run has a block of its own, and a later one replaces it, also
// when it shows what nobody wants to see.
func TestWrite_ABlockForEachKind(t *testing.T) {
	root := t.TempDir()
	folder, page := filepath.Join(root, ".local", "run", "18640"), filepath.Join(root, figures.Page)
	if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, []byte("# Figures\n\nWords of people.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	grace, none := asPromised(), asPromised()
	none.Grace = 0
	broken := asPromised()
	broken.twice = []finding{{grant: "g", what: presentedTwice}}
	for _, r := range []*Result{grace, none, broken} {
		if err := r.write(t.Context(), folder); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Words of people.", "<!-- torture-grace begin -->", "<!-- torture-no-grace begin -->", "### Torture, a grace of 30s",
		"### Torture, no grace", "| exchanges per generation | 1.0000 |", "**not as promised: 1 presentations without an open attempt**",
		"no commit", "--rotations 2000 --grace 0s",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if n := strings.Count(string(text), "### Torture"); n != 2 {
		t.Errorf("the page has %d results, want 2", n)
	}
}

func TestWrite_NoPageNoFigures(t *testing.T) {
	r := asPromised()
	r.Figures = ""
	if err := r.write(t.Context(), "/nowhere/at/all/x"); err != nil {
		t.Error(err)
	}
}

// Every token of the books is looked for in every log.
func TestSearchLogs(t *testing.T) {
	folder := t.TempDir()
	const token = "Qk3vX8nZ1aLwT0dYpHfR7uBcE5mJsG2i9OqWxV4yKtN"
	for name, text := range map[string]string{"refresher.log": "all is well\n", "ministack.log": "Bearer " + token} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := asPromised()
	r.keep([]sandbox.Token{{N: 7, Kind: sandbox.AccessToken, Value: token, Property: "torture-0001"}})
	if err := r.searchLogs(folder); err != nil {
		t.Fatal(err)
	}
	if len(r.leaks) != 1 || r.leaks[0].Place != "ministack.log" || strings.Contains(r.leaks[0].String(), token[:8]) {
		t.Errorf("found %v", r.leaks)
	}
	if err := r.searchLogs(t.TempDir()); err == nil {
		t.Error("a folder without logs was searched")
	}
}

func TestConfig(t *testing.T) {
	c, err := Config{Grants: 1500, Rotations: 100_000, Grace: 30 * time.Second, Out: io.Discard}.complete()
	if err != nil || c.Kills != 1000 || c.Stops != 50 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, wrong := range []Config{
		{Grants: 1, Rotations: 1}, {Grants: 10}, {Grants: 10, Rotations: 1, Grace: 10 * time.Second},
		{Grants: 10, Rotations: 1, Kills: -1}, {Grants: 10, Rotations: 1, Updates: -1},
	} {
		if _, err := wrong.complete(); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

func TestMemory(t *testing.T) {
	info := filepath.Join(t.TempDir(), "meminfo")
	if err := os.WriteFile(info, []byte("MemFree: 1 kB\nMemTotal:       24657900 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := memory(info); got != ", 24 GB of memory" {
		t.Errorf("%q", got)
	}
	if got := memory(info + "none"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestRemaining(t *testing.T) {
	for want, got := range map[string]string{
		"about 10m0s left": remaining(24_000, 40), "enough of them": remaining(0, 40), "no end in sight": remaining(1, 0),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
