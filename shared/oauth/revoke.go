package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// StatusError is an answer that was not a success. It holds no body.
type StatusError struct {
	// Class is found in the same table as an exchange's: Dead means that the
	// token itself is refused (when revoking, that it is at its end already).
	Class  Class
	Act    string // "revoking", "introspecting" or "asking userinfo"
	Status int
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the provider answered %d %s", e.Act, e.Status, http.StatusText(e.Status))
}

// ErrNoAnswer says that a revocation or userinfo request had no answer. The
// cause is left out: an error of net/http names the URL.
var ErrNoAnswer = errors.New("no answer from the provider")

// Revocation is one token to end (RFC 7009).
type Revocation struct {
	Endpoint     string
	ClientID     string
	ClientSecret secret.Text
	Headers      map[string]secret.Text // values of the profile's secret headers
	Token        secret.Text
	Hint         string // "refresh_token" or "access_token"; empty for none
}

// Revoke ends a token that must not stay good, such as one that was issued for
// another account than the grant's. That a token is unknown or at its end already
// is a success, whether the provider says so by 200 (RFC 7009 section 2.2) or by
// an error that package oauth's table knows for it; so it may be repeated. Another
// answer that is no success is a [*StatusError].
func (c *Client) Revoke(ctx context.Context, p profile.Token, r Revocation) error {
	if err := profile.CheckURL(r.Endpoint); err != nil {
		return fmt.Errorf("revocation endpoint: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	v := url.Values{"token": {r.Token.Reveal()}}
	setUnlessEmpty(v, "token_type_hint", r.Hint)
	m := beside(p, r.Endpoint, Request{ClientID: r.ClientID, ClientSecret: r.ClientSecret, Headers: r.Headers}, v)
	req, err := m.request(ctx, &gate{body: m.body.Reveal(), now: c.now})
	if err != nil {
		return fmt.Errorf("revoking: %w", ErrNoAnswer)
	}
	_, err = c.read(p, req, phaseRevoke)
	var status *StatusError
	if errors.As(err, &status) && status.Class == Dead {
		return nil
	}
	return err
}

// UserInfo asks whose token it is: one field of the provider's userinfo answer
// by its dotted name, as text. It is empty, without an error, when the answer
// does not have it. An answer that is no success is a [*StatusError].
func (c *Client) UserInfo(ctx context.Context, endpoint string, access secret.Text, field string) (string, error) {
	if err := profile.CheckURL(endpoint); err != nil {
		return "", fmt.Errorf("userinfo endpoint: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return "", fmt.Errorf("asking userinfo: %w", ErrNoAnswer)
	}
	req.Header.Set("Authorization", "Bearer "+access.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	a, err := c.read(profile.Token{}, req, phaseUserInfo)
	if err != nil {
		return "", err
	}
	return lookup(a.fields(), field), nil
}

// acts are what is done in the phases beside the exchange, for errors.
var acts = map[string]string{phaseRevoke: "revoking", phaseUserInfo: "asking userinfo", phaseIntrospect: "introspecting"}

// read sends req and returns the answer if it is a success.
func (c *Client) read(p profile.Token, req *http.Request, phase string) (answer, error) {
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", acts[phase], ErrNoAnswer)
	}
	defer resp.Body.Close()
	a := readAnswer(resp)
	a.phase, a.received = phase, wall(c.now())
	if code, refused := a.fields().refusal(); refused || a.status/100 != 2 {
		return a, &StatusError{Act: acts[phase], Status: a.status, Class: classify(p, a.refusal(code)).Class}
	}
	return a, nil
}
