package show

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/local/sandbox"
)

// How long the providers may take to hold what was sent. The initial load is
// not waited for to its end: where an answer was lost, the cells go out again
// after the provider's settling time (30 s), and life goes on meanwhile. Once
// the PMS is silent, that is what the last cells may cost.
const (
	loadWithin  = 15 * time.Second
	quietWithin = 75 * time.Second
)

// changeEvery is the pace of the PMS's updates.
const changeEvery = 150 * time.Millisecond

// live is everything from the initial load to silence: updates keep coming
// through rough weather, some of them wrong, and one consent is withdrawn.
func (s *show) live(ctx context.Context) error {
	if err := s.weather.turn(ctx); err != nil {
		return err
	}
	s.screen.say(provider, "from here on %.3g %% of the API calls are throttled or fail, token endpoints stall, and some writes to AWS land without an answer or do not land", 100*s.config.Faults)
	began := time.Now()
	if err := s.load(ctx); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error { return s.keepChanging(within, began) })
	group.Go(func() error { return s.watch(within, began) })
	group.Go(func() error { return s.at(within, began, 0.25, s.blunder) })
	group.Go(func() error { return s.at(within, began, 0.35, s.withdraw) })
	if err := group.Wait(); err != nil {
		return err
	}
	s.screen.say(fromPMS, "silence: %s updates in %s messages were sent, %d of them after newer ones",
		number(int(s.pms.updates.Load())), number(int(s.pms.messages.Load())), s.pms.held.Load())
	return s.weather.clear(ctx)
}

// at acts when a share of the length is over.
func (s *show) at(ctx context.Context, began time.Time, share float64, act func(context.Context) error) error {
	if err := sleep(ctx, time.Until(began.Add(time.Duration(share*float64(s.config.Length))))); err != nil {
		return err
	}
	return act(ctx)
}

// late is a message that is sent some time after it was written.
type late struct {
	message
	at time.Time
}

// keepChanging sends one change after the other. Every tenth is overtaken by a
// newer one about the same nights; some arrive twice.
func (s *show) keepChanging(ctx context.Context, began time.Time) error {
	var held []late
	for n := 0; time.Since(began) < s.config.Length; n++ {
		m := s.pms.change()
		switch {
		case n%10 == 3:
			s.pms.remember(m)
			held = append(held, late{m, time.Now().Add(time.Duration(1+n%4) * time.Second)})
			m = s.pms.amend(m)
		case n%25 == 7:
			held = append(held, late{m, time.Now().Add(2 * time.Second)}) // once more, as queues do
		}
		err := s.pms.send(ctx, m)
		if err != nil {
			return err
		}
		if held, err = s.release(ctx, held, time.Now()); err != nil {
			return err
		}
		if err := sleep(ctx, changeEvery); err != nil {
			return err
		}
	}
	_, err := s.release(ctx, held, time.Now().Add(time.Hour))
	return err
}

// release sends what was held back until now.
func (s *show) release(ctx context.Context, held []late, now time.Time) ([]late, error) {
	var kept []late
	for _, l := range held {
		if l.at.After(now) {
			kept = append(kept, l)
			continue
		}
		s.pms.held.Add(1)
		if err := s.pms.resend(ctx, l.message); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// watch keeps the status up to date until the time is over.
func (s *show) watch(ctx context.Context, began time.Time) error {
	for time.Since(began) < s.config.Length {
		if err := s.status(ctx, fmt.Sprintf("%2.0f %% lived", 100*float64(time.Since(began))/float64(s.config.Length))); err != nil {
			return err
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// status is one line about the present, from the books.
func (s *show) status(ctx context.Context, phase string) error {
	m, err := s.books.Summary(ctx)
	if err != nil {
		return err
	}
	pushed, troubled := 0, 0
	for outcome, n := range m.Pushes {
		pushed += n
		if outcome == sandbox.PushThrottled || outcome == sandbox.PushFailed {
			troubled += n
		}
	}
	s.screen.live(fmt.Sprintf("%s · %s updates sent · %s pushes, %d refused or lost · %d tokens issued · %s changes of cells",
		phase, number(int(s.pms.updates.Load())), number(pushed), troubled, m.Tokens[sandbox.AccessToken], number(m.Changes)))
	return nil
}

// settle waits until everything that was sent has arrived.
func (s *show) settle(ctx context.Context) error {
	return s.awaitArrival(ctx, "what was sent", quietWithin)
}

// awaitArrival compares the providers' cells with what is wanted until they
// agree. Cells that do not arrive in time are no error here: the table tells
// of them.
func (s *show) awaitArrival(ctx context.Context, what string, within time.Duration) error {
	began := time.Now()
	for {
		t, _, err := s.holdings(ctx)
		switch {
		case err != nil:
			return err
		case t.waiting() == 0:
			s.screen.say(provider, "all %s cells hold %s, %s after the last of it was sent", number(t.wanted), what, brief(time.Since(began)))
			return nil
		case time.Since(began) > within:
			s.screen.say(provider, "%s of %s cells hold %s after %s", number(t.right), number(t.wanted), what, brief(within))
			return nil
		}
		s.screen.live(fmt.Sprintf("%s of %s cells have arrived", number(t.right), number(t.wanted)))
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// holdings compares all connections.
func (s *show) holdings(ctx context.Context) (tally, []wrong, error) {
	var all tally
	var off []wrong
	for _, c := range s.connections {
		t, wrongs, err := s.holding(ctx, c)
		if err != nil {
			return tally{}, nil, err
		}
		all, off = all.plus(t), append(off, wrongs...)
	}
	return all, off, nil
}

// holding compares one.
func (s *show) holding(ctx context.Context, c *connection) (tally, []wrong, error) {
	held, err := s.books.Cells(ctx, c.remote)
	if err != nil {
		return tally{}, nil, err
	}
	t, off := compare(s.pms.wanted.sayings(c.persona, c.remote), held)
	return t, off, nil
}

// sleep waits, or ends with ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// number writes thousands apart.
func number(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
