package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// breakable is a module with a fuzz function that fails on its first seed, and
// one that does not. They are indented, because the search of this tree's text
// takes no notice of what is inside a string.
func breakable(t *testing.T) string {
	return tree(t, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n",
		"a_test.go": `package a
import "testing"
	func FuzzBroken(f *testing.F) {
	f.Add(7)
	f.Fuzz(func(t *testing.T, n int) { if n == 7 { t.Error("seven") } })
}
	func FuzzSound(f *testing.F) {
	f.Add(7)
	f.Fuzz(func(t *testing.T, n int) {})
}
`})
}

// What fails is printed and told in the end, and the next one has run.
func TestRun_OneThatFailsHoldsUpNoOther(t *testing.T) {
	var out bytes.Buffer
	err := Run(t.Context(), Config{Root: breakable(t), Each: 2 * time.Second, Out: &out})
	if !errors.Is(err, ErrFound) || !strings.Contains(err.Error(), "example.FuzzBroken") || strings.Contains(err.Error(), "Sound") {
		t.Errorf("Run: %v", err)
	}
	for _, want := range []string{"2 fuzz functions", "seven", "example.FuzzSound", "PASS"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing says %q: %s", want, out.String())
		}
	}
}

func TestRun_Narrowed(t *testing.T) {
	var out bytes.Buffer
	c := Config{Root: breakable(t), Each: 10 * time.Millisecond, Only: regexp.MustCompile("Sound$"), Out: &out}
	if err := Run(t.Context(), c); err != nil || strings.Contains(out.String(), "Broken") {
		t.Errorf("%v: %s", err, out.String())
	}
	c.Only = regexp.MustCompile("Silence")
	if err := Run(t.Context(), c); err == nil {
		t.Error("a name that nothing has was taken for success")
	}
}

// Of the progress a line a minute is printed and the last, of the rest all.
func TestEcho(t *testing.T) {
	var in strings.Builder
	for n := range 45 {
		fmt.Fprintf(&in, "fuzz: elapsed: %ds\n", 3*(n+1))
	}
	in.WriteString("--- FAIL: FuzzX\n    why\n")
	var out bytes.Buffer
	Config{Out: &out}.echo(strings.NewReader(in.String()))
	want := "  fuzz: elapsed: 60s\n  fuzz: elapsed: 120s\n  fuzz: elapsed: 135s\n  --- FAIL: FuzzX\n      why\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

func TestCopySmallest(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "testdata", "FuzzX")
	for name, size := range map[string]int{"there": 1, "small": 2, "middle": 3, "large": 4, "huge": largestKept + 1} {
		if err := os.WriteFile(filepath.Join(from, name), bytes.Repeat([]byte("x"), size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "there"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ upTo, copied, files int }{{3, 2, 3}, {3, 0, 3}, {9, 1, 4}} {
		n, err := copySmallest(from, to, step.upTo)
		files, _ := os.ReadDir(to)
		if err != nil || n != step.copied || len(files) != step.files {
			t.Errorf("up to %d: copied %d of %d wanted, %d files, %v", step.upTo, n, step.copied, len(files), err)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "huge")); err == nil {
		t.Error("an input that nobody can read was kept")
	}
	if n, err := copySmallest(filepath.Join(from, "nowhere"), to, 99); n != 0 || err != nil {
		t.Errorf("no cache: %d, %v", n, err)
	}
}
