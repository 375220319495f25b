package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/grant"
)

// Lease implements [grant.Store].
func (s *Grants) Lease(ctx context.Context, w grant.LeaseWrite) (grant.Grant, error) {
	c := newChange("Lease", w.ID)
	c.mine(w.Me)
	c.ifNotHeld(w.At, w.Skew)
	c.ifGeneration(w.Generation)
	if !w.AnyHealth {
		c.value(":true", flag(true))
		c.when("enabled = :true")
		c.ifDue(w.At)
		c.when("attribute_not_exists(reauth) or size(asides) > :none")
	}
	c.put("holder", mapOf(item{string(w.Me): num(1)}))
	c.put("deadline", ms(w.Deadline))
	c.put("attempts.#me", attemptValue(grant.Attempt{Kind: w.Kind, Generation: w.Generation, At: w.At}))
	after, err := s.write(ctx, c, types.ReturnValueAllNew)
	if err != nil {
		return grant.Grant{}, err
	}
	return grantOf(after)
}

// ifDue is [grant.Grant.Due]. A grant without a wake is never due: a missing
// attribute compares with nothing.
func (c *change) ifDue(now time.Time) {
	c.value(":soon", ms(now.Add(grant.WakeEarly)))
	c.value(":sooner", ms(now.Add(grant.RefreshEarly)))
	c.when("wake_at <= :soon or (wake_at = refresh_at and wake_at <= :sooner)")
}

// Release implements [grant.Store].
func (s *Grants) Release(ctx context.Context, w grant.ReleaseWrite) error {
	c := newChange("Release", w.ID)
	c.mine(w.Me)
	c.ifOwner()
	c.end(w)
	return s.done(ctx, c)
}

// Abandon implements [grant.Store].
func (s *Grants) Abandon(ctx context.Context, w grant.ReleaseWrite) error {
	c := newChange("Abandon", w.ID)
	c.mine(w.Me)
	c.ifAttempted()
	if w.Failed || !w.WakeAt.IsZero() {
		c.ifOwner()
	}
	c.drop("attempts.#me")
	c.end(w)
	return s.done(ctx, c)
}

// end ends my lease where it is mine.
func (c *change) end(w grant.ReleaseWrite) {
	c.drop("holder.#me")
	c.hold(w.WakeAt, w.Held)
	if w.Failed {
		c.add("failures")
		if w.Rejected {
			c.add("rejections")
		} else {
			c.drop("rejections")
		}
	}
}

// Commit implements [grant.Store].
func (s *Grants) Commit(ctx context.Context, w grant.CommitWrite) error {
	c := newChange("Commit", w.ID)
	c.mine(w.Me)
	c.ifGeneration(w.Generation)
	c.ifAttempted()
	c.inline(sealedValue(w.Sealed), w.Times, w.Scopes)
	c.put("generation", num(w.Generation+1))
	c.put("holder", mapOf(item{}))
	c.put("committed_by", str(string(w.Me)))
	c.drop("deadline", "refused", "failures", "rejections", "reauth", "attempts.#me")
	c.dropNamed("attempts", w.DropAttempts)
	c.dropNamed("asides", w.DropAsides)
	switch {
	case len(w.Missing) > 0:
		c.put("missing_scopes", list(w.Missing...))
	case w.Cured:
		c.drop("missing_scopes")
	}
	if w.Opens {
		c.open(w.AlertDue)
	} else {
		c.alert(w.AlertDue)
	}
	return s.done(ctx, c)
}

// dropNamed removes entries of a map by their nonces: never the map, because
// what came after the snapshot must stay.
func (c *change) dropNamed(attribute string, nonces []grant.Nonce) {
	for i, n := range nonces {
		label := fmt.Sprintf("%s%d", attribute, i)
		c.nonce(label, n)
		c.drop(attribute + ".#" + label)
	}
}

// inline makes a sealed value the committed pair.
func (c *change) inline(sealed types.AttributeValue, t grant.Times, scopes []string) {
	c.put("pair", sealed)
	c.drop("pair_ref")
	c.put("issued", ms(t.Issued))
	c.put("expires", ms(t.Expires))
	c.put("refresh_at", ms(t.RefreshAt))
	c.refreshEnds(t)
	c.drop("held")
	if scopes != nil {
		c.put("scopes", list(scopes...))
	}
	if t.WakeAt.IsZero() {
		c.drop("wake_at", "wake_shard")
	}
	c.wake(t.WakeAt)
}

