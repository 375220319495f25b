package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// maxAdminBody bounds the body of a request to the admin API.
const maxAdminBody = 4 << 20

// errNoToken reports a token that was never issued.
var errNoToken = errors.New("no such token was issued")

// RevokeConsent names a consent that its owner withdraws.
type RevokeConsent struct {
	Persona Persona `json:"persona"`
	Account string  `json:"account"`
	// Property limits it to one property; empty means all of the account.
	Property string `json:"property,omitempty"`
}

// ExpireToken names a token whose time is over now.
type ExpireToken struct {
	Token string `json:"token"`
}

// adminRoutes adds the admin API, the only part that the product never calls.
// Requests to it are not in the books.
func (s *Server) adminRoutes(mux *http.ServeMux) {
	handle := func(pattern string, act func(*http.Request, []byte) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.administer(w, r, act) })
	}
	handle("POST /admin/clients", posted(func(c Client) (any, error) { return c, s.addClient(c) }))
	handle("POST /admin/properties", posted(func(p Property) (any, error) { return p, s.addProperty(p) }))
	handle("GET /admin/switches/{persona}", s.readSwitches)
	handle("PUT /admin/switches/{persona}", s.setSwitches)
	handle("POST /admin/faults", posted(s.addFault))
	handle("GET /admin/faults", s.listFaults)
	handle("DELETE /admin/faults", s.clearFaults)
	handle("POST /admin/consents/revoke", posted(s.revokeConsent))
	handle("POST /admin/tokens/expire", posted(s.expireToken))
	read := func(path string, what func(*http.Request) any) {
		handle("GET /admin/books/"+path, func(r *http.Request, _ []byte) (any, error) { return what(r), nil })
	}
	read("summary", func(*http.Request) any { return s.summary() })
	read("exchanges", func(*http.Request) any { return s.books.exchanges() })
	read("tokens", func(r *http.Request) any { return after(r, s.books.tokens) })
	read("presentations", func(r *http.Request) any { return after(r, s.books.presentations) })
	read("requests", func(r *http.Request) any { return after(r, s.books.requests) })
	read("cells", s.presentCells)
	read("cells/history", s.cellHistory)
}

// administer runs one act under the lock, after everything that is due has
// been applied, so that what it reads is the present.
func (s *Server) administer(w http.ResponseWriter, r *http.Request, act func(*http.Request, []byte) (any, error)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
	answer := newAnswer()
	if err == nil {
		var value any
		s.mu.Lock()
		s.cells.settle(s.now().UnixMilli())
		if value, err = act(r, body); err == nil {
			answer.json(http.StatusOK, value)
		}
		s.mu.Unlock()
	}
	if err != nil {
		answer.json(statusOf(err), map[string]string{"error": err.Error()})
	}
	_, _ = w.Write(answer.copyTo(w)) // a client that left is its own problem
}

func statusOf(err error) int {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errNoToken):
		return http.StatusNotFound
	default:
		return http.StatusBadRequest
	}
}

// posted decodes the body strictly for act.
func posted[T any](act func(T) (any, error)) func(*http.Request, []byte) (any, error) {
	return func(_ *http.Request, body []byte) (any, error) {
		var v T
		if err := decodeStrictly(body, &v); err != nil {
			return nil, err
		}
		return act(v)
	}
}

func (s *Server) readSwitches(r *http.Request, _ []byte) (any, error) {
	persona := Persona(r.PathValue("persona"))
	return s.switches[persona], persona.check()
}

// setSwitches changes what the body names and leaves the rest as it is.
func (s *Server) setSwitches(r *http.Request, body []byte) (any, error) {
	persona := Persona(r.PathValue("persona"))
	if err := persona.check(); err != nil {
		return nil, err
	}
	changed := *s.switches[persona]
	if err := errors.Join(decodeStrictly(body, &changed), changed.check()); err != nil {
		return nil, err
	}
	*s.switches[persona] = changed
	return changed, nil
}

func (s *Server) addFault(f Fault) (any, error) {
	if f.ID != 0 || f.Seen != 0 || f.Fired != 0 {
		return nil, errors.New("id, seen and fired are the sandbox's own")
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("fault: %w", err)
	}
	s.faultCount++
	f.ID = s.faultCount
	s.faults = append(s.faults, &f)
	return f, nil
}

func (s *Server) listFaults(*http.Request, []byte) (any, error) {
	return append([]*Fault{}, s.faults...), nil
}

// clearFaults removes the rule of the query's id, or all rules without one.
func (s *Server) clearFaults(r *http.Request, _ []byte) (any, error) {
	text := r.URL.Query().Get("id")
	id, err := strconv.Atoi(text)
	if text != "" && err != nil {
		return nil, fmt.Errorf("reading the id: %w", err)
	}
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return text == "" || f.ID == id })
	return s.listFaults(r, nil)
}

// revokeConsent ends every token and unused code of the account, as when an
// owner disconnects the application. A client of its own grant may get new
// tokens at once: there is no consent behind them.
func (s *Server) revokeConsent(v RevokeConsent) (any, error) {
	if err := v.Persona.check(); err != nil {
		return nil, err
	}
	if v.Account == "" {
		return nil, errors.New("an account is needed")
	}
	ended := s.books.revoke(s.now().UnixMilli(), func(t *Token) bool {
		return t.Persona == v.Persona && t.Account == v.Account && matches(v.Property, t.Property)
	})
	return map[string]int{"revoked": ended}, nil
}

// expireToken ends one token's life now. What a JWT says of itself stays.
func (s *Server) expireToken(v ExpireToken) (any, error) {
	t := s.books.byValue[v.Token]
	if t == nil {
		return nil, errNoToken
	}
	t.ExpiresAt = s.now().UnixMilli()
	return t, nil
}

// after leaves out the entries up to the number in the query: every kind of
// entry is numbered from 1 in its order.
func after[T any](r *http.Request, all []T) []T {
	n, _ := strconv.Atoi(r.URL.Query().Get("after"))
	return append([]T{}, all[min(max(n, 0), len(all)):]...)
}

func (s *Server) presentCells(r *http.Request) any {
	query := r.URL.Query()
	cells := []Cell{}
	for _, persona := range []Persona{Cloudbeds, Generic} {
		for _, p := range s.sortedProperties(persona) {
			if matches(query.Get("persona"), string(persona)) && matches(query.Get("property"), p.ID) {
				cells = append(cells, s.cells.list(propertyKey{persona, p.ID}, func(CellID) bool { return true })...)
			}
		}
	}
	return cells
}

func (s *Server) cellHistory(r *http.Request) any {
	query := r.URL.Query()
	filters := []struct {
		want string
		of   func(Change) string
	}{
		{query.Get("persona"), func(c Change) string { return string(c.Persona) }},
		{query.Get("property"), func(c Change) string { return c.Property }},
		{query.Get("room_type"), func(c Change) string { return c.RoomType }},
		{query.Get("rate_plan"), func(c Change) string { return c.RatePlan }},
		{query.Get("date"), func(c Change) string { return c.Date }},
		{query.Get("field"), func(c Change) string { return c.Field }},
	}
	return slices.DeleteFunc(after(r, s.cells.history), func(c Change) bool {
		for _, f := range filters {
			if !matches(f.want, f.of(c)) {
				return true
			}
		}
		return false
	})
}
