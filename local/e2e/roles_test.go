package e2e

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"bellhop/local/stack"
)

// permitted is what each function's role allows of the acts below; everything
// else must be refused. The sends and receives that are allowed are proved by
// the stories: tried here, they would leave messages.
var permitted = map[stack.Function][]string{
	stack.Refresher: {
		"grants get", "grants update", "grants query", "grants wake index", "grants alert index", "rates wake index",
		"secret keys get", "secret client get", "secret grant get", "secret grant create", "secret grant put", "secret grant delete",
		"queue rates send", "queue refresh send", "queue alerts send", "queue refresh receive",
	},
	stack.Pusher: {
		"grants get", "grants update", "grants query", "rates get", "rates put", "rates update", "rates delete", "rates query",
		"secret keys get", "secret grant get",
		"queue rates send", "queue refresh send", "queue rejected send", "queue rates receive",
	},
	stack.Webhook: {
		"grants get", "grants put", "grants update", "grants query", "rates get", "rates put", "rates query",
		"secret keys get", "secret client get", "secret grant get", "secret grant create", "secret grant put",
		"queue rates send", "queue refresh send",
	},
	stack.Alerter: {
		"grants get", "grants put", "grants update", "grants query", "rates get", "rates query",
		"secret keys get", "secret alerts get",
		"queue alerts receive",
	},
}

// actor tries things under a role.
type actor struct {
	ctx     context.Context
	tables  *dynamodb.Client
	queues  *sqs.Client
	secrets *secretsmanager.Client
	lambdas *lambda.Client
}

// rolesKeepTheirBounds tries every act with every role: least privilege is what
// is refused, not what the template says.
func (w *world) rolesKeepTheirBounds(t *testing.T) {
	acts := w.acts()
	for _, f := range stack.Functions() {
		for _, name := range permitted[f] {
			if acts[name] == nil {
				t.Fatalf("the %s is permitted %q, which is not among the acts", f, name)
			}
		}
		config, err := w.As(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		a := actor{t.Context(), dynamodb.NewFromConfig(config), sqs.NewFromConfig(config),
			secretsmanager.NewFromConfig(config), lambda.NewFromConfig(config)}
		for _, name := range slices.Sorted(maps.Keys(acts)) {
			may := slices.Contains(permitted[f], name)
			if may && strings.HasPrefix(name, "queue ") {
				continue
			}
			if err := acts[name](a); denied(err) == may {
				t.Errorf("%s: %s: permitted %v, but the answer is %v", f, name, may, err)
			}
		}
	}
}

// denied reports whether an error is the refusal of a role. Any other means that
// the role lets the act through, to where the thing does not exist.
func denied(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied")
}

// acts are the things to try, none of which harms anybody.
func (w *world) acts() map[string]func(actor) error {
	o := w.Outputs
	all := map[string]func(actor) error{
		"invoke the pusher": func(a actor) error {
			_, err := a.lambdas.Invoke(a.ctx, &lambda.InvokeInput{FunctionName: aws.String(o.Pusher), Payload: []byte(`{"Records":[]}`)})
			return err
		},
	}
	for name, table := range map[string]string{"grants": o.GrantsTable, "rates": o.RatesTable} {
		maps.Copy(all, tableActs(name, table))
	}
	for name, secret := range map[string]string{
		"keys": o.KeysSecret, "alerts": o.AlertTargetsSecret, "client": o.SecretsPrefix + "client/nobody",
		"grant": o.SecretsPrefix + "grant/nobody/1", "of another stack": "elsewhere/grant/nobody/1", "of a longer name": "bellhop2/keys",
	} {
		maps.Copy(all, secretActs(name, secret))
	}
	for name, queue := range map[string]string{
		"rates": o.RatesQueueURL, "refresh": o.RefreshQueueURL, "alerts": o.AlertsQueueURL, "rejected": o.RejectedQueueURL,
	} {
		all["queue "+name+" send"] = func(a actor) error {
			_, err := a.queues.SendMessage(a.ctx, &sqs.SendMessageInput{QueueUrl: aws.String(queue), MessageBody: aws.String("{}")})
			return err
		}
		all["queue "+name+" receive"] = func(a actor) error {
			_, err := a.queues.ReceiveMessage(a.ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(queue), VisibilityTimeout: 1})
			return err
		}
	}
	return all
}

