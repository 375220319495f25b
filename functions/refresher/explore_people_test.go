package main

import (
	"context"
	"net/url"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/consenttest"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// guest is somebody who may come once, at any time.
type guest struct {
	name, does string
	expected   func(*staging) *bool
	comes      func(*stage)
	late       bool // only when the grant is dead
}

var guests = []guest{
	{name: "callback", does: "the owner's callback begins",
		expected: func(c *staging) *bool { return &c.callback }, comes: func(s *stage) { s.consents(false) }},
	{name: "stranger's callback", does: "a stranger's callback begins",
		expected: func(c *staging) *bool { return &c.stranger }, comes: func(s *stage) { s.consents(true) }},
	{name: "disable", does: "a person disables",
		expected: func(c *staging) *bool { return &c.disable }, comes: (*stage).disables},
	{name: "late verdict", does: "a pusher judges generation 1",
		expected: func(c *staging) *bool { return &c.judge }, comes: (*stage).judges},
	{name: "retry", does: "an operator has it tried once more", late: true,
		expected: func(c *staging) *bool { return &c.retry }, comes: (*stage).retries},
	{name: "another home", does: "an operator moves it to another home",
		expected: func(c *staging) *bool { return &c.rehome }, comes: (*stage).moves},
	{name: "revocation", does: "an operator's revocation begins",
		expected: func(c *staging) *bool { return &c.revoke }, comes: (*stage).revocation},
}

// disables is a person's switch.
func (s *stage) disables() {
	s.must(s.table.SetEnabled(context.Background(), hotel, false, time.Time{}))
}

// judges is a pusher's verdict about the first generation, however late.
func (s *stage) judges() {
	before := s.grant()
	err := s.table.Judge(context.Background(), grant.JudgeWrite{
		ID: hotel, Presented: 1, Health: grant.ReauthorizationRequired, Reason: grant.TokenRejected,
		At: time.Now(), Skew: grant.Skew,
	})
	if err == nil && before.Generation != 1 {
		s.books.breaks("a verdict about generation 1 condemned generation %d", before.Generation)
	}
}

// consents brings the owner's callback, or that of somebody else in the owner's
// place: package consent's own flow.
func (s *stage) consents(stranger bool) {
	tickets, link := &consenttest.Memory{}, consent.Random()
	ticket := consent.NewTicket(link, grant.Grant{ID: hotel}, time.Now(), consent.TicketLife)
	s.must(tickets.PutTicket(context.Background(), ticket))
	s.must(s.table.AddTicket(context.Background(), ticket.Digest, hotel))
	s.enter("callback", callbackAge, func(ctx context.Context, a *actor) {
		b := &browser{gate: gate{a}, account: "4711"}
		if stranger {
			b.account = "stranger"
		}
		flow := &consent.Flow{
			Grants: b, Tickets: tickets, Inventory: desk{}, Provider: b, Vault: coffer{a},
			Clients: &clientSecrets{current: "s"}, Wakes: desk{}, Backlog: desk{}, Now: time.Now,
			PublicURL: "https://connect.example.com",
		}
		authorize, _, err := flow.Begin(ctx, link)
		b.began = true
		s.must(err)
		u, err := url.Parse(authorize)
		s.must(err)
		e, err := flow.Callback(ctx, consent.Query{State: secret.New(u.Query().Get("state")), Code: secret.New("code")})
		stalled := time.Since(a.began) > pauses[0] // then the owner is asked to click once more
		if !stranger && !a.cut && !stalled && (err != nil || !e.Code.Succeeded()) {
			s.books.breaks("the new consent is lost: %s, %v", e.Code, err)
		}
	})
}

// callbackAge is when the function that handles a callback has surely ended.
const callbackAge = 30 * time.Second

func (s *stage) must(err error) {
	if err != nil {
		panic(err)
	}
}

// browser is the world as the callback reaches it.
type browser struct {
	gate
	account string
	began   bool // the walk; before, the grant seemed dead
}

func (b *browser) Read(ctx context.Context, id grant.ID) (grant.Grant, error) {
	if b.began {
		return b.gate.Read(ctx, id)
	}
	g, err := b.table.Read(ctx, id)
	b.knows("Read", canon(nil, g))
	g.Health = grant.ReauthorizationRequired // or nobody would be asked; a late answer may have cured it since
	return g, err
}

// Exchange answers a code with the first pair of a new family.
func (b *browser) Exchange(context.Context, profile.Token, oauth.Request) oauth.Outcome {
	if b.ask("CODE") != proceed {
		b.knows("CODE", []byte("nothing"))
		return oauth.Outcome{Class: oauth.Unknown}
	}
	family := int64(2)
	if b.account != "4711" {
		family = 99
	}
	p := b.house.issue(family)
	b.tell("        the code brings %s", p.name)
	b.knows("CODE", []byte(p.name))
	return oauth.Outcome{Class: oauth.Issued, Status: 200, Pair: b.house.pair(p), Account: b.account}
}

func (b *browser) UserInfo(context.Context, string, secret.Text, string) (string, error) {
	return b.account, nil
}

func (b *browser) Revoke(context.Context, profile.Token, oauth.Revocation) error { return nil }

// desk is what else a consent needs, without a story of its own.
type desk struct{ clients }

func (desk) ByGrant(context.Context, grant.ID) ([]connection.Connection, error) { return nil, nil }
func (desk) Resume(context.Context, consent.Resumption) error                   { return nil }
func (desk) Waiting(context.Context, []connection.Connection) (int, error)      { return 0, nil }
