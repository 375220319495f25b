package profile

import (
	"os"
	"testing"
)

// The documented dialects of vendors that have no profile yet can all be said
// in a profile. That they are spoken is tried against the sandbox, in
// local/sandbox.
func TestDialects_CanBeSaid(t *testing.T) {
	all, err := read(os.DirFS("testdata/dialects"))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 12 {
		t.Errorf("only %d dialects are here", len(all))
	}
}
