// Command refresher is the Lambda function that keeps token pairs alive. The
// refresh queue brings it grants that are due; the schedule lets it find, once
// a minute, everything that will be.
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
	"bellhop/shared/dynamo"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
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
	r, err := wire(getenv)
	if err == nil {
		lambda.StartWithOptions(r.Handle, lambda.WithContext(ctx))
	}
	return err
}

// wire puts the refresher together. It makes no request.
func wire(getenv func(string) string) (*refresher, error) {
	c, err := settings.Read[variables](getenv)
	aws, cloudErr := cloud.Config()
	_, profileErr := profile.Load()
	if err := errors.Join(err, cloudErr, profileErr); err != nil {
		return nil, err
	}
	tables, secrets, queues := dynamo.NewClient(aws), secretsmanager.NewClient(aws), sqs.NewClient(aws)
	log := event.New(os.Stdout, c.LogLevel, c.Stack)
	grants := dynamo.NewGrants(tables, c.GrantsTable)
	home, err := secretsmanager.NewHome(secretsmanager.HomeConfig{API: secrets, Prefix: c.SecretsPrefix, Keep: pairsKept, Log: log})
	if err != nil {
		return nil, err
	}
	keys := seal.NewSource(secretsmanager.KeySet{API: secrets, ID: c.KeysSecret}, time.Now)
	pairs, refreshQueue := vault.New(keys, map[string]grant.Home{grant.HomeSecrets: home}), outbound{sqs.New(queues, c.RefreshQueue)}
	return &refresher{
		cycle: refresh.New(refresh.Config{
			Store: grants, Vault: pairs, Digests: pairs,
			Exchange: newSilence(oauth.NewClient(oauth.Config{}), time.Now), Registry: dynamo.NewInventory(tables, c.GrantsTable),
			Secrets: secretsmanager.NewReader(secretsmanager.ReaderConfig{API: secrets, Prefix: c.SecretsPrefix}),
			Buckets: bucket.NewCache(dynamo.NewBuckets(tables, c.GrantsTable), time.Now),
			Profile: profile.ByName, Log: log, Now: time.Now, Nonce: func() grant.Nonce { return grant.Nonce(uuid.NewString()) },
		}),
		sweeper: &sweeper{
			grants: dynamo.NewWakes(tables, c.GrantsTable), rates: dynamo.NewWakes(tables, c.RatesTable),
			alerts: dynamo.NewAlerts(tables, c.GrantsTable), store: grants, refreshQueue: refreshQueue,
			ratesQueue: outbound{sqs.New(queues, c.RatesQueue)}, alertsTo: outbound{sqs.New(queues, c.AlertsQueue)},
			log: log, now: time.Now,
		}, wakes: refreshQueue, log: log, now: time.Now,
	}, nil
}
