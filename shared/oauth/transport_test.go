package oauth

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Reset in the middle of the answer: the head says 200, the pair is lost.
func TestExchange_AnswerCutShort(t *testing.T) {
	for name, head := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + good[:80],
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n" + good[:80],
		"head":    "HTTP/1.1 200 OK\r\nContent-Le",
	} {
		r := newRaw(t, func(conn net.Conn, r *raw) {
			if r.readPost(bufio.NewReader(conn)) {
				_, _ = io.WriteString(conn, head)
			}
		})
		if out := NewClient(Config{}).Exchange(t.Context(), basic, refreshAt(r.addr)); out.Class != Unknown {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
}

// A status that says "not spent" says so even when its body is lost.
func TestExchange_RefusalCutShort(t *testing.T) {
	r := newRaw(t, func(conn net.Conn, r *raw) {
		if r.readPost(bufio.NewReader(conn)) {
			_, _ = io.WriteString(conn, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 500\r\n\r\n{")
		}
	})
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	out := NewClient(Config{Now: func() time.Time { return now }}).Exchange(t.Context(), basic, refreshAt(r.addr))
	if out.Class != Throttled || !out.RetryAt.Equal(now.Add(7*time.Second)) || out.Cause != "cut_short" {
		t.Errorf("outcome is %+v", out)
	}
}

func TestExchange_TimeoutAfterSending(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	r := newRaw(t, func(conn net.Conn, r *raw) { r.readPost(bufio.NewReader(conn)); <-release })
	out := NewClient(Config{Timeout: 100 * time.Millisecond}).Exchange(t.Context(), basic, refreshAt(r.addr))
	if out.Class != Unknown || out.Cause != "timeout" {
		t.Errorf("outcome is %+v", out)
	}
}

// The time runs out while the body is on its way.
func TestExchange_TimeoutWhileReading(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	r := newRaw(t, func(conn net.Conn, r *raw) {
		r.readPost(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
		<-release
	})
	out := NewClient(Config{Timeout: 100 * time.Millisecond}).Exchange(t.Context(), basic, refreshAt(r.addr))
	if out.Class != Unknown || out.Status != 200 || out.Cause != "cut_short" {
		t.Errorf("outcome is %+v", out)
	}
}

// Each of these ends before the endpoint can have seen anything.
func TestExchange_NotSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	distrusted := httptest.NewUnstartedServer(says(200, good))
	distrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	distrusted.StartTLS()
	defer distrusted.Close()
	mute := newRaw(t, func(conn net.Conn, _ *raw) { _, _ = io.Copy(io.Discard, conn) })

	for name, row := range map[string]struct{ endpoint, cause string }{
		"nobody listens":       {"http://" + closed.Addr().String(), "connect"},
		"no such host":         {"https://token.invalid/", "connect"},
		"certificate":          {distrusted.URL, "connect"},
		"handshake unanswered": {strings.Replace(mute.addr, "http://", "https://", 1), "timeout"},
	} {
		out := NewClient(Config{Timeout: 300 * time.Millisecond}).Exchange(t.Context(), basic, refreshAt(row.endpoint))
		if out.Class != NotSent || out.Class.Spent() {
			t.Errorf("%s: outcome is %+v", name, out)
		}
		if out.Cause != row.cause && name != "no such host" { // a resolver may be slow here
			t.Errorf("%s: cause is %q, want %q", name, out.Cause, row.cause)
		}
	}
}

func TestExchange_CancelledBeforeItBegan(t *testing.T) {
	p := newProvider(t, says(200, good))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out := NewClient(Config{}).Exchange(ctx, basic, refreshAt(p.URL)); out.Class != NotSent || len(p.requests()) != 0 {
		t.Errorf("outcome is %+v after %d requests", out, len(p.requests()))
	}
}

// The process was frozen between taking its lease and sending: the wall clock
// has moved on, and nothing may leave.
func TestExchange_LeaseOverBeforeTheRequestIsWritten(t *testing.T) {
	deadline := time.Date(2026, 11, 21, 8, 0, 7, 0, time.UTC)
	for _, row := range []struct {
		name string
		now  time.Time
		want Class
	}{
		{"a nanosecond before", deadline.Add(-1), Issued},
		{"at it", deadline, NotSent},
		{"a nanosecond after", deadline.Add(1), NotSent},
		{"an hour after", deadline.Add(time.Hour), NotSent},
	} {
		p := newProvider(t, says(200, good))
		r := refreshAt(p.URL)
		r.Deadline = deadline
		out := NewClient(Config{Now: func() time.Time { return row.now }}).Exchange(t.Context(), basic, r)
		if out.Class != row.want {
			t.Errorf("%s: outcome is %+v", row.name, out)
		}
		if sent := len(p.requests()) > 0; sent != (row.want == Issued) {
			t.Errorf("%s: sent is %v", row.name, sent)
		}
		if row.want == NotSent && out.Cause != "late" {
			t.Errorf("%s: cause is %q", row.name, out.Cause)
		}
	}
}

// The clock is read when the connection is there, not when the exchange began:
// dialling may have taken the whole lease.
func TestExchange_ClockIsReadAfterDialling(t *testing.T) {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	var dialled atomic.Bool
	p := newProvider(t, says(200, good))
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
	r := refreshAt(p.URL)
	r.Deadline = start.Add(time.Second)
	if out := c.Exchange(t.Context(), basic, r); out.Class != NotSent || out.Cause != "late" || len(p.requests()) != 0 {
		t.Errorf("outcome is %+v", out)
	}
}

// A monotonic reading must not hide that the wall clock has passed the lease.
func TestWall_StripsTheMonotonicReading(t *testing.T) {
	if s := wall(time.Now()).String(); strings.Contains(s, "m=") {
		t.Errorf("%s still has a monotonic reading", s)
	}
}

func TestGate_ShutMeansNothingLeft(t *testing.T) {
	g := &gate{body: "refresh_token=" + refreshOne, now: time.Now}
	if !g.shut() {
		t.Error("a gate that nothing passed says that something did")
	}
	if n, err := g.Read(make([]byte, 8)); n != 0 || !errors.Is(err, errShut) {
		t.Errorf("read %d bytes through a shut gate, %v", n, err)
	}
	open := &gate{body: "refresh_token=" + refreshOne, now: time.Now}
	if b, err := io.ReadAll(open); err != nil || string(b) != open.body {
		t.Errorf("read %q, %v", b, err)
	}
	if open.shut() {
		t.Error("a gate that was passed says that nothing left")
	}
}

// A gateway refuses on the head alone. What it says counts, and where it says
// nothing, nothing was sent.
func TestExchange_AnswerToTheHeadAlone(t *testing.T) {
	for status, want := range map[string]Class{"429 Too Many Requests": Throttled, "502 Bad Gateway": NotSent} {
		r := newRaw(t, func(conn net.Conn, _ *raw) {
			b := bufio.NewReader(conn)
			for line := ""; line != "\r\n"; {
				var err error
				if line, err = b.ReadString('\n'); err != nil {
					return
				}
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		})
		c := NewClient(Config{Timeout: time.Second})
		held := &holding{RoundTripper: c.http, until: make(chan struct{})}
		t.Cleanup(func() { close(held.until) })
		c.http = held
		if out := c.Exchange(t.Context(), basic, refreshAt(r.addr)); out.Class != want {
			t.Errorf("%s: outcome is %+v", status, out)
		}
	}
}

// holding keeps every body from being read, so that the head goes alone.
type holding struct {
	http.RoundTripper
	until chan struct{}
}

func (h *holding) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Body = &held{r.Body, h.until}
	return h.RoundTripper.RoundTrip(r)
}

type held struct {
	io.ReadCloser
	until chan struct{}
}

func (h *held) Read(p []byte) (int, error) {
	<-h.until
	return h.ReadCloser.Read(p)
}

// Interim answers (RFC 9110 section 15.2) are not the answer.
func TestExchange_InterimAnswer(t *testing.T) {
	r := newRaw(t, func(conn net.Conn, r *raw) {
		if r.readPost(bufio.NewReader(conn)) {
			_, _ = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n\r\n"+goodAnswer)
		}
	})
	if out := NewClient(Config{}).Exchange(t.Context(), basic, refreshAt(r.addr)); out.Class != Issued {
		t.Errorf("outcome is %+v", out)
	}
}
