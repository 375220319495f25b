package main

import (
	"context"
	"os"
	"time"

	"bellhop/local/figures"
	"bellhop/local/torture"
)

// torment is `make torture`.
type torment struct {
	Grants    int           `default:"1500" help:"Grants in the fleet, with tokens of a minute (${default})."`
	Rotations int           `default:"100000" help:"Exchanges that the provider answers with a new pair before the faults end (${default})."`
	Grace     time.Duration `default:"30s" help:"How long a rotated refresh token still answers; 0 for not at all, and reuse revokes (${default})."`
	Kills     int           `help:"Processes killed, at least (one for every 100 rotations)."`
	Stops     int           `help:"Processes stopped past their lease and continued, at least (one for every 2,000 rotations)."`
	Updates   float64       `default:"1" help:"Rate updates a second (${default})."`
	Seed      uint64        `default:"1" help:"Repeats the same choices of the killer and the same faults (${default})."`
	DryRun    bool          `help:"Leave docs/figures.md as it is."`
}

// Run tortures, judges and writes the figures.
func (t torment) Run(ctx context.Context, c *commands) error {
	config := torture.Config{
		Grants: t.Grants, Rotations: t.Rotations, Grace: t.Grace, Kills: t.Kills, Stops: t.Stops,
		Updates: t.Updates, Seed: t.Seed, PortBase: c.PortBase, Out: os.Stdout,
	}
	if !t.DryRun {
		config.Figures = figures.Page
	}
	return torture.Run(ctx, config)
}
