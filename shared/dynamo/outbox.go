package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/alert"
	"bellhop/shared/grant"
	"bellhop/shared/wake"
)

// Outbox is the [alert.Outbox] of the grants table. An episode is an item
// beside its grant's TOKEN:
//
//	GRANT#id EPISODE#n  since, health, reason, missing_scopes, generation,
//	                    ticket, ticket_expires, reconnected_at, waiting,
//	                    opened_CHANNEL, closed_CHANNEL,
//	                    claimed_CHANNEL, claimant_CHANNEL,
//	                    alert_shard, alert_due
//
// "reconnected_at" and "waiting" are written by [Grants.Consent], all else here. The
// last two keep the item in the alert index, and in the stream's filter, until
// the episode is over.
type Outbox struct {
	api   API
	table string
}

var _ alert.Outbox = (*Outbox)(nil)

// NewOutbox returns the outbox that lives in this table.
func NewOutbox(api API, table string) *Outbox { return &Outbox{api: api, table: table} }

// episodePrefix begins the sort keys of a grant's episodes.
const episodePrefix = "EPISODE#"

func outboxKey(id grant.ID, number int64) item {
	return key("GRANT#"+string(id), episodePrefix+strconv.FormatInt(number, 10))
}

// Open implements [alert.Outbox].
func (s *Outbox) Open(ctx context.Context, e alert.Episode) (alert.Episode, error) {
	set := []string{"v = :v", "since = :since", "health = :health", "reason = :reason", "generation = :generation", "alert_shard = :shard", "alert_due = :due"}
	values := item{
		":v": num(version), ":since": ms(e.Since), ":health": str(string(e.Health)), ":reason": str(string(e.Reason)),
		":generation": num(e.Generation), ":shard": str(wake.AlertShard), ":due": ms(e.Due),
	}
	if len(e.Ticket.Data) > 0 {
		set = append(set, "ticket = :ticket", "ticket_expires = :expires")
		values[":ticket"], values[":expires"] = mapOf(sealedBytes(e.Ticket)), ms(e.Expires)
	}
	if len(e.Missing) > 0 {
		set, values[":missing"] = append(set, "missing_scopes = :missing"), list(e.Missing...)
	}
	out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: outboxKey(e.Grant, e.Number),
		ConditionExpression:                 aws.String("attribute_not_exists(since)"),
		UpdateExpression:                    aws.String("set " + strings.Join(set, ", ")),
		ExpressionAttributeValues:           values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if there, ok := refused(err); ok {
		return episodeOf(there), known(there)
	}
	if err != nil {
		return alert.Episode{}, fmt.Errorf("opening episode %d of grant %s: %w", e.Number, e.Grant, err)
	}
	return episodeOf(out.Attributes), nil
}

