package figures

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStamp_Checkout(t *testing.T) {
	root := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", root, "-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 3, 29, 14, 0, 0, 0, time.FixedZone("", 2*3600))
	if got := Stamp(t.Context(), root, at); !strings.HasPrefix(got, "2026-03-29 12:00 UTC, no commit, ") {
		t.Errorf("outside of a checkout: %s", got)
	}
	run("init", "-q")
	write("code.go", "1")
	write(Page, "1")
	run("add", ".")
	run("commit", "-q", "-m", "first")
	write(Page, "2") // what measuring does
	if got := commit(t.Context(), root); !strings.HasPrefix(got, "commit ") || strings.HasSuffix(got, "changes") {
		t.Errorf("with new figures: %s", got)
	}
	write("code.go", "2")
	if got := commit(t.Context(), root); !strings.HasSuffix(got, " with changes") {
		t.Errorf("with another code: %s", got)
	}
}

func TestProcessor(t *testing.T) {
	info := filepath.Join(t.TempDir(), "cpuinfo")
	if got := processor(info); got != "processor" {
		t.Errorf("without any: %q", got)
	}
	for text, want := range map[string]string{
		"processor\t: 0\nmodel name\t: Abacus 9\nprocessor\t: 1\nmodel name\t: Abacus 10\n": "Abacus 9",
		"Features : fp asimd\n": "processor",
	} {
		if err := os.WriteFile(info, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := processor(info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
