// Package watch runs the tests of `make test`: people see what `go test` shows,
// a file keeps all that the tests printed, those that pass included, and
// when they are done the file is searched for tokens that fakes and the sandbox
// issued.
package watch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"bellhop/shared/secrettest"
)

// Config says what to run and what to search.
type Config struct {
	// Command is a `go test -json`, with its arguments.
	Command []string
	// Record is the file that keeps what was printed.
	Record string
	// Logs are folders whose *.log files are searched too; one that is not
	// there holds none.
	Logs []string
	Out  io.Writer
}

// ErrToken says that a token was found in what was printed.
var ErrToken = errors.New("a token was printed")

// Run runs the command and searches. It returns the command's own error, if
// any, and [ErrToken] beside it.
func Run(ctx context.Context, c Config) error {
	if err := os.MkdirAll(filepath.Dir(c.Record), 0o755); err != nil {
		return err
	}
	record, err := os.Create(c.Record)
	if err != nil {
		return err
	}
	ran := c.run(ctx, record)
	if err := record.Close(); err != nil {
		return errors.Join(ran, fmt.Errorf("keeping what was printed: %w", err))
	}
	return errors.Join(ran, c.search())
}

// run starts the command and follows its output to the end.
func (c Config) run(ctx context.Context, record io.Writer) error {
	cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it started
	cmd.Stderr = io.MultiWriter(c.Out, record)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	followed := c.follow(out, record)
	return errors.Join(followed, cmd.Wait())
}

// line is one event of `go test -json` (go doc test2json).
type line struct {
	Action, Package, Test, Output string
}

// follow records every output and shows what `go test` would: each package's
// verdict, and what packages and tests that failed have said.
func (c Config) follow(out io.Reader, record io.Writer) error {
	kept := map[[2]string]*strings.Builder{} // output of tests and packages that are not done
	lines := bufio.NewReader(out)
	for {
		raw, err := lines.ReadBytes('\n')
		if len(raw) > 0 {
			c.take(raw, kept, record)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("following the tests: %w", err)
		}
	}
}

func (c Config) take(raw []byte, kept map[[2]string]*strings.Builder, record io.Writer) {
	var l line
	if err := json.Unmarshal(raw, &l); err != nil {
		l = line{Output: string(raw)} // not of the test command's: shown as it is
	}
	_, _ = io.WriteString(record, l.Output)
	at := [2]string{l.Package, l.Test}
	switch {
	case l.Package == "" || l.Test == "" && verdict(l.Output):
		if strings.HasPrefix(l.Output, "FAIL\t") {
			c.show(kept, at)
		}
		_, _ = io.WriteString(c.Out, l.Output)
	case l.Action == "fail":
		c.show(kept, at)
	case l.Action == "pass", l.Action == "skip":
		delete(kept, at)
	case l.Output != "" && !strings.HasPrefix(l.Output, "=== "):
		if kept[at] == nil {
			kept[at] = &strings.Builder{}
		}
		kept[at].WriteString(l.Output)
	}
}

// verdict reports whether an output is a package's last line.
func verdict(output string) bool {
	for _, begin := range []string{"ok  \t", "FAIL\t", "?   \t"} {
		if strings.HasPrefix(output, begin) {
			return true
		}
	}
	return false
}

// show prints what was kept, and forgets it.
func (c Config) show(kept map[[2]string]*strings.Builder, at [2]string) {
	if b := kept[at]; b != nil {
		_, _ = io.WriteString(c.Out, b.String())
	}
	delete(kept, at)
}

// search looks for tokens in the record and the logs, and shows where they are,
// without them.
func (c Config) search() error {
	files := []string{c.Record}
	for _, folder := range c.Logs {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".log") {
				files = append(files, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("looking for logs: %w", err)
		}
	}
	var found []error
	size := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("searching for tokens: %w", err)
		}
		size += len(text)
		for n, row := range bytes.Split(text, []byte("\n")) {
			if secrettest.Find(row) >= 0 {
				found = append(found, fmt.Errorf("%w: %s:%d: %s", ErrToken, file, n+1, secrettest.Masked(row)))
			}
		}
	}
	fmt.Fprintf(c.Out, "searched for tokens: %d files, %d KB, %d found\n", len(files), size>>10, len(found))
	return errors.Join(found...)
}
