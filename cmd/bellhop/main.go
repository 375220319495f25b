// Command bellhop is the operator's hand: it adds clients and connections,
// shows their state, makes reconnect links and sends rate updates. It works on
// one deployed stack, which it finds by its CloudFormation outputs, on AWS or
// on the local stack alike.
//
// Secrets are read from a prompt or from standard input, never from arguments,
// which shells remember and process lists show.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Stack string `help:"CloudFormation stack to work on." env:"BELLHOP_STACK" default:"bellhop" placeholder:"NAME"`
	JSON  bool   `help:"Print JSON for programs instead of tables for people."`

	Clients struct {
		Add    addClient    `cmd:"" help:"Add our registration at a provider. Asks for what the provider wants to see of us (client secret; user name and password; headers), at a prompt or as lines of standard input."`
		Show   showClient   `cmd:"" help:"Show what a registration's grants share: budgets left, holds, refusals, trouble."`
		List   listClients  `cmd:"" help:"List our registrations."`
		Rotate rotateClient `cmd:"" help:"Change a client secret: store the new one, try it once, promote it or take it back. Reads it from a prompt or standard input."`
	} `cmd:"" help:"Registrations (client id, secret, redirect URI) at providers."`
	Connections struct {
		Add      addConnection     `cmd:"" help:"Connect a property to a provider. Prints the PMS's signing secret, once."`
		List     listConnections   `cmd:"" help:"List connections with their state."`
		Show     showConnection    `cmd:"" help:"Show everything about one connection."`
		Enable   enableConnection  `cmd:"" help:"Switch a connection's grant on."`
		Disable  disableConnection `cmd:"" help:"Switch a connection's grant off: updates are taken in, nothing is sent or refreshed."`
		Link     linkConnection    `cmd:"" help:"Make a reconnect link for the owner."`
		Retry    retryConnection   `cmd:"" help:"Present the credential of a connection that waits for its owner once more."`
		Move     moveConnection    `cmd:"" help:"Let its token pairs live elsewhere from the next refresh on."`
		Remove   removeConnection  `cmd:"" help:"Remove a connection, and its grant if no other uses it."`
		Expiring expiring          `cmd:"" help:"List the grants whose refresh tokens die of age, the next one first."`
	} `cmd:"" help:"Properties at providers."`
	Keys struct {
		List   listKeys   `cmd:"" help:"List the keys that token pairs are sealed with, and what each still seals."`
		Rotate rotateKeys `cmd:"" help:"Add a key, make it current, and reseal the signing secrets. Refreshes reseal the pairs."`
		Retire retireKey  `cmd:"" help:"Remove a former key. Refuses while anything is sealed with it."`
	} `cmd:"" help:"The key set that pairs and signing secrets are sealed with."`
	Rates struct {
		Send sendRates `cmd:"" help:"Send a rate update, as the PMS would, to the rates queue."`
	} `cmd:"" help:"Rates."`
}

// Exit codes, so that a script can tell what went wrong. README.md lists them.
const (
	exitOK      = 0
	exitFailed  = 1 // something did not work, cannot be just now, or is not known: try again, or read the message
	exitUsage   = 2 // the command line is wrong, or a secret that was asked for is empty
	exitUnknown = 3 // what was named does not exist
	exitRefused = 4 // what was asked is not allowed, or exists already
)

func main() {
	ctx, stop := untilAsked(context.Background())
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, openStack)
	stop()
	os.Exit(code)
}

// untilAsked returns a context that ends when the process is asked to end: at
// the keyboard, by a pipeline that is cancelled, or with its terminal, unless
// nohup says otherwise. What must not be cut in two, a request and the commit of
// its answer, goes on to its end.
func untilAsked(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signal.NotifyContext(ctx, signals...)
}

// open finds a stack and returns the desk that works on it.
type open func(ctx context.Context, stack string) (*desk, error)

// run parses and carries out one command and returns its exit code. The stack
// is opened after the command line has been understood, so that help and usage
// errors need no network.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer, open open) (code int) {
	var c cli
	parser, err := kong.New(&c, kong.Name("bellhop"), kong.Writers(out, errs),
		kong.Description("Keeps the OAuth connections of hotels alive and carries their rates to channel managers."),
		kong.UsageOnError(), kong.Exit(func(n int) { panic(exit(n)) }))
	if err != nil {
		fmt.Fprintln(errs, "bellhop:", err)
		return exitFailed
	}
	defer func() {
		if e, ok := recover().(exit); ok {
			code = int(e) // --help has printed and asked to stop
		}
	}()
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errs, "bellhop: %v (see bellhop --help)\n", err)
		return exitUsage
	}
	return carryOut(ctx, command, &c, in, out, errs, open)
}

// exit unwinds kong's request to leave without ending the process, so that run
// can be tested.
type exit int

func carryOut(ctx context.Context, command *kong.Context, c *cli, in io.Reader, out, errs io.Writer, open open) int {
	d, err := open(ctx, c.Stack)
	if err == nil {
		d.in, d.out, d.errs, d.json = in, out, errs, c.JSON
		command.BindTo(ctx, (*context.Context)(nil))
		err = command.Run(d)
	}
	if err != nil {
		fmt.Fprintln(errs, "bellhop:", err)
	}
	return exitCode(err)
}

// exitCode puts an error into one of the codes above.
func exitCode(err error) int {
	var r *refusal
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errEmpty):
		return exitUsage
	case isUnknown(err):
		return exitUnknown
	case errors.As(err, &r) || isTaken(err):
		return exitRefused
	}
	return exitFailed
}
