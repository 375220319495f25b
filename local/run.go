package main

import (
	"context"
	"os"
	"time"

	"bellhop/local/show"
)

// run is `make run`.
type run struct {
	Length      time.Duration `default:"90s" help:"How long rate updates keep coming (${default})."`
	Connections int           `default:"12" help:"Connections, half of them at each provider (${default})."`
	Plans       int           `default:"10" help:"Rate plans of each connection (${default})."`
	Days        int           `default:"90" help:"Nights that are loaded (${default})."`
	Faults      float64       `default:"0.05" help:"Share of the providers' API calls that are throttled or fail (${default})."`
	Versions    int           `default:"2" help:"Versions that a secret may have, so that grants move on to another while one watches (${default}; AWS has 100 a day)."`
	Seed        uint64        `default:"1" help:"Repeats the same choices of the PMS and the same faults (${default})."`
}

// Run shows it.
func (r run) Run(ctx context.Context, c *commands) error {
	return show.Run(ctx, show.Config{
		Length: r.Length, Connections: r.Connections, Plans: r.Plans, Days: r.Days, Faults: r.Faults,
		Versions: r.Versions, Seed: r.Seed, PortBase: c.PortBase, Out: os.Stdout,
	})
}
