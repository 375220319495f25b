// Package ledgertest holds what every user of the ledger tests with: [Memory],
// a store in memory whose writes can be made to fail in every way in which
// DynamoDB's can, and [StoreSuite], the promises of [ledger.Store] as tests that
// run on every implementation.
package ledgertest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// Fault is what happens to one call of a store.
type Fault int

// The faults. Each but Fine and Copied makes the caller see [ErrFault]: it
// cannot tell them apart, as with a real table.
const (
	Fine      Fault = iota
	NotLanded       // nothing is written or read
	Landed          // written, but the answer is lost
	Late            // not written now; written when [Memory.Land] is called, if its condition holds then
	Copied          // written and answered, and the network's copy of it lands when Land is called
)

// ErrFault is the answer of a call whose outcome is unknown.
var ErrFault = errors.New("no answer from the table")

// Memory is a ledger.Store in memory. It keeps pages and marks in their stored
// form, so that what a real table would refuse is refused here too. Safe for
// concurrent use.
type Memory struct {
	// Fault is asked before every call, with the method's name; nil means that
	// all go well. It is called without a lock held.
	Fault func(method string, id connection.ID) Fault

	mu    sync.Mutex
	books map[connection.ID]*book // guarded by mu
	late  []func()                // guarded by mu: writes still on their way
}

// book is what the table holds of one connection.
type book struct {
	lane     ledger.Lane
	pages    map[ledger.PageKey]storedPage
	jobs     map[string]ledger.Job
	readback *ledger.Readback
	seen     map[string]bool
}

type storedPage struct {
	version int64
	cells   string
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{books: map[connection.ID]*book{}} }

// Land lets everything that is on its way arrive, in the order in which it was
// sent, and returns how many writes that were.
func (m *Memory) Land() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.late)
	for _, write := range m.late {
		write()
	}
	m.late = nil
	return n
}

// Wake is something that has to be looked at again at its time.
type Wake struct {
	Connection connection.ID
	Job        string // for a job's poll
	Readback   bool   // for a read-back's next step
	At         time.Time
}

// Wakes lists everything with a wake up to a time, the earliest first: what the
// sweep's index would show.
func (m *Memory) Wakes(until time.Time) []Wake {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Wake
	for id, b := range m.books {
		all = append(all, Wake{Connection: id, At: b.lane.WakeAt})
		for _, j := range b.jobs {
			all = append(all, Wake{Connection: id, Job: j.ID, At: j.WakeAt})
		}
		if b.readback != nil {
			all = append(all, Wake{Connection: id, Readback: true, At: b.readback.WakeAt})
		}
	}
	all = slices.DeleteFunc(all, func(w Wake) bool { return w.At.IsZero() || w.At.After(until) })
	slices.SortFunc(all, func(a, b Wake) int { return a.At.Compare(b.At) })
	return all
}

// Forgotten lists the connections that break the ledger's promise "dirty or
// open means that a wake exists": they hold a dirty cell from a date on, or an
// open mark, and nothing will ever look at them. It holds between any two
// calls, but for a page that was just written by a take-in whose message is
// not deleted yet.
func (m *Memory) Forgotten(from ledger.Date) []connection.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []connection.ID
	for _, id := range slices.Sorted(maps.Keys(m.books)) {
		b := m.books[id]
		open := len(b.lane.Marks) > 0
		for key := range b.pages {
			open = open || b.page(key).IsDirty(from)
		}
		if open && b.lane.WakeAt.IsZero() && len(b.jobs) == 0 && b.readback == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// fault asks the hook.
func (m *Memory) fault(method string, id connection.ID) Fault {
	if m.Fault == nil {
		return Fine
	}
	return m.Fault(method, id)
}

// read runs f on the connection's book unless the call fails.
func (m *Memory) read(ctx context.Context, method string, id connection.ID, f func(*book)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fault(method, id) != Fine {
		return ErrFault
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.book(id))
	return nil
}

// write runs f, which writes all or, with an error, nothing, as its fault says.
func (m *Memory) write(ctx context.Context, method string, id connection.ID, f func(*book) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fault := m.fault(method, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(id)
	again := func() { _ = f(b) } // a refusal has nobody left to go to
	switch fault {
	case NotLanded:
		return ErrFault
	case Late:
		m.late = append(m.late, again)
		return ErrFault
	case Landed:
		again()
		return ErrFault
	case Copied:
		m.late = append(m.late, again)
	}
	return f(b)
}

// book returns the connection's, made on first sight. The caller holds mu.
func (m *Memory) book(id connection.ID) *book {
	b := m.books[id]
	if b == nil {
		b = &book{
			lane:  ledger.Lane{Connection: id, Marks: map[string]ledger.Mark{}},
			pages: map[ledger.PageKey]storedPage{}, jobs: map[string]ledger.Job{}, seen: map[string]bool{},
		}
		m.books[id] = b
	}
	return b
}

// page decodes one; its stored form is our own, so an error is a broken codec.
func (b *book) page(key ledger.PageKey) ledger.Page {
	s, ok := b.pages[key]
	if !ok {
		return ledger.Page{Key: key, Days: map[int]ledger.Cell{}}
	}
	p, err := ledger.DecodePage(key, s.version, s.cells)
	if err != nil {
		panic(err)
	}
	return p
}

// current reports whether every page is stored at the version it was read at.
func (b *book) current(pages []ledger.Page) bool {
	for _, p := range pages {
		if b.pages[p.Key].version != p.Version {
			return false
		}
	}
	return true
}

func (b *book) put(pages []ledger.Page) {
	for _, p := range pages {
		b.pages[p.Key] = storedPage{version: p.Version + 1, cells: ledger.EncodePage(p)}
	}
}
