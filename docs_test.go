package bellhop_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page about the refresh cycle names steps and tests; each must be there.
func TestRefreshCyclePage_NamesWhatExists(t *testing.T) {
	page, err := os.ReadFile("docs/refresh-cycle.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := sourceOf(t, "shared/refresh")
	named := regexp.MustCompile("(?m)^\\| \\d\\w? \\| `(\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 14 {
		t.Fatalf("the page names only %d steps", len(named))
	}
	for _, step := range named {
		if !regexp.MustCompile(`func \([rc] \*(?:Run|Cycle)\) ` + step[1] + `\(`).MatchString(steps) {
			t.Errorf("step %s is in the page and no method of package refresh", step[1])
		}
	}
	tests := sourceOf(t, "functions/refresher") + steps + sourceOf(t, "shared/consent") +
		sourceOf(t, "shared/grant") + sourceOf(t, "shared/secretsmanager")
	named = regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 10 {
		t.Fatalf("the page names only %d tests", len(named))
	}
	for _, name := range named {
		if !strings.Contains(tests, "func "+name[1]+"(") {
			t.Errorf("test %s is in the page and does not exist", name[1])
		}
	}
}

// A link in a page leads somewhere.
func TestPages_LinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(pages, "README.md", "events/README.md") {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), l[1])); err != nil {
				t.Errorf("%s links to %s: %v", p, l[1], err)
			}
		}
	}
}

// sourceOf is all Go source of a folder.
func sourceOf(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
