package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
)

// indexes are the keys of the items that find a connection.
func indexes(c connection.Connection) []item {
	name := "CONN#" + string(c.ID)
	return []item{key("PROP#"+c.Property, name), key("GRANT#"+string(c.Grant), name), key("ALL#CONN", name)}
}

// Remove implements [connection.Inventory].
func (s *Inventory) Remove(ctx context.Context, c connection.Connection) error {
	writes := []types.TransactWriteItem{{Delete: &types.Delete{
		TableName: &s.table, Key: key("CONN#"+string(c.ID), "META"), ConditionExpression: aws.String("attribute_exists(pk)"),
	}}}
	for _, k := range indexes(c) {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: k}})
	}
	_, err := s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	if mainRefused(err) {
		return connection.ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("removing connection %s: %w", c.ID, err)
	}
	return nil
}

// Reseal implements [connection.Inventory].
func (s *Inventory) Reseal(ctx context.Context, was, is connection.Connection) error {
	values, set, when := item{}, "", "attribute_exists(pk)"
	for _, f := range []struct {
		name    string
		was, is []grant.Sealed
	}{{"signing", was.Signing, is.Signing}, {"webhook_secret", was.WebhookSecret, is.WebhookSecret}} {
		values[":is_"+f.name] = sealedList(f.is)
		set += ", " + f.name + " = :is_" + f.name
		if len(f.was) == 0 { // left out of the item, or emptied by a former reseal
			values[":none"] = num(0)
			when += " and (attribute_not_exists(" + f.name + ") or size(" + f.name + ") = :none)"
			continue
		}
		values[":was_"+f.name] = sealedList(f.was)
		when += " and " + f.name + " = :was_" + f.name
	}
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key("CONN#"+string(was.ID), "META"), UpdateExpression: aws.String("set " + set[2:]),
		ConditionExpression: &when, ExpressionAttributeValues: values,
	})
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		return err
	}
	now, err := s.Connection(ctx, was.ID)
	if err != nil || now.SameSeals(is) {
		return err // gone; or a copy of this write was refused by its own first success
	}
	return connection.ErrMoved
}
