package stack

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Outputs are the template's outputs, as CloudFormation tells them. The tags
// are the names in template.yaml.
type Outputs struct {
	RatesQueueURL         string `output:"RatesQueueUrl"`
	RefreshQueueURL       string `output:"RefreshQueueUrl"`
	AlertsQueueURL        string `output:"AlertsQueueUrl"`
	RejectedQueueURL      string `output:"RejectedQueueUrl"`
	RatesDeadLettersURL   string `output:"RatesDeadLettersUrl"`
	RefreshDeadLettersURL string `output:"RefreshDeadLettersUrl"`
	AlertsDeadLettersURL  string `output:"AlertsDeadLettersUrl"`
	SweepDeadLettersURL   string `output:"SweepDeadLettersUrl"`

	GrantsTable string `output:"GrantsTableName"`
	RatesTable  string `output:"RatesTableName"`

	KeysSecret         string `output:"KeysSecretArn"`
	AlertTargetsSecret string `output:"AlertTargetsSecretArn"`
	SecretsPrefix      string `output:"SecretsPrefix"`
	TokenHome          string `output:"TokenHome"`

	APIID       string `output:"ApiId"`
	PublicURL   string `output:"PublicUrl"`
	RedirectURI string `output:"RedirectUri"`

	Refresher string `output:"RefresherFunctionName"`
	Pusher    string `output:"PusherFunctionName"`
	Webhook   string `output:"WebhookFunctionName"`
	Alerter   string `output:"AlerterFunctionName"`
}

// outputs asks CloudFormation for a stack's outputs.
func (c clients) outputs(ctx context.Context, name string) (Outputs, error) {
	answer, err := c.formation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	if err != nil {
		return Outputs{}, fmt.Errorf("describing stack %s: %w", name, err)
	}
	if len(answer.Stacks) != 1 {
		return Outputs{}, fmt.Errorf("describing stack %s: %d stacks answer to it", name, len(answer.Stacks))
	}
	return parseOutputs(answer.Stacks[0].Outputs)
}

// parseOutputs fills every field; an output that the template no longer has is
// an error, so that the two cannot drift apart. Others are passed over.
func parseOutputs(outputs []types.Output) (Outputs, error) {
	values := make(map[string]string, len(outputs))
	for _, output := range outputs {
		values[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	var parsed Outputs
	var missing []error
	fields := reflect.ValueOf(&parsed).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("output")
		value, ok := values[name]
		if !ok {
			missing = append(missing, fmt.Errorf("the stack has no output %s", name))
		}
		fields.Field(i).SetString(value)
	}
	return parsed, errors.Join(missing...)
}
