package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

// gate is the world as one actor reaches it: every effect stops there until the
// scheduler has decided what becomes of it. It is a [grant.Store] and an
// exchanger.
type gate struct{ *actor }

var _ grant.Store = gate{}

// write is one conditional write. It lands even when its sender's context has
// ended: the bytes may have left before.
func (g gate) write(method string, land func() error) error {
	g.unkept = method == "KeepAside"
	if g.silent == method {
		g.knows(method, []byte("nothing"))
		return granttest.ErrLost
	}
	g.silent = ""
	o := g.ask(method)
	if o == crashSent || o == loseOnce || o == loseAll {
		g.flies(method, func() { _ = land() })
	}
	switch o {
	case crashSent:
		g.dies()
	case loseAll:
		g.silent = method
		fallthrough
	case loseOnce:
		g.knows(method, []byte("nothing"))
		return granttest.ErrLost
	case twice:
		defer g.flies(method, func() { _ = land() })
	}
	g.unkept = false
	err := land()
	var c *grant.Conflict
	if errors.As(err, &c) {
		g.knows(method, []byte("refused"), canon(nil, c.Current))
	} else {
		g.knows(method, []byte(fmt.Sprint(err)))
	}
	return err
}

func (g gate) Create(context.Context, grant.Grant) error { return errors.New("nobody creates here") }

func (g gate) Read(ctx context.Context, id grant.ID) (grant.Grant, error) {
	g.ask("Read")
	got, err := g.table.Read(context.WithoutCancel(ctx), id)
	g.knows("Read", canon(nil, got))
	return got, err
}

func (g gate) Lease(ctx context.Context, w grant.LeaseWrite) (got grant.Grant, err error) {
	ctx = context.WithoutCancel(ctx)
	g.me, g.books.ends[w.Me] = w.Me, w.Deadline
	err = g.write("Lease", func() error { got, err = g.table.Lease(ctx, w); return err })
	g.lease, g.leased = got, time.Now()
	var c *grant.Conflict
	if errors.As(err, &c) {
		g.lease = c.Current // perhaps mine, by an earlier copy
	}
	g.knows("Lease", canon(nil, got))
	return got, err
}

func (g gate) Release(ctx context.Context, w grant.ReleaseWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Release", func() error { return g.table.Release(ctx, w) })
}

func (g gate) Abandon(ctx context.Context, w grant.ReleaseWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Abandon", func() error { return g.table.Abandon(ctx, w) })
}

func (g gate) Commit(ctx context.Context, w grant.CommitWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Commit", func() error { return g.table.Commit(ctx, w) })
}

func (g gate) KeepAside(ctx context.Context, w grant.AsideWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("KeepAside", func() error { return g.table.KeepAside(ctx, w) })
}

func (g gate) Roll(ctx context.Context, w grant.RollWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Roll", func() error { return g.table.Roll(ctx, w) })
}

func (g gate) Refuse(ctx context.Context, w grant.RefuseWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Refuse", func() error { return g.table.Refuse(ctx, w) })
}

func (g gate) Verdict(ctx context.Context, w grant.VerdictWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Verdict", func() error { return g.table.Verdict(ctx, w) })
}

func (g gate) Judge(ctx context.Context, w grant.JudgeWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Judge", func() error { return g.table.Judge(ctx, w) })
}

func (g gate) Hasten(ctx context.Context, w grant.HastenWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Hasten", func() error { return g.table.Hasten(ctx, w) })
}

func (g gate) Settle(ctx context.Context, w grant.SettleWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Settle", func() error { return g.table.Settle(ctx, w) })
}

func (g gate) Consent(ctx context.Context, w grant.ConsentWrite) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("Consent", func() error { return g.table.Consent(ctx, w) })
}

func (g gate) SetEnabled(ctx context.Context, id grant.ID, enabled bool, wake time.Time) error {
	ctx = context.WithoutCancel(ctx)
	return g.write("SetEnabled", func() error { return g.table.SetEnabled(ctx, id, enabled, wake) })
}

// Exchange checks the clock, as oauth.Client does just before it writes the
// request, and only then stops: that is the pause between the two.
func (g gate) Exchange(_ context.Context, _ profile.Token, r oauth.Request) oauth.Outcome {
	if !time.Now().Before(r.Deadline) {
		return oauth.Outcome{Class: oauth.NotSent, Cause: "late"}
	}
	p, asked := g.house.tokens[r.Refresh.Reveal()], time.Now()
	free := !p.used() || g.house.rotation.Policy == "grace" && asked.Before(p.first.Add(graceFor))
	if g.overdue() {
		g.books.breaks("%s begins a request after its lease", g.name)
	}
	o := g.ask("POST")
	if o == notSent {
		g.knows("POST", []byte("not sent"))
		return oauth.Outcome{Class: oauth.NotSent, Cause: "refused"}
	}
	g.books.sent(g.actor, p)
	if o != proceed {
		g.flies("POST of "+p.name, func() { g.house.present(p) })
		if o == crashSent {
			g.dies()
		}
		g.knows("POST", []byte("nothing"))
		return oauth.Outcome{Class: oauth.Unknown, Cause: "timeout"}
	}
	g.books.acts(g.actor, p, free)
	next := g.house.present(p)
	if next == nil {
		g.tell("        the provider refuses %s", p.name)
		g.knows("POST", []byte("dead"))
		return oauth.Outcome{Class: oauth.Dead, Status: 400, Code: "invalid_grant"}
	}
	g.tell("        %s brings %s", p.name, next.name)
	g.hand, next.asked, next.answered = next.name, asked, time.Now()
	g.knows("POST", []byte(next.name))
	return oauth.Outcome{Class: oauth.Issued, Status: 200, Pair: g.house.pair(next)}
}
