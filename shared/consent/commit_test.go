package consent

import (
	"testing"
	"time"

	"bellhop/shared/grant"
)

// A refresh may follow a consent within the same millisecond, and its pair has
// the consent's times then. What is settled as the consent's must be its own
// bytes: settled in the place of the newer pair, they would end it.
func TestLanded_KnowsItsOwnBytes(t *testing.T) {
	at := grant.Times{Issued: time.UnixMilli(1000), Expires: time.UnixMilli(61000)}
	mine := grant.ConsentWrite{Epoch: 1, Sealed: grant.Sealed{Data: []byte("mine")}, Times: at}
	for name, c := range map[string]struct {
		inline *grant.Sealed
		epoch  int64
		want   bool
	}{
		"mine":             {&grant.Sealed{Data: []byte("mine")}, 2, true},
		"refreshed since":  {&grant.Sealed{Data: []byte("newer")}, 2, false},
		"settled already":  {nil, 2, true},
		"of another epoch": {&grant.Sealed{Data: []byte("mine")}, 3, false},
	} {
		g := grant.Grant{Epoch: c.epoch, Inline: c.inline, Issued: at.Issued, Expires: at.Expires}
		if landed(g, mine) != c.want {
			t.Errorf("%s: landed is %v", name, !c.want)
		}
	}
}
