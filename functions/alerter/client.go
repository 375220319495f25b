package main

import (
	"context"
	"errors"
	"fmt"

	"bellhop/shared/alert"
	"bellhop/shared/bucket"
	"bellhop/shared/connection"
)

// tellClient brings what people know about one client up to what is true now:
// the provider refuses our registration, or no longer does. Like tell it may be
// called any number of times, in any order. An error means that something is
// still owed; the bucket stays flagged then, and the sweep comes back for it.
func (a *alerter) tellClient(ctx context.Context, name string) error {
	b, err := a.buckets.Read(ctx, name)
	if err != nil || b.AlertDue.IsZero() {
		return err
	}
	channels, err := a.channels(ctx)
	if err != nil {
		return fmt.Errorf("finding the channels: %w", err)
	}
	owed, kind := owing(channels, func(channel string) alert.Kind { return alert.ClientOwed(b, channel) })
	if len(owed) > 0 {
		err = a.deliverClient(ctx, b, kind, owed)
	}
	return errors.Join(err, a.settleClient(ctx, name, names(channels)))
}

// deliverClient sends one message to these channels.
func (a *alerter) deliverClient(ctx context.Context, b bucket.Bucket, kind alert.Kind, owed []alert.Channel) error {
	m, err := a.composeClient(ctx, b, kind)
	if err != nil {
		return err
	}
	return errors.Join(toAll(owed, func(c alert.Channel) error { return a.sendClient(ctx, c, b.Name, m) })...)
}

// sendClient claims, sends, marks. A message that is not ours to send any more
// is nobody's failure: whoever has it says how it went.
func (a *alerter) sendClient(ctx context.Context, c alert.Channel, name string, m alert.Message) error {
	claim := alert.ClientClaim{
		Episode: m.Client.Trouble.Episode, Kind: m.Kind, Channel: c.Name(),
		Me: claimant(), Now: a.now(), Until: a.now().Add(claimFor),
	}
	b, err := bucket.Change(ctx, a.buckets, name, func(b bucket.Bucket) bucket.Bucket { return alert.ClaimClient(b, claim) })
	if err != nil || !claim.Holds(b) {
		return err
	}
	after := alert.DeliveredClient
	sent := a.hand(ctx, c, m, subject{bucket: name}, claim.Episode)
	if sent != nil {
		after = alert.UnclaimClient
	}
	_, err = bucket.Change(context.WithoutCancel(ctx), a.buckets, name, func(b bucket.Bucket) bucket.Bucket { return after(b, claim) })
	return errors.Join(sent, err)
}

// composeClient gathers what a message says.
func (a *alerter) composeClient(ctx context.Context, b bucket.Bucket, kind alert.Kind) (alert.Message, error) {
	id := bucket.ClientOf(b.Name)
	c, err := a.inventory.Client(ctx, id)
	if err != nil && !errors.Is(err, connection.ErrUnknownClient) {
		return alert.Message{}, fmt.Errorf("reading client %s: %w", id, err)
	}
	r := alert.Registration{Client: id, Trouble: *b.Trouble, Grants: b.Grants}
	if r.Grants == 0 {
		r.Grants = alert.Uncounted
	}
	m := alert.Message{
		ID: alert.ClientMessageID(id, b.Trouble.Episode, kind), Kind: kind, At: a.now(), Provider: title(c.Provider), Client: &r,
	}
	if err != nil {
		m.Provider = "The provider" // the client was removed meanwhile
	}
	if kind == alert.Recovered {
		m.Ended = b.Trouble.Over
	}
	return m, nil
}

// settleClient takes the bucket's flag down, if nothing is owed by then.
func (a *alerter) settleClient(ctx context.Context, name string, channels []string) error {
	_, err := bucket.Change(ctx, a.buckets, name, func(b bucket.Bucket) bucket.Bucket { return alert.SettleClient(b, channels) })
	return err
}
