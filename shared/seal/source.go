package seal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bellhop/shared/secret"
)

const (
	// keepFor is how long a fetched key set is used without asking again.
	keepFor = 5 * time.Minute
	// refetchAfter bounds how often unknown key ids may make us ask: a table
	// full of garbage must not become a flood of requests, and a key that was
	// made this moment, and is not seen yet, must not be unknown for long.
	refetchAfter = 2 * time.Second
	// fetchFor bounds every fetch. It is short of what an invocation can spare
	// before an exchange: a service that hangs costs one look at a grant.
	fetchFor = 3 * time.Second
	// askFor is how long an answer is waited for when a key set is here that
	// will do: a service that hangs must not hold up an exchange for a newer
	// one. After that it is left alone for restFor. As long is waited for what
	// another brings who asks for an unknown key already.
	askFor  = 2 * time.Second
	restFor = 30 * time.Second
)

// fetcher is where the key set's text lives.
type fetcher interface {
	Keys(ctx context.Context) (secret.Text, error)
}

// Source keeps the key set of the process. It is safe for concurrent use.
type Source struct {
	from fetcher
	now  func() time.Time

	mu      sync.Mutex
	set     *KeySet       // guarded by mu; nil before the first fetch
	fetched time.Time     // guarded by mu
	sought  time.Time     // guarded by mu; when an unknown key last made us ask
	found   chan struct{} // guarded by mu; closed when that has ended
	failed  time.Time     // guarded by mu; when asking for a newer set last brought nothing
}

// NewSource returns a source that fetches when it is first asked. now nil means
// [time.Now].
func NewSource(from fetcher, now func() time.Time) *Source {
	if now == nil {
		now = time.Now
	}
	return &Source{from: from, now: now}
}

// Keys returns the key set, fetched at most five minutes ago. When fetching
// fails an older one is good enough: keys are added and never changed, so
// nothing sealed with it is lost.
func (s *Source) Keys(ctx context.Context) (*KeySet, error) {
	set, age := s.held()
	switch {
	case set == nil:
		return s.fetch(ctx)
	case age < keepFor || s.resting():
		return set, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	fresh, err := s.fetch(ctx)
	if err != nil {
		s.rest()
		return set, nil
	}
	return fresh, nil
}

func (s *Source) resting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.failed) < restFor
}

func (s *Source) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = s.now()
}

// Having returns a key set that has the key of that id, fetching once more when
// the present one does not: another process may have sealed with a key that was
// added a moment ago. Of many who ask at once one fetches, for all of them.
// ErrUnknownKey when it is not there either.
func (s *Source) Having(ctx context.Context, id string) (*KeySet, error) {
	set, err := s.Keys(ctx)
	if err != nil || set.Knows(id) {
		return set, err
	}
	found, mine := s.seek()
	if mine {
		defer close(found)
		if set, err = s.fetch(ctx); err != nil {
			return nil, err
		}
	} else {
		await(ctx, found)
		set, _ = s.held()
	}
	if !set.Knows(id) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	return set, nil
}

// seek reports whether an unknown key may make us ask now: then found is mine to
// close, else it is another's. That the set was fetched a moment ago is no reason
// not to: the key may be younger still.
func (s *Source) seek() (found chan struct{}, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found != nil && s.now().Sub(s.sought) < refetchAfter {
		return s.found, false
	}
	s.sought, s.found = s.now(), make(chan struct{})
	return s.found, true
}

// await waits until another's fetch has ended, for askFor at most.
func await(ctx context.Context, found <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	select {
	case <-found:
	case <-ctx.Done():
	}
}

// Held returns the key set that is here, however old, without asking anybody.
// It is for sealing an answer that has just arrived: then nothing may stand
// between its bytes and the table. ErrNotReady before the first fetch.
func (s *Source) Held() (*KeySet, error) {
	set, _ := s.held()
	if set == nil {
		return nil, ErrNotReady
	}
	return set, nil
}

// ErrNotReady says that no key set was fetched yet.
var ErrNotReady = errors.New("no key set here yet")

func (s *Source) held() (*KeySet, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set, s.now().Sub(s.fetched)
}

// fetch asks without holding the lock. Two who ask at once both get an answer,
// and the later one stays.
func (s *Source) fetch(ctx context.Context) (*KeySet, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchFor)
	defer cancel()
	text, err := s.from.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetching the key set: %w", err)
	}
	set, err := Parse(text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set, s.fetched = set, s.now()
	return set, nil
}
