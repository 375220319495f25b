package refresh

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/oauth"
)

// Commit makes the answer the grant's pair, sealed, inline: from here on pushers
// use it. It comes to its end even when the invocation does not. Any error
// leaves the bytes in hand, for [Run.KeepAside].
func (r *Run) Commit(ctx context.Context, answer grant.Pair) error {
	r.pair = r.completed(answer)
	sealed, err := r.c.Vault.Seal(r.snapshot.ID, r.snapshot.Generation, r.pair)
	if err != nil {
		return fmt.Errorf("sealing the answer for grant %s: %w", r.snapshot.ID, err)
	}
	r.sealed = sealed
	write := r.commitWrite(sealed)
	if err := r.write(ctx, func(ctx context.Context) error { return r.c.Store.Commit(ctx, write) }); err != nil {
		return fmt.Errorf("committing grant %s: %w", r.snapshot.ID, err)
	}
	r.report.committed(r.pair.Expires)
	return nil
}

// completed carries over what the answer left unsaid: no refresh token keeps
// the old one (RFC 6749 section 6).
func (r *Run) completed(answer grant.Pair) grant.Pair {
	answer.RefreshExpires = grant.RefreshEnds(answer, r.snapshot.RefreshExpires, r.profile.Token)
	if answer.Refresh.Empty() {
		answer.Refresh = r.pair.Refresh
	}
	return answer
}

func (r *Run) commitWrite(sealed grant.Sealed) grant.CommitWrite {
	g, now := r.snapshot, r.c.Now()
	missing := r.missing(r.pair.Scopes)
	w := grant.CommitWrite{
		ID: g.ID, Me: r.me, Generation: g.Generation, Sealed: sealed,
		Times:  grant.TimesOf(g.ID, r.pair, r.profile.Token.Refresh).Following(g).KeptAlive(g.ID, r.profile.Token),
		Scopes: r.pair.Scopes, Missing: missing,
		Cured:      r.kind() == grant.KindClient && len(missing) == 0,
		DropAsides: g.KnownAsides(), DropAttempts: g.VeryOldAttempts(r.me, now),
	}
	w.Opens = len(missing) > 0 && g.Missing == nil
	cured := g.Health == grant.ReauthorizationRequired || g.Retried() || w.Cured && g.Missing != nil
	if w.Opens || cured || g.ForetellsAnew(w.Times, r.profile.Token) {
		w.AlertDue = now
	}
	return w
}

// missing lists the scopes that we ask for and were not given. An answer that
// names none changes nothing (RFC 6749 section 5.1).
func (r *Run) missing(granted []string) []string {
	if granted == nil {
		return nil
	}
	var missing []string
	for _, s := range r.asks() {
		if !slices.Contains(granted, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// KeepAside keeps an answer whose commit was refused, or whose fate is unknown.
// When that is refused too, the commit had landed after all or a new consent
// came: then there is nothing to keep.
func (r *Run) KeepAside(ctx context.Context, cause error) (again time.Time, err error) {
	if r.sealed.Data == nil {
		return time.Time{}, cause // not even sealed: there is nothing that a table may hold
	}
	now := r.c.Now()
	return r.keep(ctx, grant.AsideWrite{ID: r.snapshot.ID, Me: r.me, WakeAt: now, Aside: grant.Aside{
		Sealed: r.sealed, Base: r.snapshot.Generation, At: now,
		Issued: r.pair.Issued, Expires: r.pair.Expires, RefreshExpires: r.pair.RefreshExpires, Scopes: r.pair.Scopes,
	}})
}

// mostUnreadable is how many unreadable answers to one credential are kept. A
// provider that rotates answers with so many at most before it refuses; more of
// them are a page that says that it is being mended.
const mostUnreadable = 3

// keepRaw keeps an answer that our parser refuses as it came: a corrected
// release may find the live pair in it.
func (r *Run) keepRaw(ctx context.Context, out oauth.Outcome) (time.Time, error) {
	now := r.c.Now()
	if r.snapshot.RawAnswers() >= mostUnreadable {
		return r.afterUnknown(ctx, out)
	}
	sealed, err := r.c.Vault.SealRaw(r.snapshot.ID, r.snapshot.Generation, out.Raw)
	if err != nil {
		return time.Time{}, fmt.Errorf("sealing an unreadable answer for grant %s: %w", r.snapshot.ID, err)
	}
	until := now.Add(r.snapshot.Backoff())
	if t := r.snapshot.AfterUnknown(r.me, r.rotation(), now); t.After(until) {
		until = t
	}
	return r.keep(ctx, grant.AsideWrite{ID: r.snapshot.ID, Me: r.me, WakeAt: r.pause(until), Aside: grant.Aside{
		Sealed: sealed, Base: r.snapshot.Generation, At: now, Issued: now.Add(-out.Took), Raw: true,
	}})
}

func (r *Run) keep(ctx context.Context, w grant.AsideWrite) (time.Time, error) {
	keeping, cancel := bounded(ctx, keepFor)
	defer cancel()
	err := insist(keeping, func(ctx context.Context) error { return r.c.Store.KeepAside(ctx, w) })
	if current, refused := conflict(err); refused {
		r.report.overtaken(current.CommittedBy == r.me, w.Aside.Expires)
		return time.Time{}, nil
	}
	if err != nil {
		r.report.lost() // the table does not answer: the attempt still says so
		return time.Time{}, fmt.Errorf("keeping aside an answer for grant %s: %w", w.ID, err)
	}
	r.report.kept()
	return w.WakeAt, nil
}
