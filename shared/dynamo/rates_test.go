package dynamo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/ledgertest"
	"bellhop/shared/wake"
)

// TestRates_KeepTheContract runs on a real table, where there is one;
// `make test` starts one.
func TestRates_KeepTheContract(t *testing.T) {
	if os.Getenv(endpointVariable) == "" {
		t.Skipf("set %s to run this suite", endpointVariable)
	}
	ledgertest.StoreSuite(t, func(t *testing.T) ledger.Store {
		client, table := realTable(t)
		return NewRates(client, table)
	})
}

// TestRates_TheIndexHoldsWhatHasAWake: what the sweep sees is what the ledger
// says, and nothing that has no wake.
func TestRates_TheIndexHoldsWhatHasAWake(t *testing.T) {
	client, table := realTable(t)
	r, ctx := NewRates(client, table), t.Context()
	now := time.UnixMilli(1_795_262_400_123)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	due := func() []string {
		t.Helper()
		found, err := NewWakes(client, table).Due(ctx, wake.Shard("lisbon-1"), now.Add(time.Hour))
		must(err)
		var sks []string
		for _, d := range found {
			if d.PK != "CONN#lisbon-1" {
				t.Errorf("the index holds %+v", d)
			}
			sks = append(sks, d.SK)
		}
		slices.Sort(sks)
		return sks
	}
	must(r.WritePage(ctx, "lisbon-1", ledger.Page{Key: ledger.PageKey{Room: "DBL", Plan: "BAR", Month: "2026-12"}}))
	_, err := r.Seen(ctx, "lisbon-1", "evt", now)
	must(err)
	if got := due(); len(got) != 0 {
		t.Errorf("pages and events are indexed: %v", got)
	}
	_, err = r.Bump(ctx, "lisbon-1", nil, now)
	must(err)
	must(r.PutJob(ctx, ledger.Job{Connection: "lisbon-1", ID: "7", WakeAt: now}))
	must(r.StartReadback(ctx, ledger.Readback{Connection: "lisbon-1", Started: now, WakeAt: now}))
	if got := due(); !slices.Equal(got, []string{"JOB#7", "LANE", "READBACK"}) {
		t.Errorf("indexed are %v", got)
	}
	lane, err := r.Take(ctx, ledger.TakeWrite{Connection: "lisbon-1", Nonce: "n", Now: now, LeaseEnd: now.Add(time.Minute)})
	must(err)
	must(r.Release(ctx, ledger.ReleaseWrite{Connection: "lisbon-1", Nonce: "n", Seq: lane.Seq}))
	must(r.EndJob(ctx, "lisbon-1", "7", nil, now))
	if got := due(); !slices.Equal(got, []string{"READBACK"}) {
		t.Errorf("indexed after release and job end are %v", got)
	}
}

// scripted is an API of which only what a test sets works.
type scripted struct {
	API
	update   func(*dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error)
	batch    func(*dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error)
	transact func(*dynamodb.TransactWriteItemsInput) error
}

func (s scripted) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return s.update(in)
}

func (s scripted) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return s.batch(in)
}

func (s scripted) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return nil, s.transact(in)
}

// TestRates_ForgetLeavesNothing: what is removed has no lane that would be woken
// for ever, and nobody else loses anything.
func TestRates_ForgetLeavesNothing(t *testing.T) {
	api, table := realTable(t)
	s := NewRates(api, table)
	now := time.Now()
	for _, id := range []connection.ID{"lisbon-1", "lisbon-10"} {
		if _, err := s.Bump(t.Context(), id, nil, now); err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			set(t, api, table, ratesPK(id), fmt.Sprintf("PAGE#%d", i), item{"v": num(1)})
		}
	}
	for range 2 { // what was interrupted is run again
		if err := s.Forget(t.Context(), "lisbon-1"); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[connection.ID]int{"lisbon-1": 0, "lisbon-10": 31} {
		out, err := api.Query(t.Context(), &dynamodb.QueryInput{
			TableName: &table, KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: item{":pk": str(ratesPK(id))},
		})
		if err != nil || len(out.Items) != want {
			t.Errorf("%d items of %s, %v; want %d", len(out.Items), id, err, want)
		}
	}
}

