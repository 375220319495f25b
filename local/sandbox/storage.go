package sandbox

import (
	"context"
	"time"

	"github.com/ory/fosite"
)

// storage is the OAuth library's view of the books. Every method is called
// while the server's mu is held, because the library asks ("is this refresh
// token good?") and acts ("rotate it") in separate calls.
type storage struct {
	server  *Server
	persona Persona
	minted  map[string]string           // signature -> value of a token that is being issued
	values  map[string]string           // signature -> value of every token issued
	holders map[string]fosite.Requester // token value -> the request that it was issued for
	pkce    map[string]fosite.Requester // code's signature -> the authorize request
	used    map[string]bool             // values of authorization codes that were exchanged
}

func newStorage(s *Server, p Persona) *storage {
	return &storage{
		server: s, persona: p,
		minted: map[string]string{}, values: map[string]string{},
		holders: map[string]fosite.Requester{}, pkce: map[string]fosite.Requester{},
		used: map[string]bool{},
	}
}

// GetClient implements fosite.ClientManager.
func (st *storage) GetClient(_ context.Context, id string) (fosite.Client, error) {
	c := st.server.clients[st.persona][id]
	if c == nil {
		return nil, fosite.ErrNotFound
	}
	grants := fosite.Arguments{"client_credentials"}
	if st.persona == Cloudbeds {
		grants = fosite.Arguments{"authorization_code", "refresh_token"}
	}
	client := &fosite.DefaultClient{
		ID: c.ID, Secret: digest(c.Secret), RedirectURIs: c.RedirectURIs,
		GrantTypes: grants, ResponseTypes: fosite.Arguments{"code"}, Scopes: c.Scopes,
	}
	if c.NextSecret != "" {
		client.RotatedSecrets = [][]byte{digest(c.NextSecret)}
	}
	return client, nil
}

// ClientAssertionJWTValid implements fosite.ClientManager; assertions are not
// offered.
func (st *storage) ClientAssertionJWTValid(context.Context, string) error {
	return fosite.ErrNotFound
}

// SetClientAssertionJWT implements fosite.ClientManager; assertions are not
// offered.
func (st *storage) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrNotFound
}

// CreateAuthorizeCodeSession enters a new authorization code.
func (st *storage) CreateAuthorizeCodeSession(_ context.Context, signature string, r fosite.Requester) error {
	st.issue(AuthCode, signature, r, 0, st.now()+authCodeLifetime.Milliseconds())
	return nil
}

// GetAuthorizeCodeSession returns the authorize request behind a code; a used
// code also comes with fosite.ErrInvalidatedAuthorizeCode.
func (st *storage) GetAuthorizeCodeSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	value := st.values[signature]
	r := st.holders[value]
	switch {
	case r == nil:
		return nil, fosite.ErrNotFound
	case st.used[value]:
		return r, fosite.ErrInvalidatedAuthorizeCode
	default:
		return r, nil
	}
}

// InvalidateAuthorizeCodeSession marks a code as used and begins the family.
func (st *storage) InvalidateAuthorizeCodeSession(_ context.Context, signature string) error {
	value := st.values[signature]
	st.used[value] = true
	st.server.books.generations[st.holders[value].GetID()]++
	return nil
}

// CreatePKCERequestSession keeps the challenge of a code.
func (st *storage) CreatePKCERequestSession(_ context.Context, signature string, r fosite.Requester) error {
	st.pkce[signature] = r
	return nil
}

// GetPKCERequestSession returns the challenge of a code.
func (st *storage) GetPKCERequestSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	if r := st.pkce[signature]; r != nil {
		return r, nil
	}
	return nil, fosite.ErrNotFound
}

// DeletePKCERequestSession forgets a challenge: each may be tried once.
func (st *storage) DeletePKCERequestSession(_ context.Context, signature string) error {
	delete(st.pkce, signature)
	return nil
}

// CreateAccessTokenSession enters a new access token.
func (st *storage) CreateAccessTokenSession(_ context.Context, signature string, r fosite.Requester) error {
	expires := r.GetSession().GetExpiresAt(fosite.AccessToken).UnixMilli()
	family := r.GetID()
	if st.persona == Generic {
		family = clientFamily(r.GetClient().GetID())
		st.server.books.generations[family]++
	}
	st.issue(AccessToken, signature, r, st.server.books.generations[family], expires)
	return nil
}

