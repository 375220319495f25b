package main

import (
	"context"
	"errors"
	"fmt"

	"bellhop/shared/alert"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// foretell says that the refresh token will die of age or idleness, once for
// each of the forecast's thresholds. It is no episode: it counts as told when
// one channel took it, since the next threshold says it again to the others. An
// error means that none did, and that the grant's flag must stay.
func (a *alerter) foretell(ctx context.Context, g grant.Grant, channels []alert.Channel) error {
	p, err := profile.ByName(g.Provider)
	if err != nil || len(channels) == 0 {
		return nil // nobody knows how long its tokens live, or nobody is to hear it
	}
	f, near := g.Forecast(p.Token, a.now())
	if !near || !g.Enabled || !g.Foretells(f) {
		return nil // a person who switched the grant off knows about it
	}
	connections, err := a.inventory.ByGrant(ctx, g.ID)
	if err != nil {
		return fmt.Errorf("listing connections of grant %s: %w", g.ID, err)
	}
	told := alert.Forecast{Dies: f.Dies, Days: f.Days}
	m := alert.Message{
		ID: alert.ForecastID(g.ID, told), Kind: alert.Expiring, At: a.now(), Episode: alert.Episode{Grant: g.ID, Since: a.now()},
		Provider: title(g.Provider), Account: g.Account, Connections: connections, Waiting: alert.Uncounted, Forecast: &told,
	}
	took := false
	for _, c := range channels {
		took = a.hand(ctx, c, m, subject{grant: g.ID}, g.Episode) == nil || took
	}
	if !took {
		return errUntold
	}
	err = a.grants.Foretell(context.WithoutCancel(ctx), grant.ForetellWrite{ID: g.ID, Foretold: f})
	var refused *grant.Conflict
	if errors.As(err, &refused) {
		return nil // somebody else told the same
	}
	return err
}
