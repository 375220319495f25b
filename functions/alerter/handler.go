package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/event"
	"bellhop/shared/grant"
)

// claimFor is how long a message is ours to send: longer than the function may
// run, shorter than the queue waits before it hands the message to another.
const claimFor = 35 * time.Second

// alerter tells people what is true about grants and clients, and keeps what it
// has told.
type alerter struct {
	grants    grants
	buckets   bucket.Store
	outbox    alert.Outbox
	inventory inventory
	tickets   tickets
	vault     sealer
	backlog   backlog
	channels  func(context.Context) ([]alert.Channel, error)
	log       *event.Log
	now       func() time.Time
	publicURL string
}

// What the alerter needs of the rest.
type (
	grants interface {
		Read(ctx context.Context, id grant.ID) (grant.Grant, error)
		Foretell(ctx context.Context, w grant.ForetellWrite) error
	}
	inventory interface {
		ByGrant(ctx context.Context, id grant.ID) ([]connection.Connection, error)
		Client(ctx context.Context, id string) (connection.Client, error)
	}
	tickets interface {
		PutTicket(ctx context.Context, t consent.Ticket) error
	}
	sealer interface {
		SealBytes(ctx context.Context, label string, plain []byte) (grant.Sealed, error)
		OpenBytes(ctx context.Context, label string, s grant.Sealed) ([]byte, error)
	}
	backlog interface {
		Waiting(ctx context.Context, connections []connection.Connection) (int, error)
	}
)

// about tells whatever is owed about its subject.
func (a *alerter) about(ctx context.Context, s subject) error {
	if s.bucket != "" {
		return a.tellClient(ctx, s.bucket)
	}
	return a.tell(ctx, s.grant)
}

// tell brings what people know about one grant up to what is true now. Called
// any number of times, in any order, it sends each message once: what is owed
// is decided from the grant and its episodes as they are, never from what the
// caller saw. An error means that something is still owed.
func (a *alerter) tell(ctx context.Context, id grant.ID) error {
	g, err := a.grants.Read(ctx, id)
	if errors.Is(err, grant.ErrNotFound) {
		return nil // removed since: nobody waits for it
	}
	if err != nil {
		return fmt.Errorf("reading grant %s: %w", id, err)
	}
	channels, err := a.channels(ctx)
	if err != nil {
		return fmt.Errorf("finding the channels: %w", err)
	}
	episodes, err := a.episodes(ctx, g)
	if err != nil {
		return err
	}
	var owing []error
	for _, e := range episodes {
		owing = append(owing, a.bring(ctx, g, e, channels))
	}
	if err := a.foretell(ctx, g, channels); err != nil {
		return errors.Join(append(owing, err)...) // the flag alone brings us back for it
	}
	return errors.Join(append(owing, a.settle(ctx, g))...)
}

