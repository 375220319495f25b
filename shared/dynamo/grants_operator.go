package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/grant"
)

// SetEnabled implements [grant.Store].
func (s *Grants) SetEnabled(ctx context.Context, id grant.ID, enabled bool, wake time.Time) error {
	c := newChange("SetEnabled", id)
	c.put("enabled", flag(enabled))
	if enabled {
		c.wake(wake)
	}
	return s.done(ctx, c)
}

// Retry implements [grant.Store].
func (s *Grants) Retry(ctx context.Context, w grant.RetryWrite) error {
	c := newChange("Retry", w.ID)
	c.ifGeneration(w.Generation)
	c.ifNotHeld(w.At, grant.Skew)
	c.value(":never", str(string(grant.NeverConnected)))
	c.value(":gone", str(string(grant.RevokedByUs)))
	c.when("(attribute_exists(reauth) and reauth <> :never and reauth <> :gone)" +
		" or (attribute_not_exists(reauth) and attribute_exists(missing_scopes) and attribute_not_exists(wake_at))")
	c.drop("reauth", "refused", "failures", "rejections", "held")
	c.wake(w.At)
	c.alert(w.At)
	return s.done(ctx, c)
}

// Revoke implements [grant.Store].
func (s *Grants) Revoke(ctx context.Context, w grant.RevokeWrite) error {
	c := newChange("Revoke", w.ID)
	c.mine(w.Me)
	c.ifGeneration(w.Generation)
	c.ifOwner()
	c.ifOnly(w.Asides)
	c.put("generation", num(w.Generation+1))
	c.put("reauth", str(string(grant.RevokedByUs)))
	for _, left := range []string{"holder", "attempts", "asides"} {
		c.put(left, mapOf(item{}))
	}
	c.drop("pair", "pair_ref", "refresh_expires", "refresh_renewed", "deadline", "refused", "failures", "rejections", "wake_at", "wake_shard", "held")
	return s.done(ctx, c)
}

// SetHome implements [grant.Store].
func (s *Grants) SetHome(ctx context.Context, id grant.ID, home string) error {
	c := newChange("SetHome", id)
	c.put("home", str(home))
	return s.done(ctx, c)
}

// Foretell implements [grant.Store].
func (s *Grants) Foretell(ctx context.Context, w grant.ForetellWrite) error {
	c := newChange("Foretell", w.ID)
	c.value(":sooner", ms(w.Foretold.Dies.Add(-grant.SameDeath)))
	c.value(":later", ms(w.Foretold.Dies.Add(grant.SameDeath)))
	c.when("attribute_not_exists(foretold_dies) or foretold_dies < :sooner or foretold_dies > :later or foretold_days > :foretold_days")
	c.put("foretold_dies", ms(w.Foretold.Dies))
	c.put("foretold_days", num(int64(w.Foretold.Days)))
	return s.done(ctx, c)
}

// Remove implements [grant.Store].
func (s *Grants) Remove(ctx context.Context, w grant.RemoveWrite) error {
	c := newChange("Remove", w.ID)
	c.ifNotHeld(w.At, grant.Skew)
	c.value(":off", flag(false))
	c.when("enabled = :off")
	u := c.update(s.table)
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: u.TableName, Key: u.Key, ConditionExpression: u.ConditionExpression,
		ExpressionAttributeValues:           u.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if current, ok := refused(err); ok {
		return conflict(c.name, current)
	}
	if err != nil {
		return fmt.Errorf("writing %s of grant %s: %w", strings.ToLower(c.name), w.ID, err)
	}
	return nil
}
