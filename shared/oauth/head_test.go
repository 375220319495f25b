package oauth

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/shared/profile"
)

// Two dialects whose credential is in the head.
var (
	inHeader = profile.Token{Auth: "none", Lifetime: profile.Seconds(time.Hour), Request: profile.Request{
		Method: http.MethodGet, Encoding: "header", Names: map[string]string{"refresh_token": "refreshToken"}}}
	inQuery = profile.Token{Auth: "body", Lifetime: profile.Seconds(time.Hour), Request: profile.Request{Encoding: "query"}}
)

// listener counts the bytes that reach it.
type listener struct {
	addr string
	read atomic.Int64
}

func newListener(t *testing.T, answer string) *listener {
	t.Helper()
	l := &listener{}
	r := newRaw(t, func(conn net.Conn, _ *raw) {
		b := make([]byte, 64<<10)
		n, _ := conn.Read(b)
		l.read.Add(int64(n))
		_, _ = io.WriteString(conn, answer)
	})
	l.addr = r.addr
	return l
}

// The server reads the head and hangs up. It may have acted, whatever method
// carried the credential, and nobody sends it again: net/http holds a GET for
// replayable.
func TestExchange_HeadAnswerLostIsPresentedOnce(t *testing.T) {
	for name, p := range map[string]profile.Token{"header": inHeader, "query": inQuery} {
		r := newRaw(t, func(conn net.Conn, r *raw) { r.readPost(bufio.NewReader(conn)) })
		out := NewClient(Config{}).Exchange(t.Context(), p, refreshAt(r.addr))
		if out.Class != Unknown || out.Cause != "broken" {
			t.Errorf("%s: outcome is %+v", name, out)
		}
		time.Sleep(50 * time.Millisecond) // a replay would come now
		if n := r.posts.Load(); n != 1 {
			t.Errorf("%s: presented %d times", name, n)
		}
	}
}

// A server that hangs up on whoever comes twice on one connection never sees us
// twice.
func TestExchange_HeadNeverOnAReusedConnection(t *testing.T) {
	r := newRaw(t, closer)
	c := NewClient(Config{})
	for range 3 {
		if out := c.Exchange(t.Context(), inHeader, refreshAt(r.addr)); out.Class != Issued {
			t.Fatalf("outcome is %+v", out)
		}
	}
	if posts, conns := r.posts.Load(), r.accepted.Load(); posts != 3 || conns != 3 {
		t.Errorf("3 exchanges: presented %d times on %d connections", posts, conns)
	}
}

// The clock has passed the lease while we dialled: not one byte is written.
func TestExchange_HeadLeaseOverAfterDialling(t *testing.T) {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for name, p := range map[string]profile.Token{"header": inHeader, "query": inQuery} {
		var dialled atomic.Bool
		l := newListener(t, goodAnswer)
		c := NewClient(Config{Now: func() time.Time {
			if dialled.Load() {
				return start.Add(time.Minute)
			}
			return start
		}})
		transport := newTransport()
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			dialled.Store(true)
			return conn, err
		}
		c.http = transport
		r := refreshAt(l.addr)
		r.Deadline = start.Add(time.Second)
		if out := c.Exchange(t.Context(), p, r); out.Class != NotSent || out.Cause != "late" {
			t.Errorf("%s: outcome is %+v", name, out)
		}
		time.Sleep(20 * time.Millisecond)
		if n := l.read.Load(); n != 0 {
			t.Errorf("%s: %d bytes left this machine", name, n)
		}
	}
}

// A server that answers without having read anything may still have been told:
// only a shut gate says not sent.
func TestExchange_HeadTimeoutIsUnknown(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	r := newRaw(t, func(net.Conn, *raw) { <-release })
	out := NewClient(Config{Timeout: 100 * time.Millisecond}).Exchange(t.Context(), inHeader, refreshAt(r.addr))
	if out.Class != Unknown || out.Cause != "timeout" {
		t.Errorf("outcome is %+v", out)
	}
}

// A gateway that refuses on the head has read the credential with it: what it
// does not say is not known.
func TestExchange_HeadRefusedByAGateway(t *testing.T) {
	l := newListener(t, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
	if out := NewClient(Config{}).Exchange(t.Context(), inHeader, refreshAt(l.addr)); out.Class != Unknown {
		t.Errorf("outcome is %+v", out)
	}
}

// Each of these ends before the connection was ours.
func TestExchange_HeadNotSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	mute := newRaw(t, func(conn net.Conn, _ *raw) { _, _ = io.Copy(io.Discard, conn) })
	for name, endpoint := range map[string]string{
		"nobody listens": "http://" + closed.Addr().String(), "handshake unanswered": strings.Replace(mute.addr, "http://", "https://", 1),
	} {
		out := NewClient(Config{Timeout: 200 * time.Millisecond}).Exchange(t.Context(), inHeader, refreshAt(endpoint))
		if out.Class != NotSent {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := newListener(t, goodAnswer)
	if out := NewClient(Config{}).Exchange(ctx, inHeader, refreshAt(l.addr)); out.Class != NotSent || l.read.Load() != 0 {
		t.Errorf("cancelled: outcome is %+v after %d bytes", out, l.read.Load())
	}
}

// Over TLS the gate is passed after the handshake.
func TestExchange_HeadOverTLS(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		says(200, good)(w, r)
	}))
	defer s.Close()
	now := time.Now()
	c := NewClient(Config{Now: func() time.Time { return now }})
	c.http.(*http.Transport).TLSClientConfig.RootCAs = pool(s.Certificate())
	if out := c.Exchange(t.Context(), inHeader, refreshAt(s.URL)); out.Class != Issued {
		t.Fatalf("outcome is %+v", out)
	}
	r := refreshAt(s.URL)
	r.Deadline = now
	if out := c.Exchange(t.Context(), inHeader, r); out.Class != NotSent || out.Cause != "late" || asked.Load() != 1 {
		t.Errorf("outcome is %+v after %d requests", out, asked.Load())
	}
}

// The fact that the gate of a head rests on: net/http tells of the connection
// before it writes the head, in order. Should this test ever fail, a request
// could leave without passing the gate.
func TestNetHTTP_TellsOfTheConnectionBeforeItWrites(t *testing.T) {
	p := newProvider(t, says(200, good))
	order := make(chan string, 2)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { order <- "connection" },
		WroteHeaders: func() { order <- "head" },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := newTransport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if first, then := <-order, <-order; first != "connection" || then != "head" {
		t.Errorf("told of the %s, then of the %s", first, then)
	}
}
