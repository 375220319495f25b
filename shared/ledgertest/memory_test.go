package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

func TestMemory_KeepsTheContract(t *testing.T) {
	StoreSuite(t, func(*testing.T) ledger.Store { return NewMemory() })
}

// failing returns a store whose next call of a method has a fault.
func failing(method string, f Fault) *Memory {
	m := NewMemory()
	done := false
	m.Fault = func(called string, _ connection.ID) Fault {
		if called != method || done {
			return Fine
		}
		done = true
		return f
	}
	return m
}

func TestMemory_FaultsOfAWrite(t *testing.T) {
	for _, c := range []struct {
		name         string
		fault        Fault
		failed       bool
		atOnce, then int64 // seq right after, and after Land
	}{
		{"fine", Fine, false, 1, 1},
		{"did not land", NotLanded, true, 0, 0},
		{"landed", Landed, true, 1, 1},
		{"lands late", Late, true, 0, 1},
		{"a copy lands later", Copied, false, 1, 2},
	} {
		m := failing("Bump", c.fault)
		_, err := m.Bump(t.Context(), "lisbon-1", []ledger.PageKey{december}, noon)
		if got := errors.Is(err, ErrFault); got != c.failed {
			t.Errorf("%s: %v", c.name, err)
		}
		for i, want := range []int64{c.atOnce, c.then} {
			if l, _ := m.Lane(t.Context(), "lisbon-1"); l.Seq != want {
				t.Errorf("%s: seq is %d at step %d, want %d", c.name, l.Seq, i, want)
			}
			m.Land()
		}
	}
}

// TestMemory_LateWritesMeetTheirCondition: what lands late is judged then.
func TestMemory_LateWritesMeetTheirCondition(t *testing.T) {
	m := failing("Take", Late)
	late := ledger.TakeWrite{Connection: "lisbon-1", Nonce: "late", Now: noon, LeaseEnd: later}
	if _, err := m.Take(t.Context(), late); !errors.Is(err, ErrFault) {
		t.Fatal(err)
	}
	quick := late
	quick.Nonce = "quick"
	if _, err := m.Take(t.Context(), quick); err != nil {
		t.Fatal(err)
	}
	if n := m.Land(); n != 1 {
		t.Fatalf("%d writes were on their way", n)
	}
	if l, _ := m.Lane(t.Context(), "lisbon-1"); !l.HeldBy("quick") || l.Takes != 1 {
		t.Errorf("the late take broke through the fence: %+v", l)
	}
}

func TestMemory_AReadThatFails(t *testing.T) {
	m := failing("Pages", NotLanded)
	if _, err := m.Pages(t.Context(), "lisbon-1", nil); !errors.Is(err, ErrFault) {
		t.Errorf("read with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Lane(ctx, "lisbon-1"); !errors.Is(err, context.Canceled) {
		t.Errorf("read after the caller had left: %v", err)
	}
}

// TestMemory_Forgotten: the checker sees a dirty cell that nothing will look
// at, and is content once something will.
func TestMemory_Forgotten(t *testing.T) {
	m := NewMemory()
	if err := m.WritePage(t.Context(), "lisbon-1", page(december, 0, 1, 100)); err != nil {
		t.Fatal(err)
	}
	if got := m.Forgotten(0); len(got) != 1 {
		t.Errorf("a dirty page without a wake: forgotten are %v", got)
	}
	if _, err := m.Bump(t.Context(), "lisbon-1", []ledger.PageKey{december}, noon); err != nil {
		t.Fatal(err)
	}
	if got := m.Forgotten(0); len(got) != 0 {
		t.Errorf("with a wake: forgotten are %v", got)
	}
	if w := m.Wakes(noon); len(w) != 1 || !w[0].At.Equal(noon) {
		t.Errorf("due are %v", w)
	}
	if w := m.Wakes(noon.Add(-time.Millisecond)); len(w) != 0 {
		t.Errorf("due before their time: %v", w)
	}
}
