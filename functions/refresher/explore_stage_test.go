package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"runtime"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/vault"
)

// flight is an effect on its way: it lands at any later time, or never.
type flight struct {
	what string
	id   uint64 // of what its sender had seen
	sent time.Time
	land func()
}

// stage is one execution: the real code's goroutines, of which one moves at a
// time, and everything that they can reach. It lives in a synctest bubble.
type stage struct {
	staging
	began   time.Time
	table   *granttest.Memory
	house   *house
	shelf   *shelf
	actors  []*actor
	turn    chan *actor
	flights []flight
	nonces  int
	entered int  // refreshers
	alone   bool // the fair worker at the end is not scheduled
	books   books
	trace   []string
	tracing bool
}

// seed makes hashes comparable within one process.
var seed = maphash.MakeSeed()

func newStage(t *testing.T, c staging, tracing bool) *stage {
	s := &stage{staging: c, began: time.Now(), table: granttest.NewMemory(), house: &house{regime: c.regime, life: c.life},
		shelf: &shelf{secrets: map[string]map[string]version{}}, turn: make(chan *actor), tracing: tracing}
	s.books = books{stage: s, survived: map[grant.Nonce]int{}, formers: map[string]bool{}, ends: map[grant.Nonce]time.Time{}}
	s.table.Written = s.books.written
	first := s.house.pair(s.house.issue(1))
	sealed, _ := coffer{}.Seal(hotel, 0, first)
	times := grant.TimesOf(hotel, first, profile.RefreshRule{})
	err := s.table.Create(t.Context(), grant.Grant{
		ID: hotel, Provider: "cloudbeds", Client: "main", Home: grant.HomeSecrets, Enabled: true, Health: grant.OK,
		Account: "4711", Generation: 1, Epoch: 1, Inline: &sealed,
		Issued: times.Issued, Expires: times.Expires, RefreshAt: times.RefreshAt, WakeAt: times.WakeAt,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) grant() grant.Grant {
	g, err := s.table.Read(context.Background(), hotel)
	if err != nil {
		panic(err)
	}
	return g
}

// actor is one goroutine of real code, stopped before its next effect.
type actor struct {
	*stage
	name   string
	op     string // what it is about to do
	orders chan order
	began  time.Time
	life   time.Duration // after which Lambda has surely ended it
	wake   refresh.Wake
	ended  bool
	dead   bool // it ended in the middle of something
	vault  *vault.Vault
	silent string      // the write whose retries nobody hears
	blind  string      // the version that it does not see yet
	recent bool        // the version that it is about to read was put just now
	seen   uint64      // of everything that it was answered
	me     grant.Nonce // its lease's
	lease  grant.Grant // its lease's answer
	leased time.Time   // when that came, and Recover decided
	hand   string      // the token of an answer that it has not put away
	cut    bool        // the table did not answer it
	unkept bool        // its KeepAside was not answered
}

// sent is the wake that a refresher comes with. Every other one says what its
// sender had seen of the grant, so that it is leased without a look at it.
func (s *stage) sent() refresh.Wake {
	w := refresh.Wake{Grant: hotel}
	if s.entered%2 == 1 {
		w.Generation, w.Client = s.grant().Generation, "main"
	}
	return w
}

// enter starts an actor and brings it to its first effect.
func (s *stage) enter(name string, life time.Duration, play func(ctx context.Context, a *actor)) {
	a := &actor{stage: s, name: name, orders: make(chan order), began: time.Now(), life: life}
	a.vault, a.wake = s.shelf.vault(a), s.sent()
	a.knows("begins")
	s.actors = append(s.actors, a)
	go func() {
		defer func() {
			a.ended = true
			s.turn <- a
		}()
		ctx, cancel := context.WithTimeout(context.Background(), grant.FunctionTimeout)
		defer cancel()
		play(ctx, a)
		s.books.left(a)
	}()
	<-s.turn
}

// refreshes is a refresher's run: functions/refresher's composition.
func (s *stage) refreshes(ctx context.Context, a *actor) {
	r := &refresher{now: time.Now, cycle: s.cycle(a)}
	_, _ = r.refresh(ctx, a.wake)
}

// cycle is the refresh cycle, with an actor's gate for the world.
func (s *stage) cycle(a *actor) *refresh.Cycle {
	nonce := func() grant.Nonce {
		s.nonces++
		return grant.Nonce(fmt.Sprintf("n%d", s.nonces))
	}
	token := profile.Token{Grant: "authorization_code", Rotation: s.regime.rotation,
		Endpoints: profile.Endpoints{Revoke: "https://provider.example/revoke"}}
	return refresh.New(refresh.Config{
		Store: gate{a}, Vault: coffer{a}, Exchange: gate{a}, Revoker: revoker{gate{a}},
		Buckets:  bucket.NewCache(purse{a}, time.Now),
		Registry: clients{}, Secrets: &clientSecrets{current: "s"}, Now: time.Now, Nonce: nonce,
		Profile: func(string) (profile.Profile, error) { return profile.Profile{Name: "cloudbeds", Token: token}, nil },
	})
}

// dies ends an actor where it is.
func (a *actor) dies() {
	a.dead = true
	runtime.Goexit()
}

// ask stops before an effect until the scheduler has decided about it.
func (a *actor) ask(op string) order {
	if a.alone {
		return proceed
	}
	if a.dead {
		runtime.Goexit() // what is deferred is not done either
	}
	a.op, a.blind = op, ""
	a.turn <- a
	o := <-a.orders
	if o == crash {
		a.dies()
	}
	if o == loseOnce || o == loseAll {
		a.cut = true
	}
	return o
}

// move lets an actor do its effect and come to the next.
func (s *stage) move(a *actor, o order) {
	a.orders <- o
	<-s.turn
}

// knows adds what an actor was answered to what its future depends on.
func (a *actor) knows(what string, parts ...[]byte) {
	var h maphash.Hash
	h.SetSeed(seed)
	b := binary.LittleEndian.AppendUint64(nil, a.seen)
	b = binary.LittleEndian.AppendUint64(b, uint64(time.Since(a.stage.began)))
	_, _ = h.Write(b)
	_, _ = h.WriteString(what)
	for _, p := range parts {
		_, _ = h.Write(p)
	}
	a.seen = h.Sum64()
}

// flies puts an effect on its way.
func (a *actor) flies(what string, land func()) {
	a.flights = append(a.flights, flight{what: a.name + "'s " + what, id: a.seen, sent: time.Now(), land: land})
}
