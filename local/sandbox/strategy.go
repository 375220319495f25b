package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/token/jwt"

	"bellhop/shared/secrettest"
)

// authCodeLifetime follows the recommendation of RFC 6749, section 4.1.2, to
// keep codes short-lived.
const authCodeLifetime = time.Minute

// strategy makes token values and judges them. It replaces the library's own
// so that expiry follows the sandbox's clock, and so that a token is only good
// when it equals, byte by byte, one that was issued.
type strategy struct {
	opaque *oauth2.HMACSHAStrategyUnPrefixed
	signer jwt.Signer // signs access tokens; nil means opaque ones
	store  *storage
}

// AccessTokenSignature implements oauth2.AccessTokenStrategy.
func (y *strategy) AccessTokenSignature(_ context.Context, token string) string {
	return token[strings.LastIndexByte(token, '.')+1:]
}

// RefreshTokenSignature implements oauth2.RefreshTokenStrategy.
func (y *strategy) RefreshTokenSignature(ctx context.Context, token string) string {
	return y.opaque.RefreshTokenSignature(ctx, token)
}

// AuthorizeCodeSignature implements oauth2.AuthorizeCodeStrategy.
func (y *strategy) AuthorizeCodeSignature(ctx context.Context, code string) string {
	return y.opaque.AuthorizeCodeSignature(ctx, code)
}

// GenerateAccessToken implements oauth2.AccessTokenStrategy and fixes the
// moment of expiry. A JWT's times are whole seconds, so such a token ends on
// the second that it names.
func (y *strategy) GenerateAccessToken(ctx context.Context, r fosite.Requester) (string, string, error) {
	issued := y.store.server.now()
	if y.signer != nil {
		issued = issued.Truncate(time.Second)
	}
	expires := issued.Add(time.Duration(y.store.switches().AccessTokenLifetime) * time.Millisecond)
	r.GetSession().SetExpiresAt(fosite.AccessToken, expires)
	if y.signer == nil || y.opaqueFor(r.GetClient().GetID()) {
		return y.marked(y.opaque.GenerateAccessToken(ctx, r))
	}
	return y.minted(y.signer.Generate(ctx, jwt.MapClaims{
		"iss": y.store.server.baseURL + "/" + string(y.store.persona), "sub": r.GetClient().GetID(),
		"client_id": r.GetClient().GetID(), "scope": strings.Join(r.GetGrantedScopes(), " "),
		"iat": issued.Unix(), "exp": expires.Unix(), "jti": secrettest.Mint(rand.Text()),
	}, &jwt.Headers{Extra: map[string]any{"typ": "at+jwt"}})) // RFC 9068, section 2.1
}

// opaqueFor reports whether a client's access tokens say nothing of themselves.
func (y *strategy) opaqueFor(id string) bool {
	c := y.store.server.clients[y.store.persona][id]
	return c != nil && c.Dialect != nil && c.Dialect.Opaque
}

// GenerateRefreshToken implements oauth2.RefreshTokenStrategy.
func (y *strategy) GenerateRefreshToken(ctx context.Context, r fosite.Requester) (string, string, error) {
	return y.marked(y.opaque.GenerateRefreshToken(ctx, r))
}

// GenerateAuthorizeCode implements oauth2.AuthorizeCodeStrategy.
func (y *strategy) GenerateAuthorizeCode(ctx context.Context, r fosite.Requester) (string, string, error) {
	return y.marked(y.opaque.GenerateAuthorizeCode(ctx, r))
}

// marked is minted for an opaque value, which begins with the mark that tests
// search all output for. A JWT has it in its claims.
func (y *strategy) marked(value, signature string, err error) (string, string, error) {
	return y.minted(secrettest.Mint(value), signature, err)
}

// minted remembers the value until the storage enters it into the books; the
// library tells the storage the signature alone.
func (y *strategy) minted(value, signature string, err error) (string, string, error) {
	if err == nil {
		y.store.minted[signature] = value
	}
	return value, signature, err
}

// ValidateAccessToken implements oauth2.AccessTokenStrategy.
func (y *strategy) ValidateAccessToken(_ context.Context, _ fosite.Requester, token string) error {
	return y.validate(AccessToken, token, func(t *Token) bool { return t.ended(y.store.now()) == ReasonOK })
}

// ValidateRefreshToken implements oauth2.RefreshTokenStrategy. Whether a
// superseded token may still answer was decided by the storage.
func (y *strategy) ValidateRefreshToken(_ context.Context, _ fosite.Requester, token string) error {
	return y.validate(RefreshToken, token, func(*Token) bool { return true })
}

// ValidateAuthorizeCode implements oauth2.AuthorizeCodeStrategy.
func (y *strategy) ValidateAuthorizeCode(_ context.Context, _ fosite.Requester, code string) error {
	return y.validate(AuthCode, code, func(t *Token) bool { return t.ended(y.store.now()) == ReasonOK })
}

func (y *strategy) validate(kind, value string, good func(*Token) bool) error {
	t := y.store.server.books.token(y.store.persona, kind, value)
	if t == nil {
		return fosite.ErrTokenSignatureMismatch
	}
	if !good(t) {
		return fosite.ErrTokenExpired
	}
	return nil
}

// secrets compares client secrets by digest. The secrets here are made up for
// the sandbox, so a deliberately slow hash would only slow every test down.
type secrets struct{}

// Compare implements fosite.Hasher.
func (secrets) Compare(_ context.Context, hash, data []byte) error {
	if subtle.ConstantTimeCompare(hash, digest(string(data))) != 1 {
		return errors.New("the secret does not match")
	}
	return nil
}

// Hash implements fosite.Hasher.
func (secrets) Hash(_ context.Context, data []byte) ([]byte, error) { return digest(string(data)), nil }

func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
