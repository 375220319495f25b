package seal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/secret"
)

// shelf is where a key set lies in these tests.
type shelf struct {
	mu      sync.Mutex
	text    secret.Text
	err     error
	fetches int
}

func (s *shelf) Keys(context.Context) (secret.Text, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	return s.text, s.err
}

// tick is a clock that is set by hand.
type tick struct{ now time.Time }

func (c *tick) Now() time.Time { return c.now }

func newSource() (*Source, *shelf, *tick) {
	s := &shelf{text: keySet("k1", "k1", key1)}
	c := &tick{now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	return NewSource(s, c.Now), s, c
}

func TestSource_FetchesOnceInFiveMinutes(t *testing.T) {
	src, shelf, clock := newSource()
	for range 3 {
		if _, err := src.Keys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	clock.now = clock.now.Add(keepFor - 1)
	_, _ = src.Keys(t.Context())
	if shelf.fetches != 1 {
		t.Errorf("%d fetches, want 1", shelf.fetches)
	}
	clock.now = clock.now.Add(1)
	_, _ = src.Keys(t.Context())
	if shelf.fetches != 2 {
		t.Errorf("%d fetches after five minutes, want 2", shelf.fetches)
	}
}

// Secrets Manager is down: what was sealed yesterday still opens.
func TestSource_StaleIsGoodEnough(t *testing.T) {
	src, shelf, clock := newSource()
	if _, err := src.Keys(t.Context()); err != nil {
		t.Fatal(err)
	}
	shelf.err = errors.New("unreachable")
	clock.now = clock.now.Add(time.Hour)
	if k, err := src.Keys(t.Context()); err != nil || k.Current() != "k1" {
		t.Errorf("got %v", err)
	}
	shelf.err, shelf.text = nil, secret.New("{}")
	clock.now = clock.now.Add(restFor)
	if k, err := src.Keys(t.Context()); err != nil || k.Current() != "k1" {
		t.Errorf("a damaged key set took the place of a good one: %v", err)
	}
}

// hung never answers.
type hung struct{ asked int }

func (h *hung) Keys(ctx context.Context) (secret.Text, error) {
	h.asked++
	<-ctx.Done()
	return secret.Text{}, ctx.Err()
}

// A service that hangs costs one exchange two seconds in half a minute, and no
// exchange more than that.
func TestSource_AServiceThatHangsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &hung{}
		src := NewSource(away, nil)
		src.set, src.fetched = parsed(t, keySet("k1", "k1", key1)), time.Now()
		time.Sleep(keepFor)
		began := time.Now()
		for range 60 {
			if k, err := src.Keys(t.Context()); err != nil || k.Current() != "k1" {
				t.Fatalf("got %v", err)
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began) - 60*time.Second; away.asked != 2 || took != 2*askFor {
			t.Errorf("asked %d times and waited %v in a minute", away.asked, took)
		}
	})
}

// Neither does it hold up a process that has no key set yet, which asks for one
// each time.
func TestSource_TheFirstFetchHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &hung{}
		src := NewSource(away, nil)
		for range 3 {
			began := time.Now()
			if k, err := src.Keys(t.Context()); err == nil || k != nil || time.Since(began) != 3*time.Second {
				t.Errorf("a key set out of nothing, or %v after %v", err, time.Since(began))
			}
		}
		if away.asked != 3 {
			t.Errorf("asked %d times", away.asked)
		}
	})
}

