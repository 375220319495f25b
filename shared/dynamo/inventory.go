package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
)

// readsAtOnce bounds how many items a lookup reads at the same time. One item
// at a time would make a grant of 200 properties slow, and the functions' roles
// allow no batch on this table.
const readsAtOnce = 16

// Inventory is the [connection.Inventory] of the grants table. Connections and
// clients are rare and small, so nothing is indexed by DynamoDB: each is
// written together with the index items that find it,
//
//	CONN#id   META      the connection
//	PROP#p    CONN#id   connections of a property
//	GRANT#g   CONN#id   connections that a grant serves
//	ALL#CONN  CONN#id   all of them
//	CLIENT#id CLIENT    the client
//	ALL#CLIENT CLIENT#id
//
// in one transaction, so that a lookup is one consistent Query and never a
// scan. Property, provider's property and grant of a connection never change;
// a connection that moves is another connection.
type Inventory struct {
	api   API
	table string
}

var _ connection.Inventory = (*Inventory)(nil)

// NewInventory returns the inventory that lives in this table.
func NewInventory(api API, table string) *Inventory { return &Inventory{api: api, table: table} }

// Add implements [connection.Inventory].
func (s *Inventory) Add(ctx context.Context, c connection.Connection) error {
	err := s.putNew(ctx, connectionItem(c), indexes(c)...)
	if errors.Is(err, errTaken) {
		return connection.ErrExists
	}
	if err != nil {
		return fmt.Errorf("adding connection %s: %w", c.ID, err)
	}
	return nil
}

// Connection implements [connection.Inventory].
func (s *Inventory) Connection(ctx context.Context, id connection.ID) (connection.Connection, error) {
	m, err := s.read(ctx, key("CONN#"+string(id), "META"))
	if err != nil {
		return connection.Connection{}, fmt.Errorf("reading connection %s: %w", id, err)
	}
	if m == nil {
		return connection.Connection{}, connection.ErrUnknown
	}
	return connectionOf(m), nil
}

// Of implements [connection.Inventory].
func (s *Inventory) Of(ctx context.Context, property string) ([]connection.Connection, error) {
	return s.connectionsUnder(ctx, "PROP#"+property)
}

// ByGrant implements [connection.Inventory].
func (s *Inventory) ByGrant(ctx context.Context, id grant.ID) ([]connection.Connection, error) {
	return s.connectionsUnder(ctx, "GRANT#"+string(id))
}

// All implements [connection.Inventory]. It reads a page of the list at a time,
// so that a caller who stops early has not read them all.
func (s *Inventory) All(ctx context.Context, yield func(connection.Connection) bool) error {
	return s.names(ctx, "ALL#CONN", "CONN#", func(ids []string) (bool, error) {
		found, err := s.connections(ctx, ids)
		if err != nil {
			return false, err
		}
		for _, c := range found {
			if !yield(c) {
				return false, nil
			}
		}
		return true, nil
	})
}

// connectionsUnder returns the connections that one index partition names, in
// the order of their ids.
func (s *Inventory) connectionsUnder(ctx context.Context, pk string) ([]connection.Connection, error) {
	var all []connection.Connection
	err := s.names(ctx, pk, "CONN#", func(ids []string) (bool, error) {
		found, err := s.connections(ctx, ids)
		all = append(all, found...)
		return err == nil, err
	})
	return all, err
}

// connections reads these connections, in this order.
func (s *Inventory) connections(ctx context.Context, ids []string) ([]connection.Connection, error) {
	found := make([]connection.Connection, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtOnce)
	for i, id := range ids {
		g.Go(func() error {
			c, err := s.Connection(ctx, connection.ID(id))
			if errors.Is(err, connection.ErrUnknown) {
				return fmt.Errorf("index names connection %s: %w", id, err) // never: one transaction wrote both
			}
			found[i] = c
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// AddClient implements [connection.Inventory].
func (s *Inventory) AddClient(ctx context.Context, c connection.Client) error {
	err := s.putNew(ctx, clientItem(c), key("ALL#CLIENT", "CLIENT#"+c.ID))
	if errors.Is(err, errTaken) {
		return connection.ErrClientExists
	}
	if err != nil {
		return fmt.Errorf("adding client %s: %w", c.ID, err)
	}
	return nil
}

// Client implements [connection.Inventory].
func (s *Inventory) Client(ctx context.Context, id string) (connection.Client, error) {
	m, err := s.read(ctx, key("CLIENT#"+id, "CLIENT"))
	if err != nil {
		return connection.Client{}, fmt.Errorf("reading client %s: %w", id, err)
	}
	if m == nil {
		return connection.Client{}, connection.ErrUnknownClient
	}
	return clientOf(m), nil
}

// Clients implements [connection.Inventory].
func (s *Inventory) Clients(ctx context.Context) ([]connection.Client, error) {
	var all []connection.Client
	err := s.names(ctx, "ALL#CLIENT", "CLIENT#", func(ids []string) (bool, error) {
		for _, id := range ids {
			c, err := s.Client(ctx, id)
			if err != nil {
				return false, err
			}
			all = append(all, c)
		}
		return true, nil
	})
	return all, err
}

// errTaken says that the main item of a transaction exists already.
var errTaken = errors.New("item exists already")

// putNew writes a new item with its index items, all or nothing. The SDK's own
// retries of one call carry one ClientRequestToken, so a lost answer does not
// turn our own success into errTaken.
func (s *Inventory) putNew(ctx context.Context, main item, indexes ...item) error {
	writes := []types.TransactWriteItem{{Put: &types.Put{
		TableName: &s.table, Item: main, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}}
	for _, i := range indexes {
		i["v"] = num(version)
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: i}})
	}
	_, err := s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	if mainRefused(err) {
		return errTaken
	}
	return err
}

// mainRefused reports whether a transaction's first item, the main one, was not
// as its condition wants it.
func mainRefused(err error) bool {
	var cancelled *types.TransactionCanceledException
	return errors.As(err, &cancelled) && len(cancelled.CancellationReasons) > 0 &&
		aws.ToString(cancelled.CancellationReasons[0].Code) == "ConditionalCheckFailed"
}

// read returns one item, nil when there is none. It refuses an item of a
// version that this release does not know.
func (s *Inventory) read(ctx context.Context, k item) (item, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: k, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	if len(out.Item) == 0 {
		return nil, nil
	}
	return out.Item, known(out.Item)
}

// names calls yield with the ids that an index partition lists, a page at a
// time, until it returns false or an error.
func (s *Inventory) names(ctx context.Context, pk, prefix string, yield func([]string) (bool, error)) error {
	in := &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String("pk = :pk and begins_with(sk, :sk)"),
		ExpressionAttributeValues: item{":pk": str(pk), ":sk": str(prefix)},
		ConsistentRead:            aws.Bool(true),
	}
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return fmt.Errorf("listing %s: %w", pk, err)
		}
		ids := make([]string, 0, len(out.Items))
		for _, m := range out.Items {
			ids = append(ids, strings.TrimPrefix(getStr(m, "sk"), prefix))
		}
		if more, err := yield(ids); err != nil || !more {
			return err
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
