package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
)

// expiring is `connections expiring`.
type expiring struct {
	Days int  `help:"How far to look ahead; the default is a quarter." default:"90"`
	All  bool `help:"List all grants, also those of which no end is known: for an audit."`
}

// expiry is one grant and the end of its refresh token.
type expiry struct {
	Grant       grant.ID        `json:"grant"`
	Client      string          `json:"client"`
	Dies        time.Time       `json:"dies,omitzero"`
	Days        int             `json:"days"`             // that are left, rounded down; of no meaning without Dies
	Notice      int             `json:"notice,omitempty"` // 14, 7 or 1: the days before which people are told
	State       string          `json:"state"`
	Owner       string          `json:"owner"`
	Connections []connection.ID `json:"connections"`
}

// Run lists the grants whose refresh tokens die, the next one first: of age
// that no refresh helps, so that their owners are needed before; or of idleness,
// because nobody exercises them while they are switched off.
func (x *expiring) Run(ctx context.Context, d *desk) error {
	all, err := x.find(ctx, d)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b expiry) int {
		if a.Dies.IsZero() != b.Dies.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.Dies.IsZero()]
		}
		return cmp.Or(a.Dies.Compare(b.Dies), cmp.Compare(a.Grant, b.Grant))
	})
	t := table{head: []string{"DIES", "DAYS", "GRANT", "CLIENT", "STATE", "OWNER", "CONNECTIONS"}, data: all}
	for _, e := range all {
		dies, days := "-", "-"
		if !e.Dies.IsZero() {
			dies, days = e.Dies.UTC().Format(time.DateOnly), strconv.Itoa(e.Days)
		}
		t.rows = append(t.rows, []string{dies, days, string(e.Grant), e.Client, e.State, e.Owner, connectionsOf(e)})
	}
	return d.print(t)
}

// find walks the connections and keeps what is asked for, each grant once.
func (x *expiring) find(ctx context.Context, d *desk) ([]expiry, error) {
	at := map[grant.ID]int{}
	found := []expiry{}
	var failed error
	err := d.inventory.All(ctx, func(c connection.Connection) bool {
		i, seen := at[c.Grant]
		if !seen {
			e, err := d.expiry(ctx, c)
			gone := errors.Is(err, grant.ErrNotFound) // its connection is being removed
			if err != nil && !gone {
				failed = err
				return false
			}
			i = -1
			if !gone && x.wants(e, d.now()) {
				i = len(found)
				found = append(found, e)
			}
			at[c.Grant] = i
		}
		if i >= 0 {
			found[i].Connections = append(found[i].Connections, c.ID)
		}
		return true
	})
	return found, errors.Join(err, failed)
}

// expiry foresees the end of a connection's grant.
func (d *desk) expiry(ctx context.Context, c connection.Connection) (expiry, error) {
	g, err := d.grants.Read(ctx, c.Grant)
	if err != nil {
		return expiry{}, fmt.Errorf("reading grant %s: %w", c.Grant, err)
	}
	p, err := d.cycle.Profile(g.Provider)
	if err != nil {
		return expiry{}, err
	}
	now := d.now()
	e := expiry{Grant: g.ID, Client: g.Client, Dies: g.Dies(p.Token), State: string(g.State(now)), Owner: c.Owner.Name}
	if f, near := g.Forecast(p.Token, now); near {
		e.Notice = f.Days
	}
	if !e.Dies.IsZero() {
		e.Days = int(e.Dies.Sub(now) / (24 * time.Hour))
	}
	return e, nil
}

// wants reports whether a grant is asked for. One that waits for its owner
// already is no news, and has no end to come.
func (x *expiring) wants(e expiry, now time.Time) bool {
	return x.All || !e.Dies.IsZero() && e.Dies.Before(now.AddDate(0, 0, x.Days))
}

// connectionsOf names the first and counts the rest: a chain has hundreds.
func connectionsOf(e expiry) string {
	if len(e.Connections) == 1 {
		return string(e.Connections[0])
	}
	return string(e.Connections[0]) + " and " + strconv.Itoa(len(e.Connections)-1) + " more"
}
