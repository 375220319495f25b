package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The environment of a test that was compiled from mutated copies: its share of
// the mutations, and which of them is on at the moment.
const (
	mutatedEnv = "BELLHOP_MUTATED"
	mutantEnv  = "BELLHOP_MUTANT"
)

// control is what a mutation is called when only its staging is on: what it
// needs beside the rule that is left out, such as a second try in one lease.
const control = " (control)"

// mutantSource is the switch that the copies ask. It exists in them alone.
const mutantSource = `package grant

import "os"

// Mutant reports whether a mutation is on.
func Mutant(name string) bool { return os.Getenv("` + mutantEnv + `") == name }

// Varied reports whether a mutation is on, or its control.
func Varied(name string) bool { return Mutant(name) || Mutant(name + control) }

const control = "` + control + `"
`

// Every rule of the refresh protocol is needed: the explorer notices when one
// is left out. The mutations are made to copies of the sources, all in one
// build (go test -overlay), each behind a condition of its own. Two processes
// share them.
func TestExplore_CatchesEveryMutation(t *testing.T) {
	if share := os.Getenv(mutatedEnv); share != "" {
		catchAll(t, share)
		return
	}
	if testing.Short() {
		t.Skip("compiles and explores mutated copies")
	}
	t.Parallel()
	mutants := filepath.Join(t.TempDir(), "mutants.test")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", mutants, "-overlay", mutate(t), "-vet=off", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("compiling mutated copies: %v\n%s", err, out)
	}
	var both sync.WaitGroup
	for _, share := range []string{"even", "odd"} {
		both.Go(func() { runMutants(t, mutants, share) })
	}
	both.Wait()
}

// runMutants explores one share of the mutations. With the race detector, which
// the mutants are compiled without, the even one's process explores the code as
// it is, too.
func runMutants(t *testing.T, mutants, share string) {
	run := "^TestExplore_CatchesEveryMutation$"
	if raced && share == "even" {
		run = "^TestExplore_"
	}
	cmd := exec.CommandContext(t.Context(), mutants, "-test.v", "-test.run", run)
	cmd.Env = append(os.Environ(), mutatedEnv+"="+share)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the %s mutations: %v", share, err)
	}
}

// mutate writes the copies and returns the overlay that puts them in place.
func mutate(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, texts := t.TempDir(), map[string]string{}
	for _, m := range mutations {
		for _, p := range m.patches {
			if _, there := texts[p.file]; !there {
				b, err := os.ReadFile(filepath.Join(root, p.file))
				if err != nil {
					t.Fatal(err)
				}
				texts[p.file] = string(b)
			}
			texts[p.file] = p.apply(t, m.name, texts[p.file])
		}
	}
	texts["shared/grant/mutant.go"] = mutantSource
	replace := map[string]string{}
	for file, text := range texts {
		copied := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, file)] = copied
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// apply makes one patch. Each is found exactly once, in the source as it is
// after the mutations before it.
func (p patch) apply(t *testing.T, name, text string) string {
	t.Helper()
	if n := strings.Count(text, p.old); n != 1 {
		t.Fatalf("mutation %s: %s holds this %d times, want once; the code has changed, say the mutation in its new words:\n%s", name, p.file, n, p.old)
	}
	of := "grant."
	if strings.HasPrefix(p.file, "shared/grant/") {
		of = ""
	}
	asks := strings.NewReplacer("MUTANT", fmt.Sprintf("%sMutant(%q)", of, name), "VARIED", fmt.Sprintf("%sVaried(%q)", of, name))
	return strings.Replace(text, p.old, asks.Replace(p.new), 1)
}

// catchAll explores under one mutation after the other: those of even or of odd
// place in the list.
func catchAll(t *testing.T, share string) {
	for i, m := range mutations {
		if i%2 == 0 != (share == "even") {
			continue
		}
		t.Run(m.name, func(t *testing.T) { m.caught(t) })
	}
}

// caught explores with the mutation on. What it needs beside the rule that is
// left out must break nothing by itself.
func (m mutation) caught(t *testing.T) {
	t.Setenv(mutantEnv, m.name)
	began := time.Now()
	s := explore(t, m.staging(), mutantLimit)
	if s.found == nil {
		t.Errorf("%s: the explorer does not notice, in %d executions", s.staging, s.paths)
		return
	}
	t.Logf("%s: %d executions, %v: %s", s.staging, s.paths, time.Since(began).Round(time.Millisecond), s.found.broken[0])
	if !m.varied() {
		return
	}
	t.Setenv(mutantEnv, m.name+control)
	if s := explore(t, m.staging(), mutantLimit); s.found != nil || s.ranOut {
		t.Errorf("control, in %d executions: %v", s.paths, s.found)
	}
}

// varied reports whether the mutation has a control of its own.
func (m mutation) varied() bool {
	return slices.ContainsFunc(m.patches, func(p patch) bool { return strings.Contains(p.new, "VARIED") })
}

// mutantLimit bounds one exploration of a mutation: executions, so that a slow
// machine comes to the same end.
const mutantLimit = 100_000

// staging is the exploration that notices the mutation.
func (m mutation) staging() staging {
	c := m.with
	c.regime, c.disturbances = regimeNamed(m.regime), m.disturbances
	c.runs, c.alive = cmp.Or(c.runs, 2), cmp.Or(c.alive, 2)
	return c
}
