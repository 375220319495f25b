package oauth

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// unfit says why r cannot be sent at all, in a word for the log; empty when it
// can. It is our own configuration, so nothing is lost by not trying.
func (r Request) unfit() string {
	if r.Endpoint == "" || profile.CheckURL(r.Endpoint) != nil {
		return "endpoint"
	}
	missing := r.Kind == grant.KindRefresh && r.Refresh.Empty() ||
		r.Kind == grant.KindCode && r.Code.Empty() ||
		r.ClientID == ""
	if _, known := grantTypes[r.Kind]; missing || !known {
		return "credential"
	}
	return ""
}

// grantTypes are the values of grant_type (RFC 6749 sections 4.1.3, 4.4.2, 6).
var grantTypes = map[grant.Kind]string{
	grant.KindRefresh: "refresh_token",
	grant.KindClient:  "client_credentials",
	grant.KindCode:    "authorization_code",
}

// form is the request's body. Scopes go with client credentials alone: a
// refresh without scope keeps what was granted (RFC 6749 section 6), and a
// code carries its own.
func (r Request) form(p profile.Token) string {
	v := url.Values{"grant_type": {grantTypes[r.Kind]}}
	switch r.Kind {
	case grant.KindRefresh:
		v.Set("refresh_token", r.Refresh.Reveal())
	case grant.KindCode:
		v.Set("code", r.Code.Reveal())
		setUnlessEmpty(v, "redirect_uri", r.RedirectURI)
		setUnlessEmpty(v, "code_verifier", r.Verifier.Reveal())
	case grant.KindClient:
		setUnlessEmpty(v, "scope", strings.Join(r.Scopes, cmp.Or(p.ScopeSeparator, " ")))
	}
	if p.Auth == "body" {
		v.Set("client_id", r.ClientID)
		setUnlessEmpty(v, "client_secret", r.ClientSecret.Reveal())
	}
	return v.Encode()
}

func setUnlessEmpty(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

// authenticate adds the client's credentials to the header where the profile
// wants them there. Both halves are form-encoded first (RFC 6749 section
// 2.3.1): without it, a secret with a colon or a per cent sign is another one.
func authenticate(req *http.Request, auth, id string, clientSecret secret.Text) {
	if auth == "basic" {
		req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(clientSecret.Reveal()))
	}
}
