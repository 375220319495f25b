package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds the body of a request to a provider.
const maxBody = 1 << 20

// endpoint is one operation of one persona.
type endpoint struct {
	persona Persona
	name    string // as in the books and in fault rules
	act     func(*Server, *call)
	// property finds the property that a request is about before anything
	// acts on it, for the fault rules; nil means by its access token.
	property func(*Server, *call) string
}

// call is one request on its way through the sandbox.
type call struct {
	server   *Server
	endpoint endpoint
	r        *http.Request
	body     []byte
	now      int64 // when it acts, Unix milliseconds
	record   *Request
	fault    *Fault // nil when the request meets none
	answer   *answer
	presents []*Presentation
	underWay *Token // the refresh token that this request presents
	method   string // as it came, before a dialect was put into the RFC's words

	dialect   *Dialect // of the registration that the address names; nil for none
	misspoken error    // what is wrong with the request in that dialect
}

// routes maps every path to its endpoint. What is not listed is answered 404,
// and is in the books as endpoint "unknown".
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	serve := func(pattern string, e endpoint) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, e) })
	}
	for _, p := range []Persona{Generic, Cloudbeds} {
		serve("/"+string(p)+"/", endpoint{persona: p, name: "unknown", act: (*Server).notFound})
		serve("/"+string(p)+"/dialects/{client}/token", endpoint{p, "token", (*Server).spokenToken, tokenProperty})
		serve("POST /"+string(p)+"/oauth/introspect", endpoint{p, "introspect", (*Server).introspect, tokenProperty})
		serve("POST /"+string(p)+"/oauth/revoke", endpoint{p, "revoke", (*Server).revoke, tokenProperty})
	}
	serve("POST /generic/oauth/token", endpoint{Generic, "token", (*Server).token, tokenProperty})
	serve("POST /generic/v2/rates/batch", endpoint{Generic, "batch", (*Server).batch, batchProperty})
	serve("GET /generic/v2/jobs/{id}", endpoint{Generic, "job", (*Server).genericJob, jobProperty})
	serve("GET /generic/v2/rates", endpoint{Generic, "rates", (*Server).genericRates, queryProperty})
	serve("GET /cloudbeds/oauth/authorize", endpoint{Cloudbeds, "authorize", (*Server).consentPage, noProperty})
	serve("POST /cloudbeds/oauth/authorize", endpoint{Cloudbeds, "consent", (*Server).consent, noProperty})
	const api = " /cloudbeds/api/v1.3/"
	serve("POST"+api+"access_token", endpoint{Cloudbeds, "token", (*Server).token, tokenProperty})
	serve("GET"+api+"userinfo", endpoint{Cloudbeds, "userinfo", (*Server).userinfo, nil})
	serve("POST"+api+"patchRate", endpoint{Cloudbeds, "patchRate", (*Server).patchRate, nil})
	serve("GET"+api+"getRateJobs", endpoint{Cloudbeds, "getRateJobs", (*Server).rateJobs, nil})
	serve("GET"+api+"getRatePlans", endpoint{Cloudbeds, "getRatePlans", (*Server).ratePlans, nil})
	s.adminRoutes(mux)
	return mux
}

// serve takes a request through its stages: received and in the books, met by
// a fault or not, acted on, answered, closed in the books.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e endpoint) {
	c := &call{server: s, endpoint: e, r: r, method: r.Method, answer: newAnswer()}
	tooLarge := c.read(w)
	s.interpret(c)
	s.open(c)
	s.before(c)
	switch {
	case tooLarge:
		c.answer.json(http.StatusRequestEntityTooLarge, map[string]string{"error": "request_too_large"})
	case c.fault.acts():
		s.act(c)
	default:
		s.decline(c)
	}
	c.answer.header.Set("X-Request-ID", strconv.Itoa(c.record.N))
	s.close(c, c.deliver(w))
}

// read takes the body in, and reports whether it was too large.
func (c *call) read(w http.ResponseWriter) (tooLarge bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxBody))
	var limit *http.MaxBytesError
	c.body = body
	return errors.As(err, &limit)
}

