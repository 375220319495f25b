package granttest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"bellhop/shared/grant"
)

// Tickets is what the suite needs beside a Store: reconnect tickets to consume
// and episodes to read.
type Tickets interface {
	AddTicket(ctx context.Context, digest string, id grant.ID) error
	Episode(ctx context.Context, id grant.ID, n int64) (Episode, error)
}

// StoreSuite holds an implementation of [grant.Store] to every line of
// docs/protocols.md: each write's condition, its update and nothing else, the
// conflict that carries the item, and what a copy of the write does. open
// returns an empty store; one that also implements [Tickets] is held to
// Consent's transaction too.
func StoreSuite(t *testing.T, open func(t *testing.T) grant.Store) {
	for name, story := range map[string]func(*bench){
		"Create": create, "Read": read, "Lease": lease, "LeaseHealth": leaseHealth, "LeaseCopy": leaseCopy,
		"LeaseDue": leaseDue, "LeaseLate": leaseLate,
		"Release": release, "Abandon": abandon, "Commit": commit, "CommitFindings": commitFindings,
		"CommitOfOne": commitWithoutLease, "KeepAside": keepAside, "Roll": roll, "RollReread": rollReread, "Refuse": refuse,
		"Verdict": verdict, "VerdictScope": verdictScope, "Judge": judge, "Hasten": hasten, "Settle": settle,
		"Consent": consentStory, "ConsentTicket": consentTicket, "SetEnabled": setEnabled,
		"Retry": retry, "Revoke": revoke, "SetHome": setHome, "Foretell": foretell, "Remove": remove,
	} {
		t.Run(name, func(t *testing.T) {
			story(&bench{T: t, ctx: t.Context(), s: open(t)})
		})
	}
}

// bench is one story's store and the grants in it.
type bench struct {
	*testing.T
	ctx context.Context
	s   grant.Store
	n   int
}

// noon is when the stories play.
var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// Living returns a grant in the middle of its life: committed inline, healthy,
// somebody else's attempt and two asides open. change edits it.
func Living(id grant.ID, change func(*grant.Grant)) grant.Grant {
	g := grant.Grant{
		ID: id, Provider: "cloudbeds", Client: "main", Home: grant.HomeSecrets,
		Enabled: true, Health: grant.OK, Generation: 3, Epoch: 1,
		Inline: &grant.Sealed{Key: "k1", Generation: 2, Data: []byte("pair 3")},
		Attempts: map[grant.Nonce]grant.Attempt{
			"other": {Kind: grant.KindRefresh, Generation: 2, At: noon.Add(-time.Hour)},
		},
		Asides: map[grant.Nonce]grant.Aside{
			"aside-1": Kept(1), "aside-2": Kept(2),
		},
		Issued: noon.Add(-40 * time.Second), Expires: noon.Add(20 * time.Second),
		RefreshAt: noon, WakeAt: noon, Scopes: []string{"rates:read"}, Account: "hotel-7", Failures: 2, Rejections: 2,
	}
	if change != nil {
		change(&g)
	}
	return g
}

// Kept returns an aside that was won with generation base.
func Kept(base int64) grant.Aside {
	return grant.Aside{
		Sealed: grant.Sealed{Key: "k1", Generation: base, Data: []byte{'a', byte(base)}},
		Base:   base, At: noon.Add(-time.Minute), Issued: noon.Add(-2 * time.Minute), Expires: noon.Add(-time.Minute),
		Scopes: []string{"rates:read", "rates:write"},
	}
}

// leased gives the grant a lease and an attempt of owner.
func leased(owner grant.Nonce) func(*grant.Grant) {
	return func(g *grant.Grant) {
		g.Lease = &grant.Lease{Owner: owner, Deadline: noon.Add(15 * time.Second)}
		g.Attempts[owner] = grant.Attempt{Kind: grant.KindRefresh, Generation: g.Generation, At: noon}
	}
}

