package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"bellhop/local/stack"
)

// up is the stack by itself, to work with by hand.
type up struct{}

// Run starts the stack and waits for Ctrl-C.
func (up) Run(ctx context.Context, c *commands) error {
	config := c.config()
	config.Progress = func(step string) { fmt.Println(step + " …") }
	s, err := stack.Start(ctx, config)
	if err != nil {
		return err
	}
	explain(os.Stdout, s)
	err = s.Wait(ctx)
	fmt.Println("\nstopping …")
	return errors.Join(err, s.Stop())
}

// explain says where everything is and how to reach it.
func explain(w io.Writer, s *stack.Stack) {
	fmt.Fprintf(w, `
Bellhop is up; Ctrl-C ends it and leaves nothing behind.

  HTTP API     %[1]s
  sandbox      http://127.0.0.1:%[2]d    (both providers, and their books)
  AWS          %[3]s    (through the proxy; its books are at /_proxy/counts)
  logs         %[4]s

To point the bellhop command, the AWS CLI or an SDK at it:

  export AWS_ENDPOINT_URL=%[3]s AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  go run ./cmd/bellhop --stack %[5]s connections list
  aws sqs send-message --queue-url %[6]s --message-body file://update.json

`, s.PublicURL(), s.Ports.Sandbox, s.Proxy.URL, s.Folder, stack.DefaultName, s.Outputs.RatesQueueURL)
}

// deploy is for a change of code or template while up runs.
type deploy struct{}

// Run deploys onto the running stack.
func (deploy) Run(ctx context.Context, c *commands) error {
	s, err := stack.Attach(ctx, c.config())
	if err != nil {
		return err
	}
	start := time.Now()
	if err := s.Deploy(ctx); err != nil {
		return err
	}
	fmt.Printf("deployed in %s\n", time.Since(start).Round(100*time.Millisecond))
	return nil
}

// invoke hands one event to one function.
type invoke struct {
	Function stack.Function `arg:"" help:"refresher, pusher, webhook or alerter."`
	Event    []byte         `type:"filecontent" required:"" placeholder:"FILE" help:"The event; one for each trigger lies in events/ (- reads standard input)."`
}

// Run prints the function's result.
func (i invoke) Run(ctx context.Context, c *commands) error {
	if !json.Valid(i.Event) {
		return errors.New("the event is not JSON")
	}
	s, err := stack.Attach(ctx, c.config())
	if err != nil {
		return err
	}
	start := time.Now()
	result, err := s.Invoke(ctx, i.Function, i.Event)
	if err != nil {
		return err
	}
	var pretty any
	if err := json.Unmarshal(result, &pretty); err != nil {
		return fmt.Errorf("reading the result: %w", err)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(pretty); err != nil {
		return fmt.Errorf("printing the result: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%s answered in %s; its log is %s\n", i.Function, time.Since(start).Round(time.Millisecond), s.LogFile(string(i.Function)))
	return nil
}
