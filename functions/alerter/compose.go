package main

import (
	"context"
	"fmt"

	"bellhop/shared/alert"
	"bellhop/shared/consent"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// compose gathers what a message says: what people know the grant by, what
// waits, and the link.
func (a *alerter) compose(ctx context.Context, g grant.Grant, e alert.Episode, kind alert.Kind) (alert.Message, error) {
	connections, err := a.inventory.ByGrant(ctx, g.ID)
	if err != nil {
		return alert.Message{}, fmt.Errorf("listing connections of grant %s: %w", g.ID, err)
	}
	m := alert.Message{
		ID: alert.MessageID(e, kind), Kind: kind, Episode: e, At: a.now(),
		Provider: title(g.Provider), Account: g.Account, Connections: connections,
	}
	if kind == alert.Recovered {
		m.Ended, m.Waiting = e.End(g, m.At), waited(e)
		return m, nil
	}
	if m.Waiting, err = a.backlog.Waiting(ctx, connections); err != nil {
		m.Waiting = alert.Uncounted // nobody's alert waits for a number
	}
	m.Link, err = a.link(ctx, g, e)
	return m, err
}

// title is the provider's name as people know it.
func title(provider string) string {
	p, err := profile.ByName(provider)
	if err != nil {
		return provider
	}
	return p.Title
}

// waited is how many cells waited when the episode ended. Only a consent
// counted them; after a late answer nothing is known, and by now they are on
// their way.
func waited(e alert.Episode) int {
	if e.Recovered.IsZero() {
		return alert.Uncounted
	}
	return e.Waiting
}

// invite puts a fresh reconnect ticket into an episode that is about to be
// opened, sealed. A grant that no owner can consent to gets none, and neither
// does one whose trouble no consent mends.
func (a *alerter) invite(ctx context.Context, g grant.Grant, e *alert.Episode) error {
	if g.Reason == grant.RequestRefused {
		return nil
	}
	if p, err := profile.ByName(g.Provider); err != nil || p.Token.Grant != "authorization_code" {
		return err
	}
	sealed, err := a.vault.SealBytes(ctx, ticketLabel(*e), []byte(consent.Random().Reveal()))
	if err != nil {
		return fmt.Errorf("sealing the ticket of grant %s: %w", g.ID, err)
	}
	e.Ticket, e.Expires = sealed, a.now().Add(consent.TicketLife)
	return nil
}

// link returns the reconnect link of an episode. The ticket is written, if it
// is not there yet, before the link leaves: a retry finds the same one.
func (a *alerter) link(ctx context.Context, g grant.Grant, e alert.Episode) (secret.Text, error) {
	if len(e.Ticket.Data) == 0 {
		return secret.Text{}, nil
	}
	plain, err := a.vault.OpenBytes(ctx, ticketLabel(e), e.Ticket)
	if err != nil {
		return secret.Text{}, fmt.Errorf("opening the ticket of grant %s: %w", e.Grant, err)
	}
	t := secret.New(string(plain))
	ticket := consent.Ticket{
		Digest: consent.Digest(t), Grant: e.Grant, Episode: e.Number, Epoch: g.Epoch, Created: a.now(), Expires: e.Expires,
	}
	if err := a.tickets.PutTicket(ctx, ticket); err != nil {
		return secret.Text{}, err
	}
	return secret.New(consent.Link(a.publicURL, t)), nil
}

// ticketLabel keeps the ticket of one episode from being put in another's
// place.
func ticketLabel(e alert.Episode) string { return fmt.Sprintf("ticket/%s/%d", e.Grant, e.Number) }
