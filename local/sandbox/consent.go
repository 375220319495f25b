package sandbox

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"github.com/ory/fosite"
)

// page is what the owner of a property sees. There is no log-in: whoever
// opens it may answer for any property. The form posts to the page's own
// address, so that the parameters of the request travel on; one POST with
// decision, property and (optional) granted_scope is all that a program needs.
var page = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Connect {{.Client}}</title></head>
<body><main>
<h1>{{.Client}} asks for access</h1>
<form method="post">
<p><label for="property">Property</label>
<select id="property" name="property">
{{range .Properties}}<option value="{{.ID}}"{{if eq .ID $.Selected}} selected{{end}}>{{.ID}} (account {{.Account}})</option>
{{end}}</select></p>
<fieldset><legend>Allow this application to</legend>
{{range .Scopes}}<p><label><input type="checkbox" name="granted_scope" value="{{.}}" checked> {{.}}</label></p>
{{end}}</fieldset>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>
</form>
</main></body></html>
`))

var refusal = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cannot continue</title></head>
<body><main><h1>Cannot continue</h1><p>{{.}}</p></main></body></html>
`))

// consentPage shows the page (RFC 6749, section 4.1.1).
func (s *Server) consentPage(c *call) {
	r, ok := s.authorizeRequest(c)
	if !ok {
		return
	}
	properties := s.sortedProperties(Cloudbeds)
	c.answer.header.Set("Content-Type", "text/html; charset=utf-8")
	c.answer.header.Set("Cache-Control", "no-store")
	err := page.Execute(c.answer, map[string]any{
		"Client": r.GetClient().GetID(), "Properties": properties, "Scopes": r.GetRequestedScopes(),
		"Selected": s.preselected(r, properties),
	})
	if err != nil {
		panic("sandbox: rendering the consent page: " + err.Error()) // our own template and values
	}
}

// preselected is the property that the hint names, by its id or its account;
// else the client's default; else the first.
func (s *Server) preselected(r fosite.AuthorizeRequester, properties []*Property) string {
	hint := r.GetRequestForm().Get("login_hint")
	i := slices.IndexFunc(properties, func(p *Property) bool { return p.ID == hint })
	if i < 0 {
		i = slices.IndexFunc(properties, func(p *Property) bool { return p.Account == hint })
	}
	switch byDefault := s.clients[Cloudbeds][r.GetClient().GetID()].DefaultProperty; {
	case i >= 0:
		return properties[i].ID
	case byDefault == "" && len(properties) > 0:
		return properties[0].ID
	default:
		return byDefault
	}
}

// consent takes the owner's decision and redirects to the client with a code,
// or with access_denied.
func (s *Server) consent(c *call) {
	r, ok := s.authorizeRequest(c)
	if !ok {
		return
	}
	library, form := s.providers[Cloudbeds].library, c.form()
	property := s.properties[Cloudbeds][cmp.Or(form.Get("property"), s.preselected(r, s.sortedProperties(Cloudbeds)))]
	switch decision := form.Get("decision"); {
	case decision == "deny":
		library.WriteAuthorizeError(c.r.Context(), c.answer, r, fosite.ErrAccessDenied)
		return
	case decision != "allow" || property == nil:
		c.turnAway("The form was sent without a decision, or for an unknown property.")
		return
	}
	c.record.Property = property.ID
	for _, scope := range r.GetRequestedScopes() {
		if ticked := form["granted_scope"]; len(ticked) == 0 || slices.Contains(ticked, scope) {
			r.GrantScope(scope)
		}
	}
	response, err := library.NewAuthorizeResponse(c.r.Context(), r, &session{account: property.Account, property: property.ID})
	if err != nil {
		library.WriteAuthorizeError(c.r.Context(), c.answer, r, err)
		return
	}
	library.WriteAuthorizeResponse(c.r.Context(), c.answer, r, response)
}

// authorizeRequest reads the parameters of an authorization request, which
// always travel in the query. A client or redirect URI that is not registered
// byte by byte gets a page and never a redirect (RFC 6749, section 4.1.2.1);
// every other mistake is told to the client by redirect.
func (s *Server) authorizeRequest(c *call) (fosite.AuthorizeRequester, bool) {
	query := c.r.URL.Query()
	client := s.clients[Cloudbeds][query.Get("client_id")]
	if client == nil {
		c.turnAway("The application is not known.")
		return nil, false
	}
	c.record.Client = client.ID
	if !slices.Contains(client.RedirectURIs, query.Get("redirect_uri")) {
		c.turnAway("The application sent a redirect URI that is not registered for it.")
		return nil, false
	}
	library := s.providers[Cloudbeds].library
	r, err := library.NewAuthorizeRequest(c.r.Context(), plain(c.r))
	if err == nil && (query.Get("code_challenge") == "" || query.Get("code_challenge_method") != "S256") {
		err = fosite.ErrInvalidRequest.WithHint("PKCE with code_challenge_method S256 is needed.")
	}
	if err != nil {
		library.WriteAuthorizeError(c.r.Context(), c.answer, r, err)
		return nil, false
	}
	return r, true
}

// plain returns the request without its body: what the owner sends with the
// form must not change what the client asked for.
func plain(r *http.Request) *http.Request {
	clone := r.Clone(r.Context())
	clone.Method, clone.Body, clone.PostForm = http.MethodGet, http.NoBody, url.Values{}
	return clone
}

func (c *call) turnAway(why string) {
	c.answer.header.Set("Content-Type", "text/html; charset=utf-8")
	c.answer.WriteHeader(http.StatusBadRequest)
	if err := refusal.Execute(c.answer, why); err != nil {
		panic("sandbox: rendering a refusal: " + err.Error()) // our own template
	}
}

func (s *Server) sortedProperties(p Persona) []*Property {
	var all []*Property
	for _, property := range s.properties[p] {
		all = append(all, property)
	}
	slices.SortFunc(all, func(a, b *Property) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
