// Package bellhop_test holds the shape of the tree: which way imports point,
// what packages may be called, how long the files that wire are.
package bellhop_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// adapters know AWS and the domain; every other package of shared is domain.
var adapters = []string{"cloud", "dynamo", "secretsmanager", "sqs"}

// source is one Go file and what it imports.
type source struct {
	path    string // slash-separated, from the root
	pkg     string
	imports []string
}

// dir is the folder of the file.
func (s source) dir() string { return path.Dir(s.path) }

// domain reports whether the file belongs to a package that must know no AWS.
func (s source) domain() bool {
	name, ok := strings.CutPrefix(s.dir(), "shared/")
	return ok && !slices.Contains(adapters, name)
}

// sources parses every Go file of the product (the nested module local is the
// sandbox's, with rules of its own).
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != "." && (strings.HasPrefix(name, ".") || name == "local" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		all = append(all, parse(t, file))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: the test does not see the tree", len(all))
	}
	return all
}

func parse(t *testing.T, file string) source {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	s := source{path: filepath.ToSlash(file), pkg: f.Name.Name}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		s.imports = append(s.imports, p)
	}
	return s
}

func TestImports_DomainKnowsNoAWS(t *testing.T) {
	for _, s := range sources(t) {
		if !s.domain() {
			continue
		}
		for _, i := range s.imports {
			if strings.HasPrefix(i, "github.com/aws/") {
				t.Errorf("%s imports %s: the domain knows no AWS", s.path, i)
			}
			for _, a := range adapters {
				if i == "bellhop/shared/"+a && !strings.HasSuffix(s.path, "_test.go") {
					t.Errorf("%s imports %s: adapters import the domain, not the other way", s.path, i)
				}
			}
		}
	}
}

func TestImports_PointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range s.imports {
			if strings.HasPrefix(i, "bellhop/functions/") || strings.HasPrefix(i, "bellhop/cmd/") || strings.HasPrefix(i, "bellhop/local") {
				t.Errorf("%s imports %s: nothing imports a function, a command or the sandbox", s.path, i)
			}
		}
	}
}

// Only tests may use the in-memory stores: they are fakes, with hooks for
// faults, and would make a function that forgets.
func TestImports_FakesStayInTests(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") || strings.HasSuffix(s.dir(), "test") {
			continue
		}
		for _, i := range s.imports {
			if strings.HasPrefix(i, "bellhop/shared/") && strings.HasSuffix(i, "test") {
				t.Errorf("%s imports %s outside of a test", s.path, i)
			}
		}
	}
}

func TestPackages_AreNamedAfterTheDomain(t *testing.T) {
	for _, s := range sources(t) {
		switch strings.TrimSuffix(s.pkg, "_test") {
		case "util", "utils", "common", "types", "models", "model", "helper", "helpers", "misc", "base", "shared":
			t.Errorf("%s: package %s says nothing about what is in it", s.path, s.pkg)
		}
		if strings.Count(s.path, "/") > 2 {
			t.Errorf("%s: folders are at most two deep", s.path)
		}
	}
}

func TestMains_OnlyWire(t *testing.T) {
	mains, err := filepath.Glob("functions/*/main.go")
	if err != nil || len(mains) != 4 {
		t.Fatalf("functions: %v, %v; want four", mains, err)
	}
	for _, m := range mains {
		b, err := os.ReadFile(m)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, []byte("\n")); n > 80 {
			t.Errorf("%s has %d lines; a main that only wires needs at most 80", m, n)
		}
	}
}
