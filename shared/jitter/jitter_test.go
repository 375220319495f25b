package jitter_test

import (
	"strconv"
	"testing"
	"time"

	"bellhop/shared/jitter"
)

// Thousands of similar names are spread evenly, and nobody gets all of it.
func TestOf(t *testing.T) {
	const names, tenths = 10_000, 10
	var counted [tenths]int
	for i := range names {
		part := jitter.Of(tenths*time.Second, "hold", "hotel-"+strconv.Itoa(i))
		if part < 0 || part >= tenths*time.Second {
			t.Fatalf("%v of ten seconds", part)
		}
		counted[part/time.Second]++
	}
	for tenth, n := range counted {
		if n < 900 || n > 1100 {
			t.Errorf("%d of %d in second %d", n, names, tenth)
		}
	}
}

func TestOf_Names(t *testing.T) {
	one := jitter.Of(time.Hour, "ab", "c")
	if jitter.Of(time.Hour, "ab", "c") != one {
		t.Error("the same names, another part")
	}
	if jitter.Of(time.Hour, "a", "bc") == one || jitter.Of(time.Hour, "ab") == one {
		t.Error("other names, the same part")
	}
	if jitter.Of(0, "ab") != 0 {
		t.Error("a part of nothing")
	}
}