// episodes returns those that are not over, oldest first. The one that the
// grant is in is opened if nobody has: from then on its own item stays due
// until everything is told, whatever becomes of the grant's flag.
func (a *alerter) episodes(ctx context.Context, g grant.Grant) ([]alert.Episode, error) {
	open, err := a.outbox.Episodes(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	e, ok := alert.Of(g)
	if !ok || slices.ContainsFunc(open, func(o alert.Episode) bool { return o.Number == e.Number }) {
		return open, nil
	}
	if err := a.invite(ctx, g, &e); err != nil {
		return nil, err
	}
	e.Due = a.now().Add(alert.LookAgain)
	if e, err = a.outbox.Open(ctx, e); err != nil {
		return nil, err
	}
	return append(open, e), nil
}

// bring sends what one episode owes, and sets when to look at it again.
func (a *alerter) bring(ctx context.Context, g grant.Grant, e alert.Episode, channels []alert.Channel) error {
	owed, kind := owing(channels, func(channel string) alert.Kind { return e.Owed(g, channel) })
	err := a.deliver(ctx, g, &e, kind, owed)
	return errors.Join(err, a.look(ctx, g, e, names(channels)))
}

// deliver sends one message to these channels.
func (a *alerter) deliver(ctx context.Context, g grant.Grant, e *alert.Episode, kind alert.Kind, owed []alert.Channel) error {
	if len(owed) == 0 {
		return nil
	}
	m, err := a.compose(ctx, g, *e, kind)
	if err != nil {
		return err
	}
	results := toAll(owed, func(c alert.Channel) error { return a.send(ctx, c, m) })
	told := map[alert.Kind]map[string]time.Time{alert.Opened: e.Opened, alert.Recovered: e.Closed}[kind]
	for i, c := range owed {
		if results[i] == nil {
			told[c.Name()] = m.At
		}
		if errors.Is(results[i], alert.ErrClaimed) {
			results[i] = nil // somebody else is at it, and will say how it went
		}
	}
	return errors.Join(results...)
}

// send claims, sends, marks. Dying between the last two sends the message once
// more; its id tells the receiver.
func (a *alerter) send(ctx context.Context, c alert.Channel, m alert.Message) error {
	claim := alert.Claim{
		Grant: m.Episode.Grant, Number: m.Episode.Number, Kind: m.Kind, Channel: c.Name(),
		Me: claimant(), Now: a.now(), Until: a.now().Add(claimFor),
	}
	if err := a.outbox.Claim(ctx, claim); err != nil {
		return err
	}
	mark := context.WithoutCancel(ctx)
	if err := a.hand(ctx, c, m, subject{grant: claim.Grant}, claim.Number); err != nil {
		return errors.Join(err, a.outbox.Unclaim(mark, claim))
	}
	return a.outbox.Delivered(mark, claim)
}

// owing picks the channels that are owed a message. It is of one kind for all of
// them, since it follows from what they are told about.
func owing(channels []alert.Channel, of func(channel string) alert.Kind) (owed []alert.Channel, kind alert.Kind) {
	for _, c := range channels {
		if k := of(c.Name()); k != alert.Nothing {
			owed, kind = append(owed, c), k
		}
	}
	return owed, kind
}

func names(channels []alert.Channel) []string {
	var all []string
	for _, c := range channels {
		all = append(all, c.Name())
	}
	return all
}

// toAll sends to these channels side by side, so that one that hangs or fails
// holds no other, and returns what each said.
func toAll(channels []alert.Channel, send func(alert.Channel) error) []error {
	results := make([]error, len(channels))
	var group sync.WaitGroup
	for i, c := range channels {
		group.Go(func() { results[i] = send(c) })
	}
	group.Wait()
	return results
}

// claimant is a fresh name for a claim.
func claimant() string { return consent.Random().Reveal()[:22] }

// hand gives one message to its channel and says how that went. errUntold when
// the channel did not take it.
func (a *alerter) hand(ctx context.Context, c alert.Channel, m alert.Message, s subject, episode int64) error {
	attrs := []slog.Attr{
		s.attr(), slog.Int64("episode", episode), slog.String("channel", c.Name()), slog.String("kind", string(m.Kind)),
	}
	if err := c.Send(ctx, m); err != nil {
		a.log.Error(ctx, event.AlertFailed, append(attrs, slog.String("error", err.Error()))...)
		a.log.Count(event.AlertFailures, 1, "")
		return errUntold
	}
	a.log.Info(ctx, event.AlertSent, append(attrs, slog.Int64("delay_ms", a.now().Sub(since(m)).Milliseconds()))...)
	return nil
}

// since is when the news of a message happened.
func since(m alert.Message) time.Time {
	switch {
	case m.Kind == alert.Recovered:
		return m.Ended
	case m.Client != nil:
		return m.Client.Trouble.Since
	}
	return m.Episode.Since
}

// look keeps an episode due until it is over. Nothing is written while its
// next look is still to come: an episode's write comes by the stream like any
// other, and must not call for the next.
func (a *alerter) look(ctx context.Context, g grant.Grant, e alert.Episode, channels []string) error {
	switch {
	case e.Due.IsZero():
		return nil
	case e.Over(g, channels):
		return a.outbox.Look(ctx, g.ID, e.Number, time.Time{})
	case e.Due.After(a.now()):
		return nil
	}
	return a.outbox.Look(ctx, g.ID, e.Number, a.now().Add(alert.LookAgain))
}

// settle takes the grant's flag down, if it is the one that was read. What is
// still owed is in its episodes.
func (a *alerter) settle(ctx context.Context, g grant.Grant) error {
	if g.AlertDue.IsZero() {
		return nil
	}
	return a.outbox.Settle(ctx, g.ID, g.AlertDue)
}
