package oauth

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// PKCE is the proof that whoever redeems a code is who asked for it (RFC 7636).
type PKCE struct {
	Verifier  secret.Text // kept until the code is redeemed
	Challenge string      // S256 of it; goes through the browser
}

// NewPKCE makes a fresh proof: 256 random bits, method S256.
func NewPKCE() PKCE {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	verifier := base64.RawURLEncoding.EncodeToString(b)
	return PKCE{Verifier: secret.New(verifier), Challenge: challenge(verifier)}
}

// challenge is the S256 method (RFC 7636 section 4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Authorization is what the owner's browser is sent to the provider with.
type Authorization struct {
	Endpoint    string // absolute URL of the provider's consent page
	ClientID    string
	RedirectURI string
	// State comes back with the code and ties it to the ticket. It is single
	// use, and a secret until then.
	State     secret.Text
	Challenge string   // of [NewPKCE]
	Scopes    []string // empty asks for the profile's
}

// AuthorizeURL returns where the owner's browser goes (RFC 6749 section 4.1.1
// with RFC 7636). It holds the state, so it is shown to that browser alone and
// never logged. A query that the endpoint has already is kept.
func AuthorizeURL(p profile.Token, a Authorization) (string, error) {
	if err := profile.CheckURL(a.Endpoint); err != nil {
		return "", fmt.Errorf("authorization endpoint: %w", err)
	}
	if a.ClientID == "" || a.RedirectURI == "" || a.State.Empty() || a.Challenge == "" {
		return "", errors.New("authorization needs client id, redirect URI, state and challenge")
	}
	u, err := url.Parse(a.Endpoint)
	if err != nil {
		return "", errors.New("authorization endpoint: not an absolute URL")
	}
	scopes := a.Scopes
	if len(scopes) == 0 {
		scopes = p.Scopes
	}
	q := u.Query()
	q.Set("response_type", "code")
	q.Set("client_id", a.ClientID)
	q.Set("redirect_uri", a.RedirectURI)
	q.Set("state", a.State.Reveal())
	q.Set("code_challenge", a.Challenge)
	q.Set("code_challenge_method", "S256")
	setUnlessEmpty(q, "scope", strings.Join(scopes, cmp.Or(p.ScopeSeparator, " ")))
	u.RawQuery = q.Encode()
	return u.String(), nil
}
