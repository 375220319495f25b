package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Dialect is how the token endpoint of one registration departs from RFC 6749,
// as those of real vendors do. A client that has one may be spoken to at
// /{persona}/dialects/{client id}/token, in no other way than this: what
// arrives elsewhere, under another name or beside what is expected is refused.
// What the words mean stays the library's business; the persona's own token
// endpoint stays open to the client too.
type Dialect struct {
	Method   string `json:"method"`   // the only one taken
	Encoding string `json:"encoding"` // where parameters are read: form, json, query, header
	Auth     string `json:"auth"`     // where the client authenticates: basic, body, none
	// Names are the endpoint's names of the RFC's parameters. A parameter that
	// is not listed is not taken at all.
	Names map[string]string `json:"names"`
	// GrantTypes are the RFC's grant types by the endpoint's words for them.
	GrantTypes map[string]string `json:"grant_types,omitempty"`
	// GrantType is meant when no name for grant_type is listed.
	GrantType string `json:"grant_type,omitempty"`
	// Headers and Extra must come with exactly these values.
	Headers map[string]string `json:"headers,omitempty"`
	Extra   map[string]string `json:"extra,omitempty"`
	// Username and Password are the machine's of the password grant, which at
	// persona generic means the client's own grant.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// Opaque makes the client's access tokens opaque where the persona's are not.
	Opaque bool `json:"opaque,omitempty"`
	// Answer are the endpoint's names of the members of its answer, inside an
	// envelope where there is a dot; what is not listed is left out. Expiry is how expires_in is written: "seconds",
	// "epoch", "rfc3339", or "utc" (without an offset).
	Answer map[string]string `json:"answer"`
	Expiry string            `json:"expiry,omitempty"`
	// RefreshExpiry is a member with the refresh token's life in seconds.
	RefreshExpiry string `json:"refresh_expiry,omitempty"`
	// Errors are the endpoint's words for the RFC's error codes; ErrorStatus,
	// when not zero, is the status that all errors come with.
	Errors      map[string]string `json:"errors,omitempty"`
	ErrorStatus int               `json:"error_status,omitempty"`
}

func (d *Dialect) check() error {
	switch {
	case d == nil:
		return nil
	case d.Method != http.MethodPost && d.Method != http.MethodGet:
		return fmt.Errorf("dialect: method %q", d.Method)
	case !slices.Contains([]string{"form", "json", "query", "header"}, d.Encoding):
		return fmt.Errorf("dialect: encoding %q", d.Encoding)
	case !slices.Contains([]string{"basic", "body", "none"}, d.Auth):
		return fmt.Errorf("dialect: auth %q", d.Auth)
	case !slices.Contains([]string{"", "seconds", "epoch", "rfc3339", "utc"}, d.Expiry):
		return fmt.Errorf("dialect: expiry %q", d.Expiry)
	}
	return nil
}

// misspoken says what is wrong with a request in the endpoint's own dialect.
type misspoken struct {
	status int
	code   string
	why    string
}

// Error implements error.
func (m *misspoken) Error() string { return m.why }

func badRequest(format string, args ...any) error {
	return &misspoken{http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, args...)}
}

func badClient(why string) error { return &misspoken{http.StatusUnauthorized, "invalid_client", why} }

// interpret turns a request in a registration's dialect into one by the RFC,
// before anything looks at it. Requests to other endpoints stay as they are.
func (s *Server) interpret(c *call) {
	id := c.r.PathValue("client")
	if id == "" {
		return
	}
	s.mu.Lock()
	client := s.clients[c.endpoint.persona][id]
	s.mu.Unlock()
	if client == nil || client.Dialect == nil {
		c.misspoken = &misspoken{http.StatusNotFound, "not_found", "no such registration"}
		return
	}
	c.dialect = client.Dialect
	form, err := c.dialect.read(c.r, string(c.body), client)
	if err != nil {
		c.misspoken = err
		return
	}
	header := c.r.Header.Clone()
	header.Del("Authorization")
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.r = c.r.Clone(c.r.Context())
	c.r.Method, c.r.Header, c.r.URL.RawQuery, c.body = http.MethodPost, header, "", []byte(form.Encode())
	c.r.ContentLength = int64(len(c.body))
}

