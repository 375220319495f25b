package sandbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/token/hmac"
	"github.com/ory/fosite/token/jwt"
)

// provider is one persona's OAuth side.
type provider struct {
	library fosite.OAuth2Provider
	store   *storage
}

func (s *Server) newGenericProvider() *provider {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("sandbox: making a signing key: " + err.Error())
	}
	signer := &jwt.DefaultSigner{GetPrivateKey: func(context.Context) (any, error) { return key, nil }}
	return s.newProvider(Generic, signer,
		compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2TokenIntrospectionFactory,
		compose.OAuth2TokenRevocationFactory)
}

func (s *Server) newCloudbedsProvider() *provider {
	return s.newProvider(Cloudbeds, nil,
		compose.OAuth2AuthorizeExplicitFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OAuth2TokenIntrospectionFactory,
		compose.OAuth2TokenRevocationFactory,
		compose.OAuth2PKCEFactory) // after the explicit grant, whose code it binds
}

func (s *Server) newProvider(p Persona, signer jwt.Signer, features ...compose.Factory) *provider {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails, see crypto/rand
	config := &fosite.Config{
		GlobalSecret:          secret,
		AuthorizeCodeLifespan: authCodeLifetime,
		RefreshTokenLifespan:  -1, // the storage decides
		RefreshTokenScopes:    []string{},
		EnforcePKCE:           true,
		ScopeStrategy:         fosite.ExactScopeStrategy,
		RedirectSecureChecker: secureRedirect,
		ClientSecretsHasher:   secrets{},
	}
	store := newStorage(s, p)
	tokens := &strategy{
		opaque: oauth2.NewHMACSHAStrategyUnPrefixed(&hmac.HMACStrategy{Config: config}, config),
		signer: signer, store: store,
	}
	return &provider{library: compose.Compose(config, store, tokens, features...), store: store}
}

// secureRedirect wants https, except to loopback (RFC 8252, section 7.3).
func secureRedirect(_ context.Context, u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// token answers either persona's token endpoint (RFC 6749, section 3.2).
func (s *Server) token(c *call) {
	library := s.providers[c.endpoint.persona].library
	form := c.form()
	c.record.GrantType = form.Get("grant_type")
	presented, reason := s.judge(c, form)
	r, err := s.access(c, form)
	var response fosite.AccessResponder
	if err == nil {
		response, err = library.NewAccessResponse(c.r.Context(), r)
	}
	if presented != nil || reason != "" {
		c.present(RefreshToken, presented, err == nil, verdict(reason, err))
	}
	if err != nil {
		library.WriteAccessError(c.r.Context(), c.answer, r, err)
		if _, _, basic := c.r.BasicAuth(); basic && c.answer.status == http.StatusUnauthorized {
			c.answer.header.Set("WWW-Authenticate", `Basic realm="sandbox"`) // RFC 6749, section 5.2
		}
		return
	}
	c.record.Client = r.GetClient().GetID()
	life := time.Duration(s.switches[c.endpoint.persona].AccessTokenLifetime) * time.Millisecond
	response.SetExpiresIn(life) // the library's own figure follows its own clock
	if grant := r.GetSession().(*session); grant.property != "" {
		c.record.Property = grant.property
		response.SetExtra("resources", []map[string]string{{"type": "property", "id": grant.property}})
	}
	library.WriteAccessResponse(c.r.Context(), c.answer, r, response)
}

// judge foretells what the library will find about the refresh token of the
// request, so that the books can say why. The reason is empty when the request
// presents none.
func (s *Server) judge(c *call, form url.Values) (*Token, string) {
	if form.Get("grant_type") != "refresh_token" {
		return nil, ""
	}
	t := s.books.token(c.endpoint.persona, RefreshToken, form.Get("refresh_token"))
	if t == nil {
		return nil, ReasonUnknown
	}
	return t, t.refreshable(c.now, s.switches[c.endpoint.persona])
}

// verdict settles the reason after the library's own answer: a client that
// could not be authenticated never had its refresh token looked at.
func verdict(foretold string, err error) string {
	answered := foretold == ReasonOK || foretold == ReasonRecovery || foretold == ReasonSibling
	switch {
	case errors.Is(err, fosite.ErrInvalidClient), errors.Is(err, fosite.ErrInvalidRequest):
		return ReasonUnexamined
	case err != nil && answered:
		return ReasonOtherFault
	default:
		return foretold
	}
}

// access lets the library read an access request, after the checks that are
// stricter than the library's.
func (s *Server) access(c *call, form url.Values) (fosite.AccessRequester, error) {
	if err := c.strict(form); err != nil {
		return fosite.NewAccessRequest(&session{}), err
	}
	library := s.providers[c.endpoint.persona].library
	r, err := library.NewAccessRequest(c.r.Context(), c.rewound(), &session{})
	if r == nil {
		return fosite.NewAccessRequest(&session{}), err // no handler for the grant type
	}
	if err != nil {
		return r, err
	}
	if r.GetGrantTypes().ExactOne("client_credentials") {
		client := s.clients[c.endpoint.persona][r.GetClient().GetID()]
		r.GetSession().(*session).account = client.Account
		scopes := r.GetRequestedScopes()
		if len(scopes) == 0 {
			scopes = client.Scopes // RFC 6749, section 3.3: a documented default
		}
		for _, scope := range scopes {
			r.GrantScope(scope)
		}
	}
	return r, nil
}

// strict refuses what RFC 6749 forbids and the library lets pass: a parameter
// given twice (section 3.2), two ways of authentication at once (2.3). At
// cloudbeds the credentials must be in the body, as its specification says.
func (c *call) strict(form url.Values) error {
	for name, values := range form {
		if len(values) > 1 {
			return fosite.ErrInvalidRequest.WithHintf("The parameter '%s' was given more than once.", name)
		}
	}
	if c.r.Header.Get("Authorization") == "" {
		return nil
	}
	if c.endpoint.persona == Cloudbeds {
		return fosite.ErrInvalidClient.WithHint("Client id and secret belong into the body.")
	}
	if form.Get("client_secret") != "" {
		return fosite.ErrInvalidRequest.WithHint("The client authenticated in two ways at once.")
	}
	return nil
}

// revoke answers RFC 7009: any token of a family ends the whole family, an
// unknown one is no error.
func (s *Server) revoke(c *call) {
	form := c.form()
	s.name(c, form.Get("token"))
	library := s.providers[c.endpoint.persona].library
	err := c.strict(form)
	if err == nil {
		err = library.NewRevocationRequest(c.r.Context(), c.rewound())
	}
	library.WriteRevocationResponse(c.r.Context(), c.answer, err)
}

// name notes a token that the request speaks about without using it.
func (s *Server) name(c *call, value string) {
	t := s.books.byValue[value]
	if t == nil || t.Persona != c.endpoint.persona {
		c.present("", nil, false, ReasonUnknown)
		return
	}
	c.record.Client, c.record.Property = t.Client, t.Property
	c.present(t.Kind, t, true, ReasonNamed)
}

// introspect answers RFC 7662 to clients that authenticate with HTTP Basic.
func (s *Server) introspect(c *call) {
	s.name(c, c.form().Get("token"))
	library := s.providers[c.endpoint.persona].library
	response, err := library.NewIntrospectionRequest(c.r.Context(), c.rewound(), &session{})
	if err != nil {
		library.WriteIntrospectionError(c.r.Context(), c.answer, err)
		return
	}
	library.WriteIntrospectionResponse(c.r.Context(), c.answer, response)
}
