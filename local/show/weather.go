package show

import (
	"context"
	"fmt"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
)

// weather is what goes wrong while rates are pushed: at the providers' APIs, at
// their token endpoints, and between the functions and AWS.
type weather struct {
	books *sandbox.Admin
	proxy proxy.Admin
	share float64
	spare string // the property whose refresh loses its answer; empty for none

	broken int // calls of AWS that did not go well, known once it is calm again
}

// apis are the endpoints whose calls are throttled or fail.
var apis = map[sandbox.Persona][]string{
	sandbox.Generic:   {"batch", "job", "rates"},
	sandbox.Cloudbeds: {"patchRate", "getRateJobs", "getRatePlans"},
}

// turn makes it rough.
func (w *weather) turn(ctx context.Context) error {
	for _, fault := range append(w.atTheAPIs(), w.atTheTokenEndpoints()...) {
		if _, err := w.books.AddFault(ctx, fault); err != nil {
			return err
		}
	}
	for _, rule := range betweenUsAndAWS() {
		if _, err := w.proxy.Inject(ctx, rule); err != nil {
			return fmt.Errorf("adding a fault to the proxy: %w", err)
		}
	}
	return nil
}

// clear makes it calm again.
func (w *weather) clear(ctx context.Context) error {
	if err := w.books.ClearFaults(ctx); err != nil {
		return err
	}
	rules, err := w.proxy.Faults(ctx)
	if err != nil {
		return fmt.Errorf("counting the proxy's faults: %w", err)
	}
	for _, r := range rules {
		w.broken += r.Struck
	}
	return w.proxy.WithdrawAll(ctx)
}

// atTheAPIs shares the calls out: half of the trouble is throttling, the rest
// is outages and connections that break before or after the call took effect.
func (w *weather) atTheAPIs() []sandbox.Fault {
	if w.share == 0 {
		return nil
	}
	var all []sandbox.Fault
	for _, persona := range []sandbox.Persona{sandbox.Generic, sandbox.Cloudbeds} {
		broken := sandbox.FaultError
		if persona == sandbox.Cloudbeds {
			broken = sandbox.FaultSuccessFalse // its errors come inside HTTP 200
		}
		for _, endpoint := range apis[persona] {
			for _, part := range []sandbox.Fault{
				{Kind: sandbox.FaultThrottled, Probability: 0.5, RetryAfter: 1},
				{Kind: sandbox.FaultUnavailable, Probability: 0.2, RetryAfter: 1},
				{Kind: broken, Probability: 0.1},
				{Kind: sandbox.FaultResetBefore, Probability: 0.1},
				{Kind: sandbox.FaultResetAfter, Probability: 0.1},
			} {
				part.Persona, part.Endpoint = persona, endpoint
				part.Probability *= w.share
				all = append(all, part)
			}
		}
	}
	return all
}

// atTheTokenEndpoints: some answers are slow, some are 503, and one answer of
// each provider never arrives although its tokens were issued. At cloudbeds it
// is another hotel's than the one whose consent is withdrawn: that is a story
// of its own.
func (w *weather) atTheTokenEndpoints() []sandbox.Fault {
	lost := []sandbox.Fault{{Kind: sandbox.FaultResetAfter, Persona: sandbox.Generic, Endpoint: "token", Count: 1}}
	if w.spare != "" {
		lost = append(lost, sandbox.Fault{Kind: sandbox.FaultResetAfter, Persona: sandbox.Cloudbeds, Endpoint: "token", Property: w.spare, Count: 1})
	}
	return append(lost,
		sandbox.Fault{Kind: sandbox.FaultUnavailable, Endpoint: "token", Probability: 0.1, RetryAfter: 1},
		sandbox.Fault{Kind: sandbox.FaultLatency, Endpoint: "token", Probability: 0.2, Millis: 600},
	)
}

// betweenUsAndAWS breaks a few writes, in pairs: of one kind the write was made
// and its answer lost, of the other it never arrived. The SDK tries both again.
func betweenUsAndAWS() []proxy.Rule {
	var all []proxy.Rule
	for _, write := range []struct {
		service, operation string
		count              int
	}{
		{"dynamodb", "UpdateItem", 8}, {"dynamodb", "TransactWriteItems", 2},
		{"secretsmanager", "PutSecretValue", 2}, {"sqs", "SendMessageBatch", 3},
	} {
		for _, kind := range []proxy.Kind{proxy.Landed, proxy.NotLanded} {
			all = append(all, proxy.Rule{
				Match: proxy.Match{Service: write.service, Operation: write.operation},
				Kind:  kind, Count: write.count, Probability: 0.01,
			})
		}
	}
	return all
}
