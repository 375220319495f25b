package main

import (
	"context"
	"os"

	"bellhop/local/watch"
)

// watching is how `make test` runs tests.
type watching struct {
	Record  string   `required:"" placeholder:"FILE" help:"Keeps all that the tests print."`
	Logs    []string `placeholder:"FOLDER" help:"Folders whose *.log files are searched too."`
	Command []string `arg:"" passthrough:"" help:"A go test -json with its arguments."`
}

// Run runs the tests and searches what they printed for tokens.
func (w watching) Run(ctx context.Context) error {
	return watch.Run(ctx, watch.Config{Command: w.Command, Record: w.Record, Logs: w.Logs, Out: os.Stdout})
}
