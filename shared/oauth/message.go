package oauth

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// message is a request as it will be written, in the dialect of its provider.
type message struct {
	method string
	url    secret.Text // may hold the credential, in its query
	header http.Header // may hold the credential
	body   secret.Text // empty for none
	// inHead says that the credential travels before the body: whoever reads
	// the first line may act on it.
	inHead bool
}

// compose writes r in the dialect of p. The cause, in a word for the log, is
// why it cannot be sent at all; it is our own configuration, so nothing is
// lost by not trying.
func compose(p profile.Token, r Request) (m message, cause string) {
	if cause := r.unfit(p); cause != "" {
		return message{}, cause
	}
	m = message{method: cmp.Or(p.Request.Method, http.MethodPost), url: secret.New(r.Endpoint), header: http.Header{}}
	for name, value := range p.Request.Headers {
		m.header[name] = []string{value}
	}
	for _, name := range p.Request.SecretHeaders {
		m.header[name] = []string{r.Headers[http.CanonicalHeaderKey(name)].Reveal()}
	}
	m.authenticate(p, r.ClientID, r.ClientSecret)
	m.carry(p.Request.Encoding, r.parameters(p))
	for _, values := range m.header {
		if !visible(secret.New(values[0])) {
			return message{}, "credential"
		}
	}
	return m, ""
}

// beside is a message to an endpoint beside the token endpoint (revocation,
// introspection): a form, as the RFCs want it, from the client that r names,
// which authenticates in the profile's way.
func beside(p profile.Token, endpoint string, r Request, v url.Values) message {
	m := message{method: http.MethodPost, url: secret.New(endpoint), header: http.Header{}}
	for _, name := range p.Request.SecretHeaders {
		m.header[name] = []string{r.Headers[http.CanonicalHeaderKey(name)].Reveal()}
	}
	m.authenticate(p, r.ClientID, r.ClientSecret)
	if p.Auth != "basic" {
		setUnlessEmpty(v, "client_id", r.ClientID)
	}
	if p.Auth == "body" {
		setUnlessEmpty(v, "client_secret", r.ClientSecret.Reveal())
	}
	m.carry("form", v)
	return m
}

// carry puts the parameters where the dialect wants them.
func (m *message) carry(encoding string, v url.Values) {
	switch encoding {
	case "json":
		m.header.Set("Content-Type", "application/json")
		m.body = secret.New(jsonOf(v))
	case "query":
		m.url, m.inHead = secret.New(withQuery(m.url.Reveal(), v)), true
	case "header":
		m.inHead = true
		for name := range v {
			m.header[name] = []string{v.Get(name)}
		}
	default:
		m.header.Set("Content-Type", "application/x-www-form-urlencoded")
		m.body = secret.New(v.Encode())
	}
	m.header.Set("Accept", "application/json")
	m.header.Set("User-Agent", userAgent)
}

// jsonOf is an object of strings, in the order of their names.
func jsonOf(v url.Values) string {
	flat := make(map[string]string, len(v))
	for name := range v {
		flat[name] = v.Get(name)
	}
	b, err := json.Marshal(flat)
	if err != nil {
		panic("oauth: encoding a request: " + err.Error()) // strings always encode
	}
	return string(b)
}

// withQuery adds the parameters to those that the endpoint has of its own.
func withQuery(endpoint string, v url.Values) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "" // unfit has seen to it
	}
	q := u.Query()
	maps.Copy(q, v)
	u.RawQuery = q.Encode()
	return u.String()
}

// authenticate adds the client's credentials to the header where the profile
// wants them there. Both halves are form-encoded first (RFC 6749 section
// 2.3.1): without it, a secret with a colon or a per cent sign is another one.
func (m *message) authenticate(p profile.Token, id string, clientSecret secret.Text) {
	if p.Auth == "basic" {
		pair := url.QueryEscape(id) + ":" + url.QueryEscape(clientSecret.Reveal())
		m.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
}

// request makes the one request whose credential passes through g. GetBody
// stays nil: there is no second copy of the body for anybody to send.
func (m message) request(ctx context.Context, g *gate) (*http.Request, error) {
	if m.inHead {
		ctx = g.guardHead(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, m.method, m.url.Reveal(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = m.header
	if !m.body.Empty() {
		req.Body = g
		req.ContentLength = int64(len(m.body.Reveal()))
	}
	return req, nil
}

// lines are all that is said, in a fixed order: what a digest is made of.
func (m message) lines() []string {
	all := []string{m.method, m.url.Reveal()}
	for _, name := range slices.Sorted(maps.Keys(m.header)) {
		all = append(all, name, m.header[name][0])
	}
	return append(all, m.body.Reveal())
}

// userAgent names us to providers, who like to know whom to call.
const userAgent = "Bellhop"
