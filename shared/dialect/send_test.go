package dialect

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// reply is a server that answers as a test says, and a call to it.
func reply(t *testing.T, h http.HandlerFunc) Call {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Call{Method: http.MethodPost, URL: s.URL + "/push", Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte("rates")}
}

var with = Credentials{Access: secret.New(secrettest.Mint("access-1")), Key: "key-1", KeyHeader: "Idempotency-Key"}

func TestSend_CarriesCallAndCredentials(t *testing.T) {
	c := reply(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != "rates" || r.Header.Get("Authorization") != "Bearer "+secrettest.Mint("access-1") ||
			r.Header.Get("Idempotency-Key") != "key-1" || r.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("request is %v %q", r.Header, body)
		}
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "slow down")
	})
	a := NewSender(nil, time.Now).Send(t.Context(), c, with, time.Second)
	if !a.Sent || a.Status != 429 || string(a.Body) != "slow down" || a.Header.Get("Retry-After") != "3" || a.At.IsZero() || a.Took <= 0 {
		t.Errorf("answer is %+v", a)
	}
}

func TestSend_NoKeyWithoutItsHeader(t *testing.T) {
	c := reply(t, func(_ http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.Contains(strings.ToLower(name), "idempotency") {
				t.Errorf("header %s", name)
			}
		}
	})
	NewSender(nil, time.Now).Send(t.Context(), c, Credentials{Access: secret.New("a"), Key: "k"}, time.Second)
}

func TestSend_RedirectsAreNotFollowed(t *testing.T) {
	asked := 0
	c := reply(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if a := NewSender(nil, time.Now).Send(t.Context(), c, with, time.Second); a.Status != 307 || asked != 1 {
		t.Errorf("answer is %d after %d requests: the token must not travel on", a.Status, asked)
	}
}

func TestSend_TooLongIsCut(t *testing.T) {
	c := reply(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, strings.NewReader(strings.Repeat("x", maxBody+10)), maxBody+10)
	})
	if a := NewSender(nil, time.Now).Send(t.Context(), c, with, 5*time.Second); !a.Cut || len(a.Body) != maxBody {
		t.Errorf("%d bytes, cut %v", len(a.Body), a.Cut)
	}
}

func TestSend_SlowAnswerIsUnknown(t *testing.T) {
	done := make(chan struct{})
	c := reply(t, func(_ http.ResponseWriter, r *http.Request) { <-done })
	defer close(done)
	if a := NewSender(nil, time.Now).Send(t.Context(), c, with, 50*time.Millisecond); !a.Sent || a.Status != 0 {
		t.Errorf("answer is %+v: it was sent, and nobody knows what became of it", a)
	}
}

func TestSend_HalfAnAnswerIsUnknown(t *testing.T) {
	c := reply(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	if a := NewSender(nil, time.Now).Send(t.Context(), c, with, time.Second); !a.Sent || a.Status != 0 || len(a.Body) != 0 {
		t.Errorf("answer is %+v", a)
	}
}

func TestSend_NobodyListensIsNotSent(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	a := NewSender(nil, time.Now).Send(t.Context(), Call{Method: "POST", URL: s.URL, Body: []byte("x")}, with, time.Second)
	if a.Sent || a.Status != 0 {
		t.Errorf("answer is %+v: nothing can have left", a)
	}
}

func TestSend_TokensGoToTLSAndLoopbackAlone(t *testing.T) {
	for _, address := range []string{"http://api.example/push", "ftp://127.0.0.1/", "", "://"} {
		if a := NewSender(forbidden{t}, time.Now).Send(t.Context(), Call{Method: "POST", URL: address}, with, time.Second); a.Sent {
			t.Errorf("sent to %q", address)
		}
	}
}

// forbidden is a transport that nobody may use.
type forbidden struct{ t *testing.T }

func (f forbidden) RoundTrip(r *http.Request) (*http.Response, error) {
	f.t.Errorf("a request to %s", r.URL)
	return nil, io.ErrUnexpectedEOF
}

func TestSend_CancelledBeforeItLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := reply(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	if a := NewSender(nil, time.Now).Send(ctx, c, with, time.Second); a.Sent {
		t.Error("said to be sent")
	}
}

// TestSend_APostIsWrittenOnce is a server that takes a request on a reused
// connection, acts, and cuts it before the first byte of the answer: just where
// net/http would send an idempotent request again by itself.
func TestSend_APostIsWrittenOnce(t *testing.T) {
	var posts atomic.Int32
	url := rawServer(t, func(conn net.Conn, nth int) bool {
		posts.Add(1)
		if nth == 2 {
			return false // acted, and gone
		}
		_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
		return true
	})
	s := NewSender(nil, time.Now)
	c := Call{Method: "POST", URL: url, Body: []byte("rates")}
	if a := s.Send(t.Context(), c, with, time.Second); a.Status != 200 {
		t.Fatalf("answer is %+v", a)
	}
	if a := s.Send(t.Context(), c, with, time.Second); !a.Sent || a.Status != 0 {
		t.Errorf("answer is %+v, want unknown", a)
	}
	if n := posts.Load(); n != 2 {
		t.Errorf("%d requests were written for two sends", n)
	}
}

// TestSend_AClosedConnectionCostsNothing is a server that closes the idle
// connection: the next call was never written on it, so it goes out on another.
func TestSend_AClosedConnectionCostsNothing(t *testing.T) {
	url := rawServer(t, func(conn net.Conn, _ int) bool {
		_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
		return false
	})
	s := NewSender(nil, time.Now)
	for range 3 {
		if a := s.Send(t.Context(), Call{Method: "POST", URL: url, Body: []byte("rates")}, with, time.Second); a.Status != 200 {
			t.Fatalf("answer is %+v", a)
		}
		time.Sleep(20 * time.Millisecond) // the other side's close arrives
	}
}

// rawServer answers requests with its own hands; serve returns false to close
// the connection.
func rawServer(t *testing.T, serve func(conn net.Conn, nth int) bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for nth := 1; ; nth++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if !serve(conn, nth) {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}
