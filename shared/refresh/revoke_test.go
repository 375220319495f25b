package refresh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// ending is a provider's revocation endpoint. answer, when set, is asked before
// each request, by its number.
type ending struct {
	revoked []string
	asked   int
	answer  func(n int, r oauth.Revocation) error
}

func (e *ending) Revoke(_ context.Context, _ profile.Token, r oauth.Revocation) error {
	e.asked++
	if e.answer != nil {
		if err := e.answer(e.asked, r); err != nil {
			return err
		}
	}
	e.revoked = append(e.revoked, secrettest.Named(r.Token.Reveal()))
	return nil
}

// revocable gives the step's provider a revocation endpoint.
func (s *step) revocable() *ending {
	e := &ending{}
	s.Revoker = e
	s.Registry = withEndpoint{"https://provider.example/revoke"}
	return e
}

type withEndpoint struct{ url string }

func (w withEndpoint) Client(context.Context, string) (connection.Client, error) {
	return connection.Client{ClientID: "bellhop", Endpoints: profile.Endpoints{Revoke: w.url}}, nil
}

// gone holds the step's grant to a revocation that is done.
func (s *step) gone() {
	s.Helper()
	g := s.now()
	if g.Reason != grant.RevokedByUs || g.Generation != 2 || g.Inline != nil || g.Ref != "" || len(g.Attempts)+len(g.Asides) > 0 || !g.WakeAt.IsZero() {
		s.Errorf("after its revocation: %s, generation %d, attempts %v, asides %v, wake %v", g.Reason, g.Generation, g.Attempts, g.KnownAsides(), g.WakeAt)
	}
	if _, err := s.Lease(s.Context(), Wake{Grant: "g"}); !errors.Is(err, ErrNotNow) {
		s.Errorf("a revoked grant is leased: %v", err)
	}
}

// A grant that a person has switched off, with an answer kept aside: the kept
// one goes first, and of each pair the refresh token.
func TestRevoke_EveryTokenThatWeHold(t *testing.T) {
	on(t, func(s *step) {
		e := s.revocable()
		r := s.leases()
		r.pair = pair(7)
		r.sealed, _ = r.c.Vault.Seal("g", 1, r.pair)
		if _, err := r.KeepAside(s.Context(), nil); err != nil {
			s.Fatal(err)
		}
		if err := s.store.SetEnabled(s.Context(), "g", false, time.Time{}); err != nil {
			s.Fatal(err)
		}
		done, err := s.Revoke(s.Context(), "g")
		if err != nil || done.Tokens != 4 || !done.AccessUntil.IsZero() {
			s.Errorf("revoked %+v, %v", done, err)
		}
		if want := []string{"refresh-7", "access-7", "refresh-0", "access-0"}; !slices.Equal(e.revoked, want) {
			s.Errorf("revoked %v, want %v", e.revoked, want)
		}
		s.gone()
		if done, err := s.Revoke(s.Context(), "g"); err != nil || done.Tokens != 0 || e.asked != 4 {
			s.Errorf("a second time: %+v, %v, %d requests", done, err, e.asked)
		}
	})
}

