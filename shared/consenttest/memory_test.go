package consenttest

import (
	"errors"
	"testing"

	"bellhop/shared/consent"
)

func TestMemory_KeepsTheContract(t *testing.T) {
	Suite(t, func(*testing.T) World {
		m := &Memory{}
		return World{Store: m, Use: m.Use}
	})
}

func TestMemory_Faults(t *testing.T) {
	down := errors.New("table is down")
	m := &Memory{After: func(string) error { return down }}
	if err := m.PutTicket(t.Context(), ticket()); !errors.Is(err, down) {
		t.Errorf("PutTicket: %v, want the fault", err)
	}
	m.After = nil
	if _, err := m.Ticket(t.Context(), "d1"); err != nil {
		t.Errorf("an answer was lost, and the write with it: %v", err)
	}
	m.Before = func(string) error { return down }
	if err := m.PutState(t.Context(), state()); !errors.Is(err, down) {
		t.Errorf("PutState: %v, want the fault", err)
	}
	m.Before = nil
	if _, err := m.Consume(t.Context(), "s1", "me", noon); !errors.Is(err, consent.ErrUnknown) {
		t.Errorf("a fault before the write left something behind: %v", err)
	}
}