// Episodes implements [alert.Outbox].
func (s *Outbox) Episodes(ctx context.Context, id grant.ID) ([]alert.Episode, error) {
	in := &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String("pk = :pk and begins_with(sk, :sk)"),
		FilterExpression:          aws.String("attribute_exists(alert_due)"),
		ExpressionAttributeValues: item{":pk": str("GRANT#" + string(id)), ":sk": str(episodePrefix)},
		ConsistentRead:            aws.Bool(true),
	}
	var open []alert.Episode
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("listing episodes of grant %s: %w", id, err)
		}
		for _, m := range out.Items {
			if err := known(m); err != nil {
				return nil, err
			}
			open = append(open, episodeOf(m))
		}
		if len(out.LastEvaluatedKey) == 0 {
			return alert.Oldest(open), nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Claim implements [alert.Outbox].
func (s *Outbox) Claim(ctx context.Context, c alert.Claim) error {
	condition := "attribute_exists(since) and attribute_not_exists(" + told(c.Kind, c.Channel) + ") and " +
		"(attribute_not_exists(claimed_" + c.Channel + ") or claimed_" + c.Channel + " < :now or claimant_" + c.Channel + " = :me)"
	if c.Kind == alert.Opened {
		condition += " and attribute_not_exists(reconnected_at) and attribute_not_exists(" + told(alert.Recovered, c.Channel) + ")"
	}
	err := s.update(ctx, c, condition, "set claimed_"+c.Channel+" = :until, claimant_"+c.Channel+" = :me",
		item{":now": ms(c.Now), ":until": ms(c.Until), ":me": str(c.Me)})
	if _, ok := refused(err); ok {
		return alert.ErrClaimed
	}
	return err
}

// Delivered implements [alert.Outbox]. It does not ask whose the claim is: the
// message has been delivered, whoever thinks that it is still to be sent.
func (s *Outbox) Delivered(ctx context.Context, c alert.Claim) error {
	return s.update(ctx, c, "attribute_exists(since)",
		"set "+told(c.Kind, c.Channel)+" = :now remove claimed_"+c.Channel+", claimant_"+c.Channel, item{":now": ms(c.Now)})
}

// Unclaim implements [alert.Outbox].
func (s *Outbox) Unclaim(ctx context.Context, c alert.Claim) error {
	err := s.update(ctx, c, "claimant_"+c.Channel+" = :me",
		"remove claimed_"+c.Channel+", claimant_"+c.Channel, item{":me": str(c.Me)})
	if _, ok := refused(err); ok {
		return nil // it had ended by itself, and somebody else has it
	}
	return err
}

// update makes one conditional write to the episode of a claim.
func (s *Outbox) update(ctx context.Context, c alert.Claim, condition, update string, values item) error {
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: outboxKey(c.Grant, c.Number),
		ConditionExpression:       aws.String(condition),
		UpdateExpression:          aws.String(update),
		ExpressionAttributeValues: values,
	})
	if err != nil {
		return fmt.Errorf("marking episode %d of grant %s: %w", c.Number, c.Grant, err)
	}
	return nil
}

// Look implements [alert.Outbox].
func (s *Outbox) Look(ctx context.Context, id grant.ID, number int64, due time.Time) error {
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: outboxKey(id, number),
		ConditionExpression: aws.String("attribute_exists(since)"),
		UpdateExpression:    aws.String("remove alert_shard, alert_due"),
	}
	if !due.IsZero() {
		in.UpdateExpression = aws.String("set alert_shard = :shard, alert_due = :due")
		in.ExpressionAttributeValues = item{":shard": str(wake.AlertShard), ":due": ms(due)}
	}
	if _, err := s.api.UpdateItem(ctx, in); err != nil {
		return fmt.Errorf("setting the next look at episode %d of grant %s: %w", number, id, err)
	}
	return nil
}

// Settle implements [alert.Outbox].
func (s *Outbox) Settle(ctx context.Context, id grant.ID, due time.Time) error {
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key("GRANT#"+string(id), "TOKEN"),
		ConditionExpression:       aws.String("alert_due = :due"),
		UpdateExpression:          aws.String("remove alert_shard, alert_due"),
		ExpressionAttributeValues: item{":due": ms(due)},
	})
	if _, ok := refused(err); ok || err == nil {
		return nil
	}
	return fmt.Errorf("settling the alert of grant %s: %w", id, err)
}

// told names the attribute that says when a message was delivered.
func told(k alert.Kind, channel string) string {
	if k == alert.Recovered {
		return "closed_" + channel
	}
	return "opened_" + channel
}

func episodeOf(m item) alert.Episode {
	number, _ := strconv.ParseInt(strings.TrimPrefix(getStr(m, "sk"), episodePrefix), 10, 64)
	e := alert.Episode{
		Grant: grant.ID(strings.TrimPrefix(getStr(m, "pk"), "GRANT#")), Number: number,
		Since: getTime(m, "since"), Health: grant.Health(getStr(m, "health")), Reason: grant.Reason(getStr(m, "reason")),
		Missing: getList(m, "missing_scopes"), Generation: getNum(m, "generation"),
		Ticket: sealedBytesOf(getMap(m, "ticket")), Expires: getTime(m, "ticket_expires"),
		Recovered: getTime(m, "reconnected_at"), Waiting: int(getNum(m, "waiting")),
		Due:    getTime(m, "alert_due"),
		Opened: map[string]time.Time{}, Closed: map[string]time.Time{},
	}
	for k := range m {
		if channel, ok := strings.CutPrefix(k, "opened_"); ok {
			e.Opened[channel] = getTime(m, k)
		}
		if channel, ok := strings.CutPrefix(k, "closed_"); ok {
			e.Closed[channel] = getTime(m, k)
		}
	}
	return e
}