// read takes the words of a request, strictly, and returns them by the RFC's
// names with the client's credentials among them.
func (d *Dialect) read(r *http.Request, body string, client *Client) (url.Values, error) {
	if r.Method != d.Method {
		return nil, badRequest("the method is %s", r.Method)
	}
	for name, want := range d.Headers {
		if r.Header.Get(name) != want {
			return nil, badClient("the header " + name + " is missing or wrong")
		}
	}
	said, err := d.words(r, body)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	for rfc, name := range d.Names {
		if value, ok := said[name]; ok {
			form.Set(rfc, value)
			delete(said, name)
		}
	}
	for name, want := range d.Extra {
		if said[name] != want {
			return nil, badRequest("%s is missing or wrong", name)
		}
		delete(said, name)
	}
	for name := range said {
		return nil, badRequest("%s is not known here", name)
	}
	return form, errors.Join(d.grant(form), d.client(r, form, client))
}

// words are the parameters as they came, from the one place where they may be.
func (d *Dialect) words(r *http.Request, body string) (map[string]string, error) {
	query, said := r.URL.Query(), map[string]string{}
	if d.Encoding != "query" && len(query) > 0 || (d.Encoding == "query" || d.Encoding == "header") && body != "" {
		return nil, badRequest("there is something in the query or in the body that does not belong there")
	}
	take := func(v url.Values) {
		for name := range v {
			said[name] = strings.Join(v[name], "\n")
		}
	}
	kind := r.Header.Get("Content-Type")
	switch d.Encoding {
	case "query":
		take(query)
	case "header":
		for _, name := range d.Names {
			if value := r.Header.Get(name); value != "" {
				said[name] = value
			}
		}
	case "json":
		if err := json.Unmarshal([]byte(body), &said); err != nil || kind != "application/json" {
			return nil, badRequest("the body is no JSON object of texts")
		}
	default:
		form, err := url.ParseQuery(body)
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return nil, badRequest("the body is no form")
		}
		take(form)
	}
	return said, nil
}

// grant settles the grant type. The machine's user and password stand for the
// client's own grant, because there is nobody else whose they could be.
func (d *Dialect) grant(form url.Values) error {
	said := form.Get("grant_type")
	switch {
	case d.Names["grant_type"] == "":
		form.Set("grant_type", d.GrantType)
	case d.GrantTypes != nil:
		form.Set("grant_type", d.GrantTypes[said])
	}
	if d.Username == "" {
		return nil
	}
	if form.Get("grant_type") != "password" || form.Get("username") != d.Username || form.Get("password") != d.Password {
		return &misspoken{http.StatusBadRequest, "invalid_grant", "user or password is wrong"}
	}
	form.Set("grant_type", "client_credentials")
	form.Del("username")
	form.Del("password")
	return nil
}

// client finds the client's credentials where they must be and nowhere else.
func (d *Dialect) client(r *http.Request, form url.Values, client *Client) error {
	id, secret, basic := r.BasicAuth()
	if basic != (d.Auth == "basic") || d.Auth != "body" && form.Has("client_secret") {
		return badClient("the client authenticated in another way than " + d.Auth)
	}
	switch d.Auth {
	case "basic":
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	case "body":
		id, secret = form.Get("client_id"), form.Get("client_secret")
	case "none":
		id, secret = client.ID, client.Secret
		if d.Names["client_id"] != "" {
			id = form.Get("client_id")
		}
	}
	if id != client.ID {
		return badClient("another client than the address names")
	}
	form.Set("client_id", id)
	form.Set("client_secret", secret)
	return nil
}
