package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/vault"
	"bellhop/shared/wake"
)

// world is one grant, its provider and any number of workers, in virtual time.
type world struct {
	*testing.T
	store    *granttest.Memory
	provider *granttest.Provider
	home     *granttest.Home
	vault    *vault.Vault
	profile  profile.Profile
	secrets  *clientSecrets
	sent     *outgoing
	log      *lines
	seeded   grant.Pair

	mu     sync.Mutex
	nonces int // guarded by mu
}

const hotel grant.ID = "hotel"

var (
	none   = profile.Rotation{Policy: "none"}
	grace  = profile.Rotation{Policy: "grace", Grace: profile.Seconds(30 * time.Second)}
	detect = profile.Rotation{Policy: "detect"}
)

// newWorld is called inside a synctest bubble: its time is virtual. The grant
// has a token of 60 s that was issued just now.
func newWorld(t *testing.T, rotation profile.Rotation) *world {
	w := &world{T: t, store: granttest.NewMemory(), home: &granttest.Home{}, secrets: &clientSecrets{current: "s1"},
		sent: &outgoing{}, log: &lines{}}
	granttest.Watch(t, w.store)
	w.provider = &granttest.Provider{Rotation: rotation, Life: time.Minute, Now: time.Now}
	w.profile = profile.Profile{Name: "sandbox", Token: profile.Token{
		Grant: "authorization_code", Rotation: rotation, Lifetime: profile.Seconds(time.Minute),
		Endpoints: profile.Endpoints{Token: "https://provider.example/token"},
	}}
	w.vault = vault.New(seal.NewSource(keySet{}, time.Now), map[string]grant.Home{grant.HomeSecrets: w.home})
	if err := w.vault.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.seeded = w.provider.Seed()
	sealed, err := w.vault.Seal(hotel, 0, w.seeded)
	if err != nil {
		t.Fatal(err)
	}
	times := grant.TimesOf(hotel, w.seeded, profile.RefreshRule{})
	err = w.store.Create(t.Context(), grant.Grant{
		ID: hotel, Provider: "sandbox", Client: "main", Home: grant.HomeSecrets, Enabled: true, Health: grant.OK,
		Generation: 1, Epoch: 1, Inline: &sealed,
		Issued: times.Issued, Expires: times.Expires, RefreshAt: times.RefreshAt, WakeAt: times.WakeAt,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// worker is one process of the function.
func (w *world) worker() *refresher {
	log := event.New(w.log, slog.LevelInfo, "test")
	return &refresher{
		cycle: refresh.New(refresh.Config{
			Store: w.store, Vault: w.vault, Exchange: w.provider, Registry: clients{}, Secrets: w.secrets,
			Profile: func(string) (profile.Profile, error) { return w.profile, nil },
			Log:     log, Now: time.Now, Nonce: w.nonce,
		}),
		wakes: w.sent, log: log, now: time.Now,
	}
}

func (w *world) nonce() grant.Nonce {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nonces++
	return grant.Nonce(fmt.Sprintf("n%d", w.nonces))
}

// wakes hands one wake to a fresh worker, with the function's time limit.
func (w *world) wakes() error {
	ctx, cancel := context.WithTimeout(w.Context(), grant.FunctionTimeout)
	defer cancel()
	body := wake.Encode(wake.Message{Kind: wake.Grant, Grant: hotel, At: time.Now()})
	return w.worker().record(ctx, events.SQSMessage{MessageId: "m", Body: body})
}

// start runs a wake beside the test. The channel is closed when the worker has
// ended, which for one that crashes is at the crash.
func (w *world) start() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.wakes()
	}()
	return done
}

// untilDue lets the token grow old enough to be refreshed.
func (w *world) untilDue() { time.Sleep(time.Until(w.grant().WakeAt)) }

func (w *world) grant() grant.Grant {
	w.Helper()
	g, err := w.store.Read(w.Context(), hotel)
	if err != nil {
		w.Fatal(err)
	}
	return g
}

// lives wakes the grant whenever it is due, for so long.
func (w *world) lives(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		if g := w.grant(); g.Due(time.Now()) {
			_ = w.wakes()
		}
	}
}

// is holds the grant to a generation and a health.
func (w *world) is(generation int64, health grant.Health) {
	w.Helper()
	if g := w.grant(); g.Generation != generation || g.Health != health {
		w.Errorf("grant is at generation %d, %s %s; want %d, %s", g.Generation, g.Health, g.Reason, generation, health)
	}
}

// says holds the log to have an event, and no token of the provider's.
func (w *world) says(name event.Name) {
	w.Helper()
	log := w.log.String()
	if !strings.Contains(log, `"event":"`+string(name)+`"`) {
		w.Errorf("no event %s in\n%s", name, log)
	}
	for _, secret := range []string{"refresh-1", "access-1", "s1"} {
		if strings.Contains(log, `"`+secret) {
			w.Errorf("%s is in the log", secret)
		}
	}
}

// keySet is the stack's key set.
type keySet struct{}

func (keySet) Keys(context.Context) (secret.Text, error) {
	return secret.New(`{"v":1,"stack":"test","current":"k1","k1":"` + strings.Repeat("k", 64) + `"}`), nil
}

// clients is the registry with our one client.
type clients struct{}

func (clients) Client(context.Context, string) (connection.Client, error) {
	return connection.Client{ID: "main", Provider: "sandbox", ClientID: "bellhop"}, nil
}

// clientSecrets are the client's.
type clientSecrets struct {
	current, next string
	forgotten     atomic.Int64
	err           error
}

func (s *clientSecrets) ClientSecrets(context.Context, string) (connection.Secrets, error) {
	return connection.Secrets{Current: secret.New(s.current), Next: secret.New(s.next), Version: "v-" + s.current + s.next}, s.err
}
func (s *clientSecrets) Forget(string) { s.forgotten.Add(1) }

// outgoing is a queue that remembers.
type outgoing struct {
	mu    sync.Mutex
	wakes []wake.Send // guarded by mu
	err   error
}

func (o *outgoing) send(_ context.Context, wakes []wake.Send) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	o.wakes = append(o.wakes, wakes...)
	return nil
}

// lines is a log that many may write to.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

var _ io.Writer = (*lines)(nil)

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
