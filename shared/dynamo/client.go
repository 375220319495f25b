package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Shorthands for the calls' shapes.
type (
	options           = func(*dynamodb.Options)
	call[In, Out any] func(context.Context, *In, ...options) (*Out, error)
)

// client is the SDK's client reduced to what we call, as functions. A program
// that reaches a method by its name, as html/template does, makes the linker
// keep every method of every type that is ever put into an interface, and the
// SDK's client has one for each of DynamoDB's sixty operations: the webhook
// would weigh 5 MB more.
type client struct {
	getItem      call[dynamodb.GetItemInput, dynamodb.GetItemOutput]
	batchGetItem call[dynamodb.BatchGetItemInput, dynamodb.BatchGetItemOutput]
	putItem      call[dynamodb.PutItemInput, dynamodb.PutItemOutput]
	updateItem   call[dynamodb.UpdateItemInput, dynamodb.UpdateItemOutput]
	deleteItem   call[dynamodb.DeleteItemInput, dynamodb.DeleteItemOutput]
	query        call[dynamodb.QueryInput, dynamodb.QueryOutput]
	transact     call[dynamodb.TransactWriteItemsInput, dynamodb.TransactWriteItemsOutput]
}

// NewClient returns DynamoDB as the adapters use it. It makes no request.
func NewClient(cfg aws.Config) API {
	c := dynamodb.NewFromConfig(cfg)
	return client{c.GetItem, c.BatchGetItem, c.PutItem, c.UpdateItem, c.DeleteItem, c.Query, c.TransactWriteItems}
}

// GetItem implements [API].
func (c client) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...options) (*dynamodb.GetItemOutput, error) {
	return c.getItem(ctx, in, o...)
}

// BatchGetItem implements [API].
func (c client) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, o ...options) (*dynamodb.BatchGetItemOutput, error) {
	return c.batchGetItem(ctx, in, o...)
}

// PutItem implements [API].
func (c client) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...options) (*dynamodb.PutItemOutput, error) {
	return c.putItem(ctx, in, o...)
}

// UpdateItem implements [API].
func (c client) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...options) (*dynamodb.UpdateItemOutput, error) {
	return c.updateItem(ctx, in, o...)
}

// DeleteItem implements [API].
func (c client) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, o ...options) (*dynamodb.DeleteItemOutput, error) {
	return c.deleteItem(ctx, in, o...)
}

// Query implements [API].
func (c client) Query(ctx context.Context, in *dynamodb.QueryInput, o ...options) (*dynamodb.QueryOutput, error) {
	return c.query(ctx, in, o...)
}

// TransactWriteItems implements [API].
func (c client) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...options) (*dynamodb.TransactWriteItemsOutput, error) {
	return c.transact(ctx, in, o...)
}
