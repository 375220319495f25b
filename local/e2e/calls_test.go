package e2e

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/local/proxy"
)

// byLambda are the statements for what Lambda itself does in a function's name:
// its pollers, its log and its destinations do not pass the proxy.
var byLambda = []string{
	"Log", "TakeWakes", "TakeRates", "TakeAlerts", "FollowVerdicts", "FindTheStream", "ReportFailedSweeps", "ReportLostVerdicts",
}

// unseen are permissions that no run can be made to use, and what they are for.
var unseen = map[string]string{
	"webhook secretsmanager:GetSecretValue grant/*": "compares a version that is there already: a table restored to an older time",
}

// watchCalls follows the proxy's log, which remembers the newest calls only, and
// notes who did what to which resource. It ends with ctx.
func (w *world) watchCalls(ctx context.Context) {
	since := int64(0)
	for ctx.Err() == nil {
		entries, err := w.Proxy.Log(ctx, proxy.LogQuery{Since: since})
		if err == nil {
			for _, e := range entries {
				since = e.Seq
				w.noteCall(e)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (w *world) noteCall(e proxy.Entry) {
	if e.Error == "AccessDeniedException" || e.Error == "AccessDenied" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, operation := range verbs(e.Operation) {
		for _, resource := range w.resources(e) {
			w.used[strings.Join([]string{e.Function, e.Service + ":" + operation, resource}, " ")] = true
		}
	}
}

// verbs are the permissions that an operation needs. A transaction's parts are
// not told apart in the log.
func verbs(operation string) []string {
	switch operation {
	case "TransactWriteItems":
		return []string{"PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"}
	case "SendMessageBatch":
		return []string{"SendMessage*"}
	case "SendMessage":
		return []string{"SendMessage*"}
	}
	return []string{operation}
}

// resources are the template's names of what a call was about; both tables for a
// call that names more than one item.
func (w *world) resources(e proxy.Entry) []string {
	o := w.Outputs
	last := func(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }
	switch {
	case e.Service == "secretsmanager":
		for part, name := range map[string]string{"/client/": "client/*", "/grant/": "grant/*", "/keys": "KeysSecret", "/alerts": "AlertTargetsSecret"} {
			if strings.Contains(e.Target, part) {
				return []string{name}
			}
		}
	case e.Service == "sqs":
		for url, name := range map[string]string{o.RatesQueueURL: "RatesQueue", o.RefreshQueueURL: "RefreshQueue",
			o.AlertsQueueURL: "AlertsQueue", o.RejectedQueueURL: "RejectedQueue"} {
			if e.Target == last(url) {
				return []string{name}
			}
		}
	case e.Target == o.GrantsTable:
		return []string{"GrantsTable"}
	case e.Target == o.RatesTable:
		return []string{"RatesTable"}
	}
	return []string{"GrantsTable", "RatesTable"}
}

// resourceOf is the template's name of a permission's resource.
func resourceOf(p permission) string {
	for _, prefix := range []string{"client/*", "grant/*"} {
		if strings.HasSuffix(p.resource, prefix) {
			return prefix
		}
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(p.resource, "${"), ".")
	return name
}

// rolesHaveNothingToSpare: what the run never needed, no role needs.
func (w *world) rolesHaveNothingToSpare(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	spare := map[string]bool{}
	for _, p := range permissions(t) {
		function := strings.ToLower(strings.TrimSuffix(p.role, "Role"))
		if function == "sweep" || slices.Contains(byLambda, p.sid) {
			continue
		}
		if use := strings.Join([]string{function, p.action, resourceOf(p)}, " "); !w.used[use] && unseen[use] == "" {
			spare[use] = true
		}
	}
	for _, use := range slices.Sorted(maps.Keys(spare)) {
		t.Errorf("the template permits what nothing in this run has used: %s", use)
	}
}
