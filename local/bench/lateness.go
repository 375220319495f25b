package bench

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"bellhop/local/owner"
	"bellhop/local/sandbox"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
)

const (
	// punctual is how many grants with tokens of a minute are watched.
	punctual     = 1000
	punctualLife = time.Minute
	// watched is for how long; the grants are connected evenly over joinOver
	// before, which is about the time between two refreshes.
	watched  = 150 * time.Second
	joinOver = 40 * time.Second
	// mostLate is the goal for 99 of 100 exchanges.
	mostLate = 2 * time.Second
)

// punctuality is how the deployed stack kept the appointments of a fleet.
type punctuality struct {
	grants int
	late   []time.Duration // of each exchange, ascending; one that came early is not late
	lived  time.Duration   // of all grants together, while they were watched
	bare   time.Duration   // of that, without a token that was valid
}

// punctuality connects a fleet, watches it and reads the provider's books.
func (f *fleet) punctuality(ctx context.Context, progress func(string)) (punctuality, error) {
	progress(fmt.Sprintf("connecting %d grants with tokens of a minute", punctual))
	if err := f.switches(ctx, punctualLife, 30*time.Second); err != nil {
		return punctuality{}, err
	}
	rotation := profile.Rotation{Policy: "grace", Grace: profile.Seconds(30 * time.Second)}
	if err := f.Register(ctx, "punctual", rotation); err != nil {
		return punctuality{}, err
	}
	var all []joining
	for i := range punctual {
		all = append(all, joining{id: grant.ID(fmt.Sprintf("punctual-%04d", i)), client: "punctual", home: homeOf(i)})
	}
	if err := f.joinAll(ctx, all, joinOver); err != nil {
		return punctuality{}, err
	}
	progress(fmt.Sprintf("watching them for %v", watched))
	if !owner.Pause(ctx, watched) {
		return punctuality{}, ctx.Err()
	}
	end := time.Now()
	tokens, err := f.Books.Tokens(ctx)
	if err != nil {
		return punctuality{}, err
	}
	presentations, err := f.Books.Presentations(ctx, 0)
	if err != nil {
		return punctuality{}, err
	}
	return judge(tokens, presentations, owner.ClientID("punctual"), end, f.Profile.Token.Refresh), nil
}

// homeOf gives every other grant each of the two homes.
func homeOf(i int) string {
	if i%2 == 0 {
		return grant.HomeSecrets
	}
	return grant.HomeSealed
}

// judge reads from the provider's books how late each exchange of a client's
// grants came, and how long any of them was without a valid access token, until
// an end. A property has its grant's name.
func judge(tokens []sandbox.Token, presentations []sandbox.Presentation, client string, end time.Time, rule profile.RefreshRule) punctuality {
	access := map[string]map[int]sandbox.Token{} // by family and generation
	for _, t := range tokens {
		if t.Client != client || t.Kind != sandbox.AccessToken {
			continue
		}
		if access[t.Family] == nil {
			access[t.Family] = map[int]sandbox.Token{}
		}
		access[t.Family][t.Generation] = t
	}
	p := punctuality{grants: len(access)}
	for _, a := range presentations {
		if t, ok := access[a.Family][a.Generation]; ok && a.Kind == sandbox.RefreshToken && a.Endpoint == "token" {
			p.late = append(p.late, max(time.UnixMilli(a.At).Sub(dueSecond(t, rule)), 0))
		}
	}
	slices.Sort(p.late)
	for _, family := range access {
		lived, bare := uncovered(slices.Collect(maps.Values(family)), end)
		p.lived += lived
		p.bare += bare
	}
	return p
}

// dueSecond is when the exchange that follows a token was due, by the product's
// own schedule.
func dueSecond(t sandbox.Token, rule profile.RefreshRule) time.Time {
	pair := grant.Pair{Issued: time.UnixMilli(t.IssuedAt), Expires: time.UnixMilli(t.ExpiresAt)}
	return grant.TimesOf(grant.ID(t.Property), pair, rule).RefreshAt
}

// uncovered is how long a family has lived until an end, and for how much of
// that none of its access tokens was valid.
func uncovered(tokens []sandbox.Token, end time.Time) (lived, bare time.Duration) {
	slices.SortFunc(tokens, func(a, b sandbox.Token) int { return int(a.IssuedAt - b.IssuedAt) })
	until := end.UnixMilli()
	covered := tokens[0].IssuedAt
	gap := int64(0)
	for _, t := range tokens {
		from := min(t.IssuedAt, until)
		gap += max(from-covered, 0)
		covered = max(covered, min(ends(t), until))
	}
	gap += max(until-covered, 0)
	return time.Duration(until-tokens[0].IssuedAt) * time.Millisecond, time.Duration(gap) * time.Millisecond
}

// ends is when a token is not valid any more, for whatever reason comes first.
func ends(t sandbox.Token) int64 {
	at := t.ExpiresAt
	for _, other := range []int64{t.SupersededAt, t.RevokedAt} {
		if other != 0 {
			at = min(at, other)
		}
	}
	return at
}

// quantile is the value that a share of an ascending list does not exceed; zero
// of an empty one.
func quantile(ascending []time.Duration, share float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	return ascending[max(int(math.Ceil(share*float64(len(ascending))))-1, 0)]
}
