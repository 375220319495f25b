package main

import (
	"bufio"
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

// secret asks for what it is called.
func (p *prompt) secret(what string) (secret.Text, error) {
	text, err := p.line(what)
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, fmt.Errorf("reading the %s: %w", what, err)
	}
	if text == "" {
		return secret.Text{}, refuse("the %s is empty: type it at the prompt, or pipe it in as a line", what)
	}
	return secret.New(text), nil
}

func (p *prompt) line(what string) (string, error) {
	if p.terminal == nil {
		line, err := p.lines.ReadString('\n')
		return strings.TrimRight(line, "\r\n"), err
	}
	fmt.Fprintf(p.out, "%s: ", strings.ToUpper(what[:1])+what[1:])
	text, err := term.ReadPassword(int(p.terminal.Fd()))
	fmt.Fprintln(p.out)
	return string(text), err
}
