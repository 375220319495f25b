package drain

import (
	"context"
	"fmt"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/wake"
)

// The gate's patience.
const (
	// refreshWait is how long one wait for a refresh under way lasts, and
	// refreshWaits how many there are.
	refreshWait  = 1500 * time.Millisecond
	refreshWaits = 4
	// parkedFor is how long a lane sleeps that waits for a person. Whoever
	// mends the grant wakes it; this is for the wake that went astray.
	parkedFor = 15 * time.Minute
)

// pass is the permission to make one call.
type pass struct {
	grant   grant.Grant
	access  secret.Text
	timeout time.Duration
}

// shut is why no call may be made now.
type shut struct {
	why   string
	until time.Time // zero: a while, by how often it has failed
	ask   bool      // the grant's refresh is overdue: ask for it
}

// gate lets a call through if a person has not switched the grant off, the
// machine has not found it dead, and its token outlives the call. It reads the
// TOKEN item each time: nobody pushes with a token that cannot last.
func (d *Drainer) gate(ctx context.Context, s site) (pass, *shut, error) {
	for wait := 0; ; wait++ {
		g, err := d.Grants.Read(ctx, s.Grant)
		if err != nil {
			return pass{}, nil, fmt.Errorf("reading grant %s: %w", s.Grant, err)
		}
		closed, mayPass := judgeGate(g, s.profile.Token, d.Now())
		if closed != nil && mayPass && wait < refreshWaits && d.remaining(ctx) > leaseFor {
			if err := d.Sleep(ctx, refreshWait); err != nil {
				return pass{}, nil, err
			}
			continue
		}
		if closed == nil {
			closed = d.atEndpoint(ctx, s, g)
		}
		if closed != nil {
			return pass{}, closed, nil
		}
		return d.admit(ctx, g)
	}
}

// admit opens the token of a grant that the gate has let through.
func (d *Drainer) admit(ctx context.Context, g grant.Grant) (pass, *shut, error) {
	access, err := d.Tokens.Access(ctx, g)
	if ctx.Err() != nil {
		return pass{}, nil, ctx.Err()
	}
	if err != nil { // its home does not answer, or not yet: nothing is lost by waiting
		return pass{}, &shut{why: holdOutage}, nil
	}
	return pass{grant: g, access: access, timeout: grant.CallTimeout(g.Expires.Sub(g.Issued))}, nil, nil
}

// judgeGate decides whether a call may be made with what g has. MayPass says of
// a closed gate that a refresh is under way, so that waiting a second or two is
// better than leaving.
func judgeGate(g grant.Grant, t profile.Token, now time.Time) (closed *shut, mayPass bool) {
	switch {
	case !g.Enabled:
		return &shut{why: holdDisabled, until: now.Add(parkedFor)}, false
	case g.Health != grant.OK:
		return &shut{why: holdHealth, until: now.Add(parkedFor)}, false
	case t.OldAccessDies && g.Leased(now):
		return &shut{why: holdAuth}, true
	case g.Generation == 0, !g.Lasts(now):
		return &shut{why: holdAuth, ask: true}, g.Leased(now)
	}
	return nil, false
}

// ask sends the grant's wake: its token is too old, or was refused.
func (d *Drainer) ask(ctx context.Context, s site) {
	// A wake that does not get through is found by the sweep.
	_ = d.Refresh.Send(ctx, wake.Send{
		Message: wake.Message{Kind: wake.Grant, Grant: s.Grant, At: d.Now()},
		Group:   s.client,
	})
}

// fresher waits for a token newer than the one that was refused: while somebody
// is refreshing, a second or two; and not at all when nobody is. False when
// there is none.
func (d *Drainer) fresher(ctx context.Context, s site, refused grant.Grant) (pass, bool, error) {
	for range refreshWaits {
		g, err := d.Grants.Read(ctx, s.Grant)
		if err != nil {
			return pass{}, false, fmt.Errorf("reading grant %s: %w", s.Grant, err)
		}
		now := d.Now()
		if g.Generation != refused.Generation {
			if closed, _ := judgeGate(g, s.profile.Token, now); closed != nil {
				return pass{}, false, nil
			}
			p, closed, err := d.admit(ctx, g)
			return p, closed == nil, err
		}
		if !g.Leased(now) && !attempted(g, now) || d.remaining(ctx) < leaseFor {
			return pass{}, false, nil
		}
		if err := d.Sleep(ctx, refreshWait); err != nil {
			return pass{}, false, err
		}
	}
	return pass{}, false, nil
}

// attempted reports whether an exchange may be under way although nobody holds
// the lease any more.
func attempted(g grant.Grant, now time.Time) bool {
	for _, a := range g.Attempts {
		if a.Generation == g.Generation && now.Sub(a.At) < grant.LeaseFor {
			return true
		}
	}
	return false
}
