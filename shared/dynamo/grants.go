package dynamo

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/grant"
)

// Grants is the [grant.Store] of the grants table. Every method but Consent is
// one conditional UpdateItem of one item, GRANT#id TOKEN:
//
//	holder{nonce: 1} deadline          the lease: at most one nonce
//	attempts{nonce: {kind gen at}}     asides{nonce: {sealed base at …}}
//	reauth (reason)  missing_scopes    the findings, each there while it stands
//	pair{…} or pair_ref, generation, epoch, times, wake_shard + wake_at, …
//
// The shapes are chosen so that each line of docs/protocols.md is one write
// without a branch: "owner removed where owner = me" is the removal of
// holder.me, which takes nobody else's, and "health = ok unless
// scope_update_required stands" is the removal of reauth.
type Grants struct {
	api   API
	table string
}

var _ grant.Store = (*Grants)(nil)

// NewGrants returns the grants that live in this table.
func NewGrants(api API, table string) *Grants { return &Grants{api: api, table: table} }

func grantKey(id grant.ID) item { return key("GRANT#"+string(id), "TOKEN") }

// Create implements [grant.Store].
func (s *Grants) Create(ctx context.Context, g grant.Grant) error {
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: grantItem(g), ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if _, there := refused(err); there {
		return grant.ErrExists
	}
	if err != nil {
		return fmt.Errorf("creating grant %s: %w", g.ID, err)
	}
	return nil
}

// Read implements [grant.Store].
func (s *Grants) Read(ctx context.Context, id grant.ID) (grant.Grant, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: grantKey(id), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return grant.Grant{}, fmt.Errorf("reading grant %s: %w", id, err)
	}
	if len(out.Item) == 0 {
		return grant.Grant{}, grant.ErrNotFound
	}
	return grantOf(out.Item)
}

// change is one conditional write, put together clause by clause.
type change struct {
	name   string // the method's, for the conflict
	id     grant.ID
	ifs    []string
	set    []string
	remove []string
	names  map[string]string
	values item
}

// newChange begins a write. The item must exist: an update would make it
// otherwise.
func newChange(name string, id grant.ID) *change {
	return &change{name: name, id: id, ifs: []string{"attribute_exists(pk)"}, names: map[string]string{}, values: item{}}
}

// when adds a condition, in DynamoDB's words.
func (c *change) when(condition string) { c.ifs = append(c.ifs, "("+condition+")") }

// value binds a value that conditions and updates name. One name stands for one
// value: the writes' own words must not meet the attributes' that put binds.
func (c *change) value(name string, v types.AttributeValue) {
	if was, bound := c.values[name]; bound && !reflect.DeepEqual(was, v) {
		panic("dynamo: " + c.name + " binds " + name + " twice")
	}
	c.values[name] = v
}

// put sets an attribute to a value.
func (c *change) put(attribute string, v types.AttributeValue) {
	bound := ":" + strings.NewReplacer(".", "_", "#", "").Replace(attribute)
	c.value(bound, v)
	c.set = append(c.set, attribute+" = "+bound)
}

// drop removes attributes, present or not.
func (c *change) drop(attributes ...string) { c.remove = append(c.remove, attributes...) }

// nonce binds a nonce to the name #label, for paths such as attempts.#me:
// nonces hold characters that a path may not.
func (c *change) nonce(label string, n grant.Nonce) { c.names["#"+label] = string(n) }

// mine says that the write is a holder's own, and on which of his marks it
// depends.
func (c *change) mine(me grant.Nonce) { c.nonce("me", me) }

func (c *change) ifAttempted() { c.when("attribute_exists(attempts.#me)") }
func (c *change) ifOwner()     { c.when("attribute_exists(holder.#me)") }
func (c *change) ifGeneration(g int64) {
	c.value(":g", num(g))
	c.when("generation = :g")
}

// ifNotHeld is "no owner, or deadline + skew < now".
func (c *change) ifNotHeld(now time.Time, skew time.Duration) {
	c.value(":none", num(0))
	c.value(":over", ms(now.Add(-skew)))
	c.when("size(holder) = :none or deadline < :over")
}

// wake sets when the grant must be looked at; zero leaves it as it is.
func (c *change) wake(at time.Time) {
	if !at.IsZero() {
		c.put("wake_at", ms(at))
		c.put("wake_shard", str(wakeShard(c.id)))
	}
}

// hold sets the wake and why nothing happens before it; no wake leaves both.
func (c *change) hold(until time.Time, why string) {
	c.wake(until)
	switch {
	case until.IsZero():
	case why == "":
		c.drop("held")
	default:
		c.put("held", str(why))
	}
}

// alert puts the grant into the alerter's outbox; zero leaves it as it is.
func (c *change) alert(due time.Time) {
	if !due.IsZero() {
		c.put("alert_due", ms(due))
		c.put("alert_shard", str(alertShard))
	}
}

// add adds one to a counter.
func (c *change) add(attribute string) {
	c.value(":zero", num(0))
	c.value(":one", num(1))
	c.set = append(c.set, attribute+" = if_not_exists("+attribute+", :zero) + :one")
}

// update is the write as DynamoDB takes it.
func (c *change) update(table string) *types.Update {
	u := &types.Update{
		TableName: &table, Key: grantKey(c.id),
		ConditionExpression:                 aws.String(strings.Join(c.ifs, " and ")),
		UpdateExpression:                    aws.String(c.expression()),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if len(c.names) > 0 {
		u.ExpressionAttributeNames = c.names
	}
	if len(c.values) > 0 {
		u.ExpressionAttributeValues = c.values
	}
	return u
}

func (c *change) expression() string {
	var parts []string
	if len(c.set) > 0 {
		parts = append(parts, "set "+strings.Join(c.set, ", "))
	}
	if len(c.remove) > 0 {
		parts = append(parts, "remove "+strings.Join(c.remove, ", "))
	}
	return strings.Join(parts, " ")
}

// write sends the change and returns what it says about the item after it, if
// asked.
func (s *Grants) write(ctx context.Context, c *change, returning types.ReturnValue) (item, error) {
	u := c.update(s.table)
	out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: u.TableName, Key: u.Key, ConditionExpression: u.ConditionExpression,
		UpdateExpression: u.UpdateExpression, ExpressionAttributeNames: u.ExpressionAttributeNames,
		ExpressionAttributeValues:           u.ExpressionAttributeValues,
		ReturnValues:                        returning,
		ReturnValuesOnConditionCheckFailure: u.ReturnValuesOnConditionCheckFailure,
	})
	if current, ok := refused(err); ok {
		return nil, conflict(c.name, current)
	}
	if err != nil {
		return nil, fmt.Errorf("writing %s of grant %s: %w", strings.ToLower(c.name), c.id, err)
	}
	return out.Attributes, nil
}

// conflict words a refusal. No item at all is ErrNotFound.
func conflict(write string, current item) error {
	if len(current) == 0 {
		return grant.ErrNotFound
	}
	g, err := grantOf(current)
	if err != nil {
		return err
	}
	return &grant.Conflict{Write: write, Current: g}
}

// done sends a change whose answer is its success alone.
func (s *Grants) done(ctx context.Context, c *change) error {
	_, err := s.write(ctx, c, types.ReturnValueNone)
	return err
}

// canceled reports why a transaction was canceled, one reason for each of its
// writes.
func canceled(err error) ([]types.CancellationReason, bool) {
	var c *types.TransactionCanceledException
	if errors.As(err, &c) {
		return c.CancellationReasons, true
	}
	return nil, false
}