// refreshEnds sets when the refresh token dies, or that nobody knows, and
// whether that was renewed.
func (c *change) refreshEnds(t grant.Times) {
	if t.RefreshExpires.IsZero() {
		c.drop("refresh_expires")
	} else {
		c.put("refresh_expires", ms(t.RefreshExpires))
	}
	if t.RefreshRenewed {
		c.put("refresh_renewed", flag(true))
	} else {
		c.drop("refresh_renewed")
	}
}

// KeepAside implements [grant.Store].
func (s *Grants) KeepAside(ctx context.Context, w grant.AsideWrite) error {
	c := newChange("KeepAside", w.ID)
	c.mine(w.Me)
	c.ifAttempted()
	c.put("asides.#me", asideValue(w.Aside))
	c.drop("attempts.#me")
	c.end(grant.ReleaseWrite{Me: w.Me, WakeAt: w.WakeAt, Failed: w.Aside.Raw})
	return s.done(ctx, c)
}

// Roll implements [grant.Store]. The aside's own bytes move inside the table:
// what is committed is what was kept, whatever the caller believes it to be.
func (s *Grants) Roll(ctx context.Context, w grant.RollWrite) error {
	c := newChange("Roll", w.ID)
	c.mine(w.Me)
	c.nonce("aside", w.Aside)
	c.ifGeneration(w.Generation)
	c.ifOwner()
	c.ifAttempted()
	c.when("attribute_exists(asides.#aside)")
	if w.Reread != nil {
		c.inline(sealedValue(w.Reread.Sealed), w.Times, w.Reread.Scopes)
	} else {
		c.rollInline(w.Times)
	}
	c.put("generation", num(w.Generation+1))
	c.put("holder", mapOf(item{}))
	c.drop("deadline", "refused", "reauth", "attempts.#me", "asides.#aside")
	if w.Revives {
		c.put("revived", num(w.Generation+1))
	}
	if w.Former != nil {
		c.nonce("former", grant.FormerNonce(w.Generation))
		c.put("asides.#former", asideValue(*w.Former))
	}
	c.alert(w.AlertDue)
	return s.done(ctx, c)
}

// rollInline moves the aside's sealed pair and scopes into their places.
func (c *change) rollInline(t grant.Times) {
	c.put("issued", ms(t.Issued))
	c.put("expires", ms(t.Expires))
	c.put("refresh_at", ms(t.RefreshAt))
	c.refreshEnds(t)
	c.drop("held")
	c.wake(t.WakeAt)
	c.value(":unknown", list())
	c.set = append(c.set, "pair = asides.#aside.sealed", "scopes = if_not_exists(asides.#aside.scopes, if_not_exists(scopes, :unknown))")
	c.drop("pair_ref")
}

// Refuse implements [grant.Store].
func (s *Grants) Refuse(ctx context.Context, w grant.RefuseWrite) error {
	c := newChange("Refuse", w.ID)
	c.mine(w.Me)
	c.ifGeneration(w.Generation)
	c.ifAttempted()
	c.put("refused", num(w.Generation))
	if w.Doubted {
		c.put("doubted", num(w.Generation))
	} else {
		c.drop("doubted")
	}
	c.drop("attempts.#me")
	c.end(grant.ReleaseWrite{Me: w.Me, WakeAt: w.WakeAt, Held: w.Held})
	return s.done(ctx, c)
}

// Settle implements [grant.Store].
func (s *Grants) Settle(ctx context.Context, w grant.SettleWrite) error {
	c := newChange("Settle", w.ID)
	c.ifGeneration(w.Generation)
	c.value(":epoch", num(w.Placement.Epoch))
	c.when("attribute_not_exists(placement) or placement.epoch <= :epoch")
	c.put("placement", placementValue(w.Placement))
	if w.Ref != "" {
		c.put("pair_ref", str(w.Ref))
		c.drop("pair")
	}
	return s.done(ctx, c)
}
