package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/vault"
	"bellhop/shared/wake"
)

// unread is Secrets Manager, which for a while answers no read.
type unread struct {
	refuse func(ctx context.Context) error

	mu   sync.Mutex
	mute bool // guarded by mu
}

// Keys is the key set's text, once reads are answered.
func (u *unread) Keys(ctx context.Context) (secret.Text, error) {
	if err := u.answer(ctx); err != nil {
		return secret.Text{}, err
	}
	return keySet{}.Keys(ctx)
}

func (u *unread) answer(ctx context.Context) error {
	u.mu.Lock()
	mute := u.mute
	u.mu.Unlock()
	if !mute {
		return nil
	}
	return u.refuse(ctx)
}

func (u *unread) falls(mute bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mute = mute
}

// reads lets the home's reads be those of Secrets Manager.
func (f *fleet) reads(away *unread) {
	f.home.Fail = func(method string) error {
		if method == "Fetch" {
			return away.answer(f.Context())
		}
		return nil
	}
}

// begins lets every process be a new one, with no keys and no pairs yet.
func (f *fleet) begins(away *unread) {
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	f.aws.idle = nil
	f.aws.worker = func() *refresher { return f.keyless(f.worker(), away) }
}

// keyless takes a worker's keys away.
func (w *world) keyless(r *refresher, away *unread) *refresher {
	r.cycle.Vault = vault.New(seal.NewSource(away, time.Now), map[string]grant.Home{grant.HomeSecrets: w.home})
	return r
}

// A message that finds no keys has done what it can. The next look is sent by
// ourselves, for the pause is shorter than the time between two sweeps.
func TestKeyless_SendsItsOwnNextWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, detect)
		r := w.keyless(w.worker(), &unread{mute: true, refuse: func(context.Context) error { return errors.New("AccessDeniedException") }})
		w.untilDue()
		body := wake.Encode(wake.Message{Kind: wake.Grant, Grant: hotel, At: time.Now()})
		if err := r.record(t.Context(), events.SQSMessage{MessageId: "m", Body: body}); err != nil {
			t.Errorf("the message comes back: %v", err)
		}
		if len(w.sent.wakes) != 1 || w.sent.wakes[0].Delay != 16*time.Second || !w.sent.wakes[0].Message.At.Equal(w.grant().WakeAt) {
			t.Errorf("sent %+v, and the grant's wake is in %v", w.sent.wakes, time.Until(w.grant().WakeAt))
		}
		w.says(event.ExchangeFailed)
	})
}

// afterReads is how soon after reads are answered again the last exchange is
// made: a look that began before may hang, the next comes 16 seconds later.
const afterReads = 20 * time.Second

// Every process begins in an hour in which Secrets Manager's reads are refused,
// the key set's with the rest. Each grant is looked at every 16 seconds all the
// while, by as many messages as ever, of which none becomes a dead letter; nothing is
// presented; and the exchanges are made with the first reads that are answered.
func TestKeyless_AnHourOfANewProcess(t *testing.T) {
	for name, refuse := range map[string]func(context.Context) error{
		"refused": func(context.Context) error { return errors.New("AccessDeniedException") },
		"hangs":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const grants, hour = 5, 54 * time.Minute
				f := newFleet(t, asDeployed(t, "small"))
				e := f.client("main", detect, time.Minute)
				for i := range grants {
					f.connects(e, grant.ID(fmt.Sprintf("hotel-%d", i)), e.Seed(), nil)
				}
				away := &unread{refuse: refuse}
				f.reads(away)
				f.lives(3 * time.Minute)
				before, sent := e.requests(), f.aws.posted()
				away.falls(true)
				f.begins(away)
				f.forget()
				f.lives(hour)
				if n := e.requests() - before; n != 0 {
					t.Errorf("%d requests, whose answers could not have been sealed", n)
				}
				if looks := f.looked("main") / grants; looks < int(hour/afterReads) || looks > int(hour/(15*time.Second)) {
					t.Errorf("each grant was looked at %d times", looks)
				}
				if n := (f.aws.posted() - sent) / grants; n > 4*ownWakes*int(hour/time.Minute) { // four by a sweep, sent on
					t.Errorf("%d messages about each grant", n)
				}
				away.falls(false)
				began := time.Now()
				f.lives(afterReads)
				defer f.aws.close()
				for _, id := range f.grants {
					if g := f.read(id); !g.Issued.After(began) || g.Health != grant.OK || len(g.Attempts) != 0 {
						t.Errorf("%v after the hour, %s has a pair of %v before it, %s, attempts %v", afterReads, id, began.Sub(g.Issued), g.Health, g.Attempts)
					}
				}
				if e.MostPresented() != 1 {
					t.Errorf("a token was presented %d times", e.MostPresented())
				}
			})
		})
	}
}