// An answer that was kept because nobody could read it holds tokens all the same,
// as soon as somebody can.
func TestRevoke_AnswerThatIsReadAtLast(t *testing.T) {
	for body, want := range map[string][]string{
		fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"token_type":"bearer","expires_in":60}`, secrettest.Mint("access-9"), secrettest.Mint("refresh-9")): {"refresh-9", "access-9", "refresh-0", "access-0"},
		"<html>": {"refresh-0", "access-0"},
	} {
		on(t, func(s *step) {
			e := s.revocable()
			raw, err := s.Vault.SealRaw("g", 1, secret.New(body))
			if err != nil {
				s.Fatal(err)
			}
			s.aside(grant.Aside{Sealed: raw, Base: 1, At: time.Now(), Issued: time.Now(), Raw: true})
			if _, err := s.Revoke(s.Context(), "g"); err != nil || !slices.Equal(e.revoked, want) {
				s.Errorf("revoked %v, %v; want %v", e.revoked, err, want)
			}
			s.gone()
		})
	}
}

// Tokens of a grant whose endpoint is elsewhere are nobody else's business: they
// are not sent to the revocation endpoint of the profile.
func TestRevoke_TokenEndpointElsewhere(t *testing.T) {
	for url, there := range map[string]bool{"": true, "https://provider.example/eu/token": true, "https://eu.example/token": false} {
		on(t, func(s *step) {
			e := s.revocable()
			s.Registry = withEndpoint{}
			s.under(func(p *profile.Token) { p.Endpoints.Revoke = "https://provider.example/revoke" })
			g := s.now()
			g.ID, g.TokenURL = "there", url
			sealed, err := s.Vault.Seal(g.ID, 0, pair(0))
			if err != nil {
				s.Fatal(err)
			}
			g.Inline = &sealed
			if err := s.store.Create(s.Context(), g); err != nil {
				s.Fatal(err)
			}
			_, err = s.Revoke(s.Context(), g.ID)
			if there && (err != nil || e.asked != 2) || !there && (!errors.Is(err, ErrNoRevocation) || e.asked != 0) {
				s.Errorf("token endpoint %q: %v, %d requests", url, err, e.asked)
			}
		})
	}
}

func TestRevoke_SettledPair(t *testing.T) {
	on(t, func(s *step) {
		e := s.revocable()
		g := s.now()
		p := pair(0)
		ref, at, err := s.home.Settle(s.Context(), g, p)
		if err == nil {
			err = s.store.Settle(s.Context(), grant.SettleWrite{ID: "g", Generation: 1, Ref: ref, Placement: at})
		}
		if err != nil {
			s.Fatal(err)
		}
		if _, err := s.Revoke(s.Context(), "g"); err != nil || len(e.revoked) != 2 {
			s.Errorf("revoked %v, %v", e.revoked, err)
		}
		s.gone()
	})
}

// A provider that ends refresh tokens only: the access token runs out, and the
// caller says until when.
func TestRevoke_AccessTokensRunOut(t *testing.T) {
	on(t, func(s *step) {
		e := s.revocable()
		e.answer = func(_ int, r oauth.Revocation) error {
			if r.Hint == "access_token" {
				return &oauth.StatusError{Class: oauth.BadRequest, Act: "revoking", Status: 400}
			}
			return nil
		}
		done, err := s.Revoke(s.Context(), "g")
		if err != nil || done.Tokens != 1 || !done.AccessUntil.After(time.Now()) {
			s.Errorf("revoked %+v, %v", done, err)
		}
		s.gone()
	})
}

// Nobody knows whether the provider heard us: that is said, the grant goes on,
// and the next try brings it to its end. So it is when the provider did not come
// to the access token, and when we are killed between revocation and record.
func TestRevoke_Repeatable(t *testing.T) {
	for name, fault := range map[string]func(*step, *ending){
		"no answer to the refresh token": func(_ *step, e *ending) { e.answer = nthFails(1, oauth.ErrNoAnswer) },
		"no answer to the access token":  func(_ *step, e *ending) { e.answer = nthFails(2, oauth.ErrNoAnswer) },
		"access token: too many at once": accessRefused(429, oauth.Throttled),
		"access token: the same by 400":  accessRefused(400, oauth.Throttled),
		"access token: back in a while":  accessRefused(503, oauth.Outage),
		"access token: it is broken":     accessRefused(500, oauth.Unknown),
		"access token: our registration": accessRefused(401, oauth.BadClient),
		"the record never lands":         func(s *step, _ *ending) { s.failing("Revoke", tries, granttest.NotLanded) },
		"the lease's answer is lost":     func(s *step, _ *ending) { s.failing("Lease", tries, granttest.NotLanded) },
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *step) {
				e := s.revocable()
				fault(s, e)
				if _, err := s.Revoke(s.Context(), "g"); err == nil {
					s.Error("said to be done")
				}
				if g := s.now(); g.Reason != "" || g.Inline == nil || g.Generation != 1 {
					s.Errorf("said to be done in the table: %+v", g)
				}
				s.store.Fault = nil
				time.Sleep(grant.LeaseFor + 15*time.Second) // a killed holder's attempt is old by then
				if _, err := s.Revoke(s.Context(), "g"); err != nil {
					s.Errorf("again: %v", err)
				}
				s.gone()
			})
		})
	}
}

func nthFails(failing int, err error) func(int, oauth.Revocation) error {
	return func(n int, _ oauth.Revocation) error {
		if n == failing {
			return err
		}
		return nil
	}
}

func accessRefused(status int, class oauth.Class) func(*step, *ending) {
	return func(_ *step, e *ending) {
		e.answer = nthFails(2, &oauth.StatusError{Class: class, Act: "revoking", Status: status})
	}
}

// The record landed and its answer was lost: the copy's refusal says so.
func TestRevoke_RecordsAnswerLost(t *testing.T) {
	on(t, func(s *step) {
		s.revocable()
		s.failing("Revoke", 1, granttest.Landed)
		if _, err := s.Revoke(s.Context(), "g"); err != nil {
			s.Errorf("revoked: %v", err)
		}
		s.gone()
	})
}

// Somebody is at work, or may come with an answer still: it is left to him.
func TestRevoke_Busy(t *testing.T) {
	for name, work := range map[string]func(*step){
		"a lease is live": func(s *step) { s.leases() },
		"a holder may still come with an answer": func(s *step) {
			if _, err := s.leases().Release(s.Context(), time.Now()); err != nil {
				s.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *step) {
				e := s.revocable()
				work(s)
				before := s.now()
				if _, err := s.Revoke(s.Context(), "g"); !errors.Is(err, ErrBusy) || e.asked != 0 {
					s.Errorf("revoked: %v, %d requests", err, e.asked)
				}
				granttest.Same(s.T, s.now(), before)
				time.Sleep(30 * time.Second)
				if _, err := s.Revoke(s.Context(), "g"); err != nil {
					s.Errorf("half a minute later: %v", err)
				}
				s.gone()
			})
		})
	}
}

// A pair that was won while the tokens were being revoked is not said to be.
func TestRevoke_AnAnswerCameMeanwhile(t *testing.T) {
	on(t, func(s *step) {
		e := s.revocable()
		slow := s.leases()
		time.Sleep(30 * time.Second)
		e.answer = func(n int, _ oauth.Revocation) error {
			if n == 1 { // a holder that everybody believed dead
				slow.snapshot.Lease.Deadline = time.Now().Add(time.Minute)
				if err := slow.Commit(s.Context(), pair(8)); err != nil {
					s.Error(err)
				}
			}
			return nil
		}
		if _, err := s.Revoke(s.Context(), "g"); !errors.Is(err, ErrBusy) {
			s.Errorf("revoked: %v", err)
		}
		if g := s.now(); g.Generation != 2 || g.Inline == nil || g.Reason != "" {
			s.Errorf("the late pair is gone: %+v", g)
		}
		e.answer = nil
		if _, err := s.Revoke(s.Context(), "g"); err != nil || !slices.Contains(e.revoked, "refresh-8") {
			s.Errorf("again: %v, revoked %v", err, e.revoked)
		}
	})
}

// Without keys no pair can be opened: nothing begins.
func TestRevoke_NoKeys(t *testing.T) {
	on(t, func(s *step) {
		e, before := s.revocable(), s.now()
		s.Vault = keyless{s.Vault}
		if _, err := s.Revoke(s.Context(), "g"); err == nil || e.asked != 0 {
			s.Errorf("revoked without keys: %v, %d requests", err, e.asked)
		}
		granttest.Same(s.T, s.now(), before)
	})
}

func TestRevoke_NothingToRevoke(t *testing.T) {
	on(t, func(s *step) {
		s.revocable()
		s.Registry = withEndpoint{}
		if err := s.Revocable(s.Context(), "g"); !errors.Is(err, ErrNoRevocation) {
			s.Errorf("asked before, without an endpoint: %v", err)
		}
		if _, err := s.Revoke(s.Context(), "g"); !errors.Is(err, ErrNoRevocation) || len(s.now().Attempts) != 0 {
			s.Errorf("without an endpoint: %v", err)
		}
		if _, err := s.Revoke(s.Context(), "nobody"); !errors.Is(err, grant.ErrNotFound) {
			s.Errorf("nobody's: %v", err)
		}
		if err := s.store.Create(s.Context(), grant.Grant{
			ID: "new", Client: "c", Home: grant.HomeSealed, Enabled: true, Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected,
		}); err != nil {
			s.Fatal(err)
		}
		if done, err := s.Revoke(s.Context(), "new"); err != nil || done != (Revoked{}) {
			s.Errorf("never connected: %+v, %v", done, err)
		}
	})
}
