package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
)

// staging is what one exploration is about.
type staging struct {
	regime       regime
	runs         int // leases that refreshers may try
	alive        int // of them at once
	disturbances int
	// The others who may come, each once, at any time.
	callback, stranger, disable, judge bool
	// only, when not empty, leaves the other disturbances out.
	only []order
}

func (c staging) String() string {
	s := fmt.Sprintf("%s, %d runs, %d at once, %d disturbances", c.regime.name, c.runs, c.alive, c.disturbances)
	for _, also := range []struct {
		comes bool
		name  string
	}{{c.callback, "callback"}, {c.stranger, "stranger's callback"}, {c.disable, "disable"}, {c.judge, "late verdict"}} {
		if also.comes {
			s += ", " + also.name
		}
	}
	return s
}

// order is what the scheduler makes of one effect.
type order int

const (
	proceed   order = iota
	crash           // its actor dies before it
	crashSent       // its actor dies, and the effect is on its way
	loseOnce        // the effect is on its way, its actor knows of nothing; a retry is answered
	loseAll         // so it goes with all retries
	twice           // done and answered, and a copy is on its way
	notSent         // certainly not sent
	stall           // time passes although somebody is at work
)

// may reports whether a disturbance is part of the exploration.
func (c staging) may(o order) bool { return len(c.only) == 0 || slices.Contains(c.only, o) }

var orderNames = [...]string{"", " dies before it", " dies, it is on its way", " hears nothing, it is on its way",
	" hears nothing of all its tries, one is on its way", " is answered, a copy is on its way", " cannot send it"}

// disturbing are the orders for an effect that cost a disturbance.
func disturbing(op string) []order {
	switch op {
	case "Read", "Fetch":
		return []order{crash}
	case "Put":
		return []order{crash, loseOnce}
	case "POST":
		return []order{crash, crashSent, loseOnce, notSent}
	case "CODE":
		return []order{crash, loseOnce}
	}
	return []order{crash, crashSent, loseOnce, loseAll, twice}
}

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
	shelf   map[string]grant.Pair // Secrets Manager, by ref
	actors  []*actor
	turn    chan *actor
	flights []flight
	nonces  int
	alone   bool // the fair worker at the end is not scheduled
	books   books
	trace   []string
	tracing bool
}

// seed makes hashes comparable within one process.
var seed = maphash.MakeSeed()

func newStage(t *testing.T, c staging, tracing bool) *stage {
	s := &stage{staging: c, began: time.Now(), table: granttest.NewMemory(), house: &house{regime: c.regime},
		shelf: map[string]grant.Pair{}, turn: make(chan *actor), tracing: tracing}
	s.books = books{stage: s, survived: map[grant.Nonce]int{}, formers: map[string]bool{}}
	s.table.Written = s.books.written
	first := s.house.issue(1).pair()
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
	ended  bool
	silent string      // the write whose retries nobody hears
	seen   uint64      // of everything that it was answered
	me     grant.Nonce // its lease's
	lease  grant.Grant // its lease's answer
	leased time.Time   // when that came, and Recover decided
	hand   string      // the token of an answer that it has not put away
	cut    bool        // the table did not answer it
}

// enter starts an actor and brings it to its first effect.
func (s *stage) enter(name string, life time.Duration, play func(ctx context.Context, a *actor)) {
	a := &actor{stage: s, name: name, orders: make(chan order), began: time.Now(), life: life}
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
	a.me = grant.Nonce(fmt.Sprintf("n%d", s.nonces))
	r := &refresher{now: time.Now, cycle: refresh.New(refresh.Config{
		Store: gate{a}, Vault: coffer{a}, Exchange: gate{a}, Registry: clients{}, Secrets: &clientSecrets{current: "s"},
		Profile: func(string) (profile.Profile, error) {
			return profile.Profile{Name: "cloudbeds", Token: profile.Token{Grant: "authorization_code", Rotation: s.regime.rotation}}, nil
		},
		Now: time.Now, Nonce: func() grant.Nonce { return a.me },
	})}
	_, _ = r.refresh(ctx, refresh.Wake{Grant: hotel})
}

// ask stops before an effect until the scheduler has decided about it.
func (a *actor) ask(op string) order {
	if a.alone {
		return proceed
	}
	a.op = op
	a.turn <- a
	o := <-a.orders
	if o == crash {
		runtime.Goexit()
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

// passes lets time go by, for everybody. Who is older than a function can be is
// dead, and so is what was on its way for longer than anything can be.
func (s *stage) passes(d time.Duration) {
	time.Sleep(d)
	for _, a := range s.actors {
		if !a.ended && time.Since(a.began) >= a.life {
			s.move(a, crash)
		}
	}
	var fresh []flight
	for _, f := range s.flights {
		if time.Since(f.sent) < 10*time.Minute {
			fresh = append(fresh, f)
		}
	}
	s.flights = fresh
}

// lands delivers one flight.
func (s *stage) lands(i int) {
	f := s.flights[i]
	s.flights = append(append([]flight{}, s.flights[:i]...), s.flights[i+1:]...)
	f.land()
}

// quiet reports whether nobody is at work.
func (s *stage) quiet() bool { return s.living() == 0 }

func (s *stage) living() int {
	n := 0
	for _, a := range s.actors {
		if !a.ended {
			n++
		}
	}
	return n
}

// clear ends everybody, so that the bubble can close.
func (s *stage) clear() {
	for _, a := range s.actors {
		if !a.ended {
			s.move(a, crash)
		}
	}
}

func (s *stage) tell(format string, args ...any) {
	if s.tracing {
		s.trace = append(s.trace, fmt.Sprintf("%6.1fs  ", time.Since(s.began).Seconds())+fmt.Sprintf(format, args...))
	}
}

func (s *stage) story() string { return strings.Join(s.trace, "\n") }
