// Package stack starts Bellhop on this machine: the real template, deployed by
// the real `sam deploy` onto MiniStack, between a proxy that is as unkind as
// AWS and a sandbox that plays the providers. `make run`, `make up` and the
// end-to-end tests all stand on it, so that what is shown, what is tested and
// what is deployed are one thing.
//
// Everything listens on loopback, everything it writes lies in one run folder,
// and everything it started ends with it: by Stop, by the end of the context,
// and also when this process is killed and can do nothing any more.
package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
)

// DefaultName is the name of the CloudFormation stack.
const DefaultName = "bellhop"

// Config says what to start. Its zero value starts the project that the
// working directory lies in, on the default ports.
type Config struct {
	// Root is the project's folder, which holds template.yaml, .venv and the
	// bootstraps that `make stage` built. Empty means that it is looked for
	// from the working directory upwards.
	Root string

	// PortBase is the first of the ports; see Ports. Zero means
	// DefaultPortBase.
	PortBase int

	// Name is the CloudFormation stack's. Empty means DefaultName.
	Name string

	// Parameters are given to the template beside those that a local stack
	// needs, which they override.
	Parameters map[string]string

	// Proxy is how unkind the stand-in for AWS is from the start.
	Proxy proxy.Settings

	// Observe is told of every item that is written through the proxy; see
	// proxy.Config. Nil means that nobody is told.
	Observe func(proxy.Observation)

	// Sandbox is what the providers know from the start. Its BaseURL is set.
	Sandbox sandbox.Config

	// Progress is called with a few words before each slow step. Nil means
	// that nobody is told.
	Progress func(step string)
}

// Stack is a running local stack. Its methods may be called concurrently.
type Stack struct {
	// Ports say where everything listens.
	Ports Ports
	// Outputs are what the template says about itself.
	Outputs Outputs
	// Proxy is the client of the proxy's books, faults and traps. It knows
	// the functions by the names in Functions.
	Proxy proxy.Admin
	// Sandbox is the providers themselves.
	Sandbox *sandbox.Server
	// Folder is the run folder: one log a component, wiped at each start.
	Folder string

	config  Config
	aws     clients
	logs    *collector
	proxied *proxy.Proxy
	emu     *group // MiniStack and the functions' processes

	servers  sync.WaitGroup
	shut     context.CancelFunc // ends the listeners and the collector
	failed   chan error         // what ended by itself, at most one kept
	stopOnce sync.Once
	stopErr  error
}

// Start starts everything and deploys the template; it takes about ten
// seconds. When it fails, or when ctx ends before it is done, nothing of it is
// left. When ctx ends later, the stack runs on until Stop.
func Start(ctx context.Context, config Config) (*Stack, error) {
	s, err := prepare(config)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Attach finds a stack that another process runs on the same ports. Its
// Sandbox is nil, it collects no logs, and Stop leaves the stack alone.
func Attach(ctx context.Context, config Config) (*Stack, error) {
	s, err := describe(config)
	if err != nil {
		return nil, err
	}
	if s.Outputs, err = s.aws.outputs(ctx, s.config.Name); err != nil {
		return nil, fmt.Errorf("looking for the stack %s on port %d (is `make up` running?): %w", s.config.Name, s.Ports.MiniStack, err)
	}
	return s, nil
}

// describe fills in what needs no running component.
func describe(config Config) (*Stack, error) {
	root, err := findRoot(config.Root)
	if err != nil {
		return nil, err
	}
	config.Root = root
	config.Name = cmp.Or(config.Name, DefaultName)
	if config.Progress == nil {
		config.Progress = func(string) {}
	}
	ports, err := portsFrom(config.PortBase)
	if err != nil {
		return nil, err
	}
	return &Stack{
		Ports:  ports,
		Proxy:  proxy.Admin{URL: address(ports.AWS)},
		Folder: filepath.Join(root, ".local", "run", fmt.Sprint(ports.AWS)),
		config: config,
		aws:    newClients(address(ports.MiniStack)),
		shut:   func() {},
		failed: make(chan error, 1),
	}, nil
}

// prepare checks what must be there, before anything is started.
func prepare(config Config) (*Stack, error) {
	s, err := describe(config)
	if err != nil {
		return nil, err
	}
	for _, needed := range []string{s.ministack(), s.sam(), s.builtTemplate()} {
		if _, err := os.Stat(needed); err != nil {
			return nil, fmt.Errorf("%s is missing; `make stage` makes it", needed)
		}
	}
	if err := s.Ports.free(); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(s.Folder); err != nil {
		return nil, fmt.Errorf("emptying the run folder: %w", err)
	}
	if err := os.MkdirAll(s.temporary(), 0o700); err != nil {
		return nil, fmt.Errorf("making the run folder: %w", err)
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	serving, shut := context.WithCancel(context.WithoutCancel(ctx))
	s.shut = shut
	s.config.Progress("starting MiniStack")
	if err := s.startMiniStack(ctx); err != nil {
		return err
	}
	if err := s.startProxy(serving); err != nil {
		return err
	}
	s.startSandbox(serving)
	s.config.Progress("deploying template.yaml")
	if err := s.Deploy(ctx); err != nil {
		return err
	}
	if err := s.startFrontDoor(serving); err != nil {
		return err
	}
	s.logs = newCollector(s.aws.logs, s.Folder, s.groups())
	s.servers.Go(func() { s.logs.run(serving) })
	return nil
}

// Deploy deploys the built template with `sam deploy`, once more when it runs
// already, and learns its outputs and functions.
func (s *Stack) Deploy(ctx context.Context) error {
	if err := s.samDeploy(ctx); err != nil {
		return err
	}
	var err error
	if s.Outputs, err = s.aws.outputs(ctx, s.config.Name); err != nil {
		return err
	}
	return s.nameFunctions(ctx)
}

// Stop collects the last log lines and ends everything that Start started. It
// may be called more than once; later calls wait for the first and return the
// same.
func (s *Stack) Stop() error {
	s.stopOnce.Do(func() {
		if s.logs != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			s.logs.collect(ctx)
			cancel()
		}
		if s.emu != nil {
			s.stopErr = s.emu.stop()
		}
		s.shut()
		s.servers.Wait()
		if s.proxied != nil {
			s.proxied.Close()
		}
		_ = os.RemoveAll(s.temporary())
	})
	return s.stopErr
}

// Wait returns nil when ctx ends, and an error when a component ended by
// itself before.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

func (s *Stack) fail(err error) {
	select {
	case s.failed <- err:
	default: // the first one is the cause
	}
}
