package secretsmanager

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Shorthands for the calls' shapes.
type (
	options           = func(*secretsmanager.Options)
	call[In, Out any] func(context.Context, *In, ...options) (*Out, error)
)

// client is the SDK's client reduced to what we call, as functions; package
// dynamo says why.
type client struct {
	get    call[secretsmanager.GetSecretValueInput, secretsmanager.GetSecretValueOutput]
	create call[secretsmanager.CreateSecretInput, secretsmanager.CreateSecretOutput]
	put    call[secretsmanager.PutSecretValueInput, secretsmanager.PutSecretValueOutput]
	label  call[secretsmanager.UpdateSecretVersionStageInput, secretsmanager.UpdateSecretVersionStageOutput]
	remove call[secretsmanager.DeleteSecretInput, secretsmanager.DeleteSecretOutput]
}

// GetSecretValue implements [API].
func (c client) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, o ...options) (*secretsmanager.GetSecretValueOutput, error) {
	return c.get(ctx, in, o...)
}

// CreateSecret implements [API].
func (c client) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput, o ...options) (*secretsmanager.CreateSecretOutput, error) {
	return c.create(ctx, in, o...)
}

// PutSecretValue implements [API].
func (c client) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput, o ...options) (*secretsmanager.PutSecretValueOutput, error) {
	return c.put(ctx, in, o...)
}

// UpdateSecretVersionStage implements [API].
func (c client) UpdateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput, o ...options) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	return c.label(ctx, in, o...)
}

// DeleteSecret implements [API].
func (c client) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput, o ...options) (*secretsmanager.DeleteSecretOutput, error) {
	return c.remove(ctx, in, o...)
}
