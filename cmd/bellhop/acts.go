package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
)

// retryConnection is `connections retry`.
type retryConnection struct{ named }

// Run presents a grant's credential once more, because a person says so: the
// provider may have been wrong when it refused it. It is one exchange, whose
// answer is believed.
func (r *retryConnection) Run(ctx context.Context, d *desk) error {
	_, g, err := r.read(ctx, d)
	if err != nil {
		return err
	}
	if !g.Enabled {
		return noRetry(g) // nobody would present it
	}
	err = d.grants.Retry(ctx, grant.RetryWrite{ID: g.ID, Generation: g.Generation, At: d.now()})
	var refused *grant.Conflict
	if errors.As(err, &refused) {
		return noRetry(refused.Current)
	}
	if err != nil {
		return fmt.Errorf("retrying grant %s: %w", g.ID, err)
	}
	return d.wakeGrant(ctx, g.ID, g.Client)
}

// noRetry says why a grant is not presented once more, and what to do instead.
func noRetry(g grant.Grant) error {
	switch {
	case g.Reason == grant.NeverConnected || g.Reason == grant.RevokedByUs || g.Reason == grant.PairMissing:
		return refuse("grant %s is %s and has nothing to present: send its owner a link (connections link)", g.ID, g.Reason)
	case !g.Enabled:
		return refuse("grant %s is switched off: enable it first (connections enable)", g.ID)
	case g.Health == grant.ScopeUpdateRequired && !g.WakeAt.IsZero():
		return lacksScopes(g)
	case g.Health == grant.OK:
		return refuse("grant %s does not wait for its owner: it is refreshed when it is due", g.ID)
	}
	return fmt.Errorf("somebody is at work on grant %s: run the same again in half a minute", g.ID)
}

// lacksScopes is about a grant that is refreshed as ever: to present it once more
// brings it no permission.
func lacksScopes(g grant.Grant) error {
	what := "scopes"
	if len(g.Missing) > 0 {
		what = strings.Join(g.Missing, ", ")
	}
	if p, err := profile.ByName(g.Provider); err == nil && p.Token.Mints() {
		return refuse("grant %s lacks %s: give its registration the permission, its next refresh asks for all of them", g.ID, what)
	}
	return refuse("grant %s is refreshed, but lacks %s: send its owner a link (connections link)", g.ID, what)
}

// moveConnection is `connections move`.
type moveConnection struct {
	named
	Home string `required:"" help:"Where its token pairs are to live: ${enum} (docs/homes.md)." enum:"sealed,secretsmanager"`
}

// Run names another home for the grant's next pair. The present one stays where
// it is, and is opened there.
func (m *moveConnection) Run(ctx context.Context, d *desk) error {
	_, g, err := m.read(ctx, d)
	if err != nil {
		return err
	}
	if err := d.grants.SetHome(ctx, g.ID, m.Home); err != nil {
		return fmt.Errorf("moving grant %s: %w", g.ID, err)
	}
	if err := d.others(ctx, g.ID, m.ID, "uses the same grant and moves too"); err != nil {
		return err
	}
	return d.print(table{
		rows: [][]string{{"grant", string(g.ID)}, {"home", m.Home}, {"before", g.Home}, {"moves with its next refresh", ago(d.now(), g.RefreshAt)}},
		data: map[string]any{"grant": g.ID, "home": m.Home, "before": g.Home, "moves_at": g.RefreshAt},
	})
}

// disableConnection is `connections disable`.
type disableConnection struct {
	named
	Revoke bool `help:"Revoke its tokens at the provider too. The owner must consent anew before it works again."`
}

// Run switches the grant off, and says which other properties that reaches. It
// is off before anything is revoked: nobody is to refresh what ends.
func (x *disableConnection) Run(ctx context.Context, d *desk) error {
	_, g, err := x.read(ctx, d)
	if err != nil {
		return err
	}
	if err := d.grants.SetEnabled(ctx, g.ID, false, time.Time{}); err != nil {
		return fmt.Errorf("disabling grant %s: %w", g.ID, err)
	}
	if err := d.others(ctx, g.ID, x.ID, "uses the same grant and is off too"); err != nil || !x.Revoke {
		return err
	}
	done, err := d.revoke(ctx, g.ID)
	if err != nil {
		return err
	}
	t := table{rows: [][]string{{"grant", string(g.ID)}}}
	return d.print(d.withRevoked(t, map[string]any{"grant": g.ID}, done))
}

// withRevoked is t, and its data for programs, with what a revocation came to.
func (d *desk) withRevoked(t table, data map[string]any, done refresh.Revoked) table {
	t.rows, data["revoked"] = append(t.rows, []string{"tokens revoked", strconv.Itoa(done.Tokens)}), done.Tokens
	if !done.AccessUntil.IsZero() {
		t.rows = append(t.rows, []string{"access token ends by itself", ago(d.now(), done.AccessUntil)})
		data["access_until"] = done.AccessUntil
	}
	t.data = data
	return t
}

// revoke ends all tokens that are held of a grant.
func (d *desk) revoke(ctx context.Context, id grant.ID) (refresh.Revoked, error) {
	done, err := refresh.New(d.cycle).Revoke(ctx, id)
	switch {
	case errors.Is(err, refresh.ErrNoRevocation):
		return done, refuse("%v: it is off, and its owner must withdraw the consent there", err)
	case errors.Is(err, refresh.ErrBusy):
		return done, fmt.Errorf("%w: it is off already, run the same again in half a minute", err)
	}
	return done, err
}

// others says on standard error which other connections a grant serves.
func (d *desk) others(ctx context.Context, id grant.ID, this connection.ID, what string) error {
	served, err := d.inventory.ByGrant(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range served {
		if c.ID != this {
			fmt.Fprintf(d.errs, "bellhop: connection %s %s\n", c.ID, what)
		}
	}
	return nil
}
