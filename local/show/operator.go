package show

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"bellhop/local/sandbox"
)

// operator is the person at the bellhop command, the very program that works
// on AWS.
type operator struct {
	program     string
	environment []string
	screen      *screen
	seen        transcript // what the command has printed
}

// run runs one command with input on its standard input and returns what it
// printed.
func (o *operator) run(ctx context.Context, input string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, o.program, args...)
	command.Env = o.environment
	command.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 3 * time.Second
	err := command.Run()
	o.seen.add(out.String())
	o.seen.add(errs.String())
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing; `make run` builds it", o.program)
	}
	if err != nil {
		return nil, fmt.Errorf("bellhop %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

// ask runs a command with --json and decodes its answer.
func (o *operator) ask(ctx context.Context, into any, input string, args ...string) error {
	out, err := o.run(ctx, input, append([]string{"--json"}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("reading the answer of bellhop %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// addClient tells Bellhop about one registration.
func (o *operator) addClient(ctx context.Context, c *client, address string) error {
	args := []string{"clients", "add", c.id, "--provider", string(c.Persona), "--client-id", c.ID}
	switch c.Persona {
	case sandbox.Generic:
		args = append(args,
			"--token-url", address+"/generic/oauth/token",
			"--revoke-url", address+"/generic/oauth/revoke",
			"--api-url", address+"/generic")
	case sandbox.Cloudbeds:
		api := address + "/cloudbeds/api/v1.3"
		args = append(args,
			"--token-url", api+"/access_token",
			"--authorize-url", address+"/cloudbeds/oauth/authorize",
			"--revoke-url", address+"/cloudbeds/oauth/revoke",
			"--userinfo-url", api+"/userinfo",
			"--api-url", api,
			"--rotation", "grace", "--grace", reuseGrace.String())
	}
	_, err := o.run(ctx, c.Secret+"\n", args...)
	return err
}

// added is what `connections add` answers.
type added struct {
	SigningSecret string `json:"signing_secret"`
	Link          string `json:"link"` // for the owner; empty where none has to consent
}

// addConnection connects a hotel to a provider.
func (o *operator) addConnection(ctx context.Context, c *connection) (added, error) {
	args := []string{"connections", "add", c.id,
		"--client", c.client, "--property", c.guest.property, "--hotel", c.guest.hotel, "--remote-property", c.remote,
		"--currency", c.guest.currency, "--zone", c.guest.zone,
		"--owner-name", c.guest.owner, "--owner-contact", c.guest.contact, "--revision-is-time"}
	if c.persona == sandbox.Cloudbeds {
		for _, r := range c.rates {
			args = append(args, "--map", r.RoomType+"/"+r.RatePlan+"="+r.ID)
		}
	}
	var a added
	err := o.ask(ctx, &a, "", args...)
	return a, err
}

// state is what `connections show` says about one connection.
type state struct {
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Waiting int    `json:"cells_waiting"`
}

func (o *operator) show(ctx context.Context, c *connection) (state, error) {
	var s state
	err := o.ask(ctx, &s, "", "connections", "show", c.id)
	return s, err
}
