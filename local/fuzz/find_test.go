package fuzz

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tree writes a module, by file.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func names(all []Fuzzer) []string {
	var found []string
	for _, f := range all {
		found = append(found, f.String())
	}
	return found
}

func TestFind_AsTheTestingPackageKnowsThem(t *testing.T) {
	root := tree(t, map[string]string{
		"go.mod":                 "module example\n\ngo 1.26\n",
		"a/a.go":                 "package a\n",
		"a/in_test.go":           "package a\nimport \"testing\"\nfunc FuzzIn(f *testing.F) {}\nfunc Fuzz(f *testing.F) {}\n",
		"a/out_test.go":          "package a_test\nimport x \"testing\"\nfunc FuzzOut(*x.F) {}\n",
		"a/dot_test.go":          "package a\nimport . \"testing\"\nfunc FuzzDot(f *F) {}\n",
		"a/not_test.go":          "package a\nimport \"testing\"\ntype k int\nfunc (k) FuzzMethod(f *testing.F) {}\nfunc Fuzzy(f *testing.F) {}\nfunc FuzzHelp(f *testing.F, n int) {}\nfunc FuzzTest(t *testing.T) {}\n",
		"a/elsewhere_test.go":    "//go:build ignore\n\npackage a\nimport \"testing\"\nfunc FuzzElsewhere(f *testing.F) {}\n",
		"a/testdata/x/x_test.go": "package x\nimport \"testing\"\nfunc FuzzData(f *testing.F) {}\n",
		"a/deep/er/d_test.go":    "package er\nimport \"testing\"\nfunc FuzzDeep(f *testing.F) {}\n",
		"nested/go.mod":          "module nested\n\ngo 1.26\n",
		"nested/n_test.go":       "package nested\nimport \"testing\"\nfunc FuzzNested(f *testing.F) {}\n",
		".hidden/go.mod":         "module hidden\n",
	})
	all, err := Find(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"example/a.Fuzz", "example/a.FuzzDot", "example/a.FuzzIn", "example/a.FuzzOut", "example/a/deep/er.FuzzDeep", "nested.FuzzNested"}
	if got := names(all); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestFind_WhatCannotBeReadIsSaid(t *testing.T) {
	root := tree(t, map[string]string{"go.mod": "module example\n\ngo 1.26\n", "a_test.go": "package a\nfunc Fuzz("})
	if all, err := Find(t.Context(), root); err == nil {
		t.Errorf("found %q in a file that is no Go", names(all))
	}
}

// The list is whole: whatever looks like a fuzz function anywhere in this tree,
// by its text alone, is on it.
func TestFind_LeavesNoneOfThisTreeOut(t *testing.T) {
	root := filepath.Join("..", "..")
	all, err := Find(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, f := range all {
		found[f.Name]++
	}
	seen, function := 0, regexp.MustCompile(`(?m)^func (Fuzz\w*)\(\w* ?\*testing\.F\)`)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return skip(err)
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(text, -1) {
			seen++
			if found[string(m[1])]--; found[string(m[1])] < 0 {
				t.Errorf("%s in %s is not on the list", m[1], path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 || seen != len(all) {
		t.Errorf("the tree holds %d fuzz functions, the list %d: %q", seen, len(all), names(all))
	}
}

func skip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}
