// Package torture is `make torture`: a fleet of grants with tokens of a minute
// on the local stack, whose refreshers and pushers are killed and frozen at
// random and at named points, between an AWS and a provider that fail, for as
// long as it takes to rotate a given number of tokens. Then the faults end,
// everything must come to rest, and the books are read: the provider's, and what
// the table itself has answered to every lease and every commit (see journal).
// Neither believes a word of what the product says about itself.
//
// What it proves is the first two promises of docs/design.md: one exchange for a
// generation, and no rotated token lost. With a grace for reused refresh tokens
// nobody is asked to consent again. Without one a rotated token is dead at once,
// and presenting it again revokes the whole family (RFC 9700, section 4.14.2):
// the provider that forgives least. There an answer that is lost on its way
// costs its owner a click, and nothing else does.
//
// One thing it does not do: strike a grant twice within one grace. A killed
// holder's message comes back after 20 seconds, so a second blow to the same
// recovery takes it beyond 30, and no design could save it. So the killer comes
// in waves and waits in between until what it broke is whole again, and a
// provider's longest silences and cut-off answers have their own times (see
// weather). Within a wave everything goes at once.
package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// Config says how much of it.
type Config struct {
	// Grants is the size of the fleet, one connection and property each.
	Grants int
	// Rotations is how many exchanges the provider answers with a new pair
	// before the faults end.
	Rotations int
	// Grace is for how long a rotated refresh token still answers. Zero means
	// not at all, and reuse revokes the family.
	Grace time.Duration
	// Life is how long the provider's access tokens live; a token is refreshed
	// when two thirds of its life are over. Zero means a minute.
	Life time.Duration
	// Kills and Stops are how many processes are ended with SIGKILL, and how
	// many stopped past their lease and continued, at least. Zero means one for
	// every 100 and for every 2,000 rotations.
	Kills, Stops int
	// Updates is how many rate updates the PMS sends a second, so that pushers
	// read tokens. Zero means none.
	Updates float64
	// Seed makes the killer's and the faults' choices repeatable, as far as
	// processes that race can repeat anything.
	Seed uint64
	// PortBase is the first of the ports; zero means stack.DefaultPortBase.
	PortBase int
	// Figures is the page that the result is written to, by its path from the
	// project's folder; empty writes none.
	Figures string
	// Out is where it is told.
	Out io.Writer
}

// shares of the kills: inside an open attempt, at least, and for each stop.
const (
	rotationsPerKill = 100
	rotationsPerStop = 2000
	openShare        = 5 // one kill in five falls between lease and commit
)

// complete fills in what follows from the rest, and reports everything that
// cannot be done.
func (c Config) complete() (Config, error) {
	var problems []error
	for _, p := range []struct {
		wrong bool
		text  string
	}{
		{c.Grants < 2 || c.Grants > 5000, fmt.Sprintf("grants %d: want 2 to 5000", c.Grants)},
		{c.Rotations < 1, fmt.Sprintf("rotations %d: want 1 or more", c.Rotations)},
		{c.Grace < 0 || c.Grace > 0 && c.Grace < 25*time.Second,
			fmt.Sprintf("grace %s: want 0, or at least 25s: after a crash a token is presented again within 22s", c.Grace)},
		{c.Kills < 0 || c.Stops < 0 || c.Updates < 0, "kills, stops and updates cannot be negative"},
	} {
		if p.wrong {
			problems = append(problems, errors.New(p.text))
		}
	}
	if c.Life == 0 {
		c.Life = time.Minute
	}
	if c.Kills == 0 {
		c.Kills = max(1, c.Rotations/rotationsPerKill)
	}
	if c.Stops == 0 {
		c.Stops = c.Rotations / rotationsPerStop
	}
	return c, errors.Join(problems...)
}

// between is about the time between two refreshes of a grant.
func (c Config) between() time.Duration { return c.Life * 6 / 10 }

// versionQuota is how many versions a secret takes: few, so that every grant
// whose pairs live in Secrets Manager moves on to another secret many times.
const versionQuota = 20

// Settings are how unkind the stand-in for AWS is from the start: secrets fill up
// soon, and what was written to one may be unseen for a while. Reads of the
// tables are fresh here: to make them stale the proxy must read every item before
// it is written, which would be a third of the stand-in's work. The end-to-end
// tests have stale ones.
func Settings() proxy.Settings {
	return proxy.Settings{VersionQuota: versionQuota, SecretDelay: 200}
}

// Run starts a stack, tortures it, ends it, and writes the figures. It returns
// an error when a promise was broken, or when it was too gentle to prove any.
// Everything that it started has ended when it returns, also when ctx ends in
// the middle: then what was reached is told and nothing is written.
func Run(ctx context.Context, c Config) error {
	c, err := c.complete()
	if err != nil {
		return err
	}
	w := NewWitness()
	s, err := start(ctx, c, w)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(s.Wait(running)) }() // a component that ends by itself ends it all
	result, err := On(running, s, w, c)
	if cause := context.Cause(running); err != nil && cause != nil {
		err = cause // the rest has only seen that it must stop
	}
	err = errors.Join(err, s.Stop())
	if err == nil {
		err = result.searchLogs(s.Folder)
	}
	if result != nil {
		result.Print(c.Out)
	}
	if err != nil {
		return err
	}
	return errors.Join(result.write(context.WithoutCancel(ctx), s.Folder), result.Verdict())
}

// start starts the stack, watched by w.
func start(ctx context.Context, c Config, w *Witness) (*stack.Stack, error) {
	fmt.Fprintf(c.Out, "torture: %d grants, %d rotations, grace %s; starting the stack\n", c.Grants, c.Rotations, c.Grace)
	return stack.Start(ctx, stack.Config{
		PortBase: c.PortBase,
		// More environments than the default of a new account: a killed one
		// must not be the queue's only one.
		Parameters: map[string]string{"ReservedConcurrency": "small"},
		Proxy:      Settings(), Observe: w.Observe,
		Sandbox: sandbox.Config{Seed: c.Seed},
	})
}

// Witness is what must watch a stack from its start on; see [On].
type Witness struct{ *journal }

// NewWitness returns one that has seen nothing.
func NewWitness() *Witness { return &Witness{newJournal()} }
