package alerttest

import (
	"errors"
	"testing"
)

func TestMemory_KeepsTheContract(t *testing.T) {
	Suite(t, func(*testing.T) World {
		m := &Memory{}
		return World{Outbox: m, Reconnect: m.Reconnect}
	})
}

func TestMemory_Faults(t *testing.T) {
	down := errors.New("table is down")
	m := &Memory{Before: func(string) error { return down }}
	if _, err := m.Open(t.Context(), Lost(1)); !errors.Is(err, down) {
		t.Errorf("Open: %v, want the fault", err)
	}
	m.Before = nil
	if list, _ := m.Episodes(t.Context(), "grant-1"); len(list) != 0 {
		t.Error("a fault before the write left something behind")
	}
	m.After = func(string) error { return down }
	if _, err := m.Open(t.Context(), Lost(1)); !errors.Is(err, down) {
		t.Errorf("Open: %v, want the fault", err)
	}
	m.After = nil
	if list, _ := m.Episodes(t.Context(), "grant-1"); len(list) != 1 {
		t.Error("a fault after the write left nothing behind")
	}
}
