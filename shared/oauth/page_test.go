package oauth

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of outcomes into its page")

const (
	outcomesPage = "../../docs/outcomes.md"
	tableBegins  = "-update -->\n"
)

// line is a row of the table as the page shows it.
func (r row) line() string {
	status := "any"
	switch {
	case r.Status != 0:
		status = fmt.Sprint(r.Status)
	case r.Family != 0:
		status = fmt.Sprintf("%dxx", r.Family)
	}
	if r.RetryAfter {
		status += " with `Retry-After`"
	}
	quoted := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	class := quoted(string(r.Class))
	if r.Reason != "" {
		class += ", " + string(r.Reason)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", cmp.Or(r.Phase, "any"), status, quoted(r.Code), quoted(r.Body), class, r.Why)
}

// The page shows the table that is shipped.
func TestOutcomesPage_ShowsTheTable(t *testing.T) {
	b, err := os.ReadFile(outcomesPage)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(b), tableBegins)
	if !ok {
		t.Fatal("the page has no place for the table")
	}
	var want strings.Builder
	want.WriteString(head + tableBegins + "\n| phase | status | code | in the body | class | why |\n|---|---|---|---|---|---|\n")
	for _, r := range classes {
		want.WriteString(r.line())
	}
	if *update {
		if err := os.WriteFile(outcomesPage, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want.String() {
		t.Error("the page shows another table: go test ./shared/oauth -run TestOutcomesPage -update")
	}
	for _, c := range []Class{Issued, Unreadable, Dead, BadClient, BadScope, BadRequest, Throttled, Outage, NotSent, Unknown} {
		if !strings.Contains(head, "`"+string(c)+"`") {
			t.Errorf("the page does not say what follows %s", c)
		}
	}
}
