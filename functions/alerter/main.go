// Command alerter is the Lambda function that tells people which connections
// need them, and when they no longer do. The grants table's stream brings it
// verdicts as they are written; the alerts queue brings what the minute's sweep
// found still untold.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"bellhop/shared/alert"
	"bellhop/shared/cloud"
	"bellhop/shared/dynamo"
	"bellhop/shared/event"
	"bellhop/shared/profile"
	"bellhop/shared/seal"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/settings"
	"bellhop/shared/vault"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves invocations until Lambda ends the process.
func run(ctx context.Context, getenv func(string) string) error {
	a, err := wire(getenv)
	if err != nil {
		return err
	}
	lambda.StartWithOptions(a.Handle, lambda.WithContext(ctx))
	return nil
}

// wire puts the alerter together. It makes no request.
func wire(getenv func(string) string) (*alerter, error) {
	c, err := settings.Read[variables](getenv)
	aws, cloudErr := cloud.Config()
	_, profileErr := profile.Load()
	if err := errors.Join(err, cloudErr, profileErr); err != nil {
		return nil, err
	}
	tables, secrets := dynamo.NewClient(aws), secretsmanager.NewClient(aws)
	keys := seal.NewSource(secretsmanager.KeySet{API: secrets, ID: c.KeysSecret}, time.Now)
	reader := secretsmanager.NewReader(secretsmanager.ReaderConfig{API: secrets})
	return &alerter{
		grants: dynamo.NewGrants(tables, c.GrantsTable), outbox: dynamo.NewOutbox(tables, c.GrantsTable),
		buckets:   dynamo.NewBuckets(tables, c.GrantsTable),
		inventory: dynamo.NewInventory(tables, c.GrantsTable), tickets: dynamo.NewTickets(tables, c.GrantsTable),
		vault: vault.New(keys, nil), backlog: alert.Backlog{Ledger: dynamo.NewRates(tables, c.RatesTable), Now: time.Now},
		channels: channelsOf(reader, c.Targets), log: event.New(os.Stdout, c.LogLevel, c.Stack), now: time.Now,
		publicURL: c.PublicURL,
	}, nil
}
