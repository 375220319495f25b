// Package sandbox plays two hospitality providers over real HTTP on loopback,
// so that Bellhop can be watched and judged without any vendor's account:
//
//   - generic, under /generic: client credentials, JWT access tokens, a batch
//     rates API with Idempotency-Key and optional jobs;
//   - cloudbeds, under /cloudbeds: authorization code with PKCE, opaque access
//     tokens, rotating refresh tokens, form-encoded rates and jobs.
//
// It keeps its own books: every token issued and presented, every request,
// every value a cell ever had. Whether the product is right is read from these
// books, never from the product's own tables; therefore this package shares no
// code with the product, and where a choice had to be made it is the stricter
// one. It injects faults on request, and its admin API (see README.md) says
// what the books hold.
//
// The OAuth rules are those of github.com/ory/fosite; only the storage is our
// own, because the library's knows no reuse grace and always kills the former
// access token at a rotation.
package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Config says what the sandbox is at its start. The zero value is usable: no
// clients, no properties, a minute's access tokens, a grace of 30 s.
type Config struct {
	// Now is the clock that every stamp and every expiry is read from; nil
	// means time.Now. Waiting (latency, stalls) always uses real time.
	Now func() time.Time
	// BaseURL is the issuer named in JWT access tokens; empty means
	// "http://localhost".
	BaseURL string
	// AccessTokenLifetime is how long an access token lives; zero means 60 s.
	AccessTokenLifetime time.Duration
	// RefreshTokenLifetime is how long an unused refresh token lives; zero
	// means for ever.
	RefreshTokenLifetime time.Duration
	// ReuseGrace is how long after its rotation a refresh token still
	// answers; zero means 30 s, negative means no grace at all.
	ReuseGrace time.Duration
	// ReuseRefused makes the reuse of a refresh token after the grace a plain
	// refusal. False means reuse detection: the whole family is revoked
	// (RFC 9700, section 4.14.2).
	ReuseRefused bool
	// OldAccessDiesAtRefresh ends a family's former access tokens at each
	// rotation. False lets them live until they expire.
	OldAccessDiesAtRefresh bool
	// JobDelay is the time between accepting a job and finishing it; zero
	// means 500 ms.
	JobDelay time.Duration
	// PageSize is the number of items on one page of generic's read-back;
	// zero means 200.
	PageSize int
	// Seed makes the choice of faults repeatable; zero is a seed like any
	// other.
	Seed uint64
	// Clients are the registrations known from the start.
	Clients []Client
	// Properties are the hotels known from the start.
	Properties []Property
}

// Server is the sandbox: an http.Handler that serves both providers and the
// admin API. It is safe for concurrent use.
type Server struct {
	now      func() time.Time
	baseURL  string
	pageSize int
	seed     uint64
	mux      *http.ServeMux
	closing  chan struct{} // closed when Serve ends; cuts waits short

	// mu guards everything below. Acting on a request happens wholly under
	// it, so two presentations of one refresh token cannot both be first;
	// nothing waits and nothing is written to a connection while it is held.
	mu         sync.Mutex
	switches   map[Persona]*Switches
	clients    map[Persona]map[string]*Client
	properties map[Persona]map[string]*Property
	providers  map[Persona]*provider
	books      *books
	cells      *cells
	jobs       map[string]*job
	replays    map[replayKey]replay
	paces      map[propertyKey][]int64
	faults     []*Fault
	faultCount int
}

// New returns a sandbox. It panics when a client or property of the Config is
// not usable, because that is a mistake in the program that wrote it; the
// admin API reports the same mistakes as errors.
func New(c Config) *Server {
	s := &Server{
		now:      c.Now,
		baseURL:  cmp.Or(c.BaseURL, "http://localhost"),
		pageSize: cmp.Or(c.PageSize, 200),
		seed:     c.Seed,
		closing:  make(chan struct{}),
		switches: map[Persona]*Switches{Generic: c.switches(), Cloudbeds: c.switches()},
		clients:  map[Persona]map[string]*Client{Generic: {}, Cloudbeds: {}},
		properties: map[Persona]map[string]*Property{
			Generic: {}, Cloudbeds: {},
		},
		books:   newBooks(),
		cells:   newCells(),
		jobs:    map[string]*job{},
		replays: map[replayKey]replay{},
		paces:   map[propertyKey][]int64{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.providers = map[Persona]*provider{
		Generic: s.newGenericProvider(), Cloudbeds: s.newCloudbedsProvider(),
	}
	s.mux = s.routes()
	if err := s.register(c.Clients, c.Properties); err != nil {
		panic("sandbox: " + err.Error())
	}
	return s
}

func (c Config) switches() *Switches {
	reuse := ReuseDetect
	if c.ReuseRefused {
		reuse = ReuseRefuse
	}
	return &Switches{
		AccessTokenLifetime:    cmp.Or(c.AccessTokenLifetime, time.Minute).Milliseconds(),
		RefreshTokenLifetime:   c.RefreshTokenLifetime.Milliseconds(),
		ReuseGrace:             max(0, cmp.Or(c.ReuseGrace, 30*time.Second).Milliseconds()),
		Reuse:                  reuse,
		OldAccessDiesAtRefresh: c.OldAccessDiesAtRefresh,
		JobDelay:               cmp.Or(c.JobDelay, 500*time.Millisecond).Milliseconds(),
	}
}

func (s *Server) register(clients []Client, properties []Property) error {
	var problems []error
	for _, c := range clients {
		problems = append(problems, s.addClient(c))
	}
	for _, p := range properties {
		problems = append(problems, s.addProperty(p))
	}
	return errors.Join(problems...)
}

// ServeHTTP answers a request to either provider or to the admin API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Serve listens on addr, for example "127.0.0.1:8780", until ctx is done, then
// lets running requests end for two seconds. It refuses any address that is
// not loopback, because the admin API has no authentication and hands out
// every token. It returns nil after ctx is done, and must be called at most
// once.
func (s *Server) Serve(ctx context.Context, addr string) error {
	if err := loopbackOnly(addr); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", addr, err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		close(s.closing)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // a stalled fault must not keep the program alive
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", addr, err)
	}
	<-stopped
	return nil
}

// loopbackOnly refuses addr unless its host is a loopback address. A name is
// refused too, except localhost: what a name resolves to may change.
func loopbackOnly(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("reading the address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("refusing to listen on %q: the sandbox serves loopback only", addr)
}
