package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
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

// gate is a request's body, and the place where it is decided whether the
// credential leaves this machine. net/http asks for the body's first byte when
// it has a connection, TLS done, and has written at most the head, which names
// the client and the length of a form that has not come. So whoever closes the
// gate before it was passed knows that the endpoint had nothing to act on.
type gate struct {
	body     string
	deadline time.Time // wall clock; zero for none
	now      func() time.Time

	late atomic.Bool // the deadline shut it

	mu     sync.Mutex
	closed bool      // guarded by mu
	rest   io.Reader // guarded by mu; nil until the gate is passed
}

// Read implements [io.Reader].
func (g *gate) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, errShut
	}
	if g.rest == nil {
		if !g.deadline.IsZero() && !wall(g.now()).Before(g.deadline) {
			g.closed = true
			g.late.Store(true)
			return 0, errShut
		}
		g.rest = strings.NewReader(g.body)
	}
	return g.rest.Read(p)
}

// Close implements [io.Closer].
func (g *gate) Close() error { return nil }

// shut closes the gate and reports whether nothing had passed it.
func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.rest == nil
}

// newPost makes the POST of a form whose body passes through g. GetBody stays
// nil: there is no second copy of the body to send.
func newPost(ctx context.Context, endpoint string, g *gate) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, nil)
	if err != nil {
		return nil, err
	}
	req.Body = g
	req.ContentLength = int64(len(g.body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	return req, nil
}

// userAgent names us to providers, who like to know whom to call.
const userAgent = "Bellhop"
