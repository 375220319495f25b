package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bellhop/shared/grant"
)

// unauthorized is for a token that was refused and has no successor yet. A new
// token may not be known everywhere: that is waited for. Otherwise a refresh is
// asked for; and when two generations in a row were refused, each old enough, no
// refresh will help: a person must.
func (h *Holding) unauthorized(ctx context.Context, g grant.Grant) error {
	now := h.d.Now()
	if known := g.Issued.Add(h.s.profile.Token.Propagation.D()); now.Before(known) {
		return h.hold(ctx, pause{why: holdAuth, until: known})
	}
	if h.refused != 0 && h.refused < g.Generation {
		return h.judge(ctx, grant.JudgeWrite{
			ID: g.ID, Presented: g.Generation, Health: grant.ReauthorizationRequired, Reason: grant.TokenRejected,
		})
	}
	h.hasten(ctx, g)
	return h.hold(ctx, pause{why: holdAuth, failed: true, refused: g.Generation})
}

// hasten asks for a refresh before its time. Where the write is refused,
// somebody is at it, or its time is set by the provider; where it is lost, the
// ordinary refresh comes.
func (h *Holding) hasten(ctx context.Context, g grant.Grant) {
	if err := h.d.Grants.Hasten(ctx, grant.HastenWrite{ID: g.ID, Presented: g.Generation, At: h.d.Now(), Skew: grant.Skew}); err == nil {
		h.d.ask(ctx, h.s)
	}
}

// scopeMissing is for a permission that the token lacks. A consent that was just
// given takes its time to spread, so the first refusal is waited out; the second
// in a row is the verdict.
func (h *Holding) scopeMissing(ctx context.Context, g grant.Grant, scopes []string) error {
	if h.before.Hold != holdScope {
		wait := max(h.s.profile.Token.ScopePropagation.D(), time.Second)
		return h.hold(ctx, pause{why: holdScope, until: h.d.Now().Add(wait), failed: true})
	}
	return h.judge(ctx, grant.JudgeWrite{
		ID: g.ID, Presented: g.Generation, Health: grant.ScopeUpdateRequired, Reason: grant.ScopeMissing,
		Missing: h.missing(g, scopes),
	})
}

// missing names the permissions to be asked for: those that the provider named,
// else those that the token lacks of what we need, else all that we need.
func (h *Holding) missing(g grant.Grant, named []string) []string {
	if len(named) > 0 {
		return named
	}
	all := h.s.profile.Token.Scopes
	lacks := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(g.Scopes, s) })
	if len(lacks) > 0 {
		return lacks
	}
	return slices.Clone(all)
}

// judge is the pusher's verdict, and parks the lane. A verdict that is refused,
// because a newer token has come or somebody is at work, was none.
func (h *Holding) judge(ctx context.Context, w grant.JudgeWrite) error {
	w.At, w.Skew = h.d.Now(), grant.Skew
	err := h.d.Grants.Judge(ctx, w)
	var c *grant.Conflict
	if errors.As(err, &c) {
		return h.hold(ctx, pause{why: holdAuth, failed: true})
	}
	if err != nil {
		return fmt.Errorf("judging grant %s: %w", w.ID, err)
	}
	h.d.noteDead(ctx, h.s, w)
	h.refused = 0
	return h.hold(ctx, pause{why: holdHealth, until: w.At.Add(parkedFor)})
}
