// Package show is `make run`: about ninety seconds in the life of Bellhop, on
// the real template and the real functions, told as they happen and judged at
// the end.
//
// It plays everybody around the product: the operator at the command line, the
// hotels' owners in their browsers, the PMS, the operations team that gets the
// alerts, and the weather between all of them. It knows the product from the
// outside alone: the command, the queue, the HTTP API, the alerts, the logs.
// The judgement is not taken from Bellhop's own tables but from the books of
// the sandbox that plays the providers.
package show

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// Config says what is shown.
type Config struct {
	// Length is how long rate updates keep coming; what precedes it (start,
	// consents, the initial load) and what follows it come on top.
	Length time.Duration
	// Connections is how many there are: half of them at each provider, two
	// of them for each hotel.
	Connections int
	// Plans and Days are the size of the initial load of each connection.
	Plans, Days int
	// Faults is the share of the providers' API calls that are throttled or
	// fail, from 0 to 1.
	Faults float64
	// Versions is how many versions the stand-in for Secrets Manager lets a
	// secret have. AWS has 100 a day; with few of them, grants move on to new
	// secrets within the minutes of a show.
	Versions int
	// Seed makes the PMS's choices and the provider's faults repeatable.
	Seed uint64
	// PortBase is the first of the ports; zero means stack.DefaultPortBase.
	PortBase int
	// Out is where it is shown. A terminal gets colours and a line that moves.
	Out io.Writer
}

// check reports everything about the configuration that cannot be shown.
func (c Config) check() error {
	var problems []error
	for _, p := range []struct {
		wrong bool
		text  string
	}{
		{c.Length < 30*time.Second, fmt.Sprintf("length %s: a 60-second token needs at least 30s to be seen rotating", c.Length)},
		{c.Connections < 2 || c.Connections > 2*len(guestbook), fmt.Sprintf("connections %d: want 2 to %d", c.Connections, 2*len(guestbook))},
		{c.Plans < 1 || c.Plans > len(rooms)*len(plans), fmt.Sprintf("plans %d: want 1 to %d", c.Plans, len(rooms)*len(plans))},
		{c.Days < 7 || c.Days > 365, fmt.Sprintf("days %d: want 7 to 365", c.Days)},
		{c.Faults < 0 || c.Faults > 0.5, fmt.Sprintf("faults %g: want a share from 0 to 0.5", c.Faults)},
		{c.Versions < 2, fmt.Sprintf("versions %d: a secret needs at least 2", c.Versions)},
	} {
		if p.wrong {
			problems = append(problems, errors.New(p.text))
		}
	}
	return errors.Join(problems...)
}

// show is one run.
type show struct {
	config      Config
	screen      *screen
	connections []*connection
	clients     []*client
	stack       *stack.Stack
	books       *sandbox.Admin
	operator    *operator
	pms         *pms
	ops         *ops
	weather     *weather
	pages       transcript // what the owners' browsers were shown

	episode  episode // the consent that is withdrawn
	readback readbacks
	blunders blunder
	reports  transcript // of the rejected queue
}

// Run shows everything and returns an error when something did not work or is
// not as promised. Everything that it started has ended when it returns, also
// when ctx ends in the middle.
func Run(ctx context.Context, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	s := &show{config: c, screen: newScreen(c.Out)}
	defer s.screen.close()
	s.connections = connections(c)
	s.screen.title(fmt.Sprintf("Bellhop: %d connections at two providers, %.0f seconds of their life", c.Connections, c.Length.Seconds()))
	err := s.run(ctx)
	if s.stack != nil {
		err = errors.Join(err, s.stack.Stop())
	}
	if err != nil && ctx.Err() != nil {
		s.screen.say(stage, "interrupted; everything is stopped")
		return ctx.Err()
	}
	return err
}

// run is the order of the acts.
func (s *show) run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(s.stack.Wait(ctx)) }() // a component that ends by itself ends the show
	for _, act := range []func(context.Context) error{
		s.connect, s.live, s.settle, s.readBack,
	} {
		if err := act(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause // the act has only seen that it must stop
			}
			return err
		}
	}
	return s.audit(ctx)
}

// lag is for how long AWS may show what was before a write, wherever a read was
// not asked to be consistent. Its documentation says "usually within one
// second"; most reads are fresher.
const lag = proxy.Milliseconds(300)

// open starts the stack.
func (s *show) open(ctx context.Context) error {
	var err error
	ports := s.config.PortBase
	if ports == 0 {
		ports = stack.DefaultPortBase
	}
	s.ops = newOps(ports + 4)
	s.clients = clients(ports + 2)
	began := time.Now()
	s.stack, err = stack.Start(ctx, stack.Config{
		PortBase:   s.config.PortBase,
		Parameters: s.ops.parameters(),
		Proxy:      proxy.Settings{VersionQuota: s.config.Versions, SecretDelay: lag, IndexDelay: lag, ReadDelay: lag},
		Sandbox: sandbox.Config{
			AccessTokenLifetime: time.Minute, ReuseGrace: reuseGrace, Seed: s.config.Seed,
			Clients: registrations(s.clients), Properties: properties(s.connections),
		},
		Progress: func(step string) { s.screen.live(step + " …") },
	})
	if err != nil {
		return err
	}
	if err := s.ops.listen(ctx, s.stack.Ports.Alerts); err != nil {
		return err
	}
	s.books = &sandbox.Admin{BaseURL: fmt.Sprintf("http://127.0.0.1:%d", s.stack.Ports.Sandbox), HTTP: &http.Client{Timeout: 30 * time.Second}}
	root := filepath.Dir(filepath.Dir(filepath.Dir(s.stack.Folder))) // it lies in .local/run
	s.operator = &operator{program: filepath.Join(root, ".local", "bin", "bellhop"), environment: s.stack.Environment(), screen: s.screen}
	s.pms = newPMS(s.stack, s.connections, s.config, rand.New(rand.NewPCG(s.config.Seed, 0)))
	s.weather = &weather{books: s.books, proxy: s.stack.Proxy, share: s.config.Faults, spare: s.spare()}
	s.screen.say(stage, "MiniStack, sandbox and proxy are up, reads of AWS lag %d ms; template.yaml is deployed by sam deploy (%s)", lag, brief(time.Since(began)))
	return nil
}
