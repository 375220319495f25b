package secretsmanager

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/seal"
	"bellhop/shared/vault"
)

// weather is a service that refuses some calls for a while.
type weather struct {
	*service
	refuse func(ctx context.Context, op string) error // nil, or nil returned, lets a call through
}

func (w *weather) strikes(ctx context.Context, op string) error {
	if w.refuse == nil {
		return nil
	}
	err := w.refuse(ctx, op)
	if err != nil {
		w.mu.Lock()
		w.calls["refused "+op]++
		w.mu.Unlock()
	}
	return err
}

func (w *weather) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput, _ ...options) (*secretsmanager.CreateSecretOutput, error) {
	if err := w.strikes(ctx, "CreateSecret"); err != nil {
		return nil, err
	}
	return w.service.CreateSecret(ctx, in)
}

func (w *weather) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput, _ ...options) (*secretsmanager.PutSecretValueOutput, error) {
	if err := w.strikes(ctx, "PutSecretValue"); err != nil {
		return nil, err
	}
	return w.service.PutSecretValue(ctx, in)
}

func (w *weather) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput, _ ...options) (*secretsmanager.DeleteSecretOutput, error) {
	if err := w.strikes(ctx, "DeleteSecret"); err != nil {
		return nil, err
	}
	return w.service.DeleteSecret(ctx, in)
}

func (w *weather) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, _ ...options) (*secretsmanager.GetSecretValueOutput, error) {
	if err := w.strikes(ctx, "GetSecretValue"); err != nil {
		return nil, err
	}
	return w.service.GetSecretValue(ctx, in)
}

// says is an error of the service that has no type of its own.
func says(code string) func(context.Context) error {
	return func(context.Context) error { return &smithy.GenericAPIError{Code: code, Message: code} }
}

