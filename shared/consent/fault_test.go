package consent_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/consent"
	"bellhop/shared/consenttest"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/secret"
)

// once makes one fault of the first call of a method.
func once(method string, f granttest.Fault) func(string) granttest.Fault {
	done := false
	return func(m string) granttest.Fault {
		if m != method || done {
			return granttest.None
		}
		done = true
		return f
	}
}

// A consent whose write did not land, or landed unheard, is committed once and
// told as what it is.
func TestCommit_AnswerLost(t *testing.T) {
	for name, fault := range map[string]granttest.Fault{"landed": granttest.Landed, "not landed": granttest.NotLanded, "twice": granttest.Twice} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.table.Fault = once("Consent", fault)
			d.ended(d.consents("code-1"), consent.Connected)
			d.table.Deliver()
			if g := d.grant(); g.Epoch != 2 || g.Generation != 8 || g.Health != grant.OK {
				t.Errorf("%s: %+v", name, g)
			}
			if len(d.bank.requests) != 1 {
				t.Errorf("%s: the code was presented %d times", name, len(d.bank.requests))
			}
		})
	}
}

// The table is away from the exchange on: the owner is told to click once more,
// and doing so works.
func TestCommit_TableDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		down := true
		d.table.Fault = func(m string) granttest.Fault {
			if down && m == "Consent" {
				return granttest.NotLanded
			}
			return granttest.None
		}
		q := consent.Query{State: d.begin(), Code: secret.New("code-1")}
		e := d.callback(q)
		d.ended(e, consent.Interrupted)
		d.ended(d.callback(q), consent.Interrupted)
		down = false
		d.link = e.Again
		d.ended(d.consents("code-2"), consent.Connected)
	})
}

// The function is killed between exchange and commit: the browser's reload says
// so, and the link leads on.
func TestCallback_KilledAfterTheExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the dead one's lease is still live
		d := newDesk(t)
		good := d.bank.outcome
		d.bank.outcome = func(oauth.Request) oauth.Outcome { panic("killed") }
		q := consent.Query{State: d.begin(), Code: secret.New("code-1")}
		func() {
			defer func() { _ = recover() }()
			_, _ = d.Callback(t.Context(), q)
		}()
		e := d.callback(q)
		d.ended(e, consent.Interrupted)
		if !e.Again.Equal(d.link) {
			t.Error("the page has no way back")
		}
		d.bank.outcome = good
		d.ended(d.consents("code-2"), consent.Connected)
		if g := d.grant(); len(g.Attempts) != 0 || g.Health != grant.OK {
			t.Errorf("the grant: %+v", g)
		}
	})
}

// Killed between commit and conclusion: a reload is told what is true.
func TestCallback_KilledAfterTheCommit(t *testing.T) {
	d := newDesk(t)
	d.tickets.Before = func(method string) error {
		if method == "Conclude" {
			return errors.New("died")
		}
		return nil
	}
	q := consent.Query{State: d.begin(), Code: secret.New("code-1")}
	d.ended(d.callback(q), consent.Connected)
	d.ended(d.callback(q), consent.Connected)
}

// A refresh is at work, and stays: the walk waits a little and goes on without
// a lease, because the commit needs none.
func TestLease_IsACourtesy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		_, err := d.table.Lease(t.Context(), grant.LeaseWrite{
			ID: "grant-1", Me: "refresher", Kind: grant.KindRefresh, Generation: 7, At: d.clock,
			Deadline: d.clock.Add(grant.LeaseFor), Skew: grant.Skew, AnyHealth: true,
		})
		d.must(err)
		began := time.Now()
		d.ended(d.consents("code-1"), consent.Connected)
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("waited %v for the refresh", waited)
		}
		// Its answer, late, finds its attempt gone and changes nothing.
		err = d.table.Commit(t.Context(), grant.CommitWrite{ID: "grant-1", Me: "refresher", Generation: 7})
		var conflict *grant.Conflict
		if !errors.As(err, &conflict) {
			t.Errorf("a refresh of the former epoch committed over the consent: %v", err)
		}
	})
}

// A refresh commits between the lease and the consent's commit: the generation
// has moved, the epoch has not, and the new consent wins.
func TestCommit_RefreshedMeanwhile(t *testing.T) {
	d := newDesk(t)
	good := d.bank.outcome
	d.bank.outcome = func(r oauth.Request) oauth.Outcome {
		for n := range d.grant().Attempts {
			d.must(d.table.Commit(t.Context(), grant.CommitWrite{ID: "grant-1", Me: n, Generation: 7}))
		}
		return good(r)
	}
	d.ended(d.consents("code-1"), consent.Connected)
	if g := d.grant(); g.Generation != 9 || g.Epoch != 2 {
		t.Errorf("the grant is at generation %d, epoch %d", g.Generation, g.Epoch)
	}
}

