package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/ledger"
)

// status is what people see of a connection; it is what --json prints.
type status struct {
	Connection connection.ID `json:"connection"`
	Property   string        `json:"property"`
	Hotel      string        `json:"hotel"`
	Provider   string        `json:"provider"`
	Owner      string        `json:"owner"`
	Grant      grant.ID      `json:"grant"`
	State      string        `json:"state"`
	Reason     grant.Reason  `json:"reason,omitempty"`
	Missing    []string      `json:"missing_scopes,omitempty"`
	Since      time.Time     `json:"since,omitzero"`
	Generation int64         `json:"generation"`
	Expires    time.Time     `json:"token_expires,omitzero"`
	RefreshAt  time.Time     `json:"refresh_at,omitzero"`
	NextLook   time.Time     `json:"next_look,omitzero"` // when somebody looks at the grant again
	Held       string        `json:"held,omitempty"`     // why it is not exchanged now
	Dies       time.Time     `json:"refresh_token_dies,omitzero"`
	Home       string        `json:"home"`
	Settled    bool          `json:"settled"` // the pair is where home says
	Waiting    int           `json:"cells_waiting"`
	Hold       string        `json:"hold,omitempty"`
	HoldUntil  time.Time     `json:"hold_until,omitzero"`
}

// status gathers what is known of c.
func (d *desk) status(ctx context.Context, c connection.Connection) (status, error) {
	g, err := d.grantOf(ctx, c)
	if err != nil {
		return status{}, err
	}
	lane, err := d.rates.Lane(ctx, c.ID)
	if err != nil {
		return status{}, fmt.Errorf("reading lane %s: %w", c.ID, err)
	}
	today, err := ledger.Today(d.now(), c.Zone)
	if err != nil {
		return status{}, fmt.Errorf("time zone of %s: %w", c.ID, err)
	}
	waiting, err := ledger.Waiting(ctx, d.rates, c.ID, today)
	if err != nil {
		return status{}, fmt.Errorf("counting cells of %s: %w", c.ID, err)
	}
	s := status{
		Connection: c.ID, Property: c.Property, Hotel: c.Hotel, Provider: c.Provider, Owner: c.Owner.Name, Grant: g.ID,
		State: string(g.State(d.now())), Reason: g.Reason, Missing: g.Missing, Generation: g.Generation, Expires: g.Expires,
		RefreshAt: g.RefreshAt, NextLook: g.WakeAt, Held: g.Held, Dies: g.RefreshExpires, Home: g.Home, Settled: (g.Inline == nil) == (g.Home != grant.HomeSealed), Waiting: waiting, Hold: lane.Hold, HoldUntil: lane.HoldUntil,
	}
	if g.Health != grant.OK {
		s.Since = g.EpisodeSince
	}
	return s, nil
}

// listConnections is `connections list`.
type listConnections struct{}

// Run lists every connection with its state. One that cannot be read is
// reported and does not hide the others.
func (listConnections) Run(ctx context.Context, d *desk) error {
	t := table{head: []string{"CONNECTION", "HOTEL", "PROVIDER", "STATE", "SINCE", "TOKEN", "NEXT EXCHANGE", "WAITING"}}
	all := []status{}
	var failed error
	err := d.inventory.All(ctx, func(c connection.Connection) bool {
		s, err := d.status(ctx, c)
		if err != nil {
			failed = err
			fmt.Fprintln(d.errs, "bellhop:", err)
			return ctx.Err() == nil
		}
		all = append(all, s)
		t.rows = append(t.rows, []string{string(s.Connection), s.Hotel, s.Provider, s.state(), ago(d.now(), s.Since),
			"expires " + ago(d.now(), s.Expires), s.next(d.now()), strconv.Itoa(s.Waiting)})
		return true
	})
	if err != nil {
		return err
	}
	t.data = all
	if err := d.print(t); err != nil {
		return err
	}
	return failed
}

// state is the state with its reason, in one word or two.
func (s status) state() string {
	if s.Reason == "" {
		return s.State
	}
	return s.State + " (" + string(s.Reason) + ")"
}

// next is when the next exchange is due, or when somebody looks again whether it
// may be made, and what holds it until then.
func (s status) next(now time.Time) string {
	switch {
	case s.NextLook.IsZero(): // a person is needed first
		return "-"
	case s.Held != "":
		return ago(now, s.NextLook) + " (held: " + s.Held + ")"
	case s.NextLook.After(s.RefreshAt): // the last one brought nothing
		return ago(now, s.NextLook)
	}
	return ago(now, s.RefreshAt)
}

// showConnection is `connections show`.
type showConnection struct{ named }

// Run shows one connection.
func (c *showConnection) Run(ctx context.Context, d *desk) error {
	con, err := d.inventory.Connection(ctx, c.ID)
	if err != nil {
		return err
	}
	s, err := d.status(ctx, con)
	if err != nil {
		return err
	}
	now := d.now()
	return d.print(table{data: s, rows: [][]string{
		{"connection", string(s.Connection)},
		{"hotel", s.Hotel + " (" + s.Property + ", there " + con.RemoteProperty + ")"},
		{"provider", s.Provider},
		{"owner", s.Owner},
		{"state", s.state()},
		{"missing scopes", strings.Join(s.Missing, " ")},
		{"since", ago(now, s.Since)},
		{"grant", string(s.Grant)},
		{"generation", strconv.FormatInt(s.Generation, 10)},
		{"token expires", ago(now, s.Expires)},
		{"next exchange", s.next(now)},
		{"refresh token ends", ago(now, s.Dies)},
		{"token home", s.Home + map[bool]string{false: " (from its next refresh on)"}[s.Settled]},
		{"cells waiting", strconv.Itoa(s.Waiting)},
		{"on hold", strings.TrimSpace(s.Hold + " " + ago(now, s.HoldUntil))},
	}})
}
