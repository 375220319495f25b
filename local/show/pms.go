package show

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// pms is the property management system: it sends what the hotels want and
// remembers it.
type pms struct {
	stack       *stack.Stack
	wanted      *wanted
	connections []*connection
	hotels      map[string][]*connection // by the PMS's name of the property
	nights      int
	random      *rand.Rand // used by one act at a time
	revision    int64      // the newest; likewise

	messages atomic.Int64 // sent
	updates  atomic.Int64 // in them
	held     atomic.Int64 // sent late, after newer ones
}

func newPMS(s *stack.Stack, all []*connection, c Config, random *rand.Rand) *pms {
	p := &pms{stack: s, wanted: newWanted(), connections: all, hotels: map[string][]*connection{}, nights: c.Days, random: random}
	for _, c := range all {
		p.hotels[c.guest.property] = append(p.hotels[c.guest.property], c)
	}
	return p
}

// next is a revision: the time in milliseconds, and always a higher one.
func (p *pms) next() int64 {
	p.revision = max(p.revision+1, time.Now().UnixMilli())
	return p.revision
}

// to are the connections that a message is for.
func (p *pms) to(m message) []*connection {
	if m.Property != "" {
		return p.hotels[m.Property]
	}
	for _, c := range p.connections {
		if c.id == m.Connection {
			return []*connection{c}
		}
	}
	return nil
}

// send puts a message on the rates queue. What it wants is remembered before,
// because it may arrive before Send returns.
func (p *pms) send(ctx context.Context, m message) error {
	p.remember(m)
	return p.resend(ctx, m)
}

func (p *pms) remember(m message) {
	p.wanted.note(m, p.to(m))
	p.messages.Add(1)
	p.updates.Add(int64(len(m.Updates)))
}

// resend sends a message that is remembered already.
func (p *pms) resend(ctx context.Context, m message) error {
	return p.stack.Send(ctx, p.stack.Outputs.RatesQueueURL, stack.Message{Body: string(m.body()), Group: m.group()})
}

// Bounds of one message (docs/rate-update.md), with room to spare.
const (
	mostUpdates = 900
	mostPages   = 250
)

// initial is the whole load of a connection, in as few messages as are allowed.
func (p *pms) initial(c *connection) []message {
	pages := p.nights/28 + 2 // month pages of one rate, at most
	var all []message
	var updates []update
	rates := 0
	for i, r := range c.rates {
		more := p.year(c, r)
		if len(updates)+len(more) > mostUpdates || (rates+1)*pages > mostPages {
			all, updates, rates = append(all, p.message(c, updates)), nil, 0
		}
		updates, rates = append(updates, more...), rates+1
		if c.persona == sandbox.Generic && (i == 0 || c.rates[i-1].RoomType != r.RoomType) {
			updates = append(updates, update{RoomType: r.RoomType, From: day(0), To: day(p.nights - 1), Available: new(4 + i%5)})
		}
	}
	return append(all, p.message(c, updates))
}

func (p *pms) message(c *connection, updates []update) message {
	return message{V: 1, Connection: c.id, Revision: p.next(), Currency: c.guest.currency, Updates: updates}
}

// year is one rate over all nights: restrictions for the whole time, prices by
// week, dearer at the weekend.
func (p *pms) year(c *connection, r sandbox.Rate) []update {
	all := []update{{
		RoomType: r.RoomType, RatePlan: r.RatePlan, From: day(0), To: day(p.nights - 1),
		MinStay: new(1 + p.random.IntN(2)), StopSell: new(false), ClosedToArrival: new(false),
	}}
	for first := 0; first < p.nights; {
		last := min(first+p.untilTurn(first), p.nights-1)
		u := update{RoomType: r.RoomType, RatePlan: r.RatePlan, From: day(first), To: day(last)}
		p.price(&u, []*connection{c})
		all = append(all, u)
		first = last + 1
	}
	return all
}

// untilTurn is how many more nights have the price of this one: from Sunday to
// Thursday, or Friday and Saturday.
func (p *pms) untilTurn(n int) int {
	date, _ := time.Parse(time.DateOnly, day(n)) // we wrote it
	switch weekday := date.Weekday(); weekday {
	case time.Friday:
		return 1
	case time.Saturday:
		return 0
	default:
		return int(time.Thursday - weekday)
	}
}