// Another consent is committed between our exchange and our commit: its pair is
// the one that lives.
func TestCommit_Overtaken(t *testing.T) {
	d := newDesk(t)
	good := d.bank.outcome
	d.bank.outcome = func(r oauth.Request) oauth.Outcome {
		d.anotherConsents()
		return good(r)
	}
	d.ended(d.consents("code-1"), consent.AlreadyConnected)
	if g := d.grant(); g.Epoch != 2 || g.Generation != 8 {
		t.Errorf("the grant is at generation %d, epoch %d: ours came over the other's", g.Generation, g.Epoch)
	}
}

// While the table does not answer, nothing is presented: the code stays good.
func TestCallback_TableDownBeforeTheExchange(t *testing.T) {
	d := newDesk(t)
	d.table.Fault = once("Lease", granttest.NotLanded)
	e := d.consents("code-1")
	d.ended(e, consent.TryLater)
	if len(d.bank.requests) != 0 || !e.Again.Equal(d.link) {
		t.Error("the code was presented, or there is no way back")
	}
	d.unchanged()
}

// Not even the state can be consumed: an error, and a reload works.
func TestCallback_StateUnread(t *testing.T) {
	d := newDesk(t)
	state := d.begin()
	d.tickets.Before = func(method string) error {
		if method == "Consume" {
			return errors.New("table is down")
		}
		return nil
	}
	q := consent.Query{State: state, Code: secret.New("code-1")}
	if e, err := d.Callback(t.Context(), q); err == nil {
		t.Errorf("ended %+v, want an error", e)
	}
	d.tickets.Before = nil
	d.ended(d.callback(q), consent.Connected)
}

// The browser goes away while the code is exchanged; the pair is committed all
// the same.
func TestCommit_BrowserGone(t *testing.T) {
	d := newDesk(t)
	ctx, leave := context.WithCancel(t.Context())
	good := d.bank.outcome
	d.bank.outcome = func(r oauth.Request) oauth.Outcome {
		leave()
		return good(r)
	}
	if _, err := d.Callback(ctx, consent.Query{State: d.begin(), Code: secret.New("code-1")}); err != nil {
		t.Fatal(err)
	}
	if g := d.grant(); g.Epoch != 2 || g.Health != grant.OK {
		t.Errorf("the pair is lost with the browser: %+v", g)
	}
}

// Nothing secret is in the log, whatever happens.
func TestLog_HoldsNoSecret(t *testing.T) {
	for _, outcome := range []func(*desk) func(oauth.Request) oauth.Outcome{
		func(d *desk) func(oauth.Request) oauth.Outcome { return d.issues("read:rate") },
		func(*desk) func(oauth.Request) oauth.Outcome { return fails(oauth.Unknown) },
		func(*desk) func(oauth.Request) oauth.Outcome { return fails(oauth.BadClient) },
	} {
		d := newDesk(t)
		d.bank.outcome = outcome(d)
		state := d.begin()
		d.callback(consent.Query{State: state, Code: secret.New("code-1")})
		for _, s := range []string{state.Reveal(), d.link.Reveal(), "code-1", "current-secret", "ana@example.com"} {
			if strings.Contains(d.log.String(), s) {
				t.Errorf("%q is in the log: %s", s, d.log.String())
			}
		}
	}
}

// swapped writes every state with the memory of the first.
type swapped struct {
	*consenttest.Memory
	first *grant.Sealed
}

func (s *swapped) PutState(ctx context.Context, st consent.State) error {
	if s.first == nil {
		s.first = &st.Sealed
	}
	st.Sealed = *s.first
	return s.Memory.PutState(ctx, st)
}

// Whoever can write to the table cannot make one state remember another's
// verifier or ticket.
func TestCallback_MemoryOfAnotherState(t *testing.T) {
	d := newDesk(t)
	d.Tickets = &swapped{Memory: d.tickets}
	d.begin()
	e := d.callback(consent.Query{State: d.begin(), Code: secret.New("code-1")})
	d.ended(e, consent.TryLater)
	if !e.Again.Empty() || len(d.bank.requests) != 0 {
		t.Error("another state's memory was used")
	}
}
