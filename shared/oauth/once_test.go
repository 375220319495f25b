package oauth

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// raw is a token endpoint at the level of connections: each accepted one is
// given to serve.
type raw struct {
	addr     string
	posts    atomic.Int32 // requests that were read whole
	accepted atomic.Int32
}

func newRaw(t *testing.T, serve func(conn net.Conn, r *raw)) *raw {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{addr: "http://" + l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			go func() { defer conn.Close(); serve(conn, r) }()
		}
	}()
	return r
}

// readPost reads one whole request off the connection.
func (r *raw) readPost(b *bufio.Reader) bool {
	req, err := http.ReadRequest(b)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	r.posts.Add(1)
	return true
}

var goodAnswer = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(good), good)

// closer answers the first request of a connection and hangs up on the second,
// as a server does whose keep-alive has just run out.
func closer(conn net.Conn, r *raw) {
	b := bufio.NewReader(conn)
	if r.readPost(b) {
		_, _ = io.WriteString(conn, goodAnswer)
		_ = r.readPost(b) // and not a word
	}
}

// The fact that this package exists for: net/http replays a POST on its own.
// Should this test ever fail, the standard library has become safer.
func TestNetHTTP_ReplaysAPost(t *testing.T) {
	r := newRaw(t, closer)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), "POST", r.addr, strings.NewReader("refresh_token="+refreshOne))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Idempotency-Key", "k")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if n := r.posts.Load(); n != 3 {
		t.Errorf("2 requests were presented %d times, expected a third by the library", n)
	}
}

// Each exchange has a connection of its own, and is presented once, although
// the server hangs up on whoever comes twice.
func TestExchange_NeverOnAReusedConnection(t *testing.T) {
	r := newRaw(t, closer)
	c := NewClient(Config{})
	for i := range 4 {
		if out := c.Exchange(t.Context(), basic, refreshAt(r.addr)); out.Class != Issued {
			t.Fatalf("exchange %d is %+v", i, out)
		}
	}
	if posts, conns := r.posts.Load(), r.accepted.Load(); posts != 4 || conns != 4 {
		t.Errorf("4 exchanges: presented %d times on %d connections", posts, conns)
	}
}

// The server reads the request and hangs up. It may have acted.
func TestExchange_AnswerLostIsPresentedOnce(t *testing.T) {
	r := newRaw(t, func(conn net.Conn, r *raw) { r.readPost(bufio.NewReader(conn)) })
	c := NewClient(Config{})
	out := c.Exchange(t.Context(), basic, refreshAt(r.addr))
	if out.Class != Unknown || out.Cause != "broken" || !out.Class.Spent() {
		t.Errorf("outcome is %+v", out)
	}
	time.Sleep(50 * time.Millisecond) // a replay would come now
	if n := r.posts.Load(); n != 1 {
		t.Errorf("presented %d times", n)
	}
}

// 307 and 308 would carry the refresh token to wherever the answer points.
func TestExchange_FollowsNoRedirect(t *testing.T) {
	elsewhere := newProvider(t, says(200, good))
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := newProvider(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		out := NewClient(Config{}).Exchange(t.Context(), basic, refreshAt(p.URL))
		if out.Class != Unknown || out.Status != status {
			t.Errorf("%d: outcome is %+v", status, out)
		}
	}
	if n := len(elsewhere.requests()); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// Over TLS the same holds; and the protocol stays HTTP/1.1, whose rules of
// sending again are the ones that were read.
func TestExchange_TLS(t *testing.T) {
	var proto atomic.Value
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		says(200, good)(w, r)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	c := NewClient(Config{})
	c.http.(*http.Transport).TLSClientConfig.RootCAs = pool(s.Certificate())
	if out := c.Exchange(t.Context(), basic, refreshAt(s.URL)); out.Class != Issued {
		t.Fatalf("outcome is %+v", out)
	}
	if proto.Load() != "HTTP/1.1" {
		t.Errorf("spoke %v", proto.Load())
	}
}

func pool(cert *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(cert)
	return p
}

// A request has no second copy of its body for anybody to send.
func TestMessage_CannotBeReplayed(t *testing.T) {
	r := refreshAt("https://api.example.com/token")
	m, _ := compose(basic, r)
	req, err := m.request(t.Context(), &gate{body: m.body.Reveal(), now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if req.GetBody != nil || req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != "" {
		t.Error("net/http would take the request for replayable")
	}
	if !newTransport().DisableKeepAlives {
		t.Error("connections are reused")
	}
}