func hangs(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// hotel is one grant of a minute's tokens, refreshed by the real cycle, its
// pairs at the real home.
type hotel struct {
	*testing.T
	weather   *weather
	store     *granttest.Memory
	provider  *granttest.Provider
	home      *Home
	cycle     *refresh.Cycle
	log       bytes.Buffer
	exchanged []time.Duration // since the beginning
	began     time.Time
	looks     int // how often the grant was looked at
}

const room grant.ID = "lisbon-1"

// newHotel is called inside a synctest bubble. Its grant's first pair is inline.
func newHotel(t *testing.T, keep int) *hotel {
	h := &hotel{T: t, weather: &weather{service: newService(time.Now)}, store: granttest.NewMemory(), began: time.Now()}
	granttest.Watch(t, h.store)
	h.weather.put("bellhop/keys", `{"v":1,"stack":"test","current":"k1","k1":"`+strings.Repeat("k", 64)+`"}`)
	h.weather.put("bellhop/client/main", `{"client_secret":"s1","next":""}`)
	h.provider = &granttest.Provider{Rotation: profile.Rotation{Policy: "detect"}, Life: time.Minute, Now: time.Now}
	h.starts(keep)
	first := h.provider.Seed()
	sealed, err := h.cycle.Vault.Seal(room, 0, first)
	if err != nil {
		t.Fatal(err)
	}
	times := grant.TimesOf(room, first, profile.RefreshRule{})
	if err := h.store.Create(t.Context(), grant.Grant{
		ID: room, Provider: "sandbox", Client: "main", Home: grant.HomeSecrets, Enabled: true, Health: grant.OK, Generation: 1, Epoch: 1,
		Inline: &sealed, Issued: times.Issued, Expires: times.Expires, RefreshAt: times.RefreshAt, WakeAt: times.WakeAt,
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

// put lays a secret there without asking the weather.
func (s *service) put(name, text string) {
	_, _ = s.CreateSecret(context.Background(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text})
}

// starts is a process that has begun: it has fetched its keys, and the client's
// secret when it may.
func (h *hotel) starts(keep int) {
	h.Helper()
	if err := h.begins(keep).Ready(h.Context()); err != nil {
		h.Fatal(err)
	}
}

// begins is a process of this moment: it has nothing yet.
func (h *hotel) begins(keep int) *vault.Vault {
	h.Helper()
	log := event.New(&h.log, slog.LevelInfo, "test")
	var err error
	h.home, err = NewHome(HomeConfig{API: h.weather, Prefix: "bellhop/", Versions: 20, Keep: keep, Log: log})
	if err != nil {
		h.Fatal(err)
	}
	v := vault.New(seal.NewSource(KeySet{API: h.weather, ID: "bellhop/keys"}, nil), map[string]grant.Home{grant.HomeSecrets: h.home})
	nonces := len(h.exchanged) * 1000
	h.cycle = refresh.New(refresh.Config{
		Store: h.store, Vault: v, Exchange: h, Registry: h, Log: log, Now: time.Now,
		Secrets: NewReader(ReaderConfig{API: h.weather, Prefix: "bellhop/"}),
		Profile: func(string) (profile.Profile, error) {
			return profile.Profile{Token: profile.Token{Grant: "authorization_code", Rotation: h.provider.Rotation}}, nil
		},
		Nonce: func() grant.Nonce { nonces++; return grant.Nonce(fmt.Sprintf("n%d", nonces)) },
	})
	return v
}

func (h *hotel) Client(context.Context, string) (connection.Client, error) {
	return connection.Client{ID: "main", Provider: "sandbox", ClientID: "bellhop"}, nil
}

// Exchange notes when the provider was asked.
func (h *hotel) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	h.exchanged = append(h.exchanged, time.Since(h.began))
	return h.provider.Exchange(ctx, p, r)
}

func (h *hotel) grant() grant.Grant {
	h.Helper()
	g, err := h.store.Read(h.Context(), room)
	if err != nil {
		h.Fatal(err)
	}
	return g
}

// refreshes is one wake, in the order of functions/refresher.
func (h *hotel) refreshes() {
	h.looks++
	ctx, cancel := context.WithTimeout(h.Context(), grant.FunctionTimeout)
	defer cancel()
	run, err := h.cycle.Lease(ctx, refresh.Wake{Grant: room})
	if err != nil {
		return
	}
	if plan := run.Recover(ctx); plan.Step != grant.Present {
		h.Errorf("the plan is to %s: nothing was lost", plan.Step)
		return
	}
	out := run.Exchange(ctx)
	if out.Class != oauth.Issued {
		_, err = run.Conclude(ctx, out)
	} else if err = run.Commit(ctx, out.Pair); err == nil {
		_, err = run.Settle(ctx)
	}
	if err != nil {
		h.Error(err)
	}
}

// lives wakes the grant in its second, for so long.
func (h *hotel) lives(d time.Duration) {
	for end := time.Now().Add(d); ; {
		at := h.grant().WakeAt
		if !at.Before(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(at))
		h.refreshes()
		if h.grant().WakeAt.Equal(at) {
			h.Fatal("the grant's wake stands still")
		}
	}
}

// isWhole holds the hotel to have lived as if nothing had been.
func (h *hotel) isWhole(want []time.Duration) {
	h.Helper()
	if !slices.Equal(h.exchanged, want) {
		h.Errorf("%d exchanges, want %d at the same instants", len(h.exchanged), len(want))
	}
	if h.provider.MostPresented() != 1 {
		h.Errorf("a token was presented %d times", h.provider.MostPresented())
	}
	g := h.grant()
	if g.Health != grant.OK || g.Inline != nil || g.Ref == "" || len(g.Attempts)+len(g.Asides) != 0 {
		h.Errorf("left behind: %+v", g)
	}
	if p, err := h.cycle.Vault.Open(h.Context(), g); err != nil || p.Issued.UnixMilli() != g.Issued.UnixMilli() {
		h.Errorf("the pair does not open: %v", err)
	}
	var kept []string
	for _, name := range h.weather.names() {
		if strings.Contains(name, "/grant/") && !slices.Contains(g.Placement.Retired, name) {
			kept = append(kept, name)
		}
	}
	if !slices.Equal(kept, []string{secretOf("bellhop/", room, g.Placement.Epoch)}) || len(g.Placement.Retired) > 2 {
		h.Errorf("secrets %v are left, and %v to be deleted, in epoch %d", kept, g.Placement.Retired, g.Placement.Epoch)
	}
	if strings.Contains(h.log.String(), "refresh-") || strings.Contains(h.log.String(), "access-") {
		h.Error("a token is in the log")
	}
}

// inTime holds every exchange to be no more than five seconds late, with tokens
// of a minute that are refreshed at 40 s: never without a valid one.
func (h *hotel) inTime() {
	h.Helper()
	for i := 1; i < len(h.exchanged); i++ {
		if gap := h.exchanged[i] - h.exchanged[i-1]; gap > 45*time.Second {
			h.Errorf("%v without an exchange", gap)
		}
	}
}
