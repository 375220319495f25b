package e2e

import (
	"strings"
	"testing"
	"time"

	"bellhop/local/torture"
)

// aMinuteOfTorture is `make torture` in small, on the stack that is here: some
// grants whose tokens live half as long, a wave or two of kills, and the same
// audit of the same books. Who is frozen past a lease has stories of his own.
func (w *world) aMinuteOfTorture(t *testing.T) {
	var told strings.Builder
	result, err := torture.On(t.Context(), w.Stack, w.witness, torture.Config{
		Grants: 24, Rotations: 40, Life: 30 * time.Second, Grace: 30 * time.Second,
		Kills: 3, Updates: 1, Seed: 1, Out: &told,
	})
	w.switches(t, 30*time.Second, time.Minute)
	if result != nil {
		result.Print(&told)
	}
	w.show("what torture tells", told.String())
	t.Log(told.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := result.Verdict(); err != nil {
		t.Error(err)
	}
}