// price draws a price that none of the nights has ever had at any of the
// connections, so that every value in the books tells which revision it is.
func (p *pms) price(u *update, to []*connection) {
	g := to[0].guest
	for {
		text := amount(g.price*int64(70+p.random.IntN(80))/100+int64(p.random.IntN(997)), g.decimals)
		if !p.heard(*u, to, sandbox.FieldPrice, text) {
			u.Price = &text
			return
		}
	}
}

func (p *pms) heard(u update, to []*connection, field, value string) bool {
	for _, c := range to {
		for _, date := range u.nights() {
			if p.wanted.heard(slot{c.cell(u.RoomType, u.RatePlan, date), field}, value) {
				return true
			}
		}
	}
	return false
}

// change makes up one message of the day: a hotelier at one connection, or one
// who means both.
func (p *pms) change() message {
	c := p.connections[p.random.IntN(len(p.connections))]
	m := message{V: 1, Connection: c.id, Currency: c.guest.currency}
	if p.random.IntN(6) == 0 {
		m.Connection, m.Property = "", c.guest.property
	}
	to := p.to(m)
	m.Revision = p.next()
	for range 1 + p.random.IntN(3) {
		m.Updates = append(m.Updates, p.touch(c, to))
	}
	return m
}

// touch changes one thing of a few nights of one rate.
func (p *pms) touch(c *connection, to []*connection) update {
	r := c.rates[p.random.IntN(len(c.rates))]
	first := p.random.IntN(p.nights)
	last := min(first+p.random.IntN(4), p.nights-1)
	u := update{RoomType: r.RoomType, RatePlan: r.RatePlan, From: day(first), To: day(last)}
	switch p.random.IntN(10) {
	case 0:
		u.MinStay, u.MaxStay = new(1+p.random.IntN(3)), new(7+p.random.IntN(14))
	case 1:
		u.ClosedToArrival, u.ClosedToDeparture = new(p.random.IntN(2) == 0), new(p.random.IntN(2) == 0)
	case 2:
		u.StopSell = new(p.random.IntN(2) == 0)
	case 3:
		u.RatePlan, u.Available = "", new(p.random.IntN(8))
	case 4:
		p.price(&u, to)
		u.Prices = map[string]string{"1": amount(c.guest.price*3/5+int64(p.random.IntN(500)), c.guest.decimals), "2": *u.Price}
	default:
		p.price(&u, to)
	}
	return u
}

// amend is a newer message about the same nights, so that the one before it,
// should it arrive late, must not change them any more.
func (p *pms) amend(m message) message {
	to := p.to(m)
	m.Revision, m.Updates = p.next(), slices.Clone(m.Updates)
	for i, u := range m.Updates {
		newer := update{RoomType: u.RoomType, RatePlan: u.RatePlan, From: u.From, To: u.To}
		if u.Available != nil {
			newer.Available = new(*u.Available + 1)
		} else {
			p.price(&newer, to)
			newer.MinStay, newer.StopSell = new(1+p.random.IntN(3)), new(p.random.IntN(4) == 0)
		}
		m.Updates[i] = newer
	}
	return m
}

// load sends every connection's whole plan: by the queue, and for the first one
// by the signed HTTP door.
func (s *show) load(ctx context.Context) error {
	for i, c := range s.connections {
		for _, m := range s.pms.initial(c) {
			send := s.pms.send
			if i == 0 {
				send = s.pms.post
			}
			if err := send(ctx, m); err != nil {
				return err
			}
		}
		s.screen.live(fmt.Sprintf("PMS sends %d rates × %d nights of %s", s.config.Plans, s.config.Days, c.id))
	}
	s.screen.say(fromPMS, "the initial load: %d rate plans × %d nights for each connection, in %d messages on the rates queue; those of %s signed to POST /rates/%s",
		s.config.Plans, s.config.Days, s.pms.messages.Load(), s.connections[0].id, s.connections[0].id)
	return s.awaitArrival(ctx, "the initial load", loadWithin)
}
