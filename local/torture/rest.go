package torture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bellhop/local/owner"
	"bellhop/local/sandbox"
	"bellhop/shared/grant"
)

// restWithin is how long everything may take to come to rest: the tokens of all
// grants once more, and the longest pause that failures may have led to.
const restWithin = 5 * time.Minute

// rest waits until every grant has committed a pair since the faults ended and
// no attempt is open at any present one, and then switches the fleet off. Owners
// still click where they must. What has not come to rest by then is judged as it
// is.
func (r *run) rest(ctx context.Context) error {
	calm, within := time.Now(), time.Now().Add(restWithin)
	owners, dismiss := context.WithCancel(ctx)
	var clicking sync.WaitGroup
	clicking.Go(func() { r.fleet.reconnect(owners, r.witness.journal, func() { r.clicks.Add(1) }) })
	for time.Now().Before(within) && !r.rested(calm) {
		if !owner.Pause(ctx, look) {
			break
		}
	}
	dismiss()
	clicking.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.say("at rest after %s; switching the fleet off", time.Since(calm).Round(time.Second))
	if err := r.fleet.disable(ctx); err != nil {
		return fmt.Errorf("switching the fleet off: %w", err)
	}
	// Whoever holds a lease comes to its end, or is ended with his function.
	for end := time.Now().Add(grant.FunctionTimeout); r.witness.held(time.Now()) && time.Now().Before(end); {
		if !owner.Pause(ctx, look) {
			return ctx.Err()
		}
	}
	return nil
}

func (r *run) rested(calm time.Time) bool {
	j := r.witness.journal
	return j.behind(r.fleet.ids, calm) == 0 && len(j.unsettled(time.Now(), ordinary)) == 0 && len(j.dead()) == 0
}

// audit reads all books and judges them.
func (r *run) audit(ctx context.Context, result *Result) error {
	b := &books{grants: map[string]bool{}, journal: r.witness.told()}
	for _, id := range r.fleet.ids {
		b.grants[id] = true
	}
	var problems [4]error
	b.tokens, problems[0] = r.fleet.Books.Tokens(ctx)
	b.presentations, problems[1] = r.fleet.Books.Presentations(ctx, 0)
	b.requests, problems[2] = r.fleet.Books.Requests(ctx, 0)
	b.ends, problems[3] = r.ends(ctx)
	if err := errors.Join(problems[:]...); err != nil {
		return fmt.Errorf("reading the books: %w", err)
	}
	result.audit, result.audited = b.judge(), true
	result.keep(b.tokens)
	return nil
}

// ends opens what every grant holds now.
func (r *run) ends(ctx context.Context) ([]end, error) {
	var mu sync.Mutex
	var all []end
	err := r.fleet.each(ctx, func(ctx context.Context, id string) error {
		e, err := r.end(ctx, id)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, e)
		return err
	})
	return all, err
}

func (r *run) end(ctx context.Context, id string) (end, error) {
	g, err := r.fleet.grants.Read(ctx, grant.ID(id))
	if err != nil {
		return end{}, err
	}
	g.Enabled = true // by ourselves it was switched off
	e := end{grant: id, state: string(g.State(time.Now())), reason: string(g.Reason), asides: len(g.Asides)}
	pair, err := r.fleet.vault.Open(ctx, g)
	switch {
	case errors.Is(err, grant.ErrPairMissing):
		e.state = "without its pair"
	case err != nil:
		return e, fmt.Errorf("opening what %s holds: %w", id, err)
	}
	e.refresh = pair.Refresh.Reveal()
	return e, nil
}

// fill notes what was done and how long it took.
func (r *run) fill(ctx context.Context, result *Result) error {
	result.tally, result.clicks, result.sent = r.killer.sum(), int(r.clicks.Load()), int(r.sent.Load())
	result.at = time.Now()
	if !r.began.IsZero() {
		result.took = time.Since(r.began)
	}
	summary, err := r.fleet.Books.Summary(ctx)
	if err != nil {
		return err
	}
	result.provider, result.pushes = summary.Faults, summary.Pushes[sandbox.PushAccepted]
	result.rotations, err = r.rotated(ctx)
	return err
}
