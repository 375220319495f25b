// Package secretsmanager is AWS Secrets Manager as Bellhop uses it: the home of
// committed token pairs, and the place of the few secrets that people change
// (the key set, the clients' secrets, the alert targets).
//
// Two facts shape it. A secret keeps every version of the last 24 hours and
// refuses the one after about the hundredth, so a grant whose tokens live for
// minutes moves on to a new secret before that (an epoch). And all reads are
// eventually consistent, so a pair is read by its version's id, which is either
// not there yet or right.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
package secretsmanager

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// API is what this package uses of the Secrets Manager client.
type API interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *secretsmanager.UpdateSecretVersionStageInput, ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error)
	DeleteSecret(context.Context, *secretsmanager.DeleteSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DeleteSecretOutput, error)
}

// NewClient returns a Secrets Manager client that takes a full secret for what
// it is. The SDK counts LimitExceededException among the throttles and would
// try again, for up to 20 s, what cannot succeed before tomorrow; and a pair
// that does not settle in a second can wait for the next refresh.
func NewClient(cfg aws.Config) API {
	c := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxBackoff = 500 * time.Millisecond
			s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(neverWhenFull)}, s.Retryables...)
		})
	})
	return client{c.GetSecretValue, c.CreateSecret, c.PutSecretValue, c.UpdateSecretVersionStage, c.DeleteSecret}
}

func neverWhenFull(err error) aws.Ternary {
	if full(err) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// The answers that mean something to us.

// full says that the secret takes no version before its oldest is a day old.
func full(err error) bool { return is[*types.LimitExceededException](err) }

// missing says that there is no such secret or version, or not yet.
func missing(err error) bool { return is[*types.ResourceNotFoundException](err) }

// taken says that the name, or the version's id with another value, is there.
func taken(err error) bool { return is[*types.ResourceExistsException](err) }

// dying says that the secret is scheduled for deletion: somebody did that by
// hand.
func dying(err error) bool { return is[*types.InvalidRequestException](err) }

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
