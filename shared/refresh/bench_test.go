package refresh

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
	"bellhop/shared/vault"
)

// step is one grant and one cycle, for looking at single steps; the stories of
// whole refreshes are told in functions/refresher.
type step struct {
	*testing.T
	*Cycle
	store  *granttest.Memory
	home   *granttest.Home
	answer oauth.Outcome // of the provider, to everything
	asked  []oauth.Request

	kept    connection.Secrets // of ours, by this process
	keptErr error
	stored  func() (connection.Secrets, error) // what a new look at them finds
}

var token = profile.Token{
	Grant: "authorization_code", Rotation: profile.Rotation{Policy: "detect"}, Scopes: []string{"rates:read"},
	Endpoints: profile.Endpoints{Token: "https://provider.example/token"},
}

// newStep returns a grant that is due now, its pair inline. Call it inside a
// synctest bubble.
func newStep(t *testing.T) *step {
	s := &step{T: t, store: granttest.NewMemory(), home: &granttest.Home{}, kept: connection.Secrets{Current: secret.New("s")}}
	s.stored = func() (connection.Secrets, error) { return s.kept, nil }
	granttest.Watch(t, s.store)
	v := vault.New(seal.NewSource(keySet{}, time.Now), map[string]grant.Home{grant.HomeSecrets: s.home})
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	nonces := 0
	s.Cycle = New(Config{
		Store: s.store, Vault: v, Exchange: s, Registry: s, Secrets: s, Now: time.Now,
		Profile: func(string) (profile.Profile, error) { return profile.Profile{Token: token}, nil },
		Nonce:   func() grant.Nonce { nonces++; return grant.Nonce(fmt.Sprintf("n%d", nonces)) },
	})
	old := pair(0)
	sealed, err := v.Seal("g", 0, old)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.Create(t.Context(), grant.Grant{
		ID: "g", Provider: "p", Client: "c", Home: grant.HomeSecrets, Enabled: true, Health: grant.OK, Generation: 1, Epoch: 1,
		Inline: &sealed, Issued: old.Issued, Expires: old.Expires, RefreshAt: time.Now(), WakeAt: time.Now(), Scopes: token.Scopes,
	}); err != nil {
		t.Fatal(err)
	}
	s.answer = oauth.Outcome{Class: oauth.Issued, Status: 200, Pair: pair(1)}
	return s
}

// pair is the pair of the n-th exchange, issued now.
func pair(n int) grant.Pair {
	return grant.Pair{
		Access: secret.New(secrettest.Mint(fmt.Sprintf("access-%d", n))), Refresh: secret.New(secrettest.Mint(fmt.Sprintf("refresh-%d", n))),
		Issued: time.Now(), Expires: time.Now().Add(time.Minute),
	}
}

func (s *step) Exchange(_ context.Context, _ profile.Token, r oauth.Request) oauth.Outcome {
	s.asked = append(s.asked, r)
	return s.answer
}

func (s *step) Client(context.Context, string) (connection.Client, error) {
	return connection.Client{ClientID: "bellhop", Endpoints: profile.Endpoints{
		Token: "https://override.example/token", Introspect: "https://override.example/introspect",
	}}, nil
}

func (s *step) ClientSecrets(context.Context, string) (connection.Secrets, error) {
	return s.kept, s.keptErr
}
func (s *step) Forget(string) { s.kept, s.keptErr = s.stored() }

type keySet struct{}

func (keySet) Keys(context.Context) (secret.Text, error) {
	return secret.New(`{"v":1,"stack":"test","current":"k1","k1":"` + strings.Repeat("k", 64) + `"}`), nil
}

// leases begins a run that must be given.
func (s *step) leases() *Run {
	s.Helper()
	r, err := s.Lease(s.Context(), Wake{Grant: "g"})
	if err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *step) now() grant.Grant {
	s.Helper()
	g, err := s.store.Read(s.Context(), "g")
	if err != nil {
		s.Fatal(err)
	}
	return g
}

// failing gives the first n writes of a method a fault.
func (s *step) failing(method string, n int, fault granttest.Fault) {
	s.store.Fault = func(m string) granttest.Fault {
		if m == method && n > 0 {
			n--
			return fault
		}
		return granttest.None
	}
}
