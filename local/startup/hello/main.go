// Command hello is the least that a function of this kind can be: the same
// runtime, the same AWS configuration and the same clients, and nothing else of
// Bellhop. What a function takes to start beyond this is what our own code
// costs.
package main

import (
	"context"
	"encoding/json"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop/shared/cloud"
)

// clients are made at the start, as the functions make theirs.
type clients struct {
	items   *dynamodb.Client
	queues  *sqs.Client
	secrets *secretsmanager.Client
}

func (clients) handle(_ context.Context, event json.RawMessage) (json.RawMessage, error) {
	return event, nil
}

func main() {
	configured, err := cloud.Config()
	if err != nil {
		log.Fatal(err)
	}
	c := clients{
		items:   dynamodb.NewFromConfig(configured),
		queues:  sqs.NewFromConfig(configured),
		secrets: secretsmanager.NewFromConfig(configured),
	}
	lambda.Start(c.handle)
}
