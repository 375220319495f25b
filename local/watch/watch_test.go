package watch

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bellhop/shared/secrettest"
)

// module is a module of tests that print: one that passes, one that fails, and
// a package that does not compile.
func module(t *testing.T, printed string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example\n\ngo 1.26\n",
		"pass/p_test.go": "package pass\nimport (\"fmt\"; \"testing\")\nfunc TestQuiet(t *testing.T) { t.Log(\"a quiet word\"); fmt.Println(`" +
			printed + "`) }\n",
		"fail/f_test.go": "package fail\nimport \"testing\"\nfunc TestMain(m *testing.M) { println(\"a word of its main\"); m.Run() }\nfunc TestLoud(t *testing.T) { t.Run(\"inner\", func(t *testing.T) { t.Error(\"a loud word\") }) }\n",
		"off/o_test.go":  "package off\nvar x int = \"\"\n",
	} {
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

// watched runs the tests of some packages and returns what people saw.
func watched(t *testing.T, root string, logs []string, packages ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Run(t.Context(), Config{
		Command: append([]string{"go", "-C", root, "test", "-json"}, packages...),
		Record:  filepath.Join(t.TempDir(), "deep", "record.log"), Logs: logs, Out: &out,
	})
	return out.String(), err
}

func TestRun_ShowsWhatGoTestShows(t *testing.T) {
	out, err := watched(t, module(t, "hello"), nil, "./pass", "./fail", "./off")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || errors.Is(err, ErrToken) {
		t.Errorf("failing tests: %v", err)
	}
	for _, want := range []string{"ok  \texample/pass", "--- FAIL: TestLoud/inner", "a loud word", "a word of its main", "FAIL\texample/fail", "[build failed]", "cannot use"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not shown:\n%s", want, out)
		}
	}
	for _, no := range []string{"a quiet word", "hello", "=== RUN", `"Action"`, "PASS"} {
		if strings.Contains(out, no) {
			t.Errorf("%q is shown:\n%s", no, out)
		}
	}
}

// A test that passes and prints a token, which nobody would see, fails the run;
// what is said of it does not print the token again.
func TestRun_ATokenThatAPassingTestPrinted(t *testing.T) {
	out, err := watched(t, module(t, "refreshing with "+secrettest.Mint("refresh-1")), nil, "./pass")
	if !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), "refreshing with [minted]_refresh-1") {
		t.Errorf("a printed token: %v", err)
	}
	if secrettest.Find([]byte(out)) >= 0 || secrettest.Find([]byte(err.Error())) >= 0 {
		t.Error("the finding shows the token")
	}
	if out, err := watched(t, module(t, "hello"), nil, "./pass"); err != nil || !strings.Contains(out, "1 files, 0 KB, 0 found") {
		t.Errorf("no token: %v\n%s", err, out)
	}
}

func TestRun_ATokenInALog(t *testing.T) {
	logs := t.TempDir()
	path := filepath.Join(logs, "18640", "pusher.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}\n{\"a\":\""+secrettest.Mint("x")+"\"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := watched(t, module(t, "hello"), []string{logs, filepath.Join(logs, "nowhere")}, "./pass")
	if !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), "pusher.log:2") {
		t.Errorf("a token in a log: %v", err)
	}
}

func TestRun_WhatCannotStartIsSaid(t *testing.T) {
	err := Run(t.Context(), Config{Command: []string{"/nowhere/go"}, Record: filepath.Join(t.TempDir(), "r"), Out: new(bytes.Buffer)})
	if err == nil || errors.Is(err, ErrToken) {
		t.Errorf("a command that is not there: %v", err)
	}
}
