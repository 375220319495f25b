package consent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

// errOvertaken says that another consent was committed meanwhile: its pair is
// the newer one at the provider, and ours is worth nothing.
var errOvertaken = errors.New("another consent came first")

// lost says what the owner is told when an exchanged code did not come to a
// commit.
func lost(err error) Code {
	if errors.Is(err, errOvertaken) || errors.Is(err, grant.ErrTicket) {
		return AlreadyConnected
	}
	return Interrupted
}

// commit makes the pair the grant's, on condition of its epoch alone: a refresh
// that runs beside us can neither stop a new consent nor undo it. It runs to
// its end even when the browser has gone.
func (f *Flow) commit(ctx context.Context, x *exchanged, w *walker) (grant.ConsentWrite, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitFor)
	defer cancel()
	write, err := f.consentWrite(x, w)
	if err != nil {
		return write, err
	}
	for try := range commitTries {
		if try > 0 {
			if err := pause(ctx, commitPause<<(try-1)); err != nil {
				break
			}
		}
		var again bool
		if again, err = f.tryCommit(ctx, write); err == nil || !again {
			return write, err
		}
	}
	return write, fmt.Errorf("committing the consent of grant %s: %w", write.ID, err)
}

// tryCommit writes once. A refusal under an unchanged epoch is a neighbour's
// write in the same instant; an unknown outcome is looked up, because a consent
// that landed must not be told as one that failed.
func (f *Flow) tryCommit(ctx context.Context, write grant.ConsentWrite) (again bool, err error) {
	err = f.Grants.Consent(ctx, write)
	if err == nil {
		return false, nil
	}
	g, readErr := f.Grants.Read(ctx, write.ID)
	switch {
	case readErr != nil:
		return true, errors.Join(err, readErr)
	case landed(g, write):
		return false, nil
	case g.Epoch != write.Epoch:
		return false, errOvertaken
	case errors.Is(err, grant.ErrTicket), errors.Is(err, grant.ErrNotFound):
		return false, err
	}
	return true, err
}

// landed reports whether g holds the pair of this very write. Two pairs may have
// the same times, no two seals the same bytes.
func landed(g grant.Grant, w grant.ConsentWrite) bool {
	if g.Inline != nil {
		return g.Epoch == w.Epoch+1 && bytes.Equal(g.Inline.Data, w.Sealed.Data)
	}
	return g.Epoch == w.Epoch+1 &&
		g.Issued.UnixMilli() == w.Times.Issued.UnixMilli() && g.Expires.UnixMilli() == w.Times.Expires.UnixMilli()
}

// consentWrite is the one transaction: pair, times, scopes, account, ticket,
// and how many cells waited in the episode that ends.
func (f *Flow) consentWrite(x *exchanged, w *walker) (grant.ConsentWrite, error) {
	sealed, err := f.Vault.Seal(x.grant.ID, x.grant.Generation, x.pair)
	if err != nil {
		return grant.ConsentWrite{}, fmt.Errorf("sealing the pair of grant %s: %w", x.grant.ID, err)
	}
	x.pair.RefreshExpires = grant.RefreshEnds(x.pair, time.Time{}, x.profile.Token)
	asked := asks(x.grant, x.profile.Token)
	granted := x.pair.Scopes
	if granted == nil {
		granted = asked // an answer without scopes grants what was asked for
	}
	write := grant.ConsentWrite{
		ID: x.grant.ID, Epoch: x.grant.Epoch, Sealed: sealed,
		Times: grant.TimesOf(x.grant.ID, x.pair, x.profile.Token.Refresh).
			Following(grant.Grant{}).KeptAlive(x.grant.ID, x.profile.Token),
		Scopes: granted, Missing: missing(asked, granted),
		Account: x.account, Ticket: w.state.Ticket, Waiting: max(x.waiting, 0), At: f.Now(),
	}
	if x.grant.Health != grant.OK {
		write.Episode = x.grant.Episode
	}
	return write, nil
}

// settle moves the committed pair home: first there, then the ref. One that
// cannot move now stays inline, sealed, and the next refresh settles.
func (f *Flow) settle(ctx context.Context, x *exchanged, write grant.ConsentWrite) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	g, err := f.Grants.Read(ctx, write.ID)
	if err == nil && (g.Inline == nil || !landed(g, write)) {
		return // refreshed or settled already: the newer pair settles itself
	}
	if err == nil {
		x.grant = g
		err = f.settleOnce(ctx, g, x.pair)
	}
	if err == nil || errors.Is(err, grant.ErrInline) {
		return
	}
	f.Log.Warn(ctx, event.SettleDeferred, slog.String("grant", string(write.ID)),
		slog.Int64("generation", g.Generation), slog.String("why", err.Error()))
	f.Log.Count(event.PairsNotSettled, 1, x.profile.Name)
}

func (f *Flow) settleOnce(ctx context.Context, g grant.Grant, p grant.Pair) error {
	ref, at, err := f.Vault.Settle(ctx, g, p)
	if err != nil {
		return err
	}
	err = f.Grants.Settle(ctx, grant.SettleWrite{ID: g.ID, Generation: g.Generation, Ref: ref, Placement: at})
	var moved *grant.Conflict
	if errors.As(err, &moved) {
		return nil // refreshed meanwhile: the newer pair settles itself
	}
	return err
}

// follow starts what waited for the consent, and says that it happened. A wake
// that is not sent is found by the minute's sweep.
func (f *Flow) follow(ctx context.Context, x *exchanged, w *walker, write grant.ConsentWrite) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	err := f.Wakes.Resume(ctx, Resumption{
		Grant: write.ID, Client: x.client.ID, First: write.Times.WakeAt, Connections: ids(x.connections),
	})
	f.Log.Info(ctx, event.Reconnected, slog.String("grant", string(write.ID)), slog.String("provider", x.profile.Name),
		slog.Int64("epoch", write.Epoch+1), slog.Int("connections", len(x.connections)), slog.Int("waiting", x.waiting),
		slog.Int("missing", len(write.Missing)), slog.Bool("woken", err == nil),
		slog.Int64("exchange_ms", int64(x.took/time.Millisecond)))
	if len(write.Missing) == 0 {
		return
	}
	f.Log.Warn(ctx, event.GrantDead, slog.String("grant", string(write.ID)), slog.String("provider", x.profile.Name),
		slog.String("health", string(grant.ScopeUpdateRequired)), slog.String("reason", string(grant.ScopeMissing)))
	f.Log.Count(event.Reauthorizations, 1, x.profile.Name)
	x.grant.Epoch = write.Epoch + 1
	f.invite(ctx, w, x.grant)
}

func ids(connections []connection.Connection) []connection.ID {
	out := make([]connection.ID, len(connections))
	for i, c := range connections {
		out[i] = c.ID
	}
	return out
}

// asks are the scopes that the owner is asked for: the grant's own, or else the
// profile's.
func asks(g grant.Grant, p profile.Token) []string {
	if g.Asks != nil {
		return g.Asks
	}
	return p.Scopes
}
