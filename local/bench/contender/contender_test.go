package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
	"bellhop/shared/vault"
)

// A crowd around one grant exchanges each generation once.
func TestCrowd_OneExchangeForEachGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, provider := granttest.NewMemory(), &granttest.Provider{
			Rotation: profile.Rotation{Policy: "detect"}, Life: 20 * time.Second, Now: time.Now,
		}
		granttest.Watch(t, store)
		c := newTestCrowd(t, store, provider)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		came := c.contend(ctx, 125)
		g := *c.seen.Load()
		if g.Generation < 4 || came.Exchanges != int(g.Generation-1) || provider.Requests() != came.Exchanges || provider.MostPresented() != 1 {
			t.Errorf("%+v: %d requests for %d generations", came, provider.Requests(), g.Generation)
		}
		if came.Tries < 125*3 || came.Failures != 0 {
			t.Errorf("%+v: not everybody tried for each generation", came)
		}
	})
}

func newTestCrowd(t *testing.T, store *granttest.Memory, provider *granttest.Provider) *crowd {
	t.Helper()
	safe := vault.New(seal.NewSource(keys{}, time.Now), nil)
	if err := safe.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	pair := provider.Seed()
	sealed, err := safe.Seal("hotel", 0, pair)
	if err != nil {
		t.Fatal(err)
	}
	times := grant.TimesOf("hotel", pair, profile.RefreshRule{})
	err = store.Create(t.Context(), grant.Grant{
		ID: "hotel", Provider: "cloudbeds", Client: "main", Home: grant.HomeSealed, Enabled: true, Health: grant.OK,
		Generation: 1, Epoch: 1, Inline: &sealed,
		Issued: times.Issued, Expires: times.Expires, RefreshAt: times.RefreshAt, WakeAt: times.WakeAt,
	})
	if err != nil {
		t.Fatal(err)
	}
	var nonces atomic.Int64
	c := &crowd{id: "hotel", store: store, cycle: refresh.New(refresh.Config{
		Store: store, Vault: safe, Exchange: provider, Registry: registry{}, Secrets: registry{}, Profile: profile.ByName, Now: time.Now,
		Nonce: func() grant.Nonce { return grant.Nonce(fmt.Sprint("n", nonces.Add(1))) },
	})}
	if err := c.lookOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// registry knows our one client.
type registry struct{}

func (registry) Client(context.Context, string) (connection.Client, error) {
	return connection.Client{ID: "main", Provider: "cloudbeds", ClientID: "bellhop", Rotation: &profile.Rotation{Policy: "detect"}}, nil
}

func (registry) ClientSecrets(context.Context, string) (connection.Secrets, error) {
	return connection.Secrets{Current: secret.New("s")}, nil
}

func (registry) Forget(string) {}

// keys is the stack's key set.
type keys struct{}

func (keys) Keys(context.Context) (secret.Text, error) {
	return secret.New(`{"v":1,"stack":"test","current":"k1","k1":"` + strings.Repeat("k", 64) + `"}`), nil
}

// A provider that refuses is asked once by every worker: the package keeps a
// token for all of them, but no refusal.
func TestContendWithOAuth2_EveryWorkerAsks(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
	}))
	defer refuses.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	came := contendWithOAuth2(ctx, task{Workers: 5, TokenURL: refuses.URL, ClientID: "c", ClientSecret: "s", Refresh: secrettest.Mint("r"), Expires: time.Now()})
	if came != (tally{Tries: 5, Failures: 5}) {
		t.Errorf("%+v", came)
	}
}

// One that answers is asked once for all of the process's workers.
func TestContendWithOAuth2_OneTokenForAProcess(t *testing.T) {
	var presented atomic.Value
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		presented.Store(r.FormValue("refresh_token"))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"token_type":"Bearer","expires_in":3600}`, secrettest.Mint("a2"), secrettest.Mint("r2"))
	}))
	defer answers.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*look)
	defer cancel()
	came := contendWithOAuth2(ctx, task{Workers: 20, TokenURL: answers.URL, ClientID: "c", ClientSecret: "s", Refresh: secrettest.Mint("r1"), Expires: time.Now()})
	if came != (tally{Tries: 1, Exchanges: 1}) || presented.Load() != secrettest.Mint("r1") {
		t.Errorf("%+v, presented %v", came, presented.Load())
	}
}

func TestRun_Refuses(t *testing.T) {
	for _, given := range []string{`{`, `{"With":"x/oauth3","Until":"2126-01-01T00:00:00Z"}`} {
		if err := run(t.Context(), strings.NewReader(given), new(strings.Builder)); err == nil {
			t.Errorf("%s was taken", given)
		}
	}
}
