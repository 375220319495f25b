package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"bellhop/shared/secret"
)

// prompt asks for secrets, one after another: without echo on a terminal, and
// otherwise as one line each.
type prompt struct {
	terminal *os.File // nil when the input is piped
	lines    *bufio.Reader
	out      io.Writer
}

// longestInput bounds what is read for all secrets together.
const longestInput = 64 << 10

func newPrompt(in io.Reader, out io.Writer) *prompt {
	p := &prompt{lines: bufio.NewReader(io.LimitReader(in, longestInput)), out: out}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal = f
	}
	return p
}

// errEmpty says that nothing was typed or piped in.
var errEmpty = errors.New("is empty: type it at the prompt, or pipe it in as a line")

// secret asks for what it is called.
func (p *prompt) secret(ctx context.Context, what string) (secret.Text, error) {
	text, err := p.line(ctx, what)
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, fmt.Errorf("reading the %s: %w", what, err)
	}
	if text == "" {
		return secret.Text{}, fmt.Errorf("the %s %w", what, errEmpty)
	}
	return secret.New(text), nil
}

// line reads one. The terminal is left as it was found, also when its reader is
// left behind.
func (p *prompt) line(ctx context.Context, what string) (string, error) {
	if p.terminal == nil {
		line, err := await(ctx, func() (string, error) { return p.lines.ReadString('\n') })
		return strings.TrimRight(line, "\r\n"), err
	}
	fd := int(p.terminal.Fd())
	found, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(p.out, "%s: ", strings.ToUpper(what[:1])+what[1:])
	text, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	fmt.Fprintln(p.out)
	return string(text), errors.Join(err, term.Restore(fd, found))
}

// await returns what read returns, or why ctx ended before. To read from a
// person or a pipe heeds no context: that reader is left behind, until the
// process ends.
func await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
