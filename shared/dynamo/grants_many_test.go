package dynamo

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
)

func fleet(n int) []grant.ID {
	ids := make([]grant.ID, n)
	for i := range ids {
		ids[i] = grant.ID(fmt.Sprintf("hotel-%03d", i))
	}
	return ids
}

// DynamoDB answers a part of a batch when it is large or the table is busy; what
// it left is asked for again, and nothing twice.
func TestReadMany_WhatABatchLeavesIsAskedForAgain(t *testing.T) {
	largest, calls := 0, 0
	s := NewGrants(scripted{batch: func(in *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error) {
		asked := in.RequestItems["grants"]
		calls++
		largest = max(largest, len(asked.Keys))
		n := (len(asked.Keys) + 1) / 2
		out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
		for _, k := range asked.Keys[:n] {
			id := grant.ID(getStr(k, "pk")[len("GRANT#"):])
			out.Responses["grants"] = append(out.Responses["grants"], grantItem(granttest.Living(id, nil)))
		}
		if n < len(asked.Keys) {
			asked.Keys = asked.Keys[n:]
			out.UnprocessedKeys = map[string]types.KeysAndAttributes{"grants": asked}
		}
		return out, nil
	}}, "grants")
	ids := fleet(130)
	got, err := s.ReadMany(t.Context(), append(ids, ids[:20]...))
	if err != nil || len(got) != 130 || largest > maxBatch || calls > 14 {
		t.Fatalf("%d grants by %d calls of up to %d keys, %v", len(got), calls, largest, err)
	}
	seen := map[grant.ID]bool{}
	for _, g := range got {
		if seen[g.ID] || g.Client != "main" {
			t.Errorf("grant %s came twice, or wrong", g.ID)
		}
		seen[g.ID] = true
	}
}

// One item of a later release stops no other; a table that does not answer is
// said, with what was read before.
func TestReadMany_ReadsWhatItCan(t *testing.T) {
	calls := 0
	s := NewGrants(scripted{batch: func(in *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error) {
		if calls++; calls > 1 {
			return nil, errors.New("throttled")
		}
		later := grantItem(granttest.Living("later", nil))
		later["v"] = num(version + 1)
		return &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{
			"grants": {later, grantItem(granttest.Living("good", nil))},
		}}, nil
	}}, "grants")
	got, err := s.ReadMany(t.Context(), fleet(101))
	if err == nil || len(got) != 1 || got[0].ID != "good" {
		t.Errorf("%d grants, %v", len(got), err)
	}
	if got, err := s.ReadMany(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("nobody: %v, %v", got, err)
	}
}

func TestReadMany_OfARealTable(t *testing.T) {
	api, table := realTable(t)
	s := NewGrants(api, table)
	for _, id := range fleet(3) {
		if err := s.Create(t.Context(), granttest.Living(id, nil)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.ReadMany(t.Context(), append(fleet(3), "gone"))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d grants, %v", len(got), err)
	}
	for _, g := range got {
		granttest.Same(t, g, granttest.Living(g.ID, nil))
	}
}
