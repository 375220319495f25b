package oauth

import (
	"testing"
)

// After which answers an endpoint is left alone. A 503 is one that nobody can
// read, too; a code that says more about it counts first.
func TestOutcome_Holds(t *testing.T) {
	for _, c := range []struct {
		class  Class
		status int
		want   Class
	}{
		{Throttled, 429, Throttled}, {Throttled, 400, Throttled},
		{Outage, 503, Outage}, {Outage, 400, Outage},
		{Unknown, 503, Outage},
		{Unknown, 500, ""}, {Unknown, 0, ""}, {NotSent, 0, ""},
		{Issued, 200, ""}, {Dead, 503, ""}, {Unreadable, 503, ""},
	} {
		if got := (Outcome{Class: c.class, Status: c.status}).Holds(); got != c.want {
			t.Errorf("%s, %d: %q, want %q", c.class, c.status, got, c.want)
		}
	}
}
