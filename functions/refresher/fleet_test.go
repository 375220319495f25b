package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/wake"
)

// fleet is a whole stack in virtual time: grants of several clients, the
// minute's tick, the refresh queue and the function's environments. Cycle,
// sweep and batch are the product's; the queue, Lambda and the schedule are
// models of what AWS documents. The world's own grant takes no part.
type fleet struct {
	*world
	aws     *amazon
	clients map[string]*endpoint
	grants  []grant.ID
	shards  map[string][]grant.ID
	buckets *buckettest.Memory
	bare    bool // without what a process knows of silent endpoints
	workers int

	mu   sync.Mutex
	late map[string][]time.Duration // guarded by mu; of each client's leases, against the second they were due
}

// newFleet is called inside a synctest bubble.
func newFleet(t *testing.T, limits limits) *fleet {
	f := &fleet{
		world: newWorld(t, detect), buckets: &buckettest.Memory{}, clients: map[string]*endpoint{}, shards: map[string][]grant.ID{}, late: map[string][]time.Duration{},
	}
	f.aws = &amazon{limits: limits, fail: t.Errorf, worker: f.worker}
	invariants := f.store.Written
	f.store.Written = func(method string, before, after grant.Grant) {
		invariants(method, before, after)
		if method == "Lease" {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.late[after.Client] = append(f.late[after.Client], time.Since(before.WakeAt))
		}
	}
	return f
}

// worker is one environment of the function.
func (f *fleet) worker() *refresher {
	r := f.world.worker()
	r.cycle.Registry, r.cycle.Profile, r.wakes = f, f.profiled, f.aws
	r.cycle.Buckets = bucket.NewCache(f.buckets, time.Now)
	r.cycle.Exchange, r.cycle.Revoker = f, f
	if !f.bare {
		r.cycle.Exchange = f.silent() // as wire does
	}
	r.sweeper = f.sweeper()
	r.sweeper.grants, r.sweeper.refreshQueue = f, f.aws
	return r
}

// silent is what a process knows of silent endpoints. The random part of its
// pauses is each worker's own, and the same every time.
func (f *fleet) silent() *silence {
	s := newSilence(f, time.Now)
	f.workers++ // under the lock of the environments
	part := 0.5 + float64(f.workers*7%16)/32
	s.share = func() float64 { return part }
	return s
}

// Client implements the cycle's registry.
func (f *fleet) Client(_ context.Context, id string) (connection.Client, error) {
	endpoints := profile.Endpoints{Token: "https://" + id + ".example/token", Revoke: "https://" + id + ".example/revoke"}
	return connection.Client{ID: id, Provider: id, ClientID: id, Endpoints: endpoints}, nil
}

// Exchange brings a request to its client's own token endpoint.
func (f *fleet) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	return f.clients[r.ClientID].Exchange(ctx, p, r)
}

// Revoke ends the consent at the client's provider.
func (f *fleet) Revoke(_ context.Context, _ profile.Token, r oauth.Revocation) error {
	f.clients[r.ClientID].Revoke()
	return nil
}

// profiled finds a client's profile, which has its name.
func (f *fleet) profiled(name string) (profile.Profile, error) {
	p := f.profile
	p.Name, p.Token.Rotation = name, f.clients[name].Rotation
	p.Token.RefreshLifetime = profile.Seconds(f.clients[name].dies)
	return p, nil
}

// Due implements the wake index over the store.
func (f *fleet) Due(ctx context.Context, shard string, until time.Time) ([]wake.Due, error) {
	var due []wake.Due
	for _, id := range f.shards[shard] {
		g, err := f.store.Read(ctx, id)
		if err != nil {
			return nil, err
		}
		if !g.WakeAt.IsZero() && !g.WakeAt.After(until) {
			due = append(due, wake.Due{PK: "GRANT#" + string(id), SK: "TOKEN", At: g.WakeAt})
		}
	}
	return due, nil
}

// client adds a client with a token endpoint of its own.
func (f *fleet) client(name string, rotation profile.Rotation, life time.Duration) *endpoint {
	e := &endpoint{name: name}
	e.Rotation, e.Life, e.Now = rotation, life, time.Now
	f.clients[name] = e
	return e
}

// connects adds a grant with a pair that was issued just now, unless alter
// makes something else of it.
func (f *fleet) connects(e *endpoint, id grant.ID, pair grant.Pair, alter func(*grant.Grant)) {
	f.Helper()
	sealed, err := f.vault.Seal(id, 0, pair)
	if err != nil {
		f.Fatal(err)
	}
	times := grant.TimesOf(id, pair, profile.RefreshRule{})
	g := grant.Grant{
		ID: id, Provider: e.name, Client: e.name, Home: grant.HomeSecrets, Enabled: true, Health: grant.OK,
		Generation: 1, Epoch: 1, Inline: &sealed,
		Issued: times.Issued, Expires: times.Expires, RefreshAt: times.RefreshAt, WakeAt: times.WakeAt,
	}
	if alter != nil {
		alter(&g)
	}
	if err := f.store.Create(f.Context(), g); err != nil {
		f.Fatal(err)
	}
	f.grants = append(f.grants, id)
	shard := wake.Shard(string(id))
	f.shards[shard] = append(f.shards[shard], id)
}

// read is the grant as it is now.
func (f *fleet) read(id grant.ID) grant.Grant {
	f.Helper()
	g, err := f.store.Read(f.Context(), id)
	if err != nil {
		f.Fatal(err)
	}
	return g
}

// lives lets so much time go by. Each tick comes late by something else, as
// the schedule's do.
func (f *fleet) lives(d time.Duration) {
	end := time.Now().Add(d)
	for tick := time.Now().Truncate(time.Minute); ; tick = tick.Add(time.Minute) {
		minute := tick.Unix() / 60
		at := tick.Add(time.Duration(minute*37%60) * time.Second)
		if at.After(end) {
			break
		}
		if time.Sleep(time.Until(at)); time.Now().Equal(at) {
			f.aws.tick(fmt.Sprintf(`{"v":1,"sweep":%q}`, tick.Format(time.RFC3339)))
		}
	}
	time.Sleep(time.Until(end))
}

// endpoint is one client's token endpoint, with the provider's books behind it.
type endpoint struct {
	name string
	granttest.Provider
	dies time.Duration // of a refresh token, as the provider documents it; zero for never

	mu    sync.Mutex
	hangs bool // guarded by mu
	came  int  // guarded by mu
}

// answersIn is what a token endpoint that is well takes.
const answersIn = 300 * time.Millisecond

// Exchange takes its time, or all the time that there is.
func (e *endpoint) Exchange(ctx context.Context, p profile.Token, r oauth.Request) oauth.Outcome {
	e.mu.Lock()
	e.came++
	hangs := e.hangs
	e.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return oauth.Outcome{Class: oauth.Unknown, Cause: "timeout"}
	}
	time.Sleep(answersIn)
	return e.Provider.Exchange(ctx, p, r)
}

// requests is how many came.
func (e *endpoint) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.came
}

// hang lets it answer no more, or again.
func (e *endpoint) hang(hangs bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hangs = hangs
}