// GetAccessTokenSession returns what an access token was issued for, dead or
// alive: whether it is good is the strategy's question.
func (st *storage) GetAccessTokenSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	return st.holder(AccessToken, signature)
}

// DeleteAccessTokenSession implements fosite's storage; the books forget
// nothing.
func (st *storage) DeleteAccessTokenSession(context.Context, string) error { return nil }

// CreateRefreshTokenSession enters a new refresh token.
func (st *storage) CreateRefreshTokenSession(_ context.Context, signature, _ string, r fosite.Requester) error {
	var expires int64
	if life := st.switches().RefreshTokenLifetime; life > 0 {
		expires = st.now() + life
	}
	st.issue(RefreshToken, signature, r, st.server.books.generations[r.GetID()], expires)
	return nil
}

// GetRefreshTokenSession returns what a refresh token was issued for. With
// fosite.ErrInactiveToken the library revokes the whole family; any other
// refusal is fosite.ErrNotFound, which it answers with invalid_grant alone.
func (st *storage) GetRefreshTokenSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	r, err := st.holder(RefreshToken, signature)
	if err != nil {
		return nil, err
	}
	token := st.server.books.byValue[st.values[signature]]
	switch token.refreshable(st.now(), st.switches()) {
	case ReasonOK, ReasonRecovery, ReasonSibling:
		return r, nil
	case ReasonReuse:
		return r, fosite.ErrInactiveToken
	default:
		return nil, fosite.ErrNotFound
	}
}

// DeleteRefreshTokenSession implements fosite's storage; the books forget
// nothing.
func (st *storage) DeleteRefreshTokenSession(context.Context, string) error { return nil }

// RotateRefreshToken begins the family's next generation: the newest lives.
// Every refresh token of the family that was still live is superseded now,
// also one that was issued by an earlier answer and never used. Access tokens
// die with it where the switch says so.
func (st *storage) RotateRefreshToken(_ context.Context, request, _ string) error {
	now := st.now()
	st.server.books.generations[request]++
	for _, t := range st.server.books.families[request] {
		dies := t.Kind == RefreshToken || t.Kind == AccessToken && st.switches().OldAccessDiesAtRefresh
		if dies && t.SupersededAt == 0 && t.RevokedAt == 0 {
			t.SupersededAt = now
		}
	}
	return nil
}

// RevokeRefreshToken ends all refresh tokens of a request's family.
func (st *storage) RevokeRefreshToken(_ context.Context, request string) error {
	return st.revoke(RefreshToken, request)
}

// RevokeAccessToken ends all access tokens of a request's family.
func (st *storage) RevokeAccessToken(_ context.Context, request string) error {
	return st.revoke(AccessToken, request)
}

func (st *storage) revoke(kind, request string) error {
	st.server.books.revoke(st.now(), func(t *Token) bool { return t.Kind == kind && t.request == request })
	return nil
}

func (st *storage) holder(kind, signature string) (fosite.Requester, error) {
	value := st.values[signature]
	if st.server.books.token(st.persona, kind, value) == nil {
		return nil, fosite.ErrNotFound
	}
	return st.holders[value], nil
}

// issue enters a minted token into the books.
func (st *storage) issue(kind, signature string, r fosite.Requester, generation int, expires int64) {
	value := st.minted[signature]
	delete(st.minted, signature)
	st.values[signature] = value
	st.holders[value] = r
	if plain, ok := r.(*fosite.Request); ok {
		plain.RequestedAt = st.server.now() // introspection reports it as iat
	}
	family := r.GetID()
	if st.persona == Generic {
		family = clientFamily(r.GetClient().GetID())
	}
	grant := r.GetSession().(*session)
	st.server.books.issue(&Token{
		Kind: kind, Value: value, Persona: st.persona, Client: r.GetClient().GetID(),
		Account: grant.account, Property: grant.property, Family: family, Generation: generation,
		Scopes: r.GetGrantedScopes(), IssuedAt: st.now(), ExpiresAt: expires, request: r.GetID(),
	})
}

func (st *storage) now() int64          { return st.server.now().UnixMilli() }
func (st *storage) switches() *Switches { return st.server.switches[st.persona] }

// clientFamily is the family of the tokens that a client gets for itself.
func clientFamily(client string) string { return "client:" + client }
