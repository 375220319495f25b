package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/wake"
)

const (
	// costed is how many refreshes the cost is taken over.
	costed = 20
	// The goals, in calls to AWS for one refresh.
	mostCallsAtHome = 5
	mostCallsSealed = 2
)

// cost is what the deployed refresher's refreshes cost at AWS.
type cost struct {
	home      string
	refreshes int
	calls     map[string]int // by "service.Operation"
	read      float64        // request units, of the table and its indexes
	write     float64
}

// perRefresh is the calls for one refresh.
func (c cost) perRefresh() float64 {
	sum := 0
	for _, n := range c.calls {
		sum += n
	}
	return float64(sum) / float64(c.refreshes)
}

// costs measures each home. Tokens live an hour meanwhile, so that nothing is
// refreshed but what is told to.
func (f *fleet) costs(ctx context.Context, progress func(string)) ([]cost, error) {
	if err := f.switches(ctx, time.Hour, 0); err != nil {
		return nil, err
	}
	if err := f.Register(ctx, "costs", profile.Rotation{Policy: "detect"}); err != nil {
		return nil, err
	}
	var all []cost
	for _, home := range []string{grant.HomeSecrets, grant.HomeSealed} {
		progress("counting what a refresh costs with home " + home)
		c, err := f.cost(ctx, home)
		if err != nil {
			return nil, fmt.Errorf("counting what a refresh costs with home %s: %w", home, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// switches sets how the provider's tokens live from now on; a token that was
// rotated away revokes its family when it comes again.
func (f *fleet) switches(ctx context.Context, life, grace time.Duration) error {
	now, err := f.Books.Switches(ctx, sandbox.Cloudbeds)
	if err != nil {
		return err
	}
	now.AccessTokenLifetime, now.ReuseGrace, now.Reuse = life.Milliseconds(), grace.Milliseconds(), sandbox.ReuseDetect
	return f.Books.SetSwitches(ctx, sandbox.Cloudbeds, now)
}

// errSwept says that a sweep came between: its calls are no refresh's.
var errSwept = errors.New("a sweep came between")

// cost measures one home with grants of its own. Each is refreshed twice before:
// what a process reads once in minutes, and what a grant's first generation
// costs, is not what a refresh costs.
func (f *fleet) cost(ctx context.Context, home string) (cost, error) {
	var ids []grant.ID
	for i := range costed {
		j := joining{id: grant.ID(fmt.Sprintf("cost-%s-%02d", home, i)), client: "costs", home: home}
		if err := f.join(ctx, j); err != nil {
			return cost{}, err
		}
		ids = append(ids, j.id)
	}
	for range 2 {
		if err := f.refreshAll(ctx, ids); err != nil {
			return cost{}, err
		}
	}
	for range 3 { // ticks are a minute apart, and a round takes a few seconds
		c, err := f.countRound(ctx, home, ids)
		if !errors.Is(err, errSwept) {
			return c, err
		}
	}
	return cost{}, errSwept
}

// countRound refreshes each grant once and reads the proxy's books.
func (f *fleet) countRound(ctx context.Context, home string, ids []grant.ID) (cost, error) {
	if _, err := f.stack.Proxy.ResetCounts(ctx); err != nil {
		return cost{}, err
	}
	if err := f.refreshAll(ctx, ids); err != nil {
		return cost{}, err
	}
	counts, err := f.stack.Proxy.ResetCounts(ctx)
	if err != nil {
		return cost{}, err
	}
	return costOf(home, len(ids), counts)
}

// costOf turns the proxy's books about so many refreshes into their cost.
func costOf(home string, refreshes int, counts proxy.Counts) (cost, error) {
	c := cost{home: home, refreshes: refreshes, calls: map[string]int{}}
	for _, k := range counts.Calls {
		if k.Service == "dynamodb" && k.Operation == "Query" {
			return cost{}, errSwept
		}
		c.calls[k.Service+"."+k.Operation] += k.Calls
	}
	for _, k := range counts.Capacity {
		c.read += k.Read
		c.write += k.Write
	}
	return c, nil
}

// refreshAll makes each grant due and hands the function a wake as the sweep
// sends it, one after the other.
func (f *fleet) refreshAll(ctx context.Context, ids []grant.ID) error {
	for _, id := range ids {
		before, err := f.grants.Read(ctx, id)
		if err != nil {
			return err
		}
		now := time.Now()
		if err := f.grants.Hasten(ctx, grant.HastenWrite{ID: id, Presented: before.Generation, At: now, Skew: grant.Skew}); err != nil {
			return err
		}
		event, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
			MessageId: "bench", Body: wake.Encode(wake.Message{
				Kind: wake.Grant, Grant: id, At: now, Generation: before.Generation, Client: before.Client,
			}),
			Attributes: map[string]string{"MessageGroupId": before.Client},
		}}})
		if err != nil {
			return fmt.Errorf("writing an event: %w", err)
		}
		if _, err := f.stack.Invoke(ctx, stack.Refresher, event); err != nil {
			return err
		}
		after, err := f.grants.Read(ctx, id)
		if err != nil {
			return err
		}
		if after.Generation != before.Generation+1 || (after.Inline != nil) != (after.Home == grant.HomeSealed) {
			return fmt.Errorf("grant %s is at generation %d, settled %v, after its refresh from %d", id, after.Generation, after.Inline == nil, before.Generation)
		}
	}
	return nil
}

// list words the calls of one refresh.
func (c cost) list() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(c.calls)) {
		_, operation, _ := strings.Cut(name, ".")
		all = append(all, fmt.Sprintf("%s %.2f", operation, float64(c.calls[name])/float64(c.refreshes)))
	}
	return strings.Join(all, ", ")
}
