package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/invtest"
	"bellhop/shared/ledger"
	"bellhop/shared/ledgertest"
	"bellhop/shared/profile"
	"bellhop/shared/wake"
)

const (
	lisbon = connection.ID("lisbon-1")
	porto  = connection.ID("porto-1") // at cloudbeds
)

// start is a fixed moment, so that every test sees the same nights.
var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// tester is a test, or one run of a property.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is one ledger, one hotel at each provider, and as many processes as a
// test wants.
type world struct {
	t         tester
	clock     *clock
	ledger    *ledgertest.Memory
	grants    *fakeGrants
	inventory *invtest.Memory
	hotel     *hotel
	vault     *fakeVault
	rates     *mailbox
	refresh   *mailbox
	names     int
	namesMu   sync.Mutex
}

func newWorld(t tester) *world {
	t.Helper()
	w := &world{
		t: t, clock: &clock{at: start}, ledger: ledgertest.NewMemory(), inventory: &invtest.Memory{}, vault: &fakeVault{},
		rates: &mailbox{}, refresh: &mailbox{}, grants: &fakeGrants{items: map[grant.ID]grant.Grant{}},
	}
	w.hotel = newHotel(w.clock.now)
	w.connect(lisbon, "generic", nil)
	w.connect(porto, "cloudbeds", map[string]string{"DBL/BAR": "1001", "DBL/NRF": "1002", "SGL/BAR": "1003"})
	return w
}

