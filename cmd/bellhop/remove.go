package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/refresh"
)

// removeConnection is `connections remove`.
type removeConnection struct {
	named
	Revoke bool `help:"Revoke the grant's tokens at the provider first, if no other connection uses it."`
}

// clearer deletes what the homes of token pairs have of a grant.
type clearer interface {
	Clear(ctx context.Context, g grant.Grant) error
}

// forgetter deletes what is known of a connection's rates.
type forgetter interface {
	Forget(ctx context.Context, id connection.ID) error
}

// Run removes a connection, and its grant with the last one that uses it. The
// connection itself goes last but for its rates: until then an interrupted run
// is simply run again. Afterwards the same command still clears the rates, which
// hold a wake.
func (x *removeConnection) Run(ctx context.Context, d *desk) error {
	c, err := d.inventory.Connection(ctx, x.ID)
	if errors.Is(err, connection.ErrUnknown) {
		return errors.Join(d.lanes.Forget(ctx, x.ID), err)
	}
	if err != nil {
		return err
	}
	served, err := d.inventory.ByGrant(ctx, c.Grant)
	if err != nil {
		return err
	}
	last := len(served) == 1
	var revoked refresh.Revoked
	if last {
		if revoked, err = x.removeGrant(ctx, d, c.Grant); err != nil {
			return err
		}
	}
	if err := d.inventory.Remove(ctx, c); err != nil {
		return err
	}
	if err := d.lanes.Forget(ctx, c.ID); err != nil {
		return fmt.Errorf("the connection is removed; run the same again, because its rates are not: %w", err)
	}
	kept := ""
	if !last {
		kept = string(c.Grant)
		fmt.Fprintf(d.errs, "bellhop: grant %s stays: %d other connections use it\n", c.Grant, len(served)-1)
	}
	data := map[string]any{"removed": c.ID, "grant_removed": last, "grant_kept": kept}
	t := table{rows: [][]string{{"removed", string(c.ID)}}, data: data}
	if last && x.Revoke {
		t = d.withRevoked(t, data, revoked)
	}
	return d.print(t)
}

// removeGrant switches the grant off, so that nobody refreshes it any more, and
// deletes it where its pairs live, then in the table. One that is gone already
// was removed by a former run. A revocation that cannot be is refused before.
func (x *removeConnection) removeGrant(ctx context.Context, d *desk, id grant.ID) (done refresh.Revoked, err error) {
	if x.Revoke {
		if err := refresh.New(d.cycle).Revocable(ctx, id); errors.Is(err, refresh.ErrNoRevocation) {
			return done, refuse("%v: run it without --revoke, and let its owner withdraw the consent there", err)
		}
	}
	err = d.grants.SetEnabled(ctx, id, false, time.Time{})
	if errors.Is(err, grant.ErrNotFound) {
		return done, nil
	}
	if err != nil {
		return done, fmt.Errorf("disabling grant %s: %w", id, err)
	}
	if x.Revoke {
		if done, err = d.revoke(ctx, id); err != nil {
			return done, err
		}
	}
	return done, d.deleteGrant(ctx, id)
}

// deleteGrant deletes a grant that is switched off.
func (d *desk) deleteGrant(ctx context.Context, id grant.ID) error {
	g, err := d.grants.Read(ctx, id) // as it is since nobody begins with it any more
	if err != nil {
		return err
	}
	if atWork(g, d.now()) {
		return fmt.Errorf("grant %s is being refreshed: it is off now, run the same again in half a minute", id)
	}
	if g.Inline != nil || g.Ref != "" || len(g.Asides) > 0 { // a revocation leaves none
		fmt.Fprintf(d.errs, "bellhop: the tokens of grant %s are deleted here but not revoked: they may stay good at the provider "+
			"until they run out or its owner withdraws the consent (remove --revoke ends them first)\n", id)
	}
	if err := d.homes.Clear(ctx, g); err != nil {
		return fmt.Errorf("deleting the token pairs of grant %s: %w", id, err)
	}
	err = d.grants.Remove(ctx, grant.RemoveWrite{ID: id, At: d.now()})
	var refused *grant.Conflict
	if errors.As(err, &refused) {
		return fmt.Errorf("somebody came to grant %s meanwhile: run the same again in half a minute", id)
	}
	if err != nil {
		return fmt.Errorf("removing grant %s: %w", id, err)
	}
	d.count(ctx, g.Client, -1)
	return nil
}

// settlesFor is how long after a commit its holder, who has no lease any more,
// may still be putting the pair into its home.
const settlesFor = 30 * time.Second

// atWork reports whether somebody may still write something of this grant's,
// which would be left behind.
func atWork(g grant.Grant, now time.Time) bool {
	settling := g.Inline != nil && g.Home != grant.HomeSealed && now.Before(g.Issued.Add(settlesFor))
	return g.Leased(now) || settling
}

// count tells a client's bucket that it has more grants, or fewer. What too many
// refusals at once are is reckoned by it, roughly: a failure is no reason to
// fail.
func (d *desk) count(ctx context.Context, client string, more int) {
	_, err := bucket.Change(ctx, d.buckets, bucket.OfClient(client), func(b bucket.Bucket) bucket.Bucket {
		b.Grants = max(b.Grants+more, 0)
		return b
	})
	if err != nil {
		fmt.Fprintf(d.errs, "bellhop: the grants of client %s were not counted: %v (clients show counts anew)\n", client, err)
	}
}
