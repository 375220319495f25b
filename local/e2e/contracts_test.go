package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
)

// contracted are the packages whose suites run on a stand-in for AWS, beside the
// in-memory ones, once they are told where it is; and the tests that are those
// suites.
var contracted = map[string][]string{
	"bellhop/shared/dynamo": {
		"TestGrants_IsAStore", "TestRates_KeepTheContract", "TestInventory_KeepsTheContract",
		"TestTickets_KeepTheContract", "TestOutbox_KeepsTheContract",
	},
	"bellhop/shared/secretsmanager": {"TestHome_SuiteAgainstAService"},
}

// contractsHold runs the suites against MiniStack behind the proxy, which is
// write-once as AWS is. A suite that was skipped looks like one that passed, so
// none may be.
func (w *world) contractsHold(t *testing.T) {
	args := []string{"test", "-count=1", "-shuffle=on", "-json"}
	for path := range contracted {
		args = append(args, path)
	}
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = w.root
	command.Env = append(os.Environ(), "BELLHOP_TEST_ENDPOINT="+w.Proxy.URL, "BELLHOP_TEST_WRITE_ONCE=1")
	out, failed := command.Output()
	passed, said := map[string]bool{}, map[string]string{}
	for _, line := range testLines(t, out) {
		switch name := line.Package + " " + line.Test; line.Action {
		case "pass":
			passed[name] = true
		case "skip":
			if line.Test != "" {
				t.Errorf("%s was skipped", name)
			}
		case "fail":
			t.Errorf("%s has failed:\n%s", name, said[name])
		case "output":
			said[name] += line.Output
		}
	}
	for path, suites := range contracted {
		for _, suite := range suites {
			if !passed[path+" "+suite] {
				t.Errorf("%s has not passed in %s", suite, path)
			}
		}
	}
	if failed != nil {
		t.Errorf("go test: %v", failed)
	}
}

// testLine is one line of `go test -json`.
type testLine struct{ Action, Package, Test, Output string }

func testLines(t *testing.T, out []byte) []testLine {
	t.Helper()
	var lines []testLine
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var line testLine
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatalf("reading the answer of go test: %v\n%s", err, out)
		}
		lines = append(lines, line)
	}
}
