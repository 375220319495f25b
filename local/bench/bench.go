// Package bench measures what Bellhop promises in numbers: how often a refresh
// token is presented however many want its successor, what a refresh costs at
// AWS, what a sweep over a large fleet takes, and how punctual the deployed stack
// is. Ratios and counts are the point: they are the same on every machine; times
// are this one's, and mean something only while it does nothing else.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"bellhop/local/figures"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// Config says where to measure. Root and Out are needed.
type Config struct {
	Root     string // the project's folder, with what `make stage` and `make bench` build
	PortBase int    // see stack.Config
	Out      io.Writer
	// Write replaces the bench's block in docs/figures.md.
	Write bool
}

// Run measures everything on one start of the stack, prints the table and
// writes it into docs/figures.md, also when a goal is missed: that is an error,
// which names what missed it.
func Run(ctx context.Context, c Config) error {
	progress := func(step string) { fmt.Fprintf(os.Stderr, "%s …\n", step) }
	began := time.Now()
	measured, err := measure(ctx, c, progress)
	all := measured.figures()
	if err := errors.Join(err, print(c.Out, all)); err != nil {
		return err // the table has what was measured until then
	}
	if c.Write {
		text := page(all, figures.Stamp(ctx, c.Root, began))
		if err := figures.Write(filepath.Join(c.Root, figures.Page), "bench", text); err != nil {
			return err
		}
	}
	if err := missed(all); err != nil {
		return fmt.Errorf("goals were missed:\n%w", err)
	}
	return nil
}

// measure takes the quiet things first: what contends or crowds comes after what
// is counted.
func measure(ctx context.Context, c Config, progress func(string)) (r results, err error) {
	if r.sweeps, err = sweeps(ctx, c.Root, progress); err != nil {
		return r, err
	}
	s, err := stack.Start(ctx, stack.Config{
		Root: c.Root, PortBase: c.PortBase, Progress: progress, Sandbox: sandbox.Config{AccessTokenLifetime: time.Hour, Seed: 1},
	})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	f, err := newFleet(s)
	if err != nil {
		return r, err
	}
	if r.costs, err = f.costs(ctx, progress); err != nil {
		return r, err
	}
	if r.contentions, err = f.contentions(ctx, c.Root, progress); err != nil {
		return r, err
	}
	r.punctuality, err = f.punctuality(ctx, progress)
	return r, err
}
