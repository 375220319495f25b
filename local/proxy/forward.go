package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// newTransport keeps many connections to one host and adds nothing of its own
// to a request: no compression, no proxy from the environment.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     60 * time.Second, // the stand-in closes after 75 s
		DisableCompression:  true,
		WriteBufferSize:     16 << 10,
		ReadBufferSize:      16 << 10,
	}
}

// newStream passes requests through as they are. Path, query and Host are
// taken over untouched because signatures cover them; ReverseProxy would
// otherwise drop query parameters that it cannot parse.
func newStream(upstream *url.URL, transport http.RoundTripper) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = upstream.Scheme, upstream.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Host = r.In.Host
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = values
				}
			}
		},
		Transport:     transport,
		FlushInterval: -1, // event streams are passed on as they come
		BufferPool:    new(copyBuffers),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			abort(w) // an invented answer could be taken for the service's
		},
	}
}

// copyBuffers is the pool that ReverseProxy copies bodies with.
type copyBuffers struct{ pool sync.Pool }

// Get hands out a buffer of 32 KB.
func (b *copyBuffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (b *copyBuffers) Put(buffer []byte) { b.pool.Put(&buffer) }

// forward sends the call to the stand-in and reads its whole answer. An error
// means that nobody knows whether the call took effect.
func (p *Proxy) forward(ctx context.Context, c *call) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.upstream.Scheme+"://"+p.upstream.Host+c.uri, nil)
	if err != nil {
		return nil, fmt.Errorf("addressing %s: %w", c.uri, err)
	}
	request.Host = c.host
	request.Header = c.header.Clone()
	dropHopHeaders(request.Header)
	request.Body = c.body.open()
	request.GetBody = func() (io.ReadCloser, error) { return c.body.open(), nil }
	request.ContentLength = int64(len(c.body.bytes()))
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("forwarding %s: %w", c.operation, err)
	}
	a, err := readAnswer(response)
	if err != nil {
		return nil, fmt.Errorf("reading the answer to %s: %w", c.operation, err)
	}
	return a, nil
}

// dropHopHeaders removes what belongs to one connection alone (RFC 9110
// section 7.6.1). None of these is ever signed.
func dropHopHeaders(h http.Header) {
	for _, names := range h["Connection"] {
		for name := range strings.SplitSeq(names, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // else the transport adds Go's own
	}
}

// answer is a whole answer of a service.
type answer struct {
	status    int
	header    http.Header
	body      []byte
	errorType string // the exception's short name; empty when status is below 400

	buffer *bytes.Buffer // behind body, when it came from the pool
}

func readAnswer(response *http.Response) (*answer, error) {
	defer response.Body.Close()
	buffer := buffers.Get().(*bytes.Buffer)
	if _, err := buffer.ReadFrom(response.Body); err != nil {
		returnBuffer(buffer)
		return nil, err
	}
	dropHopHeaders(response.Header)
	delete(response.Header, "User-Agent")
	a := &answer{status: response.StatusCode, header: response.Header, body: buffer.Bytes(), buffer: buffer}
	if a.status >= http.StatusBadRequest {
		a.errorType = errorType(a.header, a.body)
	}
	return a, nil
}

// errorType is the exception's name without its namespace, from the header
// that most services send, else from the body.
func errorType(header http.Header, body []byte) string {
	name := header.Get("X-Amzn-Errortype")
	if name == "" {
		var m struct {
			Type string `json:"__type"`
		}
		_ = json.Unmarshal(body, &m)
		name = m.Type
	}
	name, _, _ = strings.Cut(name, ":")
	return name[strings.LastIndexByte(name, '#')+1:]
}

// release gives the buffer back; the answer must not be used afterwards.
func (a *answer) release() {
	if a.buffer != nil {
		returnBuffer(a.buffer)
		a.buffer, a.body = nil, nil
	}
}

func (a *answer) write(w http.ResponseWriter) {
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a caller that left is not our trouble
}

// abort cuts the connection so that the caller sees a reset, not an answer.
func abort(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // not hijackable: net/http cuts it
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST in place of FIN
	}
	_ = connection.Close()
}
