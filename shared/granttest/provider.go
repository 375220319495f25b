package granttest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
	"bellhop/shared/secrettest"
)

// Act is what becomes of one request to a [Provider].
type Act int

// The acts.
const (
	Answers    Act = iota // it acts and its answer arrives
	LosesAfter            // it acts, and its answer is lost
	LosesFirst            // the request is lost on its way: nobody can tell it from LosesAfter
	NeverLeft             // the request was certainly not written
	Garbles               // it acts, and its answer cannot be read
)

// Provider is a token endpoint with rotating refresh tokens that keeps books. It
// takes the place of oauth.Client. Set its fields before it is used.
type Provider struct {
	// Rotation is its policy: what presenting a token twice leads to.
	Rotation profile.Rotation
	Life     time.Duration // of an access token
	Now      func() time.Time
	// Act, when set, decides what becomes of the request with this number,
	// from 1. It may block: that is how a test pauses a worker in its request.
	Act func(n int) Act
	// Refuse, when set, may answer in the provider's place with any class but
	// Issued; an empty class lets it act.
	Refuse func(r oauth.Request) oauth.Outcome

	mu       sync.Mutex // guards what follows
	requests int
	tokens   map[string]*token
	minted   int
}

// token is one refresh token in the books.
type token struct {
	name      string
	presented int
	firstUse  time.Time // zero while it was not used
	revoked   bool
	delivered bool // its answer reached us
}

// Seed issues the first pair of a family, as a consent would.
func (p *Provider) Seed() grant.Pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	pair, t := p.issue()
	t.delivered = true
	return pair
}

// Exchange takes the place of oauth.Client's.
func (p *Provider) Exchange(ctx context.Context, _ profile.Token, r oauth.Request) oauth.Outcome {
	p.mu.Lock()
	p.requests++
	n := p.requests
	p.mu.Unlock()
	act := Answers
	if p.Act != nil {
		act = p.Act(n)
	}
	if act == NeverLeft || !p.Now().Before(r.Deadline) {
		return oauth.Outcome{Class: oauth.NotSent, Cause: "late"}
	}
	if act == LosesFirst {
		return oauth.Outcome{Class: oauth.Unknown, Cause: "broken"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out, issued := p.act(r)
	switch {
	case act == LosesAfter:
		return oauth.Outcome{Class: oauth.Unknown, Cause: "timeout"}
	case act == Garbles && issued != nil:
		return oauth.Outcome{Class: oauth.Unreadable, Raw: secret.New("<" + issued.name + ">")}
	case issued != nil:
		issued.delivered = true
	}
	return out
}

// act is what the endpoint does with a request that reaches it. p.mu is held.
func (p *Provider) act(r oauth.Request) (oauth.Outcome, *token) {
	if p.Refuse != nil {
		if out := p.Refuse(r); out.Class != "" {
			return out, nil
		}
	}
	if r.Kind == grant.KindClient {
		pair, t := p.issue()
		pair.Refresh = secret.Text{}
		return oauth.Outcome{Class: oauth.Issued, Status: 200, Pair: pair}, t
	}
	dead := oauth.Outcome{Class: oauth.Dead, Status: 400, Code: "invalid_grant"}
	t := p.tokens[r.Refresh.Reveal()]
	if t == nil {
		return dead, nil
	}
	t.presented++
	if t.revoked {
		return dead, nil
	}
	if !t.firstUse.IsZero() && !p.again(t) {
		return dead, nil
	}
	if t.firstUse.IsZero() {
		t.firstUse = p.Now()
	}
	pair, next := p.issue()
	return oauth.Outcome{Class: oauth.Issued, Status: 200, Pair: pair}, next
}

// again reports whether a used token is good once more. Where reuse is
// detected, it costs the whole family.
func (p *Provider) again(t *token) bool {
	switch p.Rotation.Policy {
	case "none":
		return true
	case "grace":
		return p.Now().Before(t.firstUse.Add(p.Rotation.Grace.D()))
	}
	for _, member := range p.tokens {
		member.revoked = true
	}
	return false
}

func (p *Provider) issue() (grant.Pair, *token) {
	p.minted++
	if p.tokens == nil {
		p.tokens = map[string]*token{}
	}
	t := &token{name: secrettest.Mint(fmt.Sprintf("refresh-%d", p.minted))}
	p.tokens[t.name] = t
	now := p.Now()
	return grant.Pair{
		Access: secret.New(secrettest.Mint(fmt.Sprintf("access-%d", p.minted))), Refresh: secret.New(t.name),
		Issued: now, Expires: now.Add(p.Life),
	}, t
}

// Revoke ends the consent: no token of the family is good any more.
func (p *Provider) Revoke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tokens {
		t.revoked = true
	}
}

// Requests is how many requests were made, counting those that never left.
func (p *Provider) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// Presented is how often the provider saw a refresh token.
func (p *Provider) Presented(t secret.Text) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tokens[t.Reveal()]; t != nil {
		return t.presented
	}
	return 0
}

// MostPresented is the largest number of times that any token was seen.
func (p *Provider) MostPresented() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := 0
	for _, t := range p.tokens {
		most = max(most, t.presented)
	}
	return most
}

// Reachable reports whether some unused token of the family is good whose
// answer reached us: then no verdict may stand in the end.
func (p *Provider) Reachable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tokens {
		if t.delivered && !t.revoked && t.firstUse.IsZero() {
			return true
		}
	}
	return false
}
