package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/seal"
)

// sealedWith counts what is sealed under one key.
type sealedWith struct {
	Key     string    `json:"key"`
	Current bool      `json:"current"`
	Made    time.Time `json:"made,omitzero"`
	Pairs   int       `json:"pairs"`   // of grants whose pair is inline
	Asides  int       `json:"asides"`  // answers kept aside
	Secrets int       `json:"secrets"` // signing and webhook secrets of connections
	Links   int       `json:"links"`   // reconnect links that alerts carry

	holders []holder // of all that
}

// holder is a grant or a connection that needs a key, and how it ceases to.
type holder struct {
	who    string
	remedy string
	person bool // it does not cease by itself
}

// needs notes who needs the key, once.
func (s *sealedWith) needs(h holder) {
	if n := len(s.holders); n == 0 || s.holders[n-1] != h {
		s.holders = append(s.holders, h)
	}
}

// holderOf is a grant whose pair or answers are sealed. Its next refresh
// reseals them, but one that is switched off, waits for its owner, or is refused
// the scopes that it asks for gets none.
func holderOf(g grant.Grant, c connection.ID) holder {
	h := holder{who: "grant " + string(g.ID), person: true}
	switch {
	case !g.Enabled:
		h.remedy = fmt.Sprintf("is switched off: connections enable %s, or connections remove %s", c, c)
	case g.Health == grant.ReauthorizationRequired:
		h.remedy = fmt.Sprintf("waits for its owner: connections link %s, or connections remove %s", c, c)
	case g.WakeAt.IsZero():
		h.remedy = fmt.Sprintf("is refused its scopes: connections retry %s once the provider allows them, or connections remove %s", c, c)
	default:
		h.remedy, h.person = "is resealed by its next refresh", false
	}
	return h
}

// fewHolders bounds how many a refusal names.
const fewHolders = 5

// named lists the first holders, those that need a person before the others, a
// line each.
func (s sealedWith) named() string {
	slices.SortStableFunc(s.holders, func(a, b holder) int {
		switch {
		case a.person == b.person:
			return 0
		case a.person:
			return -1
		}
		return 1
	})
	var lines strings.Builder
	for _, h := range s.holders[:min(fewHolders, len(s.holders))] {
		fmt.Fprintf(&lines, "\n  %s %s", h.who, h.remedy)
	}
	if more := len(s.holders) - fewHolders; more > 0 {
		fmt.Fprintf(&lines, "\n  and %d more", more)
	}
	return lines.String()
}

// episodes lists what people were told about a grant and is not over.
type episodes interface {
	Episodes(ctx context.Context, id grant.ID) ([]alert.Episode, error)
}

// census counts what the table holds under each key of the set, in its order.
// Every grant serves a connection, so the connections lead to all of it.
func (d *desk) census(ctx context.Context, set *seal.KeySet) ([]sealedWith, error) {
	by := map[string]*sealedWith{}
	for _, id := range set.Keys() {
		by[id] = &sealedWith{Key: id, Current: id == set.Current(), Made: madeAt(id)}
	}
	seen := map[grant.ID]bool{}
	var failed error
	err := d.inventory.All(ctx, func(c connection.Connection) bool {
		for _, s := range append(c.Signing, c.WebhookSecret...) {
			if k := by[s.Key]; k != nil {
				k.Secrets++
				k.needs(holder{who: "connection " + string(c.ID), remedy: "has secrets that keys rotate reseals", person: true})
			}
		}
		if !seen[c.Grant] {
			failed = d.countGrant(ctx, c, by)
		}
		seen[c.Grant] = true
		return failed == nil
	})
	keys := make([]sealedWith, 0, len(by))
	for _, id := range set.Keys() {
		keys = append(keys, *by[id])
	}
	return keys, errors.Join(err, failed)
}

