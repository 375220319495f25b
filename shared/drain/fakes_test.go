package drain

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"bellhop/shared/dialect"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
	"bellhop/shared/wake"
)

// clock is a time that only sleeping moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.advance(d)
	return ctx.Err()
}

// fakeGrants are TOKEN items that a test changes at will.
type fakeGrants struct {
	mu     sync.Mutex
	items  map[grant.ID]grant.Grant
	judged []grant.JudgeWrite
	hasten []grant.HastenWrite
	// onRead, when set, may change the item before it is read.
	onRead func(g *grant.Grant)
}

func (f *fakeGrants) Read(_ context.Context, id grant.ID) (grant.Grant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, ok := f.items[id]
	if !ok {
		return grant.Grant{}, grant.ErrNotFound
	}
	if f.onRead != nil {
		f.onRead(&g)
		f.items[id] = g
	}
	return g, nil
}

func (f *fakeGrants) Judge(_ context.Context, w grant.JudgeWrite) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.items[w.ID]
	if g.Generation != w.Presented || g.Health != grant.OK || g.Lease != nil {
		return &grant.Conflict{Write: "judge", Current: g}
	}
	g.Health, g.Reason, g.Missing = w.Health, w.Reason, w.Missing
	f.items[w.ID] = g
	f.judged = append(f.judged, w)
	return nil
}

func (f *fakeGrants) Hasten(_ context.Context, w grant.HastenWrite) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hasten = append(f.hasten, w)
	return nil
}

func (f *fakeGrants) change(id grant.ID, change func(*grant.Grant)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.items[id]
	change(&g)
	f.items[id] = g
}

// accessOf is the token of a generation: what the fake vault opens and the
// hotel's provider knows.
func accessOf(g grant.Grant) string {
	return secrettest.Mint(string(g.ID) + ":" + strconv.FormatInt(g.Generation, 10))
}

type fakeVault struct{ opened int }

func (v *fakeVault) Open(_ context.Context, g grant.Grant) (grant.Pair, error) {
	v.opened++
	return grant.Pair{Access: secret.New(accessOf(g))}, nil
}

// mailbox is a queue that keeps what is sent.
type mailbox struct {
	mu   sync.Mutex
	sent []wake.Send
}

func (m *mailbox) Send(_ context.Context, s wake.Send) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, s)
	return nil
}

func (m *mailbox) take() []wake.Send {
	m.mu.Lock()
	defer m.mu.Unlock()
	sent := m.sent
	m.sent = nil
	return sent
}

// wire carries calls to a handler without a network.
type wire struct {
	to  http.Handler
	now func() time.Time
}

func (w wire) Send(ctx context.Context, c dialect.Call, with dialect.Credentials, _ time.Duration) dialect.Answer {
	if ctx.Err() != nil {
		return dialect.Answer{At: w.now()}
	}
	r := httptest.NewRequest(c.Method, c.URL, bytes.NewReader(c.Body))
	r.Header = c.Header.Clone()
	r.Header.Set("Authorization", "Bearer "+with.Access.Reveal())
	if with.KeyHeader != "" {
		r.Header.Set(with.KeyHeader, with.Key)
	}
	rec := httptest.NewRecorder()
	if !serve(w.to, rec, r) {
		return dialect.Answer{Sent: true, At: w.now()} // the connection broke
	}
	return dialect.Answer{Sent: true, Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes(), At: w.now()}
}

// serve runs the handler; false when it cut the connection.
func serve(h http.Handler, rec *httptest.ResponseRecorder, r *http.Request) (answered bool) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			answered = false
		} else if v != nil {
			panic(v)
		}
	}()
	h.ServeHTTP(rec, r)
	return true
}
