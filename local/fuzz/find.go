// Package fuzz runs every fuzz function of the tree, one after another, each
// for the same time. It finds them itself, so that one that somebody adds is
// never left out because a list was not touched.
package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fuzzer is one fuzz function.
type Fuzzer struct {
	Module  string // the module's folder
	Package string // its import path
	Dir     string // its folder
	Name    string
}

// String is how FUZZ=regexp knows it: "bellhop/shared/oauth.FuzzJWT".
func (f Fuzzer) String() string { return f.Package + "." + f.Name }

// Find lists the fuzz functions of all modules in and below root, by package
// and name. Which files belong to a package is the go command's to say.
func Find(ctx context.Context, root string) ([]Fuzzer, error) {
	modules, err := modulesOf(root)
	if err != nil {
		return nil, err
	}
	var all []Fuzzer
	for _, module := range modules {
		found, err := ofModule(ctx, module)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b Fuzzer) int { return strings.Compare(a.String(), b.String()) })
	return all, nil
}

// modulesOf lists the folders that hold a go.mod. Folders that the go command
// does not look into (dots, testdata) are passed over.
func modulesOf(root string) ([]string, error) {
	var modules []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.Name() == "go.mod":
			modules = append(modules, filepath.Dir(path))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for modules: %w", err)
	}
	return modules, nil
}

// listed is what the go command says about a package.
type listed struct {
	Dir, ImportPath           string
	TestGoFiles, XTestGoFiles []string
}

func ofModule(ctx context.Context, module string) ([]Fuzzer, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-json=Dir,ImportPath,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = module
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages of %s: %w\n%s", module, err, trouble.Bytes())
	}
	var all []Fuzzer
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the packages of %s: %w", module, err)
		}
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			names, err := named(filepath.Join(p.Dir, file))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				all = append(all, Fuzzer{Module: module, Package: p.ImportPath, Dir: p.Dir, Name: name})
			}
		}
	}
}

// named lists the fuzz functions of one file, as the testing package knows
// them: func FuzzXxx(*testing.F), where Xxx begins with no lower-case letter.
func named(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !takesF(f.Type.Params.List) {
			continue
		}
		rest, ok := strings.CutPrefix(f.Name.Name, "Fuzz")
		if first, _ := utf8.DecodeRuneInString(rest); ok && !unicode.IsLower(first) {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// takesF reports whether a function's one parameter is a *testing.F, under
// whatever name testing was imported.
func takesF(params []*ast.Field) bool {
	if len(params) != 1 || len(params[0].Names) > 1 {
		return false
	}
	star, ok := params[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	switch t := star.X.(type) {
	case *ast.SelectorExpr:
		return t.Sel.Name == "F"
	case *ast.Ident:
		return t.Name == "F" // imported with a dot
	}
	return false
}
