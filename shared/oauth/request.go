package oauth

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// unfit says why r cannot be sent at all, in a word for the log; empty when it
// can.
func (r Request) unfit(p profile.Token) string {
	if r.Endpoint == "" || profile.CheckURL(r.Endpoint) != nil {
		return "endpoint"
	}
	if _, known := grantTypes[r.Kind]; !known || r.lacks(p) {
		return "credential"
	}
	return ""
}

// lacks reports whether something is missing that the profile wants sent.
func (r Request) lacks(p profile.Token) bool {
	named := p.Auth == "basic" || p.Request.Name("client_id") != ""
	return named && r.ClientID == "" ||
		r.Kind == grant.KindRefresh && r.Refresh.Empty() ||
		r.Kind == grant.KindCode && r.Code.Empty() ||
		r.grantType(p) == "password" && (r.Username.Empty() || r.Password.Empty()) ||
		slices.ContainsFunc(p.Request.SecretHeaders, func(name string) bool {
			return r.Headers[http.CanonicalHeaderKey(name)].Empty()
		})
}

// grantTypes are the values of grant_type (RFC 6749 sections 4.1.3, 4.4.2, 6).
var grantTypes = map[grant.Kind]string{
	grant.KindRefresh: "refresh_token",
	grant.KindClient:  "client_credentials",
	grant.KindCode:    "authorization_code",
}

// grantType is the RFC's value. What we mint ourselves may be by a machine's
// user and password (RFC 6749 section 4.3.2).
func (r Request) grantType(p profile.Token) string {
	if r.Kind == grant.KindClient && p.Grant == "password" {
		return "password"
	}
	return grantTypes[r.Kind]
}

// phase is the column of the table of classes that r belongs to.
func (r Request) phase(p profile.Token) string {
	switch {
	case r.Kind == grant.KindCode:
		return phaseCode
	case r.grantType(p) == "password":
		return phasePassword
	}
	return phaseToken
}

// parameters are what the request says, under the provider's names. Scopes go
// with what we mint alone: a refresh without scope keeps what was granted (RFC
// 6749 section 6), and a code carries its own.
func (r Request) parameters(p profile.Token) url.Values {
	v := url.Values{}
	set := func(parameter, value string) { setUnlessEmpty(v, p.Request.Name(parameter), value) }
	set("grant_type", p.Request.GrantType(r.grantType(p)))
	switch r.Kind {
	case grant.KindRefresh:
		set("refresh_token", r.Refresh.Reveal())
		if p.Request.RedirectOnRefresh {
			set("redirect_uri", r.RedirectURI)
		}
	case grant.KindCode:
		set("code", r.Code.Reveal())
		set("redirect_uri", r.RedirectURI)
		set("code_verifier", r.Verifier.Reveal())
	case grant.KindClient:
		set("scope", strings.Join(r.Scopes, cmp.Or(p.ScopeSeparator, " ")))
	}
	if r.grantType(p) == "password" {
		set("username", r.Username.Reveal())
		set("password", r.Password.Reveal())
	}
	switch p.Auth {
	case "body":
		set("client_id", r.ClientID)
		set("client_secret", r.ClientSecret.Reveal())
	case "none": // RFC 6749 section 3.2.1: it still says who it is
		set("client_id", r.ClientID)
	}
	for name, value := range p.Request.Extra {
		v.Set(name, value)
	}
	return v
}

// setUnlessEmpty leaves out what has no value, or no name at this provider.
func setUnlessEmpty(v url.Values, name, value string) {
	if name != "" && value != "" {
		v.Set(name, value)
	}
}
