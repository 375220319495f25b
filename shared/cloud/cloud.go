// Package cloud gives a function its AWS configuration: region, credentials and
// endpoint from the environment, where Lambda puts them, and from nowhere else.
//
// The SDK's own loader also knows shared files, single sign-on, the instance
// metadata service and more. None of these is there on Lambda; together they
// weigh 2 MB and make a test that forgot its credentials ask the network for
// some.
package cloud

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// ErrNoRegion says that AWS_REGION is missing.
var ErrNoRegion = errors.New("AWS_REGION is not set: Lambda sets it, elsewhere export it")

// Config reads the environment. It makes no request; without credentials the
// first one fails and says so.
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html)
func Config() (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, fmt.Errorf("reading the AWS settings of the environment: %w", err)
	}
	if env.Region == "" {
		return aws.Config{}, ErrNoRegion
	}
	c := aws.Config{
		Region:        env.Region,
		Credentials:   credentials.StaticCredentialsProvider{Value: env.Credentials},
		ConfigSources: []any{env}, // the services ask it for endpoints of their own
	}
	if env.BaseEndpoint != "" {
		c.BaseEndpoint = aws.String(env.BaseEndpoint)
	}
	return c, nil
}
