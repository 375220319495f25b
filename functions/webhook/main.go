// Command webhook is the Lambda function behind the HTTP API: rates from a PMS
// that cannot reach the queue, webhooks of providers, and the pages on which an
// owner reconnects.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"bellhop/shared/alert"
	"bellhop/shared/bucket"
	"bellhop/shared/cloud"
	"bellhop/shared/consent"
	"bellhop/shared/dynamo"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
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
	h, err := wire(getenv)
	if err != nil {
		return err
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}

// wire puts the doors together. It makes no request.
func wire(getenv func(string) string) (*webhook, error) {
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
	sealed := vault.New(keys, map[string]grant.Home{grant.HomeSecrets: home})
	inventory, ledger := dynamo.NewInventory(tables, c.GrantsTable), dynamo.NewRates(tables, c.RatesTable)
	rates, refresh := sqs.New(queues, c.RatesQueue), sqs.New(queues, c.RefreshQueue)
	return &webhook{
		inventory: inventory, sealer: sealed, rates: rates, seen: ledger,
		consents: &consent.Flow{
			Grants: dynamo.NewGrants(tables, c.GrantsTable), Tickets: dynamo.NewTickets(tables, c.GrantsTable),
			Inventory: inventory, Provider: oauth.NewClient(oauth.Config{}), Vault: sealed,
			Clients: secretsmanager.NewReader(secretsmanager.ReaderConfig{API: secrets, Prefix: c.SecretsPrefix}),
			Wakes:   wakes{refresh: refresh, rates: rates, now: time.Now}, Backlog: alert.Backlog{Ledger: ledger, Now: time.Now},
			Buckets: bucket.NewCache(dynamo.NewBuckets(tables, c.GrantsTable), time.Now),
			Log:     log, Now: time.Now, PublicURL: c.PublicURL,
		},
		log: log, now: time.Now, publicURL: c.PublicURL,
	}, nil
}
