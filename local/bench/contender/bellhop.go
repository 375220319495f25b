package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"bellhop/shared/bucket"
	"bellhop/shared/cloud"
	"bellhop/shared/dynamo"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/seal"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
)

// crowd is one process's workers around one grant. They share what a process
// of the refresher shares, and what it has seen of the grant.
type crowd struct {
	cycle *refresh.Cycle
	store grant.Store
	id    grant.ID
	seen  atomic.Pointer[grant.Grant] // as it was at the last look

	tries, exchanges, failures atomic.Int64
}

// look is how often a process looks at the grant, to tell its workers when it
// is due.
const look = 250 * time.Millisecond

func newCrowd(t task) (*crowd, error) {
	aws, err := cloud.Config()
	if err != nil {
		return nil, err
	}
	tables, secrets := dynamo.NewClient(aws), secretsmanager.NewClient(aws)
	home, err := secretsmanager.NewHome(secretsmanager.HomeConfig{API: secrets, Prefix: t.SecretsPrefix})
	if err != nil {
		return nil, err
	}
	keys := seal.NewSource(secretsmanager.KeySet{API: secrets, ID: t.KeysSecret}, time.Now)
	store, shared := dynamo.NewGrants(tables, t.GrantsTable), bucket.NewCache(dynamo.NewBuckets(tables, t.GrantsTable), time.Now)
	return &crowd{id: grant.ID(t.Grant), store: store, cycle: refresh.New(refresh.Config{
		Store: store, Vault: vault.New(keys, map[string]grant.Home{grant.HomeSecrets: home}),
		Exchange: oauth.NewClient(oauth.Config{}), Registry: dynamo.NewInventory(tables, t.GrantsTable),
		Secrets: secretsmanager.NewReader(secretsmanager.ReaderConfig{API: secrets, Prefix: t.SecretsPrefix}),
		Buckets: shared, Profile: profile.ByName, Now: time.Now, Nonce: func() grant.Nonce { return grant.Nonce(uuid.NewString()) },
	})}, nil
}

// contendWithBellhop lets every worker try to refresh in the very second in
// which the grant is due, generation after generation.
func contendWithBellhop(ctx context.Context, t task) (tally, error) {
	c, err := newCrowd(t)
	if err != nil {
		return tally{}, err
	}
	if err := c.lookOnce(ctx); err != nil {
		return tally{}, err
	}
	return c.contend(ctx, t.Workers), nil
}

// contend lets so many workers work until the context ends.
func (c *crowd) contend(ctx context.Context, workers int) tally {
	var all sync.WaitGroup
	all.Go(func() { c.lookAgain(ctx) })
	for range workers {
		all.Go(func() { c.work(ctx) })
	}
	all.Wait()
	return tally{Tries: int(c.tries.Load()), Exchanges: int(c.exchanges.Load()), Failures: int(c.failures.Load())}
}

func (c *crowd) lookOnce(ctx context.Context) error {
	g, err := c.store.Read(ctx, c.id)
	if err != nil {
		return fmt.Errorf("looking at the grant: %w", err)
	}
	c.seen.Store(&g)
	return nil
}

func (c *crowd) lookAgain(ctx context.Context) {
	for wait(ctx, look) {
		if err := c.lookOnce(ctx); err != nil && ctx.Err() == nil {
			c.failures.Add(1)
		}
	}
}

// work tries once for each generation, or again when a wake of the grant's own
// says so: as the function does when the queue brings it one.
func (c *crowd) work(ctx context.Context) {
	var tried time.Time
	for wait(ctx, look/5) {
		g := c.seen.Load()
		if g.WakeAt.IsZero() || g.WakeAt.Equal(tried) || time.Now().Before(g.WakeAt) {
			continue
		}
		tried = g.WakeAt
		c.tries.Add(1)
		if err := c.refresh(context.WithoutCancel(ctx)); err != nil {
			c.failures.Add(1)
		}
	}
}

// refresh is the function's order of the cycle's steps (functions/refresher).
func (c *crowd) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, grant.FunctionTimeout)
	defer cancel()
	run, err := c.cycle.Lease(ctx, refresh.Wake{Grant: c.id, Correlation: "bench"})
	if errors.Is(err, refresh.ErrNotNow) {
		return nil // another has it
	}
	if err != nil {
		return err
	}
	defer run.End(ctx)
	switch plan := run.Recover(ctx); plan.Step {
	case grant.Roll:
		_, err = run.Roll(ctx, plan)
		return err
	case grant.Wait:
		_, err = run.Abandon(ctx, plan.Until)
		return err
	case grant.Conclude:
		_, err = run.AfterInvalidGrant(ctx)
		return err
	}
	answer := run.Exchange(ctx)
	if answer.Class != oauth.Issued {
		_, err = run.Conclude(ctx, answer)
		return err
	}
	c.exchanges.Add(1)
	if err := run.Commit(ctx, answer.Pair); err != nil {
		_, err = run.KeepAside(ctx, err)
		return err
	}
	_, err = run.Settle(ctx)
	return err
}

// wait reports whether the pause was over before the context.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