// tableActs are about one item that does not exist, and is gone again after.
func tableActs(name, table string) map[string]func(actor) error {
	key, in := itemKey("NOBODY", "NOTHING"), aws.String(table)
	query := func(index, attribute string) func(actor) error {
		return func(a actor) error {
			input := &dynamodb.QueryInput{
				TableName: in, KeyConditionExpression: aws.String(attribute + " = :k"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":k": &types.AttributeValueMemberS{Value: "NOBODY"}},
			}
			if index != "" {
				input.IndexName = aws.String(index)
			}
			_, err := a.tables.Query(a.ctx, input)
			return err
		}
	}
	all := map[string]func(actor) error{
		"get": func(a actor) error {
			_, err := a.tables.GetItem(a.ctx, &dynamodb.GetItemInput{TableName: in, Key: key})
			return err
		},
		"put": func(a actor) error {
			_, err := a.tables.PutItem(a.ctx, &dynamodb.PutItemInput{TableName: in, Item: key, ConditionExpression: aws.String("attribute_exists(pk)")})
			return err
		},
		"update": func(a actor) error {
			_, err := a.tables.UpdateItem(a.ctx, &dynamodb.UpdateItemInput{
				TableName: in, Key: key, UpdateExpression: aws.String("REMOVE nothing"), ConditionExpression: aws.String("attribute_exists(pk)"),
			})
			return err
		},
		"delete": func(a actor) error {
			_, err := a.tables.DeleteItem(a.ctx, &dynamodb.DeleteItemInput{TableName: in, Key: key})
			return err
		},
		"scan": func(a actor) error {
			_, err := a.tables.Scan(a.ctx, &dynamodb.ScanInput{TableName: in, Limit: aws.Int32(1)})
			return err
		},
		"describe": func(a actor) error {
			_, err := a.tables.DescribeTable(a.ctx, &dynamodb.DescribeTableInput{TableName: in})
			return err
		},
		"query":      query("", "pk"),
		"wake index": query("wake", "wake_shard"),
	}
	if name == "grants" {
		all["alert index"] = query("alert", "alert_shard")
	}
	return named(name, all)
}

// secretActs are about one secret. Those of clients and grants do not exist:
// whoever may, is told so.
func secretActs(name, secret string) map[string]func(actor) error {
	id := aws.String(secret)
	all := map[string]func(actor) error{
		"get": func(a actor) error {
			_, err := a.secrets.GetSecretValue(a.ctx, &secretsmanager.GetSecretValueInput{SecretId: id})
			return err
		},
	}
	if strings.Contains(secret, "nobody") {
		all["put"] = func(a actor) error {
			_, err := a.secrets.PutSecretValue(a.ctx, &secretsmanager.PutSecretValueInput{SecretId: id, SecretString: aws.String("{}")})
			return err
		}
		all["delete"] = func(a actor) error {
			_, err := a.secrets.DeleteSecret(a.ctx, &secretsmanager.DeleteSecretInput{SecretId: id, ForceDeleteWithoutRecovery: aws.Bool(true)})
			return err
		}
		all["create"] = func(a actor) error {
			_, err := a.secrets.CreateSecret(a.ctx, &secretsmanager.CreateSecretInput{Name: id, SecretString: aws.String("{}")})
			return err
		}
	}
	return named("secret "+name, all)
}

func named(prefix string, acts map[string]func(actor) error) map[string]func(actor) error {
	all := map[string]func(actor) error{}
	for name, act := range acts {
		all[prefix+" "+name] = act
	}
	return all
}