// countGrant counts what is sealed of one grant. A link that is good no more
// needs no key.
func (d *desk) countGrant(ctx context.Context, c connection.Connection, by map[string]*sealedWith) error {
	g, err := d.grants.Read(ctx, c.Grant)
	if errors.Is(err, grant.ErrNotFound) {
		return nil // its connection is being removed
	}
	if err != nil {
		return fmt.Errorf("reading grant %s: %w", c.Grant, err)
	}
	if g.Inline != nil && by[g.Inline.Key] != nil {
		by[g.Inline.Key].Pairs++
		by[g.Inline.Key].needs(holderOf(g, c.ID))
	}
	for _, a := range g.Asides {
		if k := by[a.Sealed.Key]; k != nil {
			k.Asides++
			k.needs(holderOf(g, c.ID))
		}
	}
	open, err := d.episodes.Episodes(ctx, g.ID)
	for _, e := range open {
		if k := by[e.Ticket.Key]; k != nil && d.now().Before(e.Expires) {
			k.Links++
			k.needs(holder{who: "grant " + string(g.ID), remedy: "has a reconnect link that ends " + ago(d.now(), e.Expires)})
		}
	}
	return err
}

// listKeys is `keys list`.
type listKeys struct{}

// Run lists the keys' ids and what is sealed under each, never a key.
func (listKeys) Run(ctx context.Context, d *desk) error {
	set, _, err := d.keySet(ctx)
	if err != nil {
		return err
	}
	keys, err := d.census(ctx, set)
	if err != nil {
		return err
	}
	t := table{head: []string{"KEY", "SEALS", "MADE", "PAIRS", "ASIDES", "SIGNING SECRETS", "LINKS"}, data: keys}
	for _, k := range keys {
		made := "-"
		if !k.Made.IsZero() {
			made = k.Made.Format(time.DateTime)
		}
		t.rows = append(t.rows, []string{k.Key, map[bool]string{true: "yes", false: "-"}[k.Current], made,
			strconv.Itoa(k.Pairs), strconv.Itoa(k.Asides), strconv.Itoa(k.Secrets), strconv.Itoa(k.Links)})
	}
	return d.print(t)
}

// retireKey is `keys retire`.
type retireKey struct {
	ID string `arg:"" help:"Key (see keys list)."`
}

// settledFor is how long after a rotation a process may still seal with the
// former key: it asks for a newer set every five minutes, and every half minute
// while it gets no answer. Logins that were begun are over by then too.
const settledFor = time.Hour

// Run removes a key that nothing needs any more. What it sealed would be lost
// for good, so any doubt is a no.
func (r *retireKey) Run(ctx context.Context, d *desk) error {
	set, version, err := d.keySet(ctx)
	if err != nil {
		return err
	}
	if !set.Knows(r.ID) {
		return fmt.Errorf("key %s: %w", r.ID, errNoKey)
	}
	if r.ID == set.Current() {
		return refuse("key %s is the current one: run keys rotate first", r.ID)
	}
	if since := d.now().Sub(madeAt(set.Current())); since < settledFor {
		return refuse("key %s is current for %v only: functions may seal with %s for an hour more, retire it then",
			set.Current(), since.Round(time.Second), r.ID)
	}
	if err := r.unused(ctx, d, set); err != nil {
		return err
	}
	left, err := set.Without(r.ID)
	if err != nil {
		return err
	}
	if err := d.replaceKeys(ctx, version, left); err != nil {
		return err
	}
	return d.print(table{rows: [][]string{{"retired", r.ID}, {"current key", left.Current()}, {"keys", strings.Join(left.Keys(), " ")}},
		data: map[string]any{"retired": r.ID, "current": left.Current(), "keys": left.Keys()}})
}

// unused refuses while anything is sealed with the key, and says how that ends.
func (r *retireKey) unused(ctx context.Context, d *desk, set *seal.KeySet) error {
	keys, err := d.census(ctx, set)
	if err != nil {
		return fmt.Errorf("counting what is sealed with %s: %w", r.ID, err)
	}
	for _, k := range keys {
		if k.Key == r.ID && len(k.holders) > 0 {
			return refuse("%d pairs, %d answers kept aside, %d signing secrets and %d reconnect links are sealed with %s:%s",
				k.Pairs, k.Asides, k.Secrets, k.Links, r.ID, k.named())
		}
	}
	return nil
}

// errNoKey says that the key set has no such key.
var errNoKey = errors.New("no such key")
