package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// introspectFor bounds the question for a token's life, inside the bound of its
// exchange: a pair is in hand meanwhile, and must be committed within the lease.
const introspectFor = 2 * time.Second

// askLife asks the provider how long a pair in hand lives (RFC 7662), where
// neither the token nor its answer said so. Whatever goes wrong leaves the
// documented life: a pair is never given up for a number.
func (c *Client) askLife(ctx context.Context, p profile.Token, r Request, pair grant.Pair) grant.Pair {
	if profile.CheckURL(r.Introspect) != nil {
		return pair
	}
	ctx, cancel := context.WithTimeout(ctx, c.introspectFor)
	defer cancel()
	m := beside(p, r.Introspect, r, url.Values{"token": {pair.Access.Reveal()}, "token_type_hint": {"access_token"}})
	req, err := m.request(ctx, &gate{body: m.body.Reveal(), now: c.now})
	if err != nil {
		return pair
	}
	a, err := c.read(p, req, phaseIntrospect)
	if err != nil {
		return pair
	}
	if lasts, ok := introspected(a.body.Reveal(), a.header, wall(c.now())); ok {
		pair.Expires, pair.Documented = pair.Issued.Add(lasts), false
	}
	return pair
}

// introspected reads the life out of an introspection answer (RFC 7662 section
// 2.2): exp and iat, as a JWT has them. A token that is said not to be active
// was issued a moment ago, so such an answer says nothing; as yet unknown
// tokens are common where the provider has several machines.
func introspected(body string, h http.Header, ours time.Time) (time.Duration, bool) {
	var c jwt.MapClaims
	d := json.NewDecoder(bytes.NewReader([]byte(strings.TrimPrefix(body, "\xef\xbb\xbf"))))
	d.UseNumber()
	if d.Decode(&c) != nil {
		return 0, false
	}
	if active, _ := c["active"].(bool); !active {
		return 0, false
	}
	clock, dated := clockOf(h, ours)
	return jwtLife(c, clock, dated)
}
