// Package proxy stands between the functions and the local stand-in for AWS
// and makes it as unkind as AWS is. The stand-in keeps every promise at once:
// its reads are always fresh, its answers are never lost, its Secrets Manager
// has no quotas. Code that is correct only there would pass every local test,
// so the proxy enforces what AWS enforces, loses answers on request, and keeps
// books that a test can read: calls, capacity units, faults, and traps that
// hold a call at a named point while its caller is killed.
//
// DynamoDB, SQS and Secrets Manager calls are understood (AWS JSON protocols,
// told apart by X-Amz-Target). Everything else is streamed through untouched.
// The Host header and the body of every request stay byte for byte what the
// caller signed, because the stand-in checks signatures.
//
// README.md in this folder lists the rules and the admin API.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says where the stand-in is and how unkind to be at the start.
type Config struct {
	// Upstream is the stand-in's base URL, such as "http://127.0.0.1:4566".
	// Required; a path in it is refused, since signatures cover paths.
	Upstream string

	// Settings are the first settings; the admin API changes them later.
	Settings Settings

	// Credentials sign the proxy's own reads (table descriptions, and item
	// images while stale reads are switched on). Zero means no reads of its
	// own: tables are then learned from the CreateTable and DescribeTable
	// answers that pass by, and DynamoDB reads are never made stale.
	Credentials Credentials

	// LogSize is how many calls the request log remembers. Zero means 10,000.
	LogSize int

	// Seed makes faults with a probability repeatable. Zero is a seed, too.
	Seed uint64

	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// Logger receives the proxy's own troubles, never calls. Nil means
	// slog.Default.
	Logger *slog.Logger

	// Observe is told of every item that a DynamoDB call wrote or was refused
	// to write, before its caller hears of it. It must be quick, and safe for
	// concurrent use. Nil means that nobody is told.
	Observe func(Observation)
}

// Proxy is an http.Handler. All its methods may be called concurrently.
type Proxy struct {
	upstream  *url.URL
	transport *http.Transport
	stream    *httputil.ReverseProxy
	now       func() time.Time
	logger    *slog.Logger
	admin     http.Handler
	observer  func(Observation)

	settings atomic.Pointer[Settings]
	callers  callers
	faults   *faults
	traps    *traps
	log      *requestLog
	counts   *counts
	secrets  *secrets
	tables   *tables
	meter    *meter
	stale    *stale

	life  context.Context // ends with Close; late copies hang on it
	end   context.CancelFunc
	later sync.WaitGroup // late copies under way
}

// New makes a proxy. It does not connect to anything yet.
func New(config Config) (*Proxy, error) {
	upstream, err := url.Parse(config.Upstream)
	if err != nil {
		return nil, fmt.Errorf("parsing upstream: %w", err)
	}
	if upstream.Scheme == "" || upstream.Host == "" || strings.Trim(upstream.Path, "/") != "" {
		return nil, fmt.Errorf("upstream %q: want scheme and host alone, such as http://127.0.0.1:4566", config.Upstream)
	}
	p := &Proxy{upstream: upstream, transport: newTransport(), now: config.Now, logger: config.Logger, observer: config.Observe}
	if p.now == nil {
		p.now = time.Now
	}
	if p.logger == nil {
		p.logger = slog.Default()
	}
	p.stream = newStream(upstream, p.transport)
	p.life, p.end = context.WithCancel(context.Background())
	p.settings.Store(&config.Settings)
	p.faults = newFaults(config.Seed)
	p.traps = newTraps()
	p.log = newRequestLog(config.LogSize)
	p.counts = newCounts(p.now())
	p.secrets = newSecrets(p)
	reader := &reader{upstream: upstream, transport: p.transport, credentials: config.Credentials, now: p.now}
	p.tables = newTables(reader, p.now)
	p.meter = newMeter(p.counts)
	p.stale = newStale(p, reader)
	p.admin = p.adminAPI()
	return p, nil
}

// Close drops the copies that have not been sent yet, waits for those under
// way and closes the idle connections. Calls in progress go on.
func (p *Proxy) Close() {
	p.end()
	p.later.Wait()
	p.transport.CloseIdleConnections()
}

// ServeHTTP sorts a request: the admin API, a call that is understood, or
// anything else.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, adminPrefix) {
		p.admin.ServeHTTP(w, r)
		return
	}
	service, operation, ok := understood(r)
	if !ok {
		p.counts.call(passedService(r), operation, http.StatusOK, "")
		p.stream.ServeHTTP(w, r)
		return
	}
	c, err := newCall(r, service, operation)
	if err != nil { // the caller left in the middle of its own body
		p.logger.Debug("request body was cut short", "error", err)
		abort(w)
		return
	}
	defer c.body.release()
	c.function = p.callers.name(c.accessKey, r.UserAgent())
	p.answerCall(w, r, c)
}

// answerCall takes one understood call past the traps and the faults to the
// service. The order is a promise to tests: a caller that is killed in a
// "before" trap has had no effect, one that is killed in an "after" trap has
// had its whole effect, and who has an answer or a reset finds it in the books.
func (p *Proxy) answerCall(w http.ResponseWriter, r *http.Request, c *call) {
	entry := c.entry(p.now())
	var alive bool
	if entry.Point, alive = p.traps.pass(r.Context(), Before, c, p.now); !alive {
		entry.Note = "caller gone while held; not forwarded"
		p.record(entry)
		return
	}
	fault, faulty := p.faults.pick(c)
	if faulty {
		entry.Fault = fault.Kind
	}
	a, err := p.withFault(context.WithoutCancel(r.Context()), fault, c)
	if point, _ := p.traps.pass(r.Context(), After, c, p.now); point != "" {
		entry.Point = point
	}
	if a == nil { // a fault ate the answer, or the stand-in gave none
		entry.Note = resetNote(err)
		p.record(entry)
		abort(w)
		return
	}
	defer a.release()
	entry.Status, entry.Error = a.status, a.errorType
	p.record(entry)
	a.write(w)
}

// service is what the caller would call AWS: the stand-in behind the rules
// that it lacks. Faults and traps are outside of it, so that a call that
// "landed" has landed under the same rules as any other.
func (p *Proxy) service(ctx context.Context, c *call) (*answer, error) {
	switch c.service {
	case serviceSecrets:
		return p.secrets.serve(ctx, c)
	case serviceDynamo:
		return p.dynamo(ctx, c)
	}
	return p.forward(ctx, c)
}

// dynamo forwards a DynamoDB call, charges its capacity by what really
// happened, and only then makes the answer stale.
func (p *Proxy) dynamo(ctx context.Context, c *call) (*answer, error) {
	p.tables.learn(ctx, c)
	writes, began := p.stale.begin(ctx, c), p.now()
	a, err := p.forward(ctx, c)
	p.stale.finish(writes, a)
	if err != nil {
		return nil, err
	}
	p.observe(c, a, began)
	p.tables.watch(c, a)
	p.meter.charge(c, a, p.tables)
	return p.stale.rewrite(c, a, p.tables), nil
}

// record writes a call into the books, before its caller can know of it.
func (p *Proxy) record(e *Entry) {
	e.Millis = p.now().Sub(e.At).Milliseconds()
	p.counts.call(e.Service, e.Operation, e.Status, e.Error)
	p.log.add(*e)
}

func (p *Proxy) current() Settings { return *p.settings.Load() }

func resetNote(err error) string {
	if err == nil || errors.Is(err, context.Canceled) {
		return "connection reset"
	}
	return "connection reset: no answer from the stand-in"
}