// and applies several changes.
func and(changes ...func(*grant.Grant)) func(*grant.Grant) {
	return func(g *grant.Grant) {
		for _, c := range changes {
			c(g)
		}
	}
}

// made stores a grant of its own for one check and returns it.
func (b *bench) made(change func(*grant.Grant)) grant.Grant {
	b.Helper()
	b.n++
	g := Living(grant.ID(b.Name()+"-"+strconv.Itoa(b.n)), change)
	if err := b.s.Create(b.ctx, g); err != nil {
		b.Fatal(err)
	}
	return g
}

// changes runs a write that must succeed, and holds the item to exactly the
// named change.
func (b *bench) changes(before grant.Grant, write func() error, change func(*grant.Grant)) {
	b.Helper()
	if err := write(); err != nil {
		b.Errorf("write was refused: %v", err)
		return
	}
	want := Clone(before)
	change(&want)
	Same(b.T, b.now(before.ID), want)
}

// refuses runs a write that must be refused with the item as it is, and change
// nothing.
func (b *bench) refuses(before grant.Grant, why string, write func() error) {
	b.Helper()
	err := write()
	var c *grant.Conflict
	if !errors.As(err, &c) {
		b.Errorf("%s: got %v, want a conflict", why, err)
		return
	}
	Same(b.T, c.Current, before)
	Same(b.T, b.now(before.ID), before)
}

// now reads the grant as it is.
func (b *bench) now(id grant.ID) grant.Grant {
	b.Helper()
	g, err := b.s.Read(b.ctx, id)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

func create(b *bench) {
	g := b.made(and(leased("me"), func(g *grant.Grant) {
		g.Placement = grant.Placement{Epoch: 2, Writes: 17, Since: noon, Retired: []string{"old-1", "old-2"}}
		g.Refused, g.Doubted, g.Revived, g.Episode, g.EpisodeSince, g.AlertDue, g.CommittedBy = 3, 3, 3, 2, noon, noon.Add(time.Second), "x"
		g.Health, g.Reason, g.Missing = grant.ReauthorizationRequired, grant.NeverConnected, []string{"rates:write"}
		g.TokenURL, g.Asks, g.Held = "https://hotel-7.example/token", []string{"rates:read", "rates:write"}, "budget"
		g.RefreshExpires, g.RefreshRenewed, g.Foretold = noon.Add(24*time.Hour), true, grant.Foretold{Dies: noon.Add(time.Hour), Days: 7}
		raw := Kept(3)
		raw.Raw, raw.Scopes, raw.RefreshExpires = true, nil, noon.Add(time.Hour)
		former := Kept(2)
		former.Former = true
		g.Asides["raw"], g.Asides["former-2"] = raw, former
	}))
	Same(b.T, b.now(g.ID), g)
	if err := b.s.Create(b.ctx, Living(g.ID, nil)); !errors.Is(err, grant.ErrExists) {
		b.Errorf("creating a grant twice: %v, want ErrExists", err)
	}
	Same(b.T, b.now(g.ID), g)

	blank := grant.Grant{ID: "blank", Provider: "generic", Client: "c", Home: grant.HomeSealed, Enabled: true, Health: grant.OK, WakeAt: noon}
	if err := b.s.Create(b.ctx, blank); err != nil {
		b.Fatal(err)
	}
	Same(b.T, b.now("blank"), blank)
}

func read(b *bench) {
	if _, err := b.s.Read(b.ctx, "nobody"); !errors.Is(err, grant.ErrNotFound) {
		b.Errorf("reading nobody: %v, want ErrNotFound", err)
	}
	if err := b.s.Commit(b.ctx, grant.CommitWrite{ID: "nobody", Me: "me"}); !errors.Is(err, grant.ErrNotFound) {
		b.Errorf("writing to nobody: %v, want ErrNotFound", err)
	}
	if err := b.s.SetEnabled(b.ctx, "nobody", true, noon); !errors.Is(err, grant.ErrNotFound) {
		b.Errorf("enabling nobody: %v, want ErrNotFound", err)
	}
}
