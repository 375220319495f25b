// Command pusher is the Lambda function that takes rate updates in and carries
// them to the providers. The rates queue brings it both: the updates of the PMS,
// and our own wakes for what has to be looked at again.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

	"bellhop/shared/bucket"
	"bellhop/shared/cloud"
	"bellhop/shared/dialect"
	"bellhop/shared/drain"
	"bellhop/shared/dynamo"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/seal"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/settings"
	"bellhop/shared/sqs"
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
	p, err := wire(getenv)
	if err != nil {
		return err
	}
	lambda.StartWithOptions(p.Handle, lambda.WithContext(ctx))
	return nil
}

// wire puts the pusher together. It makes no request.
func wire(getenv func(string) string) (*pusher, error) {
	c, err := settings.Read[variables](getenv)
	aws, cloudErr := cloud.Config()
	_, profileErr := profile.Load()
	if err := errors.Join(err, cloudErr, profileErr); err != nil {
		return nil, err
	}
	tables, secrets, queues := dynamo.NewClient(aws), secretsmanager.NewClient(aws), sqs.NewClient(aws)
	log := event.New(os.Stdout, c.LogLevel, c.Stack)
	home, err := secretsmanager.NewHome(secretsmanager.HomeConfig{API: secrets, Prefix: c.SecretsPrefix, Log: log})
	if err != nil {
		return nil, err
	}
	keys := seal.NewSource(secretsmanager.KeySet{API: secrets, ID: c.KeysSecret}, time.Now)
	pairs := vault.New(keys, map[string]grant.Home{grant.HomeSecrets: home})
	inventory := dynamo.NewInventory(tables, c.GrantsTable)
	return &pusher{
		drainer: &drain.Drainer{
			Ledger: dynamo.NewRates(tables, c.RatesTable), Inventory: inventory,
			Grants: dynamo.NewGrants(tables, c.GrantsTable), Tokens: drain.NewTokens(pairs),
			Buckets: bucket.NewCache(dynamo.NewBuckets(tables, c.GrantsTable), time.Now),
			Sender:  dialect.NewSender(nil, time.Now), Log: log, Now: time.Now, Sleep: sleep, Fresh: uuid.NewString,
			Rates: outbound{sqs.New(queues, c.RatesQueue)}, Refresh: outbound{sqs.New(queues, c.RefreshQueue)},
		},
		inventory: inventory, rejected: sqs.New(queues, c.RejectedQueue), log: log, now: time.Now,
	}, nil
}
