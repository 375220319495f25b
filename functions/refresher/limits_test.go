package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// asDeployed are the limits that template.yaml sets for one of its choices of
// ReservedConcurrency. Without a reserve, an account's own limit of 10 holds
// for all functions together; three environments are taken for the others.
func asDeployed(t *testing.T, reserved string) limits {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	number := func(expression string) int {
		found := regexp.MustCompile(expression).FindSubmatch(text)
		if found == nil {
			t.Fatalf("template.yaml has no %s", expression)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	l := limits{
		function: number(`(?m)^    ` + reserved + `: \{.*\bRefresher: (\d+)`),
		queue:    number(`(?m)^    ` + reserved + `: \{ RefreshQueue: (\d+)`),
		batch:    number(`Queue: !GetAtt RefreshQueue\.Arn\n\s*BatchSize: (\d+)`),
		fair:     true,
	}
	if l.function == 0 {
		l.function = 10 - 3
	}
	return l
}
