package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"bellhop/shared/connection"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secrettest"
)

// TestWire_AgainstRealComponents runs the function as it is wired, with tables,
// queues and secrets of MiniStack and a token endpoint on loopback: the tick
// finds a grant, its message comes by the queue, the pair is minted, committed
// and settled.
func TestWire_AgainstRealComponents(t *testing.T) {
	endpoint := os.Getenv("BELLHOP_TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("set BELLHOP_TEST_ENDPOINT to the URL of a MiniStack to run the wired function against it")
	}
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	} {
		t.Setenv(k, v)
	}
	minted := 0
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		minted++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":60}`, secrettest.Mint(strconv.Itoa(minted)))
	}))
	defer issuer.Close()
	s := newStack(t)
	s.adds("minting", issuer.URL)

	r, err := wire(func(name string) string { return s.environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	tick := fmt.Sprintf(`{"v":1,"sweep":%q}`, time.Now().UTC().Truncate(time.Minute).Format(time.RFC3339))
	if _, err := r.Handle(t.Context(), json.RawMessage(tick)); err != nil {
		t.Fatal(err)
	}
	message := s.receives()
	if got := message.Attributes["MessageGroupId"]; got != "client-1" {
		t.Errorf("message group %q, want the client's", got)
	}
	batch, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{message}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.Handle(t.Context(), batch)
	if b, _ := json.Marshal(answer); err != nil || string(b) != `{"batchItemFailures":[]}` {
		t.Fatalf("answered %s, %v", b, err)
	}
	g, err := s.grants.Read(t.Context(), "minting")
	if err != nil || g.Generation != 1 || g.Inline != nil || g.Ref == "" || g.Health != grant.OK || minted != 1 {
		t.Errorf("grant after its refresh: %+v, %v, minted %d", g, err, minted)
	}
	p, err := r.cycle.Vault.Open(t.Context(), g)
	if err != nil || p.Access.Reveal() != secrettest.Mint("1") {
		t.Errorf("the settled pair does not open: %v", err)
	}
}

// stack is what the template would have made.
type stack struct {
	*testing.T
	environment map[string]string
	tables      *dynamodb.Client
	queues      *awssqs.Client
	secrets     *awssecrets.Client
	grants      *dynamo.Grants
}

func newStack(t *testing.T) *stack {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := "refresher-" + uuid.NewString()[:8]
	s := &stack{T: t, tables: dynamodb.NewFromConfig(cfg), queues: awssqs.NewFromConfig(cfg), secrets: awssecrets.NewFromConfig(cfg)}
	s.environment = map[string]string{
		"STACK": name, "GRANTS_TABLE": s.table(name + "-grants"), "RATES_TABLE": s.table(name + "-rates"),
		"REFRESH_QUEUE_URL": s.queue(name + "-refresh"), "RATES_QUEUE_URL": s.queue(name + "-rates"), "ALERTS_QUEUE_URL": s.queue(name + "-alerts"),
		"SECRETS_PREFIX": name + "/",
		"KEYS_SECRET":    s.secret(name+"/keys", `{"v":1,"stack":"test","current":"k1","k1":"`+strings.Repeat("k", 64)+`"}`),
	}
	s.secret(name+"/client/client-1", `{"client_secret":"a secret of people","next":""}`)
	s.grants = dynamo.NewGrants(s.tables, s.environment["GRANTS_TABLE"])
	return s
}

// adds registers the client and a grant of client credentials that is due.
func (s *stack) adds(id grant.ID, tokenURL string) {
	s.Helper()
	inventory := dynamo.NewInventory(s.tables, s.environment["GRANTS_TABLE"])
	err := inventory.AddClient(s.Context(), connection.Client{
		ID: "client-1", Provider: "generic", ClientID: "bellhop", Endpoints: profile.Endpoints{Token: tokenURL}, Created: time.Now(),
	})
	if err != nil {
		s.Fatal(err)
	}
	err = s.grants.Create(s.Context(), grant.Grant{
		ID: id, Provider: "generic", Client: "client-1", Home: grant.HomeSecrets, Enabled: true, Health: grant.OK, WakeAt: time.Now(),
	})
	if err != nil {
		s.Fatal(err)
	}
}

// receives takes one message as Lambda would hand it over.
func (s *stack) receives() events.SQSMessage {
	s.Helper()
	out, err := s.queues.ReceiveMessage(s.Context(), &awssqs.ReceiveMessageInput{
		QueueUrl: aws.String(s.environment["REFRESH_QUEUE_URL"]), WaitTimeSeconds: 5,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"MessageGroupId"},
	})
	if err != nil || len(out.Messages) == 0 {
		s.Fatalf("the sweep's message did not come: %v", err)
	}
	m := out.Messages[0]
	return events.SQSMessage{MessageId: *m.MessageId, Body: *m.Body, Attributes: m.Attributes}
}

func (s *stack) secret(name, value string) string {
	s.Helper()
	out, err := s.secrets.CreateSecret(s.Context(), &awssecrets.CreateSecretInput{Name: &name, SecretString: &value})
	if err != nil {
		s.Fatal(err)
	}
	return *out.ARN
}

func (s *stack) queue(name string) string {
	s.Helper()
	out, err := s.queues.CreateQueue(s.Context(), &awssqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_, _ = s.queues.DeleteQueue(context.Background(), &awssqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
	})
	return *out.QueueUrl
}

// table makes one with both indexes of the grants table.
func (s *stack) table(name string) string {
	s.Helper()
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
	}
	keys := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	index := func(name, hash, sort string) types.GlobalSecondaryIndex {
		return types.GlobalSecondaryIndex{IndexName: &name, KeySchema: keys(hash, sort),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}
	}
	_, err := s.tables.CreateTable(s.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys("pk", "sk"),
		AttributeDefinitions: []types.AttributeDefinition{
			attribute("pk", "S"), attribute("sk", "S"), attribute("wake_shard", "S"), attribute("wake_at", "N"),
			attribute("alert_shard", "S"), attribute("alert_due", "N"),
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			index("wake", "wake_shard", "wake_at"), index("alert", "alert_shard", "alert_due"),
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_, _ = s.tables.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
	})
	return name
}
