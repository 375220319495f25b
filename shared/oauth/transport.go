package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// newTransport returns a transport that writes each request at most once.
//
// net/http sends a request again on a new connection when a *reused* one turns
// out to be closed and the request looks replayable: it has no body or a
// GetBody, and its method is idempotent or it carries Idempotency-Key
// (net/http, Request.isReplayable and persistConn.shouldRetryRequest). HTTP/2
// has rules of its own. Here every exchange has its own HTTP/1.1 connection,
// so none is ever reused; the requests carry neither GetBody nor that header.
func newTransport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: largestAnswer,
		Protocols:              &protocols,
	}
}

// errShut ends the writing of a request whose gate is shut.
var errShut = errors.New("the request may not be written any more")

// gate is the place where it is decided whether the credential leaves this
// machine. Whoever shuts it before it was passed knows that the endpoint had
// nothing to act on; once it was passed, nobody can know, however little was
// written.
//
// Where the credential is in the body, the gate is that body: net/http asks
// for its first byte when it has a connection, TLS done, and has written at
// most the head, which names the client and the length of a form that has not
// come. Where the credential is in the head itself (a query, a header), the
// gate is passed earlier, when the connection is there and nothing is written.
type gate struct {
	body     string
	deadline time.Time // wall clock; zero for none
	now      func() time.Time

	late atomic.Bool // the deadline shut it

	mu     sync.Mutex
	closed bool      // guarded by mu
	passed bool      // guarded by mu
	rest   io.Reader // guarded by mu; nil until the body is read
}

// Read implements [io.Reader].
func (g *gate) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.pass() {
		return 0, errShut
	}
	if g.rest == nil {
		g.rest = strings.NewReader(g.body)
	}
	return g.rest.Read(p)
}

// pass reports whether the credential may go. The caller holds mu.
func (g *gate) pass() bool {
	if g.closed {
		return false
	}
	if !g.passed && !g.deadline.IsZero() && !wall(g.now()).Before(g.deadline) {
		g.closed = true
		g.late.Store(true)
		return false
	}
	g.passed = true
	return true
}

// Close implements [io.Closer].
func (g *gate) Close() error { return nil }

// shut closes the gate and reports whether nothing had passed it.
func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return !g.passed
}

// guardHead returns a context under which a request passes the gate before its
// first byte is written. net/http tells of the connection that it has got
// (dialled, through a proxy or not, TLS done) in the goroutine that is about to
// write the request; a connection that is closed there takes no byte any more.
func (g *gate) guardHead(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.pass() {
			_ = c.Conn.Close()
		}
	}})
}
