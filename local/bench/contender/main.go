// Command contender is one process of many that need the same token: its
// workers contend for one grant until a time is over, with Bellhop's refresh
// cycle or with golang.org/x/oauth2. The providers' books say what came of it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// task is what a contender reads from its standard input: no token is in its
// arguments or in its environment.
type task struct {
	With    string // "bellhop" or "x/oauth2"
	Workers int
	Until   time.Time

	// For Bellhop: the grant and where it lives. AWS is in the environment.
	Grant, GrantsTable, KeysSecret, SecretsPrefix string

	// For x/oauth2: the pair that every process starts with, and who we are.
	TokenURL, ClientID, ClientSecret string
	Access, Refresh                  string
	Expires                          time.Time
}

// tally is what the workers of one process met.
type tally struct {
	Tries     int // of a worker to get the token renewed
	Exchanges int // that brought a pair
	Failures  int // errors that a worker was told
}

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "contender:", err)
		os.Exit(1)
	}
}

// run contends and writes its tally.
func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		return fmt.Errorf("reading the task: %w", err)
	}
	ctx, cancel := context.WithDeadline(ctx, t.Until)
	defer cancel()
	var came tally
	var err error
	switch t.With {
	case "bellhop":
		came, err = contendWithBellhop(ctx, t)
	case "x/oauth2":
		came = contendWithOAuth2(ctx, t)
	default:
		err = fmt.Errorf("nobody contends with %q", t.With)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(came)
}
