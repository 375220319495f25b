package alert

import (
	"context"
	"errors"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// shelf is a ledger of one page for each connection.
type shelf struct {
	pages map[connection.ID]ledger.Page
	err   error
}

func (s shelf) Lane(_ context.Context, id connection.ID) (ledger.Lane, error) {
	return ledger.Lane{Connection: id, Seq: 1, All: true}, s.err
}

func (s shelf) EachPage(_ context.Context, id connection.ID, yield func(ledger.Page) bool) error {
	if p, ok := s.pages[id]; ok {
		yield(p)
	}
	return nil
}

func dirtyPage(days ...int) ledger.Page {
	p := ledger.Page{Key: ledger.PageKey{Room: "DBL", Plan: "BAR", Month: "2025-11"}, Version: 1, Days: map[int]ledger.Cell{}}
	for _, d := range days {
		p.Days[d] = ledger.Cell{"price": {Value: 1, Desired: ledger.Stamp{Revision: 1}}}
	}
	return p
}

func TestBacklog_CountsFromThePropertysToday(t *testing.T) {
	// noon is 2025-11-21 in Lisbon and already the 21st in Auckland, too; at
	// 11:00 UTC the date there is the 22nd.
	clock := time.Date(2025, 11, 21, 11, 0, 0, 0, time.UTC)
	b := Backlog{Now: func() time.Time { return clock }, Ledger: shelf{pages: map[connection.ID]ledger.Page{
		"lisbon": dirtyPage(20, 21, 22), "auckland": dirtyPage(20, 21, 22),
	}}}
	for id, want := range map[connection.ID]int{"lisbon": 2, "auckland": 1} {
		zone := map[connection.ID]string{"lisbon": "Europe/Lisbon", "auckland": "Pacific/Auckland"}[id]
		n, err := b.Waiting(t.Context(), []connection.Connection{{ID: id, Zone: zone}})
		if err != nil || n != want {
			t.Errorf("%s: %d cells, %v; want %d", id, n, err, want)
		}
	}
	n, err := b.Waiting(t.Context(), []connection.Connection{{ID: "lisbon", Zone: "Europe/Lisbon"}, {ID: "auckland", Zone: "Pacific/Auckland"}})
	if err != nil || n != 3 {
		t.Errorf("together: %d cells, %v; want 3", n, err)
	}
}

func TestBacklog_WhatCannotBeCountedIsNotZero(t *testing.T) {
	b := Backlog{Now: time.Now, Ledger: shelf{err: errors.New("table is down")}}
	if n, err := b.Waiting(t.Context(), []connection.Connection{{ID: "c", Zone: "Europe/Lisbon"}}); err == nil {
		t.Errorf("%d cells although the table is down", n)
	}
	if n, err := b.Waiting(t.Context(), []connection.Connection{{ID: "c", Zone: "Nowhere"}}); err == nil {
		t.Errorf("%d cells in no time zone", n)
	}
}
