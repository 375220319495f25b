package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/shared/event"
)

// logged reads every JSON line that the functions have written so far.
func (w *world) logged(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for _, f := range stack.Functions() {
		text, err := os.ReadFile(w.LogFile(string(f)))
		if err != nil && !os.IsNotExist(err) { // a function that was not invoked has no log
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(bytes.NewReader(text))
		scanner.Buffer(nil, 4<<20)
		for scanner.Scan() {
			var line map[string]any
			if json.Unmarshal(scanner.Bytes(), &line) == nil {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// awaitEvent waits until the log holds an event with these fields, given as
// names and values in turn.
func (w *world) awaitEvent(t *testing.T, within time.Duration, name string, fields ...string) map[string]any {
	t.Helper()
	var found map[string]any
	eventually(t, within, fmt.Sprintf("event %s %v", name, fields), func() string {
		for _, line := range w.logged(t) {
			if line["event"] == name && has(line, fields) {
				found = line
				return ""
			}
		}
		time.Sleep(look) // reading all of the log is dear, and it grows once a second
		return "not in the log"
	})
	return found
}

func has(line map[string]any, fields []string) bool {
	for i := 0; i+1 < len(fields); i += 2 {
		if line[fields[i]] != fields[i+1] {
			return false
		}
	}
	return true
}

// Every event that is listed happens in this run, and none happens that is not
// listed: the page of events is what operators search by.
func (w *world) logHoldsEveryEvent(t *testing.T) {
	listed, seen := map[string]bool{}, map[string]int{}
	for _, name := range event.All() {
		listed[string(name)] = true
	}
	for _, line := range w.logged(t) {
		name, ours := line["event"].(string)
		if !ours {
			continue // a metric, or a line of the runtime
		}
		if seen[name]++; !listed[name] {
			t.Errorf("the log holds %q, which docs/events.md does not list: %v", name, line)
		}
	}
	for name := range listed {
		if seen[name] == 0 {
			t.Errorf("nothing in this run has led to %s", name)
		}
	}
	t.Logf("events: %v", seen)
}

// Every token that either provider ever issued, and every secret of ours, is
// searched in all that anybody can read: logs, alerts, pages, what the command
// printed, the queues that people read, and an export of both tables.
func (w *world) noSecretIsInAnyOutput(t *testing.T) {
	outputs := w.outputs(t)
	for what, secrets := range w.secretsKnown(t) {
		for _, secret := range secrets {
			for _, o := range outputs {
				if i := strings.Index(o.text, secret); i >= 0 && !w.onPurpose(what, o.what) {
					t.Errorf("%s is in %s: …%s…", what, o.what, o.text[max(0, i-60):i])
				}
			}
		}
	}
	size := 0
	for _, o := range outputs {
		size += len(o.text)
	}
	t.Logf("searched %d outputs, %d KB", len(outputs), size>>10)
}

// outputs gathers everything that can be read.
func (w *world) outputs(t *testing.T) []shown {
	t.Helper()
	w.mu.Lock()
	all := slices.Clone(w.shown)
	w.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(w.Folder, "*.log"))
	if err != nil || len(files) < 4 {
		t.Fatalf("the logs are %v (%v)", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, shown{filepath.Base(file), string(text)})
	}
	for _, m := range w.alerts.all() {
		all = append(all, shown{"an alert by " + m.channel, m.body})
	}
	for _, table := range []string{w.Outputs.GrantsTable, w.Outputs.RatesTable} {
		all = append(all, shown{"table " + table, w.export(t, table)})
	}
	calls, err := json.Marshal(w.proxyLog(t))
	if err != nil {
		t.Fatal(err)
	}
	return append(all, shown{"the proxy's log", string(calls)})
}

// secretsKnown are the values to look for, by what they are.
func (w *world) secretsKnown(t *testing.T) map[string][]string {
	t.Helper()
	tokens, err := w.books.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(tokens) < 50 {
		t.Errorf("only %d tokens were issued: this run proves little", len(tokens))
	}
	known := map[string][]string{"the secret of the alerts' webhook": {w.alerts.secret}}
	for _, k := range tokens {
		what := fmt.Sprintf("%s token %d", k.Kind, k.N)
		if k.Kind == sandbox.AuthCode {
			what = fmt.Sprintf("authorization code %d", k.N)
		}
		known[what] = forms(k.Value)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.hotels {
		known["the client secret of "+h.client] = forms("secret-of-" + h.client) // and of those that follow it, which end so
		known["the signing secret of "+h.id] = forms(h.signing)
		if h.hooks != "" {
			known["the webhook secret of "+h.id] = forms(h.hooks)
		}
	}
	return known
}

// forms are the spellings in which a value may slip out.
func forms(value string) []string {
	all := []string{value, url.QueryEscape(value), strings.TrimPrefix(value, "whsec_")}
	slices.Sort(all)
	return slices.Compact(all)
}

// onPurpose reports whether an output is the place where a secret is told: the
// command prints a connection's signing secret once.
func (w *world) onPurpose(what, output string) bool {
	id, signing := strings.CutPrefix(what, "the signing secret of ")
	return signing && strings.Contains(output, "connections add "+id+" ")
}