// connect adds a connection with a grant and a client of its own.
func (w *world) connect(id connection.ID, provider string, mappings map[string]string) {
	w.t.Helper()
	ctx := context.Background()
	client := connection.Client{ID: provider, Provider: provider, Endpoints: profile.Endpoints{API: "http://127.0.0.1:21600/" + provider}}
	if err := w.inventory.AddClient(ctx, client); err != nil && !errors.Is(err, connection.ErrClientExists) {
		w.t.Fatal(err)
	}
	err := w.inventory.Add(ctx, connection.Connection{
		ID: id, Property: string(id), Provider: provider, Grant: grant.ID("g-" + id), RemoteProperty: "H1",
		Zone: "Europe/Lisbon", Currency: "EUR", Mappings: mappings,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	g := grant.Grant{
		ID: grant.ID("g-" + id), Provider: provider, Client: provider, Enabled: true, Health: grant.OK, Generation: 7,
		Issued: start.Add(-time.Hour), Expires: start.Add(1000 * time.Hour),
	}
	w.grants.items[g.ID] = g
	w.hotel.know(accessOf(g))
}

// renew gives a connection's grant its next generation.
func (w *world) renew(id connection.ID) {
	w.grants.change(grant.ID("g-"+id), func(g *grant.Grant) {
		g.Generation++
		g.Issued, g.Expires = w.clock.now(), w.clock.now().Add(1000*time.Hour)
		w.hotel.know(accessOf(*g))
	})
}

// process is a pusher's process: caches and paces of its own.
func (w *world) process() *Drainer {
	return &Drainer{
		Ledger: w.ledger, Inventory: w.inventory, Grants: w.grants, Tokens: NewTokens(w.vault),
		Sender: wire{w.hotel, w.clock.now}, Rates: w.rates, Refresh: w.refresh,
		Now: w.clock.now, Sleep: w.clock.sleep, Fresh: w.fresh,
	}
}

func (w *world) fresh() string {
	w.namesMu.Lock()
	defer w.namesMu.Unlock()
	w.names++
	return "n" + strconv.Itoa(w.names)
}

// update is what a PMS wants: one price for some nights of December.
func update(revision int64, first, last int, values map[ledger.Field]int64) []ledger.Want {
	return updateFor("DBL", "BAR", revision, first, last, values)
}

func updateFor(room, plan string, revision int64, first, last int, values map[ledger.Field]int64) []ledger.Want {
	want := ledger.Want{Page: ledger.PageKey{Room: room, Plan: plan, Month: "2026-12"}, Revision: revision}
	for _, f := range sortedFields(values) {
		want.Values = append(want.Values, ledger.Value{Field: f, Days: ledger.DayRange(first, last), Value: values[f]})
	}
	return []ledger.Want{want}
}

func sortedFields(values map[ledger.Field]int64) []ledger.Field {
	var fields []ledger.Field
	for f := range values {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return fields
}

func price(cents int64) map[ledger.Field]int64 { return map[ledger.Field]int64{ledger.Price: cents} }

// push is a whole message: taken in, and drained when the lane was free.
func push(ctx context.Context, d *Drainer, id connection.ID, wants []ledger.Want) error {
	_, h, err := d.TakeIn(ctx, id, wants)
	if err != nil || h == nil {
		return err
	}
	return h.Drain(ctx)
}

func (w *world) push(d *Drainer, id connection.ID, wants []ledger.Want) {
	w.t.Helper()
	if err := push(context.Background(), d, id, wants); err != nil {
		w.t.Fatalf("pushing: %v", err)
	}
}

// sweep does what the minute's sweep and the queues do, until nothing has a
// wake any more: it goes to the next wake and hands it to d.
func (w *world) sweep(d *Drainer) {
	w.t.Helper()
	for range 5000 {
		wakes := w.ledger.Wakes(w.clock.now().Add(1000 * time.Hour))
		if len(wakes) == 0 {
			return
		}
		next := wakes[0]
		if wait := next.At.Sub(w.clock.now()); wait > 0 {
			w.clock.advance(wait)
		} else {
			w.clock.advance(time.Second) // overdue: the sweep calls again later
		}
		m := wake.Message{Kind: wake.Lane, Connection: next.Connection, At: next.At}
		switch {
		case next.Job != "":
			m.Kind, m.Job = wake.Job, next.Job
		case next.Readback:
			m.Kind = wake.Readback
		}
		if err := d.Wake(context.Background(), m); err != nil {
			w.t.Fatalf("waking for %+v: %v", next, err)
		}
	}
	w.t.Fatalf("it does not end: wakes are %+v, lane is %+v", w.ledger.Wakes(w.clock.now().Add(1000*time.Hour)), w.lane(lisbon))
}

func (w *world) lane(id connection.ID) ledger.Lane {
	w.t.Helper()
	l, err := w.ledger.Lane(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) page(id connection.ID, room, plan string) ledger.Page {
	w.t.Helper()
	pages, err := w.ledger.Pages(context.Background(), id, []ledger.PageKey{{Room: room, Plan: plan, Month: "2026-12"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return pages[0]
}

// atRest fails unless the connection is as it must be in the end: nothing
// dirty, the lane free, no mark, no wake, no job, and the provider holding what
// is desired of every cell that was not refused.
func (w *world) atRest(id connection.ID) {
	w.t.Helper()
	l := w.lane(id)
	if l.Holder != nil || len(l.Marks) > 0 || !l.WakeAt.IsZero() || len(l.Pages) > 0 || l.All {
		w.t.Errorf("lane is not at rest: %+v", l)
	}
	if jobs, _ := w.ledger.Jobs(context.Background(), id); len(jobs) > 0 {
		w.t.Errorf("%d jobs are open", len(jobs))
	}
	if lost := w.ledger.Forgotten(0); len(lost) > 0 {
		w.t.Errorf("forgotten: %v", lost)
	}
	err := w.ledger.EachPage(context.Background(), id, func(p ledger.Page) bool {
		if p.IsDirty(0) {
			w.t.Errorf("page %s is dirty: %+v", p.Key, p.Dirty(0))
		}
		for day, cell := range p.Days {
			for f, e := range cell {
				if e.Rejected == e.Desired.Revision || e.Contested {
					continue
				}
				if got := w.hotel.holds(cellID(p.Key.Room, p.Key.Plan, p.Key.Date(day)), f); got != e.Value {
					w.t.Errorf("%s day %d %s: the provider holds %d, desired is %d", p.Key, day, f, got, e.Value)
				}
			}
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func cellID(room, plan string, date ledger.Date) string {
	return fmt.Sprintf("%s/%s/%s", room, plan, date)
}
