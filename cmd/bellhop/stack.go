package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/google/uuid"

	"bellhop/shared/bucket"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/seal"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/sqs"
	"bellhop/shared/vault"
)

// openStack finds a stack by its CloudFormation outputs, with the region,
// credentials and endpoint that the AWS SDK finds in the environment.
func openStack(ctx context.Context, stack string) (*desk, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	out, err := outputs(ctx, cloudformation.NewFromConfig(cfg), stack)
	if err != nil {
		return nil, fmt.Errorf("looking for stack %q (is AWS_REGION right? see --stack): %w", stack, err)
	}
	return furnish(cfg, out)
}

// outputs reads what the template says about itself.
func outputs(ctx context.Context, api *cloudformation.Client, stack string) (map[string]string, error) {
	described, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return nil, err
	}
	if len(described.Stacks) == 0 {
		return nil, errors.New("there is none of that name")
	}
	out := map[string]string{}
	for _, o := range described.Stacks[0].Outputs {
		out[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return out, nil
}

// furnish makes a desk from a stack's outputs.
func furnish(cfg aws.Config, out map[string]string) (*desk, error) {
	var missing []error
	need := func(name string) string {
		if out[name] == "" {
			missing = append(missing, fmt.Errorf("the stack has no output %s: deploy this release's template first", name))
		}
		return out[name]
	}
	tables, secrets, queues := dynamo.NewClient(cfg), secretsmanager.NewClient(cfg), sqs.NewClient(cfg)
	grants, rates, prefix := need("GrantsTableName"), need("RatesTableName"), need("SecretsPrefix")
	keys := need("KeysSecretArn")
	home, err := secretsmanager.NewHome(secretsmanager.HomeConfig{API: secrets, Prefix: prefix})
	if err != nil {
		missing = append(missing, err)
	}
	pairs := vault.New(seal.NewSource(secretsmanager.KeySet{API: secrets, ID: keys}, time.Now), map[string]grant.Home{grant.HomeSecrets: home})
	d := &desk{
		inventory: dynamo.NewInventory(tables, grants),
		grants:    dynamo.NewGrants(tables, grants),
		tickets:   dynamo.NewTickets(tables, grants),
		rates:     dynamo.NewRates(tables, rates),
		lanes:     dynamo.NewRates(tables, rates),
		homes:     pairs,
		buckets:   dynamo.NewBuckets(tables, grants),
		secrets: registrations{
			Writer: secretsmanager.Writer{API: secrets, Prefix: prefix},
			Reader: secretsmanager.NewReader(secretsmanager.ReaderConfig{API: secrets, Prefix: prefix}),
		},
		sealer:   pairs,
		keys:     secretsmanager.Keyring{API: secrets, ID: keys},
		episodes: dynamo.NewOutbox(tables, grants),
		wakes:    sqs.New(queues, need("RefreshQueueUrl")),
		updates:  sqs.New(queues, need("RatesQueueUrl")),
		defaults: defaults{RedirectURI: need("RedirectUri"), PublicURL: need("PublicUrl"), TokenHome: need("TokenHome")},
		now:      time.Now,
		wait:     wait,
	}
	provider := oauth.NewClient(oauth.Config{})
	d.cycle = refresh.Config{
		Store: d.grants, Vault: pairs, Digests: pairs, Exchange: provider, Revoker: provider, Registry: d.inventory,
		Secrets: secretsmanager.NewReader(secretsmanager.ReaderConfig{API: secrets, Prefix: prefix}),
		Buckets: bucket.NewCache(d.buckets, time.Now), Profile: profile.ByName, Now: time.Now,
		Nonce: func() grant.Nonce { return grant.Nonce(uuid.NewString()) },
	}
	return d, errors.Join(missing...)
}

// registrations are the clients' secrets, read and written.
type registrations struct {
	secretsmanager.Writer
	*secretsmanager.Reader
}
