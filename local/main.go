// Command bellhop-local runs Bellhop on this machine: `make up`, `make run`,
// `make invoke`, `make build`, `make fuzz` and `make test` call it.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"bellhop/local/stack"
)

// commands is the command line.
type commands struct {
	PortBase int `env:"BELLHOP_PORT_BASE" default:"18640" placeholder:"PORT" help:"First of the five ports on 127.0.0.1 (${default}; $BELLHOP_PORT_BASE)."`

	Show    run       `cmd:"" help:"Show Bellhop at work, and judge it."`
	Up      up        `cmd:"" help:"Start the local stack and keep it until Ctrl-C."`
	Deploy  deploy    `cmd:"" help:"Deploy the template and the functions as built onto the stack that up runs."`
	Invoke  invoke    `cmd:"" help:"Invoke a function on the stack that up runs."`
	Measure measure   `cmd:"" help:"Print each function's size and start time."`
	Watch   watching  `cmd:"" hidden:"" help:"Run go test -json and search what was printed for tokens."`
	Fuzz    fuzzing   `cmd:"" help:"Run every fuzz function of both modules."`
	Bench   benchmark `cmd:"" help:"Measure what is promised in numbers."`
	Torture torment   `cmd:"" help:"Kill, freeze and fail everything while tokens rotate, and read the books."`
}

func (c *commands) config() stack.Config { return stack.Config{PortBase: c.PortBase} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	k := kong.Parse(&c,
		kong.Name("bellhop-local"),
		kong.Description("Bellhop on this machine: the real template on MiniStack, a sandbox in place of the providers."),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.UsageOnError(),
	)
	err := k.Run(&c)
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		os.Exit(interrupted)
	}
	k.FatalIfErrorf(err)
}

// interrupted is what a shell reports of a program that Ctrl-C ended.
const interrupted = 130
