package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// bearer returns the access token of the request, empty without one
// (RFC 6750, section 2.1).
func (c *call) bearer() string {
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// permit checks the access token of an API request (RFC 6750, section 3): it
// answers 401 or 403 and returns nil when the request may not act.
func (s *Server) permit(c *call, scope string) *Token {
	value := c.bearer()
	t := s.books.token(c.endpoint.persona, AccessToken, value)
	reason := ReasonUnknown
	switch {
	case value == "":
		reason = ReasonMissing
	case t != nil:
		reason = t.ended(c.now)
		c.record.Token, c.record.Client = t.N, t.Client
	}
	if reason == ReasonOK && scope != "" && !slices.Contains(t.Scopes, scope) {
		reason = ReasonScope
	}
	c.present(AccessToken, t, reason == ReasonOK, reason)
	if reason == ReasonOK {
		return t
	}
	s.refuseToken(c, reason, scope)
	return nil
}

func (s *Server) refuseToken(c *call, reason, scope string) {
	push := c.endpoint.name == "batch" || c.endpoint.name == "patchRate"
	outcome := map[string]string{
		ReasonExpired: PushExpired, ReasonRevoked: PushRevoked, ReasonSuperseded: PushSuperseded, ReasonScope: PushForbidden,
	}[reason]
	if outcome == "" {
		outcome = PushUnknown
	}
	if push {
		c.record.Outcome = outcome
	}
	switch reason {
	case ReasonMissing: // section 3.1: no error code when no token came
		c.answer.header.Set("WWW-Authenticate", `Bearer realm="sandbox"`)
		c.refuse(http.StatusUnauthorized, "unauthorized", "an access token is needed")
	case ReasonScope:
		c.answer.header.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+scope+`"`)
		c.refuse(http.StatusForbidden, "insufficient_scope", "the scope "+scope+" is needed")
	default:
		c.answer.header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		c.refuse(http.StatusUnauthorized, "invalid_token", "the access token is not valid")
	}
}

// refuse answers an error in the shape of the persona.
func (c *call) refuse(status int, code, message string) {
	if c.endpoint.persona == Cloudbeds {
		c.answer.json(status, map[string]any{"success": false, "message": message})
		return
	}
	c.answer.json(status, map[string]string{"error": code, "message": message})
}
