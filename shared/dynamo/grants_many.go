package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/grant"
)

// ReadMany reads grants consistently, a hundred with each call. Those that are
// gone are left out, and the order is the table's. What the table leaves
// unprocessed, for its size or under throttling, is asked for again after a
// pause; with an error come the grants that could be read.
func (s *Grants) ReadMany(ctx context.Context, ids []grant.ID) ([]grant.Grant, error) {
	var found []grant.Grant
	var problems []error
	for part := range slices.Chunk(distinct(ids), maxBatch) {
		keys := make([]item, len(part))
		for i, id := range part {
			keys[i] = grantKey(id)
		}
		for attempt := 0; len(keys) > 0; attempt++ {
			out, err := s.readBatch(ctx, keys, attempt)
			if err != nil {
				return found, errors.Join(append(problems, err)...)
			}
			for _, m := range out.Responses[s.table] {
				g, err := grantOf(m)
				if err != nil {
					problems = append(problems, err) // a later release's: it stops no other
					continue
				}
				found = append(found, g)
			}
			keys = out.UnprocessedKeys[s.table].Keys
		}
	}
	return found, errors.Join(problems...)
}

func (s *Grants) readBatch(ctx context.Context, keys []item, attempt int) (*dynamodb.BatchGetItemOutput, error) {
	if err := backOff(ctx, attempt); err != nil {
		return nil, fmt.Errorf("reading %d grants: %w", len(keys), err)
	}
	out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
	})
	if err != nil {
		return nil, fmt.Errorf("reading %d grants: %w", len(keys), err)
	}
	return out, nil
}

// distinct keeps the first of each: a batch may not name an item twice, and an
// index that is behind may.
func distinct(ids []grant.ID) []grant.ID {
	seen := make(map[grant.ID]bool, len(ids))
	return slices.DeleteFunc(slices.Clone(ids), func(id grant.ID) bool {
		was := seen[id]
		seen[id] = true
		return was
	})
}
