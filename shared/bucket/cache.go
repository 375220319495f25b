package bucket

import (
	"context"
	"sync"
	"time"
)

// How long a process believes what it read of a bucket, and that a client has no
// trouble.
const (
	readFor = 5 * time.Second
	calmFor = 15 * time.Second
)

// Cache reads buckets for decisions that need not be exact: whether the provider
// wants to be left alone, whether it refuses us. So ordinary refreshing and
// pushing costs hardly a call. What is counted or taken is decided on a fresh
// read, by [Change]. It is safe for concurrent use.
type Cache struct {
	store Store
	now   func() time.Time

	mu   sync.Mutex // guards read
	read map[string]reading
}

type reading struct {
	bucket Bucket
	at     time.Time
}

// NewCache returns a cache over a store.
func NewCache(s Store, now func() time.Time) *Cache {
	return &Cache{store: s, now: now, read: map[string]reading{}}
}

// Read returns the bucket as it was at most five seconds ago.
func (c *Cache) Read(ctx context.Context, name string) (Bucket, error) {
	return c.within(ctx, name, func(Bucket) time.Duration { return readFor })
}

// ReadTrouble is Read for those who do not ask about holds: whether the client is
// in trouble or its provider under suspicion. That it is not may have been read a
// quarter of a minute ago. Who believes it wrongly makes one exchange that is
// refused, and knows from then on; or one that is answered, which ends no trouble
// until it has looked again.
func (c *Cache) ReadTrouble(ctx context.Context, name string) (Bucket, error) {
	return c.within(ctx, name, func(b Bucket) time.Duration {
		if b.Troubled() || b.Suspected() || len(b.Retries()) > 0 {
			return readFor
		}
		return calmFor
	})
}

// within reads a bucket, unless it was read so lately that it is believed.
func (c *Cache) within(ctx context.Context, name string, believed func(Bucket) time.Duration) (Bucket, error) {
	now := c.now()
	c.mu.Lock()
	r, ok := c.read[name]
	c.mu.Unlock()
	if ok && now.Before(r.at.Add(believed(r.bucket))) {
		return r.bucket, nil
	}
	b, err := c.store.Read(ctx, name)
	if err != nil {
		return Bucket{}, err
	}
	c.keep(b, now)
	return b, nil
}

// Change is the package's [Change], and remembers what came of it: the process
// that learns of a hold keeps to it at once.
func (c *Cache) Change(ctx context.Context, name string, decide func(Bucket) Bucket) (Bucket, error) {
	b, err := Change(ctx, c.store, name, decide)
	if err == nil {
		c.keep(b, c.now())
	}
	return b, err
}

// keep remembers a reading and forgets those that nobody may use any more, now
// and then: a process lives for hours and may meet many accounts.
func (c *Cache) keep(b Bucket, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.read) >= 1000 {
		for name, r := range c.read {
			if !now.Before(r.at.Add(calmFor)) {
				delete(c.read, name)
			}
		}
	}
	c.read[b.Name] = reading{bucket: b, at: now}
}
