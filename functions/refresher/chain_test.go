package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/wake"
)

// chain is a hotel chain: many grants of one client at one provider, refreshed
// by two processes that live on, each with what it remembers of the buckets. The
// world's own grant takes no part.
type chain struct {
	*world
	buckets   *buckettest.Memory
	processes []*refresher
	ids       []grant.ID

	mu    sync.Mutex
	calls map[string][]time.Time // guarded by mu; by refresh token
	all   []time.Time            // guarded by mu; of all grants, in order
}

// newChain is called inside a synctest bubble. Each grant has a pair that was
// issued just now; the buckets know how many they are.
func newChain(t *testing.T, grants int, alter func(*profile.Token)) *chain {
	c := &chain{world: newWorld(t, none), buckets: &buckettest.Memory{}, calls: map[string][]time.Time{}}
	if alter != nil {
		alter(&c.profile.Token)
	}
	for i := range grants {
		c.connects(grant.ID(fmt.Sprintf("hotel-%d", i)), fmt.Sprintf("account-%d", i%2))
	}
	b := bucket.Bucket{Name: bucket.OfClient("main"), Grants: grants}
	if err := c.buckets.Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := c.worker()
		r.cycle.Buckets, r.cycle.Digests, r.cycle.Exchange = bucket.NewCache(c.buckets, time.Now), c.vault, c
		c.processes = append(c.processes, r)
	}
	return c
}

func (c *chain) connects(id grant.ID, account string) {
	c.Helper()
	pair := c.provider.Seed()
	sealed, err := c.vault.Seal(id, 0, pair)
	if err != nil {
		c.Fatal(err)
	}
	times := grant.TimesOf(id, pair, profile.RefreshRule{})
	if err := c.store.Create(c.Context(), grant.Grant{
		ID: id, Provider: "sandbox", Client: "main", Account: account, Home: grant.HomeSealed, Enabled: true, Health: grant.OK,
		Generation: 1, Epoch: 1, Inline: &sealed,
		Issued: times.Issued, Expires: times.Expires, RefreshAt: times.RefreshAt, WakeAt: times.WakeAt,
	}); err != nil {
		c.Fatal(err)
	}
	c.ids = append(c.ids, id)
}

// Exchange brings a request to the provider, and keeps the time of it.
func (c *chain) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	c.mu.Lock()
	c.calls[r.Refresh.Reveal()] = append(c.calls[r.Refresh.Reveal()], time.Now())
	c.all = append(c.all, time.Now())
	c.mu.Unlock()
	return c.provider.Exchange(ctx, p, r)
}

// lives lets time go by: each grant that is due is woken by one of the processes,
// those of one second together.
func (c *chain) lives(d time.Duration) {
	end := time.Now().Add(d)
	for {
		var due sync.WaitGroup
		for i, id := range c.ids {
			if c.read(id).Due(time.Now()) {
				due.Go(func() { c.wakes(id, c.processes[i%len(c.processes)]) })
			}
		}
		due.Wait()
		next := end
		for _, id := range c.ids {
			if at := c.read(id).WakeAt; !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if !time.Now().Before(end) {
			return
		}
		time.Sleep(max(time.Until(next), time.Second))
	}
}

// wakes hands one grant's wake to a process.
func (c *chain) wakes(id grant.ID, to *refresher) {
	ctx, cancel := context.WithTimeout(c.Context(), grant.FunctionTimeout)
	defer cancel()
	body := wake.Encode(wake.Message{Kind: wake.Grant, Grant: id, At: time.Now()})
	_ = to.record(ctx, events.SQSMessage{MessageId: "m", Body: body})
}

// read is one grant as it is now.
func (c *chain) read(id grant.ID) grant.Grant {
	c.Helper()
	g, err := c.store.Read(c.Context(), id)
	if err != nil {
		c.Fatal(err)
	}
	return g
}

// bucket is the client's as it is now.
func (c *chain) bucket() bucket.Bucket {
	c.Helper()
	b, err := c.buckets.Read(c.Context(), bucket.OfClient("main"))
	if err != nil {
		c.Fatal(err)
	}
	return b
}

// made is how many calls there were, and most how many of one credential.
func (c *chain) made() (all, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.calls {
		most = max(most, len(times))
	}
	return len(c.all), most
}

// within is the largest number of calls in any such window.
func (c *chain) within(window time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most, first := 0, 0
	for i, at := range c.all {
		for !c.all[first].Add(window).After(at) {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// need counts the grants that need a person.
func (c *chain) need() int {
	n := 0
	for _, id := range c.ids {
		if c.read(id).Health == grant.ReauthorizationRequired {
			n++
		}
	}
	return n
}

// held counts the grants that are held for a reason.
func (c *chain) held(why string) int {
	n := 0
	for _, id := range c.ids {
		if c.read(id).Held == why {
			n++
		}
	}
	return n
}

// logged counts an event, and counts those of its lines that hold all of words.
func (c *chain) logged(event string, words ...string) int {
	n := 0
lines:
	for _, line := range strings.Split(c.log.String(), "\n") {
		for _, w := range append(words, `"event":"`+event+`"`) {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

// throttles is an answer of a token endpoint that wants to be left alone, with
// its header read as the product reads it.
func throttles(status int, retryAfter func(now time.Time) string) oauth.Outcome {
	out := oauth.Outcome{Class: oauth.Throttled, Status: status}
	switch {
	case status == http.StatusServiceUnavailable && retryAfter == nil:
		out.Class = oauth.Unknown // nobody knows whether it acted
	case status == http.StatusServiceUnavailable:
		out.Class = oauth.Outage
	}
	now, h := time.Now(), http.Header{}
	if retryAfter != nil {
		h.Set("Retry-After", retryAfter(now))
	}
	out.RetryAt = oauth.RetryAfter(h, now)
	return out
}