// TestRates_AConflictWithATransactionIsTriedAgain: a bump that meets a running
// transaction is not refused, it waits for its turn.
func TestRates_AConflictWithATransactionIsTriedAgain(t *testing.T) {
	calls := 0
	r := NewRates(scripted{update: func(*dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
		if calls++; calls < 3 {
			return nil, &types.TransactionConflictException{}
		}
		return &dynamodb.UpdateItemOutput{Attributes: item{"v": num(1), "seq": num(4)}}, nil
	}}, "rates")
	l, err := r.Bump(t.Context(), "lisbon-1", nil, time.Now())
	if err != nil || l.Seq != 4 || calls != 3 {
		t.Errorf("after %d calls: %+v, %v", calls, l, err)
	}
}

func TestRates_TransactionsThatAreCanceled(t *testing.T) {
	canceled := func(codes ...string) error {
		var reasons []types.CancellationReason
		for _, c := range codes {
			reasons = append(reasons, types.CancellationReason{Code: aws.String(c)})
		}
		return &types.TransactionCanceledException{CancellationReasons: reasons}
	}
	for _, c := range []struct {
		name     string
		err      error
		calls    int
		conflict bool
	}{
		{"a condition", canceled("None", "ConditionalCheckFailed"), 1, true},
		{"a condition, and a conflict beside it", canceled("TransactionConflict", "ConditionalCheckFailed"), 1, true},
		{"a conflict", canceled("None", "TransactionConflict"), triesAlone, false},
		{"the same one still runs", &types.TransactionInProgressException{}, triesAlone, false},
		{"no answer", context.DeadlineExceeded, 1, false},
	} {
		var tokens []string
		r := NewRates(scripted{transact: func(in *dynamodb.TransactWriteItemsInput) error {
			tokens = append(tokens, *in.ClientRequestToken)
			return c.err
		}}, "rates")
		pages := []ledger.Page{{Key: ledger.PageKey{Room: "DBL", Plan: "BAR", Month: "2026-12"}}}
		err := r.EndJob(t.Context(), "lisbon-1", "7", pages, time.Now())
		if err == nil || errors.Is(err, ledger.ErrConflict) != c.conflict {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(tokens) != c.calls || len(slices.Compact(tokens)) != 1 {
			t.Errorf("%s: tried with tokens %v, want %d times the same", c.name, tokens, c.calls)
		}
	}
}

// TestRates_WhatABatchLeavesIsAskedForAgain: DynamoDB answers a part of a batch
// when it is large or the table is busy.
func TestRates_WhatABatchLeavesIsAskedForAgain(t *testing.T) {
	var keys []ledger.PageKey
	for i := range 150 {
		keys = append(keys, ledger.PageKey{Room: fmt.Sprintf("R%03d", i), Plan: "BAR", Month: "2026-12"})
	}
	largest := 0
	r := NewRates(scripted{batch: func(in *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error) {
		asked := in.RequestItems["rates"]
		largest = max(largest, len(asked.Keys))
		n := (len(asked.Keys) + 1) / 2
		out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
		for _, k := range asked.Keys[:n] {
			m := item{"sk": k["sk"], "v": num(1)}
			if strings.HasPrefix(getStr(k, "sk"), pagePrefix) {
				m["version"], m["cells"] = num(3), str(`{"v":1,"f":{}}`)
			}
			out.Responses["rates"] = append(out.Responses["rates"], m)
		}
		if n < len(asked.Keys) {
			asked.Keys = asked.Keys[n:]
			out.UnprocessedKeys = map[string]types.KeysAndAttributes{"rates": asked}
		}
		return out, nil
	}}, "rates")
	_, pages, err := r.LaneAndPages(t.Context(), "lisbon-1", keys)
	if err != nil || len(pages) != 150 || largest > maxBatch {
		t.Fatalf("%d pages in batches of up to %d, %v", len(pages), largest, err)
	}
	for _, p := range pages {
		if p.Version != 3 {
			t.Errorf("page %s is missing", p.Key)
		}
	}
}

// TestRates_ALaterReleasesItemIsNotGuessedAt: an item of an unknown version is
// an error, not an empty lane that everybody may take.
func TestRates_ALaterReleasesItemIsNotGuessedAt(t *testing.T) {
	r := NewRates(scripted{update: func(*dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
		return &dynamodb.UpdateItemOutput{Attributes: item{"v": num(version + 1), "seq": num(4)}}, nil
	}}, "rates")
	if l, err := r.Bump(t.Context(), "lisbon-1", nil, time.Now()); err == nil {
		t.Errorf("read as %+v", l)
	}
}
