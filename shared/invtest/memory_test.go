package invtest

import (
	"errors"
	"testing"

	"bellhop/shared/connection"
)

func TestMemory_KeepsTheContract(t *testing.T) {
	Suite(t, func(*testing.T) connection.Inventory { return &Memory{} })
}

func TestMemory_HandsOutCopies(t *testing.T) {
	m := &Memory{}
	add(t, m, Lisbon())
	c, err := m.Connection(t.Context(), "lisbon-1")
	if err != nil {
		t.Fatal(err)
	}
	c.Mappings["DBL/BAR"], c.Signing[0].Data[0] = "changed", 99
	if c, _ := m.Connection(t.Context(), "lisbon-1"); c.Mappings["DBL/BAR"] != "88" || c.Signing[0].Data[0] != 1 {
		t.Errorf("a reader changed the inventory: %+v", c)
	}
}

func TestMemory_Faults(t *testing.T) {
	down := errors.New("table is down")
	m := &Memory{Fault: func(method string) error {
		if method == "Add" {
			return down
		}
		return nil
	}}
	if err := m.Add(t.Context(), Lisbon()); !errors.Is(err, down) {
		t.Errorf("Add: %v, want the fault", err)
	}
	if _, err := m.Connection(t.Context(), "lisbon-1"); !errors.Is(err, connection.ErrUnknown) {
		t.Errorf("a faulted Add left something behind: %v", err)
	}
}
