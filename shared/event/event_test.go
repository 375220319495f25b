package event

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/shared/secret"
)

func lines(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, l := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatalf("line %q is not one JSON object: %v", l, err)
		}
		out = append(out, m)
	}
	return out
}

func TestLog_OneLineAnEventWithLambdasKeys(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, slog.LevelInfo, "hotels")
	log.Info(context.Background(), TokenRefreshed, slog.String("grant", "g1"), slog.Int64("generation", 7))
	m := lines(t, &b)[0]
	if m["event"] != "token_refreshed" || m["grant"] != "g1" || m["generation"] != 7.0 || m["level"] != "INFO" {
		t.Errorf("event line = %v", m)
	}
	if _, err := time.Parse(time.RFC3339Nano, m["timestamp"].(string)); err != nil {
		t.Errorf("timestamp: %v", err)
	}
}

func TestLog_LevelDropsWhatIsBelow(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, slog.LevelWarn, "hotels")
	log.Info(context.Background(), SweepDone)
	if b.Len() != 0 {
		t.Errorf("written below its level: %s", b.String())
	}
	log.Error(context.Background(), GrantDead)
	if lines(t, &b)[0]["level"] != "ERROR" {
		t.Error("an error is not written as one")
	}
}

func TestLog_SecretsStayOut(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, slog.LevelInfo, "hotels")
	token := secret.New("tok-4711")
	log.Info(context.Background(), TokenRefreshed, slog.Any("pair", struct{ Access secret.Text }{token}), slog.Any("token", token))
	if strings.Contains(b.String(), "4711") {
		t.Errorf("a token is in the log: %s", b.String())
	}
}

func TestLog_ZeroWritesNothing(t *testing.T) {
	var log *Log
	log.Info(context.Background(), SweepDone)
	log.Count(Refreshes, 1, "")
	(&Log{}).Warn(context.Background(), SweepDone)
	(&Log{}).Observe(ExchangeLatency, time.Second, "generic")
}

func TestMetric_EmbeddedFormat(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, slog.LevelInfo, "hotels")
	log.Observe(ExchangeLatency, 1500*time.Millisecond, "cloudbeds")
	m := lines(t, &b)[0]
	if m["ExchangeLatency"] != 1500.0 || m["Stack"] != "hotels" || m["Provider"] != "cloudbeds" {
		t.Errorf("values = %v", m)
	}
	directive := m["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
	if directive["Namespace"] != Namespace {
		t.Errorf("namespace = %v", directive["Namespace"])
	}
	if got := len(directive["Dimensions"].([]any)); got != 2 {
		t.Errorf("%d dimension sets, want the one without and the one with Provider", got)
	}
}

func TestMetric_WithoutProviderOneSet(t *testing.T) {
	var b bytes.Buffer
	New(&b, slog.LevelError, "hotels").Count(Reauthorizations, 1, "")
	directive := lines(t, &b)[0]["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
	if got := len(directive["Dimensions"].([]any)); got != 1 {
		t.Errorf("%d dimension sets, want 1", got)
	}
}

// The page and the code list the same names: a name that is written but not
// described helps nobody at three in the morning.
func TestPage_ListsEveryNameAndNoOther(t *testing.T) {
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, n := range All() {
		want[string(n)] = true
	}
	for _, m := range AllMetrics() {
		want[string(m)] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		if !want[row[1]] {
			t.Errorf("docs/events.md lists %q, which the code does not have", row[1])
		}
		delete(want, row[1])
	}
	for n := range want {
		t.Errorf("docs/events.md does not list %q", n)
	}
}

// The constants and All cannot drift apart.
func TestAll_HoldsEveryConstant(t *testing.T) {
	for file, listed := range map[string]int{"event.go": len(All()), "metric.go": len(AllMetrics())} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		declared := len(regexp.MustCompile(`(?m)^\t\w+ +(Name|Metric) += "`).FindAll(src, -1))
		if declared != listed {
			t.Errorf("%s declares %d names and lists %d", file, declared, listed)
		}
	}
}

// Events and metrics go to one writer, from as many goroutines as a batch has:
// each line stays one line.
func TestLog_LinesStayWhole(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, slog.LevelInfo, "hotels")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { log.Info(context.Background(), SweepDone, slog.Int("grants", 1)) })
		all.Go(func() { log.Count(Refreshes, 1, "generic") })
	}
	all.Wait()
	if got := len(lines(t, &b)); got != 100 {
		t.Errorf("%d whole lines, want 100", got)
	}
}
