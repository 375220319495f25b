package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/local/sandbox"
)

// An operator's year with one connection: the client secret is changed, the keys
// are rotated, the pair moves to the other home, the tokens are revoked and
// everything is removed.
func operate(t *testing.T, w *world) {
	h := connected(t, w, "monsanto-1", booking{persona: sandbox.Cloudbeds})
	h.settled(t, 10*time.Second)
	h.changeSecret(t)
	w.must(t, "", "keys", "rotate")
	if _, errs, code := w.bellhop(t, "", "keys", "retire", "k1"); code != 4 || !strings.Contains(errs, "for an hour more") {
		t.Errorf("a key that may still seal: exit code %d and %q, want 4", code, errs)
	}
	body := h.next(2).body() // its signature is checked with what was resealed
	eventually(t, 15*time.Second, "a signed update is taken", func() string {
		p := w.request(t, "POST", w.PublicURL()+"/rates/"+h.id, signed(h.signing, "after-the-keys", time.Now(), body), body)
		if p.status != 202 { // a PMS repeats it: Secrets Manager shows a new key late
			return fmt.Sprintf("it is answered %d: %s", p.status, p.body)
		}
		return ""
	})
	h.arrives(t, 20*time.Second)
	h.move(t)
	h.leave(t)
}

// changeSecret is what a pipeline does while the provider takes both secrets.
func (h *hotel) changeSecret(t *testing.T) {
	t.Helper()
	w := h.w
	c := sandbox.Client{Persona: h.persona, ID: "id-" + h.client, Secret: "secret-of-" + h.client, NextSecret: "fresh-secret-of-" + h.client,
		Scopes: []string{"read:rate", "write:rate"}, RedirectURIs: []string{w.Outputs.RedirectURI}}
	if err := w.books.AddClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if out := w.must(t, c.NextSecret+"\n", "clients", "rotate", h.client); !strings.Contains(out, "promoted") {
		t.Errorf("rotating said\n%s", out)
	}
	c.Secret, c.NextSecret = c.NextSecret, ""
	if err := w.books.AddClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	h.healthy(t, 10*time.Second)
}

// move takes the pair to the table and leaves nothing behind.
func (h *hotel) move(t *testing.T) {
	t.Helper()
	h.w.must(t, "", "connections", "move", h.id, "--home", "sealed")
	for range 2 { // the first refresh leaves, the second cleans up
		from := h.status(t).Generation
		h.bringForward(t)
		h.moves(t, 20*time.Second, from)
	}
	h.gone(t, "1")
	if s := h.status(t); !s.Settled || s.State != "healthy" {
		t.Errorf("after the move it is %s, settled %v", s.State, s.Settled)
	}
}

// gone waits until an epoch's secret is deleted.
func (h *hotel) gone(t *testing.T, epoch string) {
	t.Helper()
	eventually(t, 10*time.Second, "the former home's secret is deleted", func() string {
		_, err := h.w.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{
			SecretId: aws.String(h.w.Outputs.SecretsPrefix + "grant/" + h.grant + "/" + epoch),
		})
		var gone *types.ResourceNotFoundException
		if !errors.As(err, &gone) {
			return fmt.Sprintf("it is there (%v)", err)
		}
		return ""
	})
}

// leave ends the tokens at the provider and takes everything away.
func (h *hotel) leave(t *testing.T) {
	t.Helper()
	w := h.w
	eventually(t, 40*time.Second, "its tokens are revoked", func() string {
		if _, errs, code := w.bellhop(t, "", "connections", "disable", h.id, "--revoke"); code != 0 {
			return errs // somebody refreshes it just now
		}
		return ""
	})
	tokens, err := w.books.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range tokens {
		if k.Client == "id-"+h.client && k.Kind == sandbox.RefreshToken && k.SupersededAt == 0 && k.RevokedAt == 0 {
			t.Errorf("refresh token %d lives on at the provider", k.Generation)
		}
	}
	if _, errs, code := w.bellhop(t, "", "connections", "retry", h.id); code != 4 || !strings.Contains(errs, "connections link") {
		t.Errorf("presenting what is revoked: exit code %d and %q, want 4", code, errs)
	}
	w.must(t, "", "connections", "remove", h.id)
	if _, _, code := w.bellhop(t, "", "connections", "show", h.id); code != 3 {
		t.Errorf("it is shown although it is removed: exit code %d", code)
	}
	if l := h.lane(t); len(l) != 0 {
		t.Errorf("its lane would be woken for ever: %v", l)
	}
}
