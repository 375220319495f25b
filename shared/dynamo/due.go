package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"bellhop/shared/wake"
)

// Index is a sparse, sharded index of what must be looked at when: "wake" of
// either table, or "alert" of the grants table. It is a hint, eventually
// consistent and read with KEYS_ONLY; whoever acts on it reads the item again.
type Index struct {
	api   API
	table string
	name  string
	shard string // attribute
	at    string // attribute
}

// NewWakes returns the wake index of a table.
func NewWakes(api API, table string) *Index {
	return &Index{api: api, table: table, name: "wake", shard: "wake_shard", at: "wake_at"}
}

// NewAlerts returns the alert index of the grants table.
func NewAlerts(api API, table string) *Index {
	return &Index{api: api, table: table, name: "alert", shard: "alert_shard", at: "alert_due"}
}

// Due returns the items of one shard that are due until then, what waited
// longest first. When the context ends between two pages it returns what it has
// with the error.
func (x *Index) Due(ctx context.Context, shard string, until time.Time) ([]wake.Due, error) {
	pages := dynamodb.NewQueryPaginator(x.api, &dynamodb.QueryInput{
		TableName: &x.table, IndexName: &x.name,
		KeyConditionExpression:    aws.String(x.shard + " = :shard and " + x.at + " <= :until"),
		ExpressionAttributeValues: item{":shard": str(shard), ":until": ms(until)},
	})
	var due []wake.Due
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return due, fmt.Errorf("reading index %s of %s, shard %s: %w", x.name, x.table, shard, err)
		}
		for _, m := range page.Items {
			due = append(due, wake.Due{PK: getStr(m, "pk"), SK: getStr(m, "sk"), At: getTime(m, x.at)})
		}
	}
	return due, nil
}
