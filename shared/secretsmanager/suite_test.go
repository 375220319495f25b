package secretsmanager

import (
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
)

func TestHome_Suite(t *testing.T) {
	granttest.HomeSuite(t, func(t *testing.T) grant.Home {
		h, _, _ := newHome(t)
		h.waits = nil
		return h
	})
}

// The same over a service whose reads do not see a write at once.
func TestHome_SuiteOfAStaleService(t *testing.T) {
	granttest.HomeSuite(t, func(t *testing.T) grant.Home {
		s := newService(time.Now)
		s.delay = 120 * time.Millisecond
		h, err := NewHome(HomeConfig{API: s, Prefix: "bellhop/"})
		if err != nil {
			t.Fatal(err)
		}
		h.waits = []time.Duration{60 * time.Millisecond, 120 * time.Millisecond}
		return h
	})
}

// And over a stand-in that names a secret's first version itself.
func TestHome_SuiteOfAStandIn(t *testing.T) {
	granttest.HomeSuite(t, func(t *testing.T) grant.Home {
		h, s, _ := newHome(t)
		s.ownIDs, h.waits = true, nil
		return h
	})
}
