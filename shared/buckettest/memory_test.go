package buckettest

import (
	"errors"
	"testing"

	"bellhop/shared/bucket"
)

func TestMemory_IsAStore(t *testing.T) {
	Suite(t, func(*testing.T) bucket.Store { return &Memory{} })
}

func TestMemory_Faults(t *testing.T) {
	for _, c := range []struct {
		name           string
		fault          Fault
		atOnce, atLast int64 // version
	}{
		{"landed", Landed, 1, 1},
		{"not landed", NotLanded, 0, 0},
		{"late", Late, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &Memory{Fault: func(bucket.Bucket) Fault { return c.fault }}
			if err := m.Save(t.Context(), bucket.Bucket{Name: "b"}); !errors.Is(err, ErrLost) {
				t.Fatalf("got %v, want ErrLost", err)
			}
			if b, _ := m.Read(t.Context(), "b"); b.Version != c.atOnce {
				t.Errorf("at once: version %d, want %d", b.Version, c.atOnce)
			}
			m.Deliver()
			if b, _ := m.Read(t.Context(), "b"); b.Version != c.atLast {
				t.Errorf("at last: version %d, want %d", b.Version, c.atLast)
			}
		})
	}
}
