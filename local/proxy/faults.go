package proxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Kind is what a fault does to a call. Kinds come in pairs, because what
// matters is whether the call took effect and its caller cannot tell.
type Kind string

// The kinds of faults.
const (
	// NotLanded resets the connection; the call was never forwarded.
	NotLanded Kind = "not_landed"
	// Landed forwards the call, drops its answer and resets the connection.
	Landed Kind = "landed"
	// LandsLate resets the connection and forwards the call after the delay.
	LandsLate Kind = "lands_late"
	// LandsTwice answers the call and forwards a copy of it after the delay.
	LandsTwice Kind = "lands_twice"
	// Throttle answers with the service's throttling exception; not forwarded.
	Throttle Kind = "throttle"
	// Unavailable answers with the service's 5xx; not forwarded.
	Unavailable Kind = "unavailable"
	// UnavailableLanded forwards the call and answers with the service's 5xx.
	UnavailableLanded Kind = "unavailable_landed"
	// Delay forwards the call after the delay.
	Delay Kind = "delay"
	// AccessDenied answers with the service's access exception; not forwarded.
	AccessDenied Kind = "access_denied"
)

var kinds = map[Kind]bool{NotLanded: true, Landed: true, LandsLate: true, LandsTwice: true, Throttle: true,
	Unavailable: true, UnavailableLanded: true, Delay: true, AccessDenied: true}

// Rule says which calls get which fault.
type Rule struct {
	Match
	Kind Kind `json:"kind"`
	// Skip lets so many matching calls pass first.
	Skip int `json:"skip,omitempty"`
	// Count is how often the rule strikes. Zero means without end.
	Count int `json:"count,omitempty"`
	// Probability is the share of matching calls that are struck, above 0 to
	// 1. Zero means all.
	Probability float64 `json:"probability,omitempty"`
	// Delay is the wait of LandsLate, LandsTwice and Delay. A copy carries the
	// signature of the original: the stand-in accepts it for 15 minutes, for
	// 5 at Secrets Manager.
	Delay Milliseconds `json:"delay_ms,omitempty"`
}

func (r Rule) check() error {
	var problems []error
	if !kinds[r.Kind] {
		problems = append(problems, fmt.Errorf("kind %q is unknown", r.Kind))
	}
	if r.Probability < 0 || r.Probability > 1 {
		problems = append(problems, fmt.Errorf("probability %v is not within 0 and 1", r.Probability))
	}
	if r.Skip < 0 || r.Count < 0 || r.Delay < 0 {
		problems = append(problems, errors.New("skip, count and delay_ms cannot be negative"))
	}
	return errors.Join(problems...)
}

// RuleStatus is a rule with its identity and its history.
type RuleStatus struct {
	ID int `json:"id"`
	Rule
	// Matched is how many calls matched, struck or not.
	Matched int `json:"matched"`
	// Struck is how many calls got the fault.
	Struck int `json:"struck"`
}

func (s *RuleStatus) spent() bool { return s.Count > 0 && s.Struck >= s.Count }

// faults holds the rules. The first rule that strikes decides.
type faults struct {
	mu     sync.Mutex
	rules  []*RuleStatus // guarded by mu
	lastID int           // guarded by mu
	random *rand.Rand    // guarded by mu
}

func newFaults(seed uint64) *faults {
	return &faults{random: rand.New(rand.NewPCG(seed, seed))}
}

func (f *faults) add(r Rule) RuleStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID++
	s := &RuleStatus{ID: f.lastID, Rule: r}
	f.rules = append(f.rules, s)
	return *s
}

func (f *faults) list() []RuleStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]RuleStatus, len(f.rules))
	for i, r := range f.rules {
		all[i] = *r
	}
	return all
}

// remove drops one rule, or all of them for id 0, and tells whether any went.
func (f *faults) remove(id int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.rules[:0]
	for _, r := range f.rules {
		if id != 0 && r.ID != id {
			kept = append(kept, r)
		}
	}
	gone := len(kept) < len(f.rules)
	clear(f.rules[len(kept):])
	f.rules = kept
	return gone
}

// pick finds the rule that strikes this call.
func (f *faults) pick(c *call) (Rule, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.spent() || !r.covers(c) {
			continue
		}
		r.Matched++
		if r.Matched <= r.Skip || (r.Probability > 0 && f.random.Float64() >= r.Probability) {
			continue
		}
		r.Struck++
		return r.Rule, true
	}
	return Rule{}, false
}

// withFault serves the call as the fault wants it. No answer means that the
// connection is to be reset; the error then says why, if no fault did it.
func (p *Proxy) withFault(ctx context.Context, r Rule, c *call) (*answer, error) {
	switch r.Kind {
	case NotLanded:
		return nil, nil
	case Landed:
		return p.unanswered(ctx, c)
	case LandsLate:
		p.copyLater(c, r.Delay.Duration())
		return nil, nil
	case LandsTwice:
		a, err := p.service(ctx, c)
		p.copyLater(c, r.Delay.Duration())
		return a, err
	case UnavailableLanded:
		if _, err := p.unanswered(ctx, c); err != nil {
			return nil, err
		}
		return exception(Unavailable, c.service), nil
	case Throttle, Unavailable, AccessDenied:
		return exception(r.Kind, c.service), nil
	case Delay:
		time.Sleep(r.Delay.Duration())
	}
	return p.service(ctx, c)
}

// unanswered serves the call and drops the answer.
func (p *Proxy) unanswered(ctx context.Context, c *call) (*answer, error) {
	a, err := p.service(ctx, c)
	if err != nil {
		return nil, err
	}
	a.release()
	return nil, nil
}

// copyLater serves the call once more after the delay, under the rules of the
// service but without faults or traps. Close drops what is still waiting.
func (p *Proxy) copyLater(c *call, delay time.Duration) {
	late := *c
	late.header = c.header.Clone()
	late.body.retain()
	p.later.Go(func() {
		defer late.body.release()
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.life.Done():
			return
		}
		p.serveCopy(&late)
	})
}

func (p *Proxy) serveCopy(c *call) {
	entry := c.entry(p.now())
	entry.Copy = true
	a, err := p.service(context.WithoutCancel(p.life), c)
	if err != nil {
		entry.Note = "no answer from the stand-in"
	} else {
		entry.Status, entry.Error = a.status, a.errorType
		a.release()
	}
	entry.Millis = p.now().Sub(entry.At).Milliseconds()
	p.log.add(*entry)
}
