package fuzz

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// Config says what to run.
type Config struct {
	Root string        // the folder of the tree
	Each time.Duration // for each fuzz function
	// Only narrows by import path and name; nil runs all.
	Only *regexp.Regexp
	// Keep is how many of the inputs that reached new code are put into a
	// fuzzer's testdata, the smallest first, where every `go test` runs them
	// again. Zero keeps none but those that failed, which the go command puts
	// there itself.
	Keep int
	Out  io.Writer
}

// ErrFound says that a fuzz function failed: what failed has been printed.
var ErrFound = errors.New("a fuzz function failed")

// Run runs the fuzz functions one after another. One that fails holds up no
// other; ErrFound tells of it in the end.
func Run(ctx context.Context, c Config) error {
	all, err := Find(ctx, c.Root)
	if err != nil {
		return err
	}
	all = narrowed(all, c.Only)
	if len(all) == 0 {
		return errors.New("no fuzz function has such a name")
	}
	fmt.Fprintf(c.Out, "%d fuzz functions, %v each: about %v\n", len(all), c.Each, time.Duration(len(all))*c.Each)
	var failed []error
	for _, f := range all {
		fmt.Fprintf(c.Out, "\n%s\n", f)
		if err := c.one(ctx, f); err != nil {
			failed = append(failed, fmt.Errorf("%w: %s", ErrFound, f))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.keep(ctx, f); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

func narrowed(all []Fuzzer, only *regexp.Regexp) []Fuzzer {
	var some []Fuzzer
	for _, f := range all {
		if only == nil || only.MatchString(f.String()) {
			some = append(some, f)
		}
	}
	return some
}

// one runs one fuzz function and prints what it says.
func (c Config) one(ctx context.Context, f Fuzzer) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+f.Name+"$", "-fuzztime="+c.Each.String(), f.Package)
	cmd.Dir = f.Module
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends its workers then
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("running %s: %w", f, err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running %s: %w", f, err)
	}
	c.echo(out)
	return cmd.Wait()
}

// saysEvery is how many lines of progress, one in three seconds, make one that
// is printed.
const saysEvery = 20

// echo prints what the go command says: all but the progress, of which a line
// a minute and the last are enough.
func (c Config) echo(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20) // a failing input may be printed whole
	n, last := 0, ""
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "fuzz: elapsed: ") {
			if n++; n%saysEvery != 0 {
				last = line
				continue
			}
		}
		if last != "" && !strings.HasPrefix(line, "fuzz: elapsed: ") {
			fmt.Fprintln(c.Out, "  "+last)
		}
		last = ""
		fmt.Fprintln(c.Out, "  "+line)
	}
	_, _ = io.Copy(io.Discard, out) // a longer line must not stop the command
}
