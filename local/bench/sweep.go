package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
)

// The sweep is measured over this many grants.
const (
	manyGrants = 100_000
	// Its goals: one query for each of the wake shards of both tables and one
	// for the alerts, and what Lambda's smallest size leaves a process.
	mostQueries = 33
	mostMemory  = 64 << 20
)

// swept is one sweep over many grants.
type swept struct {
	due     int
	queries int // without those that went on where another ended
	pages   int // those
	reads   int // calls that read grants
	sends   int // calls that sent wakes
	wakes   int // messages
	invocation
}

// sweeps measures the refresher's minute, as built for this machine, in a
// process of its own for each number of grants that are due.
func sweeps(ctx context.Context, root string, progress func(string)) ([]swept, error) {
	bootstrap := filepath.Join(root, ".local", "build", "RefresherFunction", "bootstrap")
	var all []swept
	for _, due := range []int{0, 100, 10_000} {
		progress(fmt.Sprintf("sweeping over %d grants of which %d are due", manyGrants, due))
		one, err := sweepOnce(ctx, bootstrap, manyGrants, due)
		if err != nil {
			return nil, fmt.Errorf("sweeping with %d grants due: %w", due, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// sweepOnce runs one sweep over a stand-in for the tables and queues.
func sweepOnce(ctx context.Context, bootstrap string, grants, due int) (swept, error) {
	tables := newStandIn("grants")
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return swept{}, fmt.Errorf("listening for the tables: %w", err)
	}
	server := &http.Server{Handler: tables, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	endpoint := "http://" + listener.Addr().String()
	now := time.Now()
	if err := writePattern(ctx, endpoint, now); err != nil {
		return swept{}, err
	}
	tables.fill(grants, due, now)
	tick, err := json.Marshal(map[string]any{"v": 1, "sweep": now.UTC().Format(time.RFC3339)})
	if err != nil {
		return swept{}, fmt.Errorf("writing the tick: %w", err)
	}
	came, err := invoke(ctx, bootstrap, sweepEnvironment(endpoint), tick)
	return tables.booked(due, came), err
}

// booked is what the stand-in's books say about a sweep.
func (s *standIn) booked(due int, came invocation) swept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return swept{
		due: due, queries: s.calls["Query"] - s.pages, pages: s.pages, reads: s.calls["GetItem"] + s.calls["BatchGetItem"],
		sends: s.calls["SendMessageBatch"] + s.calls["SendMessage"], wakes: s.sent, invocation: came,
	}
}

// writePattern writes one grant, with a token of an hour, as the product does.
func writePattern(ctx context.Context, endpoint string, now time.Time) error {
	store := dynamo.NewGrants(dynamo.NewClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}), "grants")
	return store.Create(ctx, grant.Grant{
		ID: "pattern", Provider: "cloudbeds", Client: "main", Home: grant.HomeSecrets, Enabled: true, Health: grant.OK,
		Account: "4711", Generation: 7, Epoch: 1, Ref: "00000000-0000-4000-8000-000000000000",
		Issued: now.Add(-51 * time.Minute), Expires: now.Add(9 * time.Minute), RefreshAt: now, WakeAt: now,
		Scopes: []string{"read:rate", "write:rate"},
	})
}

// sweepEnvironment is the function's, with the stand-in in AWS's place. Of this
// process's own environment it takes nothing.
func sweepEnvironment(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"STACK=bellhop", "LOG_LEVEL=INFO", "SECRETS_PREFIX=bellhop/", "GRANTS_TABLE=grants", "RATES_TABLE=rates",
		"REFRESH_QUEUE_URL=" + endpoint + "/refresh", "RATES_QUEUE_URL=" + endpoint + "/rates", "ALERTS_QUEUE_URL=" + endpoint + "/alerts",
		"KEYS_SECRET=bellhop/keys", "TOKEN_HOME=secretsmanager",
	}
}
