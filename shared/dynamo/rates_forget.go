package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"bellhop/shared/connection"
)

// Forget deletes everything that the table has of a connection: its lane, which
// would be woken for ever, its pages, jobs and read-backs. It is for one that
// was removed from the inventory, so that nothing is taken in for it any more.
// What it could not delete it finds again the next time.
func (s *Rates) Forget(ctx context.Context, id connection.ID) error {
	in := &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: aws.String("pk = :pk"), ConsistentRead: aws.Bool(true),
		ExpressionAttributeValues: item{":pk": str(ratesPK(id))}, ProjectionExpression: aws.String("pk, sk"),
	}
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return fmt.Errorf("listing what there is of connection %s: %w", id, err)
		}
		for _, m := range out.Items {
			k := key(getStr(m, "pk"), getStr(m, "sk"))
			if _, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: k}); err != nil {
				return fmt.Errorf("deleting %s of connection %s: %w", getStr(m, "sk"), id, err)
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
