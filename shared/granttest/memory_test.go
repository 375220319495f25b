package granttest

import (
	"errors"
	"testing"

	"bellhop/shared/grant"
)

func TestMemory_IsAStore(t *testing.T) {
	StoreSuite(t, func(*testing.T) grant.Store { return NewMemory() })
}

func TestMemory_Faults(t *testing.T) {
	for _, c := range []struct {
		name           string
		fault          Fault
		atOnce, atLast bool // has it landed?
	}{
		{"landed", Landed, true, true},
		{"not landed", NotLanded, false, false},
		{"late", Late, false, true},
		{"twice", Twice, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := NewMemory()
			if err := m.Create(t.Context(), Living("g", nil)); err != nil {
				t.Fatal(err)
			}
			m.Fault = func(string) Fault { return c.fault }
			if err := m.SetEnabled(t.Context(), "g", false, noon); !errors.Is(err, ErrLost) {
				t.Fatalf("got %v, want ErrLost", err)
			}
			landed := func() bool {
				g, err := m.Read(t.Context(), "g")
				if err != nil {
					t.Fatal(err)
				}
				return !g.Enabled
			}
			if landed() != c.atOnce {
				t.Errorf("landed at once: %v", landed())
			}
			m.Deliver()
			if landed() != c.atLast {
				t.Errorf("landed in the end: %v", landed())
			}
		})
	}
}

// A copy of a commit that landed changes nothing when it comes: its attempt,
// the ticket, is gone.
func TestMemory_CopyOfACommit(t *testing.T) {
	m := NewMemory()
	g := Living("g", leased("me"))
	if err := m.Create(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	m.Fault = func(string) Fault { return Twice }
	_ = m.Commit(t.Context(), commitWrite(g))
	before, _ := m.Read(t.Context(), "g")
	m.Deliver()
	after, _ := m.Read(t.Context(), "g")
	Same(t, after, before)
	if after.Generation != 4 {
		t.Errorf("generation %d, want 4", after.Generation)
	}
}
