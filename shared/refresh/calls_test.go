package refresh

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
)

// calls writes down every call that a cycle makes at AWS: each write and read
// of the table, each version put or got at home, each look at the inventory.
type calls struct {
	mu   sync.Mutex
	made []string // guarded by mu
}

func (c *calls) note(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, call)
}

// since forgets, and returns, what was made so far.
func (c *calls) since() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := strings.Join(c.made, " ")
	c.made = nil
	return made
}

// counted makes the step's world write its calls down.
func (s *step) counted() *calls {
	c := &calls{}
	s.store.Fault = func(method string) granttest.Fault { c.note(method); return granttest.None }
	s.home.Fail = func(method string) error { c.note("home." + method); return nil }
	s.Store = reading{s.store, c}
	s.Registry = &remembered{registry: asking{s, c}, now: time.Now}
	return c
}

type reading struct {
	*granttest.Memory
	*calls
}

func (r reading) Read(ctx context.Context, id grant.ID) (grant.Grant, error) {
	r.note("Read")
	return r.Memory.Read(ctx, id)
}

type asking struct {
	registry
	*calls
}

func (a asking) Client(ctx context.Context, id string) (connection.Client, error) {
	a.note("Client")
	return a.registry.Client(ctx, id)
}

// refreshes plays one ordinary refresh, as functions/refresher does, by a wake
// that says what its sender saw.
func (s *step) refreshes(generation int64) {
	s.Helper()
	r, err := s.Lease(s.Context(), Wake{Grant: "g", Generation: generation, Client: "c"})
	if err != nil {
		s.Fatal(err)
	}
	if plan := r.Recover(s.Context()); plan.Step != grant.Present {
		s.Fatalf("plan %s", plan.Step)
	}
	s.answer.Pair = pair(int(generation))
	if err := r.Commit(s.Context(), r.Exchange(s.Context()).Pair); err != nil {
		s.Fatal(err)
	}
	if _, err := r.Settle(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// What an ordinary refresh costs: five calls where the pair lives in Secrets
// Manager, two where it stays in the table. The client is looked up once in a
// while.
func TestCalls_OfAnOrdinaryRefresh(t *testing.T) {
	for home, want := range map[string]string{
		grant.HomeSecrets: "Lease home.Fetch Commit home.Settle Settle",
		grant.HomeSealed:  "Lease Commit",
	} {
		t.Run(home, func(t *testing.T) {
			on(t, func(s *step) {
				if err := s.store.SetHome(s.Context(), "g", home); err != nil {
					s.Fatal(err)
				}
				c := s.counted()
				s.refreshes(1)
				if first := c.since(); !strings.HasPrefix(first, "Client Lease") {
					s.Errorf("the first refresh of a process: %s", first)
				}
				for generation := int64(2); generation < 4; generation++ {
					time.Sleep(time.Until(s.now().WakeAt))
					s.refreshes(generation)
					if got := c.since(); got != want {
						s.Errorf("calls: %s, want %s", got, want)
					}
				}
			})
		})
	}
}

// A message about nothing costs the one call that says so.
func TestCalls_OfWakesForNothing(t *testing.T) {
	on(t, func(s *step) {
		c := s.counted()
		seen := Wake{Grant: "g", Generation: 1, Client: "c"}
		s.refreshes(1)
		time.Sleep(time.Until(s.now().WakeAt.Add(-grant.RefreshEarly - time.Millisecond)))
		c.since()
		for _, w := range []Wake{seen, {Grant: "g", Generation: 2, Client: "c"}} {
			if _, err := s.Lease(s.Context(), w); !errors.Is(err, ErrNotNow) {
				s.Errorf("a duplicate: %v", err)
			}
			if got := c.since(); got != "Lease" {
				s.Errorf("a duplicate cost %s", got)
			}
		}
		if _, err := s.Lease(s.Context(), Wake{Grant: "g"}); !errors.Is(err, ErrNotNow) || c.since() != "Read" {
			s.Errorf("a wake without a generation is answered by a read: %v", err)
		}
	})
}

// The message was sent before the last refresh, or counted on further than it
// came: the item that refuses the lease says how it is, and it is asked once
// more.
func TestLease_GenerationHasMoved(t *testing.T) {
	for _, generation := range []int64{7, 99} {
		on(t, func(s *step) {
			c := s.counted()
			r, err := s.Lease(s.Context(), Wake{Grant: "g", Generation: generation, Client: "c"})
			if err != nil {
				s.Fatal(err)
			}
			if r.snapshot.Generation != 1 || len(r.snapshot.Attempts) != 1 {
				s.Errorf("snapshot of generation %d with attempts %v", r.snapshot.Generation, r.snapshot.Attempts)
			}
			if got := c.since(); got != "Client Lease Lease" {
				s.Errorf("calls: %s", got)
			}
		})
	}
}

// The grant moved to another client: a lease that was prepared for the former
// is taken back, and nothing is left of it.
func TestLease_AnotherClient(t *testing.T) {
	on(t, func(s *step) {
		c := s.counted()
		r, err := s.Lease(s.Context(), Wake{Grant: "g", Generation: 1, Client: "former"})
		if err != nil {
			s.Fatal(err)
		}
		if got := c.since(); got != "Client Lease Abandon Client Lease" || r.wake.Client != "c" || len(s.now().Attempts) != 1 {
			s.Errorf("calls: %s, attempts %v", got, s.now().Attempts)
		}
	})
}

// Everything that a read told is told by the item that refuses the lease.
func TestLease_RefusedForWhatTheReadSaw(t *testing.T) {
	for name, change := range map[string]func(*step){
		"switched off":   func(s *step) { _ = s.store.SetEnabled(s.Context(), "g", false, time.Time{}) },
		"another has it": func(s *step) { s.leases() },
		"waits for a person": func(s *step) {
			_ = s.store.Judge(s.Context(), grant.JudgeWrite{
				ID: "g", Presented: 1, Health: grant.ReauthorizationRequired, Reason: grant.TokenRejected, At: time.Now()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *step) {
				change(s)
				before := s.now()
				c := s.counted()
				if _, err := s.Lease(s.Context(), Wake{Grant: "g", Generation: 1, Client: "c"}); !errors.Is(err, ErrNotNow) {
					s.Errorf("lease: %v, want ErrNotNow", err)
				}
				granttest.Same(s.T, s.now(), before)
				if got := c.since(); got != "Client Lease" {
					s.Errorf("calls: %s", got)
				}
			})
		})
	}
}

// Too many open ends are seen in the snapshot, and one more is not added.
func TestLease_CrowdedSnapshot(t *testing.T) {
	on(t, func(s *step) {
		for range grant.Crowd {
			if _, err := s.leases().Release(s.Context(), time.Now()); err != nil {
				s.Fatal(err)
			}
		}
		before := s.now()
		if _, err := s.Lease(s.Context(), Wake{Grant: "g", Generation: 1, Client: "c"}); !errors.Is(err, ErrNotNow) {
			s.Errorf("lease: %v, want ErrNotNow", err)
		}
		granttest.Same(s.T, s.now(), before)
	})
}

// A pair whose committer died before it came home is settled by the next wake,
// due or not.
func TestLease_SettlesLeftover(t *testing.T) {
	on(t, func(s *step) {
		s.home.Fail = func(string) error { return granttest.ErrLost }
		s.refreshes(1)
		if s.now().Inline == nil {
			s.Fatal("settled although its home was away")
		}
		time.Sleep(31 * time.Second)
		c := s.counted()
		if _, err := s.Lease(s.Context(), Wake{Grant: "g", Generation: 2, Client: "c"}); !errors.Is(err, ErrNotNow) {
			s.Errorf("lease: %v, want ErrNotNow", err)
		}
		if got := strings.Fields(c.since()); s.now().Inline != nil || !slices.Equal(got, []string{"Client", "Lease", "home.Settle", "Settle"}) {
			s.Errorf("calls %v, inline %v", got, s.now().Inline != nil)
		}
	})
}

// A client is asked for again after a while, and at once when it could not be
// read.
func TestRemembered_ForAWhile(t *testing.T) {
	on(t, func(s *step) {
		c := s.counted()
		ask := func() { _, _ = s.Registry.Client(s.Context(), "c") }
		ask()
		ask()
		if got := c.since(); got != "Client" {
			s.Errorf("asked twice: %s", got)
		}
		time.Sleep(clientFor)
		ask()
		if got := c.since(); got != "Client" {
			s.Errorf("after %v: %q", clientFor, got)
		}
		failing := &remembered{registry: nobody{}, now: time.Now}
		for range 2 {
			if _, err := failing.Client(s.Context(), "c"); err == nil {
				s.Error("what could not be read was remembered")
			}
		}
	})
}

type nobody struct{}

func (nobody) Client(context.Context, string) (connection.Client, error) {
	return connection.Client{}, connection.ErrUnknownClient
}
