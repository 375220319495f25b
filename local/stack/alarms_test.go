package stack

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bellhop/shared/event"
)

// An alarm on a metric that nobody writes is silent for ever.
func TestTemplate_AlarmsWatchMetricsThatTheCodeCounts(t *testing.T) {
	watched := regexp.MustCompile(`Namespace: Bellhop\n +MetricName: (\w+)\n +Dimensions: \[\{ Name: Stack,`).FindAllStringSubmatch(readTemplate(t), -1)
	if want := strings.Count(readTemplate(t), "Namespace: "+event.Namespace+"\n"); len(watched) != want || want == 0 {
		t.Fatalf("%d of %d alarms on our metrics name a metric and the dimension Stack", len(watched), want)
	}
	code := countingCode(t)
	for _, alarm := range watched {
		if !slices.Contains(event.AllMetrics(), event.Metric(alarm[1])) {
			t.Errorf("an alarm watches %s, which is no metric of ours", alarm[1])
		}
		if !strings.Contains(code, "event."+alarm[1]) {
			t.Errorf("an alarm watches %s, which no code counts", alarm[1])
		}
	}
}

// countingCode is the product's code outside of the package that names the
// metrics.
func countingCode(t *testing.T) string {
	t.Helper()
	root, err := findRoot("")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, folder := range []string{"functions", "shared"} {
		err := fs.WalkDir(os.DirFS(root), folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "shared/event/") {
				return err
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			code.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return code.String()
}
