package torture

import (
	"context"
	"errors"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
)

// The shares of calls that fail, at any time. AWS is asked about five times for
// each exchange, so that about one exchange in sixteen meets a fault of AWS.
var awsFaults = []proxy.Rule{
	{Kind: proxy.NotLanded, Probability: 0.003},
	{Kind: proxy.Landed, Probability: 0.003},
	{Kind: proxy.LandsLate, Probability: 0.001, Delay: 4000},
	{Kind: proxy.LandsTwice, Probability: 0.002, Delay: 3000},
	{Kind: proxy.Throttle, Probability: 0.003},
	{Kind: proxy.Unavailable, Probability: 0.001},
	{Kind: proxy.UnavailableLanded, Probability: 0.001},
}

// The provider's faults at any time: each costs a second or two.
var providerFaults = []sandbox.Fault{
	{Kind: sandbox.FaultError, Probability: 0.01},
	{Kind: sandbox.FaultThrottled, Probability: 0.005, RetryAfter: 1},
	{Kind: sandbox.FaultUnavailable, Probability: 0.005, RetryAfter: 1},
	{Kind: sandbox.FaultResetBefore, Probability: 0.005},
	{Kind: sandbox.FaultResetAfter, Probability: 0.01},
	{Kind: sandbox.FaultHang, Probability: 0.003, Millis: 1500, Acts: true},
	{Kind: sandbox.FaultLatency, Probability: 0.05, Millis: 250},
}

// Those of a wave: silences longer than a client waits. They begin with a wave
// and end with it, so that what it breaks is mended without them.
var waveFaults = []sandbox.Fault{
	{Kind: sandbox.FaultHang, Probability: 0.004, Millis: 9000, Acts: true},
	{Kind: sandbox.FaultLatency, Probability: 0.3, Millis: 300},
}

// Those of the quiet between two waves: answers that are cut off. Such a one is
// kept as it came, and its attempt ends; so a holder that is killed while it
// presents the same token again has half of the grace left.
var quietFaults = []sandbox.Fault{
	{Kind: sandbox.FaultMalformed, Probability: 0.005},
}

// weather sets the faults. Its methods are called by one goroutine.
type weather struct {
	books *sandbox.Admin
	proxy proxy.Admin
	now   []int // ids of the present phase's rules
	shut  []int // rules that keep Secrets Manager shut
}

// begin sets what holds all the time.
func (w *weather) begin(ctx context.Context) error {
	var problems []error
	for _, rule := range awsFaults {
		for _, f := range []stack.Function{stack.Refresher, stack.Pusher} {
			rule.Match = proxy.Match{Function: string(f)}
			_, err := w.proxy.Inject(ctx, rule)
			problems = append(problems, err)
		}
	}
	for _, fault := range providerFaults {
		_, err := w.books.AddFault(ctx, token(fault))
		problems = append(problems, err)
	}
	_, err := w.books.AddFault(ctx, sandbox.Fault{Kind: sandbox.FaultError, Persona: sandbox.Cloudbeds, Endpoint: "patchRate", Probability: 0.02})
	return errors.Join(append(problems, err)...)
}

func token(f sandbox.Fault) sandbox.Fault {
	f.Persona, f.Endpoint = sandbox.Cloudbeds, "token"
	return f
}

// change puts one phase's faults in place of the last one's.
func (w *weather) change(ctx context.Context, faults []sandbox.Fault) error {
	var problems []error
	for _, id := range w.now {
		problems = append(problems, w.books.RemoveFault(ctx, id))
	}
	w.now = w.now[:0]
	for _, fault := range faults {
		set, err := w.books.AddFault(ctx, token(fault))
		if err == nil {
			w.now = append(w.now, set.ID)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// shutSecrets lets Secrets Manager refuse every write of a pair, or no longer.
func (w *weather) shutSecrets(ctx context.Context, shut bool) error {
	var problems []error
	for _, id := range w.shut {
		problems = append(problems, w.proxy.Withdraw(ctx, id))
	}
	w.shut = w.shut[:0]
	if !shut {
		return errors.Join(problems...)
	}
	for _, operation := range []string{"PutSecretValue", "CreateSecret"} {
		set, err := w.proxy.Inject(ctx, proxy.Rule{
			Match: proxy.Match{Service: "secretsmanager", Operation: operation, Function: string(stack.Refresher)},
			Kind:  proxy.AccessDenied,
		})
		if err == nil {
			w.shut = append(w.shut, set.ID)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// clear ends all faults.
func (w *weather) clear(ctx context.Context) error {
	w.now, w.shut = nil, nil
	return errors.Join(w.books.ClearFaults(ctx), w.proxy.WithdrawAll(ctx))
}

// Secrets Manager refuses for shutFor at every shutEvery.
const (
	shutEvery = 4 * time.Minute
	shutFor   = 30 * time.Second
)
