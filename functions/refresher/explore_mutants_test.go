package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The environment of a test that was compiled from mutated copies: that it was,
// and which mutation is on at the moment.
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
// build (go test -overlay), each behind a condition of its own.
func TestExplore_CatchesEveryMutation(t *testing.T) {
	if os.Getenv(mutatedEnv) != "" {
		catchAll(t)
		return
	}
	if testing.Short() {
		t.Skip("compiles and explores mutated copies")
	}
	t.Parallel()
	overlay := mutate(t)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-vet=off", "-count=1", "-v",
		"-run", "^TestExplore_CatchesEveryMutation$", ".")
	cmd.Env = append(os.Environ(), mutatedEnv+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("with mutated copies: %v", err)
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

// catchAll explores under one mutation after the other.
func catchAll(t *testing.T) {
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Setenv(mutantEnv, m.name)
			began := time.Now()
			s := explore(t, m.staging(), mutantLimit)
			if s.found == nil {
				t.Errorf("%s: the explorer does not notice, in %d executions", s.staging, s.paths)
				return
			}
			t.Logf("%s: %d executions, %v: %s", s.staging, s.paths, time.Since(began).Round(time.Millisecond), s.found.broken[0])
		})
	}
}

// mutantLimit bounds one exploration of a mutation: executions, so that a slow
// machine comes to the same end.
const mutantLimit = 100_000

// staging is the exploration that notices the mutation.
func (m mutation) staging() staging {
	c := m.with
	c.regime, c.alive, c.runs, c.disturbances = regimeNamed(m.regime), 2, max(c.runs, 2), m.disturbances
	return c
}