func TestSource_NothingYet(t *testing.T) {
	src, shelf, _ := newSource()
	if _, err := src.Held(); !errors.Is(err, ErrNotReady) {
		t.Errorf("held: %v", err)
	}
	shelf.err = errors.New("unreachable")
	if k, err := src.Keys(t.Context()); err == nil || k != nil {
		t.Error("a key set out of nothing")
	}
	shelf.err = nil
	if _, err := src.Keys(t.Context()); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

// Held never asks: an answer in hand must reach the table.
func TestSource_HeldAsksNobody(t *testing.T) {
	src, shelf, clock := newSource()
	_, _ = src.Keys(t.Context())
	clock.now = clock.now.Add(24 * time.Hour)
	if k, err := src.Held(); err != nil || k.Current() != "k1" || shelf.fetches != 1 {
		t.Errorf("got %v after %d fetches", err, shelf.fetches)
	}
}

// Another process sealed with a key that was added a minute ago.
func TestSource_UnknownKeyFetchesAgain(t *testing.T) {
	src, shelf, clock := newSource()
	_, _ = src.Keys(t.Context())
	shelf.text = keySet("k2", "k1", key1, "k2", key2)
	clock.now = clock.now.Add(time.Minute)
	if k, err := src.Having(t.Context(), "k2"); err != nil || !k.Knows("k2") || shelf.fetches != 2 {
		t.Errorf("got %v after %d fetches", err, shelf.fetches)
	}
	if _, err := src.Having(t.Context(), "k1"); err != nil || shelf.fetches != 2 {
		t.Errorf("a known key: %v after %d fetches", err, shelf.fetches)
	}
}

// Garbage in the table is not a flood of requests.
func TestSource_UnknownKeyAsksNotWithoutEnd(t *testing.T) {
	src, shelf, clock := newSource()
	for range 100 {
		if _, err := src.Having(t.Context(), "k9"); !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("got %v", err)
		}
	}
	if shelf.fetches != 2 {
		t.Errorf("%d fetches at once, want 2: the first, and one for the unknown key", shelf.fetches)
	}
	clock.now = clock.now.Add(refetchAfter)
	for range 100 {
		_, _ = src.Having(t.Context(), "k9")
	}
	if shelf.fetches != 3 {
		t.Errorf("%d fetches after the pause, want 3", shelf.fetches)
	}
}

// The key was made right after the set was fetched: it is asked for at once.
func TestSource_AKeyOfThisMoment(t *testing.T) {
	src, shelf, _ := newSource()
	_, _ = src.Keys(t.Context())
	shelf.text = keySet("k2", "k1", key1, "k2", key2)
	if k, err := src.Having(t.Context(), "k2"); err != nil || k.Current() != "k2" {
		t.Errorf("got %v", err)
	}
}

// slow answers after a while, as a service does.
type slow struct{ shelf }

func (s *slow) Keys(ctx context.Context) (secret.Text, error) {
	time.Sleep(100 * time.Millisecond)
	return s.shelf.Keys(ctx)
}

// Many read at once what was sealed with a key of this moment: one asks, and the
// others have the key as soon as it is here.
func TestSource_ManyAskForANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &slow{shelf{text: keySet("k1", "k1", key1)}}
		src := NewSource(away, nil)
		_, _ = src.Keys(t.Context())
		away.text = keySet("k2", "k1", key1, "k2", key2)
		began := time.Now()
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if k, err := src.Having(t.Context(), "k2"); err != nil || !k.Knows("k2") {
					t.Errorf("got %v after %v", err, time.Since(began))
				}
			})
		}
		wg.Wait()
		if away.fetches != 2 || time.Since(began) > time.Second {
			t.Errorf("%d fetches, want 2: the first, and one for all of them; it took %v", away.fetches, time.Since(began))
		}
	})
}

// Who waits for another's fetch does not wait for ever, nor for longer than its
// own time.
func TestSource_AnothersFetchHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &hung{}
		src := NewSource(away, nil)
		src.set, src.fetched = parsed(t, keySet("k1", "k1", key1)), time.Now()
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = src.Having(first, "k2") })
		synctest.Wait()
		for _, own := range []time.Duration{time.Second / 2, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), own)
			began := time.Now()
			_, err := src.Having(ctx, "k2")
			if took := time.Since(began); !errors.Is(err, ErrUnknownKey) || took != min(own, askFor) {
				t.Errorf("with %v of its own: %v after %v", own, err, took)
			}
			cancel()
		}
		if away.asked != 1 {
			t.Errorf("asked %d times", away.asked)
		}
		leave()
		wg.Wait()
	})
}

func TestSource_UnknownKeyWhileUnreachable(t *testing.T) {
	src, shelf, clock := newSource()
	_, _ = src.Keys(t.Context())
	shelf.err = errors.New("unreachable")
	clock.now = clock.now.Add(time.Minute)
	if _, err := src.Having(t.Context(), "k2"); err == nil || errors.Is(err, ErrUnknownKey) {
		t.Errorf("got %v: that the key is unknown is not known", err)
	}
}

func TestSource_ManyAtOnce(t *testing.T) {
	src, _, _ := newSource()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := src.Having(t.Context(), "k1"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
