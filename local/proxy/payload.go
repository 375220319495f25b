package proxy

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// buffers are shared by request bodies and answers. A buffer that once grew
// beyond keepBuffer is left to the garbage collector.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const keepBuffer = 1 << 20

func returnBuffer(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// payload is a request's body in a pooled buffer. The transport may still be
// reading it when the answer is already there, and a copy may be sent much
// later, so the buffer goes back to the pool with its last reader.
type payload struct {
	buffer *bytes.Buffer
	refs   atomic.Int32
}

// readPayload reads all of body. The caller owns one reference.
func readPayload(body io.Reader) (*payload, error) {
	p := &payload{buffer: buffers.Get().(*bytes.Buffer)}
	p.refs.Store(1)
	if _, err := p.buffer.ReadFrom(body); err != nil {
		p.release()
		return nil, fmt.Errorf("reading request body: %w", err)
	}
	return p, nil
}

func (p *payload) bytes() []byte { return p.buffer.Bytes() }

func (p *payload) retain() { p.refs.Add(1) }

func (p *payload) release() {
	if p.refs.Add(-1) == 0 {
		returnBuffer(p.buffer)
	}
}

// open is a reader that holds a reference until it is closed, which a
// RoundTripper does exactly when it needs the body no more.
func (p *payload) open() io.ReadCloser {
	p.retain()
	return &payloadReader{Reader: bytes.NewReader(p.bytes()), payload: p}
}

type payloadReader struct {
	*bytes.Reader
	payload *payload
	once    sync.Once
}

// Close gives the payload back, once.
func (r *payloadReader) Close() error {
	r.once.Do(r.payload.release)
	return nil
}
