package sqs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// client is the SDK's client reduced to what we call, as a function; package
// dynamo says why.
type client struct {
	send func(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// NewClient returns SQS as a Queue uses it. It makes no request.
func NewClient(cfg aws.Config) API { return client{sqs.NewFromConfig(cfg).SendMessageBatch} }

// SendMessageBatch implements [API].
func (c client) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return c.send(ctx, in, o...)
}
