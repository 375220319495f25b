package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"bellhop/shared/rate"
	"bellhop/shared/sqs"
)

// sendRates is `rates send`.
type sendRates struct {
	File string `arg:"" help:"Rate update (docs/rate-update.schema.json); - for standard input." default:"-"`
}

// maxUpdate bounds a message: SQS takes 1 MiB in all.
const maxUpdate = 1 << 20

// Run checks the update as the pusher will and sends it. It is refused as a
// whole when any of it is wrong: here somebody is there to mend it, which no
// queue can say.
func (s *sendRates) Run(ctx context.Context, d *desk) error {
	raw, err := await(ctx, func() ([]byte, error) { return s.read(d) })
	if err != nil {
		return err
	}
	m, problems := rate.Parse(raw, d.now())
	if len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintln(d.errs, p)
		}
		return refuse("%d problems: nothing was sent", len(problems))
	}
	if err := d.updates.Send(ctx, sqs.Message{Body: string(raw), Group: m.Group()}); err != nil {
		return fmt.Errorf("sending the update: %w", err)
	}
	return d.print(table{rows: [][]string{{"sent", m.Group(), fmt.Sprintf("%d updates", len(m.Changes))}},
		data: map[string]any{"sent": m.Group(), "updates": len(m.Changes)}})
}

func (s *sendRates) read(d *desk) ([]byte, error) {
	in := d.in
	if s.File != "-" {
		f, err := os.Open(s.File)
		if err != nil {
			return nil, fmt.Errorf("opening the update: %w", err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxUpdate+1))
	if err != nil {
		return nil, fmt.Errorf("reading the update: %w", err)
	}
	if len(raw) > maxUpdate {
		return nil, refuse("the update is larger than a queue message may be (1 MiB): send it in parts")
	}
	return raw, nil
}
