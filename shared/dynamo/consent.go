package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/consent"
	"bellhop/shared/grant"
)

// keptFor is how long a ticket or state stays in the table after it has ended,
// for whoever asks what became of a link. TTL cleans up after that
// ("expires_at"); no decision rests on it.
const keptFor = 30 * 24 * time.Hour

// Tickets is the [consent.Store] of the grants table:
//
//	TICKET#digest TICKET   grant, episode, epoch, created, expires, used
//	STATE#digest  STATE    ticket, grant, sealed, expires, used, used_by, result_…
//
// "used" of a ticket is written by [Grants.Consent] alone, in its transaction.
type Tickets struct {
	api   API
	table string
}

var _ consent.Store = (*Tickets)(nil)

// NewTickets returns the tickets and states that live in this table.
func NewTickets(api API, table string) *Tickets { return &Tickets{api: api, table: table} }

// PutTicket implements [consent.Store].
func (s *Tickets) PutTicket(ctx context.Context, t consent.Ticket) error {
	m := key("TICKET#"+t.Digest, "TICKET")
	m["v"], m["grant"], m["episode"], m["epoch"] = num(version), str(string(t.Grant)), num(t.Episode), num(t.Epoch)
	m["created"], m["expires"], m["expires_at"] = ms(t.Created), ms(t.Expires), num(t.Expires.Add(keptFor).Unix())
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: m, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if _, there := refused(err); there {
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing a ticket of grant %s: %w", t.Grant, err)
	}
	return nil
}

// Ticket implements [consent.Store].
func (s *Tickets) Ticket(ctx context.Context, digest string) (consent.Ticket, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: key("TICKET#"+digest, "TICKET"), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return consent.Ticket{}, fmt.Errorf("reading a ticket: %w", err)
	}
	if len(out.Item) == 0 {
		return consent.Ticket{}, consent.ErrUnknown
	}
	if err := known(out.Item); err != nil {
		return consent.Ticket{}, err
	}
	return consent.Ticket{
		Digest: digest, Grant: grant.ID(getStr(out.Item, "grant")), Episode: getNum(out.Item, "episode"), Epoch: getNum(out.Item, "epoch"),
		Created: getTime(out.Item, "created"), Expires: getTime(out.Item, "expires"), Used: getTime(out.Item, "used"),
	}, nil
}

// PutState implements [consent.Store].
func (s *Tickets) PutState(ctx context.Context, st consent.State) error {
	m := key("STATE#"+st.Digest, "STATE")
	m["v"], m["ticket"], m["grant"] = num(version), str(st.Ticket), str(string(st.Grant))
	m["sealed"] = mapOf(sealedBytes(st.Sealed))
	m["expires"], m["expires_at"] = ms(st.Expires), num(st.Expires.Add(keptFor).Unix())
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		// The condition keeps a late copy of this write from making a consumed
		// state fresh again.
		TableName: &s.table, Item: m, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if _, there := refused(err); there {
		return nil // our own first success: the digest is of 256 random bits
	}
	if err != nil {
		return fmt.Errorf("writing a state of grant %s: %w", st.Grant, err)
	}
	return nil
}

// Consume implements [consent.Store].
func (s *Tickets) Consume(ctx context.Context, digest, by string, now time.Time) (consent.State, error) {
	out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key("STATE#"+digest, "STATE"),
		ConditionExpression:                 aws.String("attribute_exists(pk) and attribute_not_exists(used)"),
		UpdateExpression:                    aws.String("set used = :now, used_by = :by"),
		ExpressionAttributeValues:           item{":now": ms(now), ":by": str(by)},
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if there, ok := refused(err); ok {
		return usedState(there, digest, by)
	}
	if err != nil {
		return consent.State{}, fmt.Errorf("consuming a state: %w", err)
	}
	return stateOf(out.Attributes, digest), known(out.Attributes)
}

// usedState judges a refused Consume: nothing there, our own first success, or
// somebody else's.
func usedState(there item, digest, by string) (consent.State, error) {
	if len(there) == 0 {
		return consent.State{}, consent.ErrUnknown
	}
	if err := known(there); err != nil {
		return consent.State{}, err
	}
	st := stateOf(there, digest)
	if st.By == by {
		return st, nil
	}
	return st, consent.ErrUsed
}

// Conclude implements [consent.Store].
func (s *Tickets) Conclude(ctx context.Context, digest string, r consent.Result) error {
	set := []string{"result_at = :at"}
	values := item{":at": ms(r.At)}
	for k, v := range map[string]string{"result_code": string(r.Code), "result_account": r.Account, "result_pinned": r.Pinned} {
		if v != "" {
			set, values[":"+k] = append(set, k+" = :"+k), str(v)
		}
	}
	if !r.Until.IsZero() {
		set, values[":until"] = append(set, "result_until = :until"), ms(r.Until)
	}
	if len(r.Missing) > 0 {
		set, values[":missing"] = append(set, "result_missing = :missing"), list(r.Missing...)
	}
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key("STATE#"+digest, "STATE"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		UpdateExpression:          aws.String("set " + strings.Join(set, ", ")),
		ExpressionAttributeValues: values,
	})
	if err != nil {
		return fmt.Errorf("writing what came of a state: %w", err)
	}
	return nil
}

func stateOf(m item, digest string) consent.State {
	return consent.State{
		Digest: digest, Ticket: getStr(m, "ticket"), Grant: grant.ID(getStr(m, "grant")),
		Sealed: sealedBytesOf(getMap(m, "sealed")), Expires: getTime(m, "expires"),
		Used: getTime(m, "used"), By: getStr(m, "used_by"),
		Result: consent.Result{
			Code: consent.Code(getStr(m, "result_code")), At: getTime(m, "result_at"), Until: getTime(m, "result_until"),
			Account: getStr(m, "result_account"), Pinned: getStr(m, "result_pinned"),
			Missing: getList(m, "result_missing"),
		},
	}
}
