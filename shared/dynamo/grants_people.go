package dynamo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/grant"
)

// Verdict implements [grant.Store].
func (s *Grants) Verdict(ctx context.Context, w grant.VerdictWrite) error {
	c := newChange("Verdict", w.ID)
	c.mine(w.Me)
	c.ifGeneration(w.Generation)
	c.ifOwner()
	c.ifOnly(w.PassedOver)
	c.find(w.Health, w.Reason, w.Missing)
	if !w.Same {
		c.open(w.At)
	}
	c.drop("attempts.#me", "holder.#me", "deadline", "wake_at", "wake_shard", "held")
	return s.done(ctx, c)
}

// ifOnly is "exactly these asides are there".
func (c *change) ifOnly(these []grant.Nonce) {
	c.value(":kept", num(int64(len(these))))
	c.when("size(asides) = :kept")
	for i, n := range these {
		label := fmt.Sprintf("aside%d", i)
		c.nonce(label, n)
		c.when("attribute_exists(asides.#" + label + ")")
	}
}

// Judge implements [grant.Store].
func (s *Grants) Judge(ctx context.Context, w grant.JudgeWrite) error {
	c := newChange("Judge", w.ID)
	c.ifGeneration(w.Presented)
	c.ifNotHeld(w.At, w.Skew)
	c.when("attribute_not_exists(reauth) and attribute_not_exists(missing_scopes)")
	c.find(w.Health, w.Reason, w.Missing)
	c.open(w.At)
	return s.done(ctx, c)
}

// Hasten implements [grant.Store].
func (s *Grants) Hasten(ctx context.Context, w grant.HastenWrite) error {
	c := newChange("Hasten", w.ID)
	c.ifGeneration(w.Presented)
	c.ifNotHeld(w.At, w.Skew)
	c.when("attribute_not_exists(reauth)")
	if !w.Person {
		c.when("attribute_not_exists(failures) and attribute_not_exists(held)")
	}
	c.put("refresh_at", ms(w.At))
	c.wake(w.At)
	return s.done(ctx, c)
}

// find records a finding. The two findings are two attributes, so that curing
// one does not forget the other.
func (c *change) find(h grant.Health, r grant.Reason, missing []string) {
	if h == grant.ScopeUpdateRequired {
		c.put("missing_scopes", list(missing...))
		return
	}
	c.put("reauth", str(string(r)))
}

// open opens an episode.
func (c *change) open(at time.Time) {
	c.add("episode")
	c.put("episode_since", ms(at))
	c.alert(at)
}

// consentTries bounds how often a consent is sent again when it met another
// write to one of its items in the same instant.
const consentTries = 4

// Consent implements [grant.Store]: the TOKEN, the ticket and the episode in
// one transaction. Its token is a hash of all that makes it this very write, so
// that a copy of it is the same request to DynamoDB for ten minutes.
func (s *Grants) Consent(ctx context.Context, w grant.ConsentWrite) error {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %x", w.ID, w.Epoch, w.Ticket, w.Sealed.Data))
	in := &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String(hex.EncodeToString(sum[:16])),
		TransactItems:      []types.TransactWriteItem{{Update: consentChange(w).update(s.table)}},
	}
	if w.Ticket != "" {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: s.useTicket(w)})
	}
	if w.Episode != 0 {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: s.tellEpisode(w)})
	}
	var err error
	for try := range consentTries {
		if try > 0 && !pause(ctx, time.Duration(try)*50*time.Millisecond) {
			break
		}
		if _, err = s.api.TransactWriteItems(ctx, in); err == nil {
			return nil
		}
		reasons, ok := canceled(err)
		if !ok {
			break
		}
		if why := refusedConsent(reasons); why != nil {
			return why
		}
	}
	return fmt.Errorf("writing consent of grant %s: %w", w.ID, err)
}

// refusedConsent says which condition did not hold; nil when the transaction
// was canceled for another cause, such as a conflict with a write at the same
// time. The grant is asked first: over a new epoch a used ticket says nothing.
func refusedConsent(reasons []types.CancellationReason) error {
	for i, r := range reasons {
		if aws.ToString(r.Code) != "ConditionalCheckFailed" {
			continue
		}
		if i == 0 {
			return conflict("Consent", r.Item)
		}
		return grant.ErrTicket
	}
	return nil
}

func consentChange(w grant.ConsentWrite) *change {
	c := newChange("Consent", w.ID)
	c.value(":e", num(w.Epoch))
	c.when("epoch = :e")
	c.inline(sealedValue(w.Sealed), w.Times, w.Scopes)
	c.add("generation")
	c.put("epoch", num(w.Epoch+1))
	c.put("account", str(w.Account))
	c.put("holder", mapOf(item{}))
	c.put("attempts", mapOf(item{}))
	c.put("asides", mapOf(item{}))
	c.drop("deadline", "refused", "failures", "rejections", "reauth")
	switch {
	case len(w.Missing) > 0:
		c.put("missing_scopes", list(w.Missing...))
		c.open(w.At)
	case w.Episode != 0:
		c.drop("missing_scopes")
		c.alert(w.At)
	default:
		c.drop("missing_scopes")
	}
	return c
}

// useTicket consumes the reconnect ticket.
func (s *Grants) useTicket(w grant.ConsentWrite) *types.Update {
	return &types.Update{
		TableName: &s.table, Key: key("TICKET#"+w.Ticket, "TICKET"),
		ConditionExpression:       aws.String("attribute_exists(pk) and attribute_not_exists(used) and #grant = :grant"),
		UpdateExpression:          aws.String("set used = :at"),
		ExpressionAttributeNames:  map[string]string{"#grant": "grant"},
		ExpressionAttributeValues: item{":at": ms(w.At), ":grant": str(string(w.ID))},
	}
}

// tellEpisode writes into the episode what waited when it ended.
func (s *Grants) tellEpisode(w grant.ConsentWrite) *types.Update {
	return &types.Update{
		TableName: &s.table, Key: key("GRANT#"+string(w.ID), "EPISODE#"+strconv.FormatInt(w.Episode, 10)),
		UpdateExpression: aws.String("set v = :v, waiting = :waiting, reconnected_at = :at"),
		ExpressionAttributeValues: item{
			":v": num(version), ":waiting": num(int64(w.Waiting)), ":at": ms(w.At),
		},
	}
}

// pause waits, and reports whether there is still time.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
