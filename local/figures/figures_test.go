package figures

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	const block = "<!-- bench begin -->\n\nnew\n\n<!-- bench end -->"
	for _, c := range []struct{ name, page, want string }{
		{"an empty page begins with it", "", block + "\n"},
		{"a page without it gets it at its end", "# Figures\n\nWords.\n", "# Figures\n\nWords.\n\n" + block + "\n"},
		{"a page with it keeps what is around", "# Figures\n\n<!-- bench begin -->\nold\nolder\n<!-- bench end -->\n\nWords.\n",
			"# Figures\n\n" + block + "\n\nWords.\n"},
		{"another's block is not touched", "<!-- torture begin -->\n1\n<!-- torture end -->\n",
			"<!-- torture begin -->\n1\n<!-- torture end -->\n\n" + block + "\n"},
		{"an empty block is filled", "<!-- bench begin --><!-- bench end -->", block},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := replace(c.page, "bench", "\nnew\n\n")
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			if again, err := replace(got, "bench", "new"); err != nil || again != got {
				t.Errorf("the same block a second time: %q, %v", again, err)
			}
		})
	}
}

// What somebody has torn is left to somebody: no figure is worth a page.
func TestReplace_TornMarkers(t *testing.T) {
	const begin, end = "<!-- bench begin -->", "<!-- bench end -->"
	for _, page := range []string{
		begin, end, end + "\n" + begin, begin + begin + end, begin + end + end, begin + end + begin + end,
	} {
		if got, err := replace(page, "bench", "new"); !errors.Is(err, ErrTorn) {
			t.Errorf("%q became %q, %v", page, got, err)
		}
	}
	for _, text := range []string{"a " + begin, end} {
		if got, err := replace("", "bench", text); !errors.Is(err, ErrTorn) {
			t.Errorf("a block with a marker in it: %q, %v", got, err)
		}
	}
	for _, name := range []string{"", "Bench", "a b", "-->"} {
		if _, err := replace("", name, "new"); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.md")
	for _, text := range []string{"one", "two"} {
		if err := Write(file, "bench", text); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(file, "torture", "three"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(got), "one") || !strings.Contains(string(got), "two") || !strings.Contains(string(got), "three") {
		t.Errorf("%s, %v", got, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".figures-*")); err != nil || left != nil {
		t.Errorf("drafts were left: %v, %v", left, err)
	}
	if s, err := os.Stat(file); err != nil || s.Mode().Perm() != 0o644 {
		t.Errorf("the page is not for everybody to read: %v, %v", s.Mode(), err)
	}
}

// A page that cannot be replaced is said, and stays.
func TestWrite_Refused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.md")
	if err := os.WriteFile(file, []byte(marker("bench", "begin")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, "bench", "new"); !errors.Is(err, ErrTorn) {
		t.Errorf("%v, want %v", err, ErrTorn)
	}
	if err := Write(filepath.Dir(file), "bench", "new"); err == nil {
		t.Error("a folder was written as a page")
	}
	if err := Write(filepath.Join(file, "under-a-file.md"), "bench", "new"); err == nil {
		t.Error("a page under a file was written")
	}
}
