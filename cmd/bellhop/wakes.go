package main

import (
	"context"
	"fmt"

	"bellhop/shared/consent"
	"bellhop/shared/grant"
	"bellhop/shared/sqs"
	"bellhop/shared/wake"
)

// link makes a ticket and returns the page's address.
func (d *desk) link(ctx context.Context, g grant.Grant) (string, error) {
	ticket := consent.Random()
	if err := d.tickets.PutTicket(ctx, consent.NewTicket(ticket, g, d.now(), consent.TicketLife)); err != nil {
		return "", fmt.Errorf("making a reconnect link for grant %s: %w", g.ID, err)
	}
	return consent.Link(d.defaults.PublicURL, ticket), nil
}

// wakeGrant sends a grant its wake. The group is the client, so that one whose
// token endpoint hangs does not hold the others' messages.
func (d *desk) wakeGrant(ctx context.Context, id grant.ID, client string) error {
	m := sqs.Message{Body: wake.Encode(wake.Message{Kind: wake.Grant, Grant: id, At: d.now()}), Group: client}
	if err := d.wakes.Send(ctx, m); err != nil {
		return fmt.Errorf("waking grant %s: %w", id, err)
	}
	return nil
}

// wakeLanes sends every connection of a grant its wake: what waits for the
// grant goes out now, and not when its lane is looked at anyway.
func (d *desk) wakeLanes(ctx context.Context, id grant.ID) error {
	served, err := d.inventory.ByGrant(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range served {
		m := sqs.Message{Body: wake.Encode(wake.Message{Kind: wake.Lane, Connection: c.ID, At: d.now()}), Group: string(c.ID)}
		if err := d.updates.Send(ctx, m); err != nil {
			return fmt.Errorf("waking connection %s: %w", c.ID, err)
		}
	}
	return nil
}
