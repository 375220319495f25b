package main

import "time"

// mutation is one rule of the protocol left out, and the exploration that must
// notice. The patches are made to copies of the sources: what ships has no
// switch.
type mutation struct {
	name    string
	patches []patch
	// The smallest exploration that is known to notice: who comes (two runs, two
	// at once, when with names no number), at which provider, after how many
	// disturbances.
	regime       string
	with         staging
	disturbances int
}

// patch replaces one place of one file; mutant is the condition under which the
// rule is left out.
type patch struct{ file, old, new string }

const (
	inRecover  = "shared/grant/recover.go"
	inAside    = "shared/grant/aside.go"
	inDue      = "shared/grant/due.go"
	inCycle    = "shared/refresh/cycle.go"
	inExchange = "shared/refresh/exchange.go"
	inCommit   = "shared/refresh/commit.go"
	inRoll     = "shared/refresh/roll.go"
	inSettle   = "shared/refresh/settle.go"
	inCallback = "shared/consent/callback.go"
	inTable    = "shared/granttest/writes.go" // stands for the conditions of shared/dynamo
	inItem     = "shared/granttest/item.go"
)

// mutations are those of docs/protocols.md, of its table, its traces and its
// prose, in no other order than it has them.
var mutations = []mutation{
	{name: "slot", regime: "detect", disturbances: 1, patches: []patch{
		{inTable, "g.Attempts[w.Me] = grant.Attempt{", "if MUTANT {\nclear(g.Attempts)\n}\ng.Attempts[w.Me] = grant.Attempt{"}}},
	{name: "abandonOnUnknown", regime: "detect", disturbances: 1, patches: []patch{
		{inExchange, "if r.kind() == grant.KindClient {\n\t\treturn r.abandon(ctx, w)", "if r.kind() == grant.KindClient || MUTANT {\n\t\treturn r.abandon(ctx, w)"}}},
	{name: "loserDrops", regime: "grace-newest", disturbances: 1, patches: []patch{
		{inCommit, "if r.sealed.Data == nil {", "if r.sealed.Data == nil || MUTANT {"}}},
	{name: "verdictNoAsides", regime: "grace-newest", disturbances: 1, with: staging{runs: 3}, patches: []patch{
		{inRecover, "g.best(func(Aside) bool { return true }); ok {", "g.best(func(Aside) bool { return true }); ok && !MUTANT {"},
		{inTable, "!only(g.Asides, w.PassedOver) {", "!only(g.Asides, w.PassedOver) && !MUTANT {"}}},
	{name: "verdictNoYoung", regime: "grace-newest", disturbances: 2, with: staging{only: []order{stall}, at: []string{"POST", "Commit"}}, patches: []patch{
		{inRecover, "if now.Before(until) {", "if now.Before(until) && !MUTANT {"}}},
	{name: "neverRollBefore", regime: "detect", disturbances: 1, patches: []patch{
		{inRecover, "; ok { // row 1", "; ok && !MUTANT { // row 1"},
		{inRecover, "; ok && risky", "; ok && risky && !MUTANT"}}},
	{name: "presentAtOnce", regime: "detect", disturbances: 1, patches: []patch{
		{inRecover, "if risky { // row 4", "if risky && !MUTANT { // row 4"}}},
	{name: "presentYoung", regime: "detect", disturbances: 1, patches: []patch{
		{inRecover, "return latest(g.Edge(), oldAt(g.foreign(me, true)))", "if MUTANT {\nreturn g.Edge()\n}\nreturn latest(g.Edge(), oldAt(g.foreign(me, true)))"}}},
	{name: "edgeNotAwaited", regime: "detect", disturbances: 1, with: staging{life: 10 * time.Minute}, patches: []patch{
		{inRecover, "return latest(g.Edge(), oldAt(", "if MUTANT {\nreturn oldAt(g.foreign(me, true))\n}\nreturn latest(g.Edge(), oldAt("}}},
	{name: "rollRemovesAllKnown", regime: "grace-newest", disturbances: 3, with: staging{only: []order{stall, loseAll}, at: []string{"Commit"}}, patches: []patch{
		{inTable, "delete(g.Asides, w.Aside)\n", "delete(g.Asides, w.Aside)\nif MUTANT {\nclear(g.Asides)\n}\n"}}},
	{name: "dropFormer", regime: "grace-newest", disturbances: 2, with: staging{only: []order{loseAll, crashSent}}, patches: []patch{
		{inRoll, "if plan.KeepFormer {", "if plan.KeepFormer && !MUTANT {"}}},
	{name: "orderFormerFirst", regime: "grace-first-revokes", disturbances: 3, with: staging{only: []order{loseAll, crashSent}, at: []string{"Commit", "KeepAside"}}, patches: []patch{
		{inAside, "return b.Former\n", "return b.Former != MUTANT\n"}}},
	{name: "youngerWaits", regime: "grace-newest-revokes-siblings", disturbances: 1, patches: []patch{
		{inRecover, "ok && rotation.Policy == \"grace\" {", "ok && rotation.Policy == \"grace\" && !MUTANT {"}}},
	{name: "elderYoung", regime: "grace-newest-revokes-siblings", disturbances: 1, with: staging{runs: 3, only: []order{stall}, at: []string{"Commit"}}, patches: []patch{
		{inRecover, "== \"grace\" { // row 4a", "== \"grace\" && !MUTANT { // row 4a"}}},
	{name: "elderAlways", regime: "grace-newest-revokes", disturbances: 2, with: staging{life: time.Minute, only: []order{loseOnce, loseAll}, at: []string{"POST", "Commit"}}, patches: []patch{
		{inRecover, "if g.Revived == g.Generation {", "if g.Revived == g.Generation && !MUTANT {"},
		{inRecover, "return kept || ", "return kept && !MUTANT || "}}},
	{name: "commitRemovesAllAsides", regime: "grace-newest", disturbances: 2, with: staging{only: []order{loseAll, crashSent}}, patches: []patch{
		{inTable, "delete(g.Asides, n)\n\t\t}\n", "delete(g.Asides, n)\n\t\t}\nif MUTANT {\nclear(g.Asides)\n}\n"}}},
	{name: "removeKnownAtCommitTime", regime: "grace-first", disturbances: 2, with: staging{only: []order{loseAll, crashSent}}, patches: []patch{
		{inCommit, "g, now := r.snapshot, r.c.Now()\n\tmissing", "g, now := r.snapshot, r.c.Now()\nif MUTANT {\nif read, err := r.c.Store.Read(context.Background(), g.ID); err == nil {\ng.Asides = read.Asides\n}\n}\n\tmissing"}}},
	{name: "commitKeepsAsides", regime: "grace-newest", disturbances: 1, with: staging{runs: 3}, patches: []patch{
		{inTable, "for _, n := range w.DropAsides {\n", "for _, n := range w.DropAsides {\nif MUTANT {\nbreak\n}\n"}}},
	{name: "commitClearsAllAttempts", regime: "grace-newest", disturbances: 1, patches: []patch{
		{inTable, "for _, n := range w.DropAttempts {\n", "if MUTANT {\nclear(g.Attempts)\n}\nfor _, n := range w.DropAttempts {\n"}}},
	{name: "rollAnyBase", regime: "grace-newest", disturbances: 1, patches: []patch{
		{inRecover, "!a.Former && a.Base == g.Generation }); ok", "MUTANT || !a.Former && a.Base == g.Generation }); ok"}}},
	{name: "leaseNeverInReauth", regime: "strict", disturbances: 2, with: staging{runs: 3, only: []order{loseAll, crashSent}, at: []string{"Commit", "KeepAside"}}, patches: []patch{
		{inTable, "g.Health == grant.ReauthorizationRequired && len(g.Asides) == 0)", "g.Health == grant.ReauthorizationRequired && (len(g.Asides) == 0 || MUTANT))"},
		{inDue, "(g.Health != ReauthorizationRequired || len(g.Asides) > 0)", "(g.Health != ReauthorizationRequired || len(g.Asides) > 0 && !MUTANT)"}}},
	{name: "asideNoAttemptCond", regime: "detect", disturbances: 2, with: staging{runs: 3, only: []order{loseOnce, crash}, at: []string{"POST", "Commit"}}, patches: []patch{
		{inTable, "if !attempted(*g, w.Me) {\n\t\t\treturn false\n\t\t}\n\t\tg.Asides", "if !attempted(*g, w.Me) && !MUTANT {\n\t\t\treturn false\n\t\t}\n\t\tg.Asides"}}},
	{name: "selfByCommittedBy", regime: "detect", disturbances: 2, with: staging{runs: 3, only: []order{loseOnce, crash}, at: []string{"POST", "Commit"}}, patches: []patch{
		{inCommit, "return fmt.Errorf(\"committing grant", "if current, refused := conflict(err); MUTANT && refused && current.CommittedBy == r.me {\nreturn nil\n}\nreturn fmt.Errorf(\"committing grant"},
		{inTable, "if !attempted(*g, w.Me) && ", "if !attempted(*g, w.Me) && !MUTANT && "}}},
	{name: "riskyBeforeAsides", regime: "grace-all-revokes", disturbances: 2, with: staging{runs: 3, only: []order{stall, crash}, at: []string{"Commit"}}, patches: []patch{
		{inRecover, "{ // row 2", "&& !MUTANT { // row 2"}}},
	{name: "abandonAfterUnknown", regime: "grace-newest", disturbances: 2, with: staging{only: []order{loseOnce, notSent}, at: []string{"POST"}}, patches: []patch{
		{inExchange, "out := r.post(ctx, string(r.me), ours.Current)\n", "out := r.post(ctx, string(r.me), ours.Current)\nif VARIED && out.Class == oauth.Unknown {\nout = r.post(ctx, string(r.me), ours.Current)\n}\n"},
		{inExchange, "if r.unknown {", "if r.unknown && !MUTANT {"}}},
	{name: "commitNoTicket", regime: "detect", disturbances: 2, with: staging{only: []order{loseOnce, loseAll, crash}, at: []string{"POST", "Commit"}}, patches: []patch{
		{inTable, "if g.Generation != w.Generation || !attempted(*g, w.Me) {\n\t\t\treturn false\n\t\t}\n\t\tinline(g, w.Sealed", "if g.Generation != w.Generation || !attempted(*g, w.Me) && !MUTANT {\n\t\t\treturn false\n\t\t}\n\t\tinline(g, w.Sealed"}}},
	{name: "graceFromLast", regime: "grace-newest-revokes", disturbances: 2, with: staging{runs: 3, only: []order{stall, crash}, at: []string{"Commit"}}, patches: []patch{
		{inRecover, "at.Before(first) {", "at.Before(first) != MUTANT {"}}},
	{name: "freeFromRecover", regime: "grace-newest-revokes", disturbances: 2, with: staging{only: []order{stall, crash}, at: []string{"POST", "Commit", "Lease"}}, patches: []patch{
		{inExchange, "if !r.freeUntil.IsZero() && r.freeUntil.Before(latest) {", "if !r.freeUntil.IsZero() && r.freeUntil.Before(latest) && !MUTANT {"}}},
	{name: "clockUnchecked", regime: "detect", disturbances: 1, patches: []patch{
		{inExchange, "latest := r.snapshot.Lease.Deadline.Add(-exchangeFor - commitFor)\n", "latest := r.snapshot.Lease.Deadline.Add(-exchangeFor - commitFor)\nif MUTANT {\nlatest = latest.Add(time.Hour)\n}\n"},
		{inExchange, "|| !r.c.enough(ctx) {", "|| !r.c.enough(ctx) && !MUTANT {"}}},
	{name: "refusedWasMine", regime: "grace-first", disturbances: 2, with: staging{only: []order{stall, loseOnce}, at: []string{"Commit"}}, patches: []patch{
		{inCycle, "if _, refused := conflict(err); err == nil ||", "if _, refused := conflict(err); refused && try > 0 && MUTANT {\nreturn nil\n}\nif _, refused := conflict(err); err == nil ||"}}},
	{name: "presentReadLater", regime: "detect", disturbances: 0, with: staging{runs: 1, alive: 1, callback: true}, patches: []patch{
		{inExchange, "p, err := r.c.Vault.Open(ctx, r.snapshot)", "opened := r.snapshot\nif MUTANT {\nif read, err := r.c.Store.Read(ctx, opened.ID); err == nil {\nopened = read\n}\n}\np, err := r.c.Vault.Open(ctx, opened)"}}},
	{name: "leaseStampedLate", regime: "detect", disturbances: 1, patches: []patch{
		{inTable, "if held(*g, w.At, w.Skew) || g.Generation != w.Generation {\n\t\t\treturn false\n\t\t}\n\t\tif !w.AnyHealth", "if MUTANT {\nw.Deadline = w.Deadline.Add(time.Since(w.At))\nw.At = time.Now()\n}\nif held(*g, w.At, w.Skew) || g.Generation != w.Generation {\n\t\t\treturn false\n\t\t}\n\t\tif !w.AnyHealth"}}},
	{name: "noRefusedMark", regime: "grace-newest", disturbances: 3, with: staging{only: []order{stall}, at: []string{"POST", "Commit"}}, patches: []patch{
		{inTable, "g.Refused = w.Generation\n", "if !MUTANT {\ng.Refused = w.Generation\n}\n"}}},
	{name: "callbackNeedsLease", regime: "detect", disturbances: 0, with: staging{runs: 1, alive: 1, callback: true}, patches: []patch{
		{inTable, "if g.Epoch != w.Epoch {", "if g.Epoch != w.Epoch || MUTANT && g.Lease != nil && g.Attempts[g.Lease.Owner].Kind != grant.KindCode {"}}},
	{name: "callbackKeepsAsides", regime: "detect", disturbances: 1, with: staging{runs: 1, alive: 1, callback: true, only: []order{loseOnce}}, patches: []patch{
		{inItem, "g.Attempts, g.Asides = map[grant.Nonce]grant.Attempt{}, map[grant.Nonce]grant.Aside{}",
			"g.Attempts = map[grant.Nonce]grant.Attempt{}\nif !MUTANT {\ng.Asides = map[grant.Nonce]grant.Aside{}\n}"}}},
	{name: "callbackUnchecked", regime: "detect", disturbances: 0, with: staging{runs: 1, alive: 1, stranger: true}, patches: []patch{
		{inCallback, "x.grant.Account != x.account:", "x.grant.Account != x.account && !MUTANT:"}}},
	{name: "commitEnables", regime: "detect", disturbances: 0, with: staging{disable: true}, patches: []patch{
		{inTable, "inline(g, w.Sealed, w.Times, w.Scopes)\n\t\tg.Generation++\n\t\tg.Lease", "if MUTANT {\ng.Enabled = true\n}\ninline(g, w.Sealed, w.Times, w.Scopes)\n\t\tg.Generation++\n\t\tg.Lease"}}},
	{name: "pusherNoGen", regime: "detect", disturbances: 0, with: staging{judge: true}, patches: []patch{
		{inTable, "if g.Generation != w.Presented || held(*g, w.At, w.Skew) || g.Health != grant.OK {", "if g.Generation != w.Presented && !MUTANT || held(*g, w.At, w.Skew) || g.Health != grant.OK {"}}},
	{name: "pusherEndsWake", regime: "grace-newest", disturbances: 1, with: staging{judge: true}, patches: []patch{
		{inTable, "find(g, w.Health, w.Reason, w.Missing)\n\t\topen(g, w.At)", "find(g, w.Health, w.Reason, w.Missing)\nif MUTANT {\ng.WakeAt = time.Time{}\n}\nopen(g, w.At)"}}},
	{name: "settleNoGen", regime: "detect", disturbances: 0, patches: []patch{
		{inTable, "if g.Generation != w.Generation || g.Placement", "if g.Generation != w.Generation && !MUTANT || g.Placement"}}},
	{name: "swapBeforePut", regime: "detect", disturbances: 0, patches: []patch{
		{inSettle, "ref, at, err := c.Vault.Settle(ctx, g, p)", "if MUTANT {\n_ = c.Store.Settle(ctx, grant.SettleWrite{ID: g.ID, Generation: g.Generation, Ref: fmt.Sprintf(\"1/%d\", g.Generation)})\n}\nref, at, err := c.Vault.Settle(ctx, g, p)"},
		{inSettle, "\t\"errors\"\n", "\t\"errors\"\n\t\"fmt\"\n"}}},
}
