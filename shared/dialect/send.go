package dialect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// maxBody bounds what is read of an answer: a month of ten rate plans is some
// 100 KB.
const maxBody = 4 << 20

// Sender carries calls to providers. It is safe for concurrent use and meant to
// be made once for each process, so that connections are reused.
//
// A POST leaves at most once. net/http replays a request whose reused connection
// breaks before the first byte of an answer, when it may be repeated, and takes
// an Idempotency-Key for such a permission. That would be harmless at a provider
// that honours the key, but a mark stands for one send, so requests with a body
// are made such that they cannot be replayed. What certainly was never written
// is sent again, once: nobody has seen it.
type Sender struct {
	http *http.Client
	now  func() time.Time
}

// NewSender returns a Sender. Transport is nil for one of its own; now tells the
// time.
func NewSender(transport http.RoundTripper, now func() time.Time) *Sender {
	if transport == nil {
		transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout: 3 * time.Second,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     30 * time.Second,
		}
	}
	return &Sender{now: now, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Credentials go with a call and are no part of it.
type Credentials struct {
	Access secret.Text
	// Key is the idempotency key and KeyHeader its header; no header when
	// either is empty.
	Key, KeyHeader string
}

// Send makes the call within timeout and returns what came of it: never an
// error, because every failure is an [Answer] that a dialect can judge.
func (s *Sender) Send(ctx context.Context, c Call, with Credentials, timeout time.Duration) Answer {
	start := s.now()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a, err := s.once(ctx, c, with)
	if err != nil && !a.Sent && ctx.Err() == nil {
		a, _ = s.once(ctx, c, with) // a pooled connection that the other side had closed
	}
	a.At = s.now()
	a.Took = a.At.Sub(start)
	return a
}

// once writes the request at most once. The error is for the caller's choice
// alone; it may name the URL, so it goes nowhere.
func (s *Sender) once(ctx context.Context, c Call, with Credentials) (Answer, error) {
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	req, err := request(ctx, c, with)
	if err != nil {
		return Answer{}, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return Answer{Sent: wrote.Load()}, err
	}
	defer resp.Body.Close()
	a := Answer{Sent: true, Status: resp.StatusCode, Header: resp.Header}
	a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return Answer{Sent: true}, err // half an answer is none
	}
	if len(a.Body) > maxBody {
		a.Body, a.Cut = a.Body[:maxBody], true
	}
	return a, nil
}

var errNoCall = errors.New("a call needs an address")

// request turns a call into net/http's form. Tokens go to https and to loopback
// alone.
func request(ctx context.Context, c Call, with Credentials) (*http.Request, error) {
	if c.URL == "" {
		return nil, errNoCall
	}
	if err := profile.CheckURL(c.URL); err != nil {
		return nil, fmt.Errorf("checking the address of a call: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, bytes.NewReader(c.Body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	if len(c.Body) == 0 {
		req.Body = http.NoBody
	}
	req.GetBody = nil // see Sender: without it nothing can be replayed
	for name, values := range c.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "bellhop")
	req.Header.Set("Authorization", "Bearer "+with.Access.Reveal())
	if with.Key != "" && with.KeyHeader != "" {
		req.Header.Set(with.KeyHeader, with.Key)
	}
	return req, nil
}
