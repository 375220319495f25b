package main

import (
	"context"
	"os"

	"bellhop/local/bench"
)

// benchmark is `make bench`, from the project's folder.
type benchmark struct {
	Write bool `default:"true" negatable:"" help:"Write the result into docs/figures.md."`
}

// Run measures, and fails when a goal is missed.
func (b benchmark) Run(ctx context.Context, c *commands) error {
	return bench.Run(ctx, bench.Config{Root: ".", PortBase: c.PortBase, Out: os.Stdout, Write: b.Write})
}
