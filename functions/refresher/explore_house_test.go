package main

import (
	"cmp"
	"fmt"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// regime is how a provider treats a refresh token that comes a second time.
type regime struct {
	name string
	// rotation is what our profile of the provider says.
	rotation profile.Rotation
	// lives says which of the answers to one token are good, where it may be
	// presented again within a grace.
	lives siblings
	// revokes says that a used token that comes too late ends its whole family,
	// superseding that one does which another answer to the same token ended.
	revokes, superseding bool
	// telling marks those that go test stops at, one of each kind.
	telling bool
}

type siblings string

const (
	newestLives siblings = "newest"
	allLive     siblings = "all"
	firstLives  siblings = "first"
)

// graceFor is longer than a lease, so that who finds a crash is still inside it,
// and shorter than the longer pause.
const graceFor = 20 * time.Second

// regimes are all providers that docs/protocols.md tells apart.
func regimes() []regime {
	all := []regime{
		{name: "none", rotation: none, telling: true},
		{name: "strict", rotation: detect},
		{name: "detect", rotation: detect, revokes: true, telling: true},
	}
	for _, lives := range []siblings{newestLives, allLive, firstLives} {
		for _, revokes := range []bool{false, true} {
			r := regime{name: "grace-" + string(lives), lives: lives, revokes: revokes,
				rotation: profile.Rotation{Policy: "grace", Grace: profile.Seconds(graceFor)}}
			if revokes {
				r.name += "-revokes"
			}
			r.telling = revokes == (lives != newestLives)
			all = append(all, r)
			if revokes && lives != allLive {
				r.name, r.superseding, r.telling = r.name+"-siblings", true, lives == newestLives
				all = append(all, r)
			}
		}
	}
	return all
}

func regimeNamed(name string) regime {
	for _, r := range regimes() {
		if r.name == name {
			return r
		}
	}
	panic("no regime " + name)
}

// house is a provider that keeps complete books.
type house struct {
	regime
	life   time.Duration // of an access token
	tokens map[string]*paper
	order  []*paper
}

// paper is one refresh token in the books.
type paper struct {
	name       string
	family     int64 // the consent it descends from
	first      time.Time
	parent     *paper
	children   []*paper
	dead       bool
	superseded bool
	by         *paper // the other answer that superseded it, or what it descends from
	// asked and answered are when its sender looked at the clock for the last
	// time before the request, and had the answer in hand; zero for never.
	asked, answered time.Time
	senders         []grant.Nonce // who presented it
}

// accessFor is an access token's life unless the staging has another.
const accessFor = 6 * time.Second

func (h *house) issue(family int64) *paper {
	p := &paper{name: fmt.Sprintf("P%d", len(h.order)+1), family: family}
	if h.tokens == nil {
		h.tokens = map[string]*paper{}
	}
	h.tokens[p.name] = p
	h.order = append(h.order, p)
	return p
}

// pair is what an answer with this token says.
func (h *house) pair(p *paper) grant.Pair {
	now := time.Now()
	return grant.Pair{Access: secret.New("access-" + p.name), Refresh: secret.New(p.name), Issued: now, Expires: now.Add(cmp.Or(h.life, accessFor))}
}

func (p *paper) used() bool { return !p.first.IsZero() }

// present is what the token endpoint does; nil is invalid_grant.
func (h *house) present(p *paper) *paper {
	switch {
	case h.rotation.Policy == "none":
	case p.dead, h.reuse(p):
		h.reused(p)
		return nil
	}
	if !p.used() {
		p.first = time.Now()
	}
	next := h.issue(p.family)
	next.parent = p
	switch h.lives {
	case newestLives:
		for _, older := range p.children {
			h.supersede(older, next)
		}
	case firstLives:
		if len(p.children) > 0 {
			h.supersede(next, p.children[0])
		}
	}
	p.children = append(p.children, next)
	return next
}

// supersede ends a token and all that came of it, for another's sake.
func (h *house) supersede(p, by *paper) {
	p.dead, p.superseded, p.by = true, true, by
	for _, c := range p.children {
		h.supersede(c, by)
	}
}

// reuse reports whether a token comes again that was used up.
func (h *house) reuse(p *paper) bool { return p.used() && !h.again(p) }

// again reports whether a used token may come once more.
func (h *house) again(p *paper) bool {
	return h.rotation.Policy == "grace" && time.Now().Before(p.first.Add(h.rotation.Grace.D()))
}

// ends reports whether presenting a token ends its family.
func (h *house) ends(p *paper) bool { return h.revokes && h.reuse(p) || h.superseding && p.superseded }

// reused is what a token that must not come any more leads to.
func (h *house) reused(p *paper) {
	if !h.ends(p) {
		return
	}
	for _, member := range h.order {
		if member.family == p.family {
			member.dead = true
		}
	}
}

// live reports whether a token was not used and is good.
func (h *house) live(name string) bool {
	p := h.tokens[name]
	return p != nil && !p.dead && (!p.used() || h.rotation.Policy == "none")
}

// good reports whether presenting a token within the given time brings a live
// pair.
func (h *house) good(name string, within time.Duration) bool {
	p := h.tokens[name]
	if p == nil || p.dead {
		return false
	}
	return h.live(name) || h.again(p) && h.lives != firstLives && time.Until(p.first.Add(graceFor)) > within
}
