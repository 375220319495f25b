package main

import (
	"context"
	"os"
	"regexp"
	"time"

	"bellhop/local/fuzz"
)

// fuzzing is `make fuzz`, from the project's folder.
type fuzzing struct {
	Each time.Duration `default:"30s" help:"For each fuzz function (${default})."`
	Only string        `placeholder:"REGEXP" help:"Only those of this import path and name."`
	Keep int           `help:"Fill each corpus under testdata up to so many inputs (0)."`
}

// Run runs them.
func (f fuzzing) Run(ctx context.Context) error {
	only, err := regexp.Compile(f.Only)
	if err != nil {
		return err
	}
	return fuzz.Run(ctx, fuzz.Config{Root: ".", Each: f.Each, Only: only, Keep: f.Keep, Out: os.Stdout})
}