// open enters the request into the books and chooses its fault.
func (s *Server) open(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.record = &Request{
		Persona: c.endpoint.persona, Endpoint: c.endpoint.name, Method: c.method, Path: c.r.URL.Path,
		IdempotencyKey: c.r.Header.Get("Idempotency-Key"), ReceivedAt: s.now().UnixMilli(),
	}
	s.books.open(c.record)
	property := tokenOwner
	if c.endpoint.property != nil {
		property = c.endpoint.property
	}
	c.record.Property = property(s, c)
	if c.fault = s.choose(c.endpoint, c.record.Property); c.fault != nil {
		c.record.Fault = c.fault.Kind
	}
	if c.endpoint.name == "token" {
		s.begin(c)
	}
}

// begin notes that a refresh token is under way, so that two holders who
// present it at the same time are seen even if one of them is slowed down.
func (s *Server) begin(c *call) {
	c.underWay = s.books.token(c.endpoint.persona, RefreshToken, c.form().Get("refresh_token"))
	if c.underWay == nil {
		return
	}
	if c.underWay.underWay > 0 {
		c.underWay.Overlapped++
	}
	c.underWay.underWay++
}

// act runs the endpoint under the lock.
func (s *Server) act(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.now().UnixMilli()
	s.cells.settle(c.now)
	c.record.Acted = true
	c.endpoint.act(s, c)
}

// close completes the request's entries in the books.
func (s *Server) close(c *call, delivered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.record.AnsweredAt = s.now().UnixMilli()
	c.record.Delivered = delivered
	if delivered {
		c.record.Status = c.answer.status
	}
	if c.record.Outcome == pushNotAnswered {
		c.record.Outcome = c.outcome()
	}
	for _, p := range c.presents {
		p.Delivered = delivered
	}
	if c.underWay != nil {
		c.underWay.underWay--
	}
}

// outcome names how a push ended that no handler has named.
func (c *call) outcome() string {
	switch {
	case c.endpoint.name != "batch" && c.endpoint.name != "patchRate":
		return pushNotAnswered
	case c.answer.status == http.StatusTooManyRequests:
		return PushThrottled
	case !c.record.Acted && (c.answer.status == 0 || c.answer.status >= 500):
		return PushFailed
	default:
		return PushRefused
	}
}

// present enters a presentation that belongs to this request.
func (c *call) present(kind string, t *Token, accepted bool, reason string) {
	c.presents = append(c.presents, c.server.books.present(c.record, kind, t, accepted, reason))
}

// form returns the parameters of a form body; a malformed one has none. The
// library reads the request again and reports what is wrong with it.
func (c *call) form() url.Values {
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return url.Values{}
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return url.Values{}
	}
	return form
}

// rewound returns the request with its body unread again.
func (c *call) rewound() *http.Request {
	c.r.Body = io.NopCloser(bytes.NewReader(c.body))
	return c.r
}

// tokenOwner finds the property that a cloudbeds token was consented for.
func tokenOwner(s *Server, c *call) string {
	if t := s.books.token(c.endpoint.persona, AccessToken, c.bearer()); t != nil {
		return t.Property
	}
	return ""
}

// tokenProperty finds the property behind the token that a form names.
func tokenProperty(s *Server, c *call) string {
	form := c.form()
	for _, name := range []string{"refresh_token", "code", "token"} {
		if t := s.books.byValue[form.Get(name)]; t != nil && t.Persona == c.endpoint.persona {
			return t.Property
		}
	}
	return ""
}

func queryProperty(_ *Server, c *call) string { return c.r.URL.Query().Get("property") }

func noProperty(*Server, *call) string { return "" }

func (s *Server) notFound(c *call) {
	c.answer.json(http.StatusNotFound, map[string]string{"error": "not_found"})
}

// wait lets real time pass. It ends early when the sandbox does, or when gone
// is closed; nil never is.
func (s *Server) wait(d time.Duration, gone <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
	case <-gone:
	}
}
