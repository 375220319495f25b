package dynamo

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// endpointVariable names the environment variable with the URL of a DynamoDB
// stand-in (MiniStack, DynamoDB Local) that the contract suites run against.
const endpointVariable = "BELLHOP_TEST_ENDPOINT"

// realTable makes a table of this test's own, with the template's indexes, and
// skips the test when there is no endpoint to make it at.
func realTable(t *testing.T) (*dynamodb.Client, string) {
	t.Helper()
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		t.Skipf("set %s to the URL of a MiniStack or DynamoDB Local to run this suite against it", endpointVariable)
	}
	client, err := realClient()
	if err != nil {
		t.Fatal(err)
	}
	name := "test-" + uuid.NewString()
	if _, err := client.CreateTable(t.Context(), tableLike(name)); err != nil {
		t.Fatalf("creating table %s at %s: %v", name, endpoint, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Errorf("deleting table %s: %v", name, err)
		}
	})
	return client, name
}

// realClient is one for all tests of the process: a client of its own for each
// story sees answers break off, and the SDK's second try of a conditional write
// then meets its first.
var realClient = sync.OnceValues(func() (*dynamodb.Client, error) {
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion("eu-central-1"),
		config.WithBaseEndpoint(os.Getenv(endpointVariable)),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
	if err != nil {
		return nil, err
	}
	return dynamodb.NewFromConfig(cfg), nil
})

// tableLike is the template's grants table; the rates table lacks its alert
// index and is otherwise the same.
func tableLike(name string) *dynamodb.CreateTableInput {
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: kind}
	}
	keys := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(hash), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
		}
	}
	index := func(name, hash, sort string) types.GlobalSecondaryIndex {
		return types.GlobalSecondaryIndex{
			IndexName: aws.String(name), KeySchema: keys(hash, sort),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}
	}
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			attribute("pk", types.ScalarAttributeTypeS), attribute("sk", types.ScalarAttributeTypeS),
			attribute("wake_shard", types.ScalarAttributeTypeS), attribute("wake_at", types.ScalarAttributeTypeN),
			attribute("alert_shard", types.ScalarAttributeTypeS), attribute("alert_due", types.ScalarAttributeTypeN),
		},
		KeySchema: keys("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			index("wake", "wake_shard", "wake_at"), index("alert", "alert_shard", "alert_due"),
		},
	}
}
