package sandbox

import (
	"net"
	"net/http"
	"slices"
	"time"
)

// before is the part of a fault that precedes acting.
func (s *Server) before(c *call) {
	if c.fault.is(FaultLatency) {
		s.wait(c.fault.duration(), nil) // a slow provider acts even if its client has gone
	}
}

// decline answers in place of the provider's logic, and notes the tokens that
// it never saw.
func (s *Server) decline(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.underWay != nil {
		c.present(RefreshToken, c.underWay, false, ReasonUnseen)
	}
	if t := s.books.token(c.endpoint.persona, AccessToken, c.bearer()); t != nil {
		c.record.Token, c.record.Client = t.N, t.Client
		c.present(AccessToken, t, false, ReasonUnseen)
	}
	oauthError := func(status int, code string) {
		c.answer.json(status, map[string]string{"error": code, "error_description": "An injected fault."})
	}
	switch c.fault.Kind {
	case FaultThrottled:
		s.retryLater(c)
		c.refuse(http.StatusTooManyRequests, "too_many_requests", "too many requests")
	case FaultUnavailable:
		s.retryLater(c)
		c.refuse(http.StatusServiceUnavailable, "temporarily_unavailable", "try again later")
	case FaultError:
		c.refuse(http.StatusInternalServerError, "server_error", "something went wrong")
	case FaultSuccessFalse:
		c.refuse(http.StatusOK, "", "Something went wrong, please try again.")
	case FaultInvalidGrant:
		oauthError(http.StatusBadRequest, "invalid_grant")
	case FaultAnswer:
		for name, value := range c.fault.Header {
			c.answer.header.Set(name, value)
		}
		c.answer.WriteHeader(c.fault.Status)
		c.answer.body.WriteString(c.fault.Body)
	case FaultInvalidClient:
		oauthError(http.StatusUnauthorized, "invalid_client")
	}
}

func (s *Server) retryLater(c *call) {
	switch {
	case c.fault.RetryAfter == 0:
	case c.fault.RetryAfterDate:
		at := s.now().Add(time.Duration(c.fault.RetryAfter) * time.Second)
		c.answer.header.Set("Retry-After", at.UTC().Format(http.TimeFormat))
	default:
		c.answer.retryAfter(c.fault.RetryAfter)
	}
}

// deliver writes the answer as the fault wants it, and reports whether all of
// it was written to the connection while the client was there.
func (c *call) deliver(w http.ResponseWriter) bool {
	switch {
	case c.fault.is(FaultResetBefore), c.fault.is(FaultResetAfter):
		reset(w)
		return false
	case c.fault.is(FaultHang):
		c.server.wait(c.fault.duration(), c.r.Context().Done())
		if !c.fault.Acts {
			reset(w)
			return false
		}
	case c.fault.is(FaultMalformed):
		c.answer.body.Truncate(c.answer.body.Len() / 2)
	}
	body := c.answer.copyTo(w)
	if c.fault.is(FaultSlowBody) {
		return c.trickle(w, body)
	}
	_, err := w.Write(body)
	return err == nil && c.r.Context().Err() == nil
}

// trickle writes the body in about ten parts over the fault's time.
func (c *call) trickle(w http.ResponseWriter, body []byte) bool {
	parts := slices.Collect(slices.Chunk(body, max(1, len(body)/10)))
	for _, part := range parts {
		c.server.wait(c.fault.duration()/time.Duration(len(parts)), c.r.Context().Done())
		if _, err := w.Write(part); err != nil {
			return false
		}
		_ = http.NewResponseController(w).Flush() // a recorder in a test cannot
	}
	return c.r.Context().Err() == nil
}

// reset cuts the connection with a TCP reset. Where there is none to cut, as
// behind httptest.NewRecorder, the handler is aborted instead.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // unsent data is discarded and RST is sent
	}
	_ = connection.Close()
}
