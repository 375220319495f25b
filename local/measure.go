package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"bellhop/local/startup"
)

// largest is what a function may weigh on arm64, unpacked.
const largest = 14_000_000

// measure reads what `sam build` made for AWS and starts what was built for
// this machine, from the project's folder.
type measure struct {
	Times int `default:"21" help:"Starts per function (${default})."`
}

// folders are where `sam build` puts each function, by its logical name.
var folders = []string{"RefresherFunction", "PusherFunction", "WebhookFunction", "AlerterFunction"}

// Run prints the table. It is an error when a function has grown too large.
func (m measure) Run(ctx context.Context) error {
	hello, err := startup.Median(ctx, filepath.Join(".local", "bin", "hello"), functionEnvironment, m.Times)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "function\tsize on AWS\tstart here\tmore than a bare hello (%s)\n", round(hello))
	var problems []error
	for _, folder := range folders {
		size, start, err := m.function(ctx, folder)
		if err != nil {
			return err
		}
		if size > largest {
			problems = append(problems, fmt.Errorf("%s has %.1f MB, more than %.1f MB", folder, megabytes(size), megabytes(largest)))
		}
		fmt.Fprintf(table, "%s\t%.1f MB\t%s\t%s\n", folder, megabytes(size), round(start), round(start-hello))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	return errors.Join(problems...)
}

func (m measure) function(ctx context.Context, folder string) (size int64, start time.Duration, err error) {
	file, err := os.Stat(filepath.Join(".aws-sam", "build", folder, "bootstrap"))
	if err != nil {
		return 0, 0, fmt.Errorf("looking at the build: %w", err)
	}
	start, err = startup.Median(ctx, filepath.Join(".local", "build", folder, "bootstrap"), functionEnvironment, m.Times)
	return file.Size(), start, err
}

// functionEnvironment is a configuration that every function takes. None of
// them calls anything before its first event.
var functionEnvironment = []string{
	"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	"STACK=bellhop", "LOG_LEVEL=INFO", "SECRETS_PREFIX=bellhop/",
	"GRANTS_TABLE=bellhop-grants", "RATES_TABLE=bellhop-rates",
	"RATES_QUEUE_URL=http://127.0.0.1/rates", "REFRESH_QUEUE_URL=http://127.0.0.1/refresh",
	"ALERTS_QUEUE_URL=http://127.0.0.1/alerts", "REJECTED_QUEUE_URL=http://127.0.0.1/rejected",
	"KEYS_SECRET=arn:aws:secretsmanager:us-east-1:000000000000:secret:bellhop/keys-000000",
	"ALERT_TARGETS_SECRET=arn:aws:secretsmanager:us-east-1:000000000000:secret:bellhop/alerts-000000",
	"PUBLIC_URL=http://127.0.0.1",
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
