// Package e2e tells, on real components, the stories that Bellhop exists for:
// the deployed template, the four functions as processes, the operator's
// command, queues, tables and secrets on MiniStack behind the proxy, and two
// providers whose books say what really happened.
//
// Everything is judged from outside: from the providers' books, from what people
// were shown and from what the functions logged, never from the product's own
// opinion of itself. The stack is started once for all of it. The stories run
// side by side, each with connections of its own; the kills come after them,
// because a process that is killed takes the work of others with it.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/local/torture"
)

// switchVariable is the environment variable that `make test` sets: starting a
// stack takes a prepared folder, which a plain `go test ./...` may not find.
const switchVariable = "BELLHOP_E2E"

// atOnce is how many stories run side by side. They wait for others most of the
// time, so the number of processors says nothing about it.
const atOnce = "32"

// running is the one stack of this process; nil when the switch is off.
var running *world

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run starts the stack, runs the tests and ends what it started.
func run(m *testing.M) int {
	if os.Getenv(switchVariable) == "" {
		fmt.Println("e2e: " + switchVariable + " is not set: no stack is started and the stories are skipped (make test sets it)")
		return m.Run()
	}
	if err := flag.Set("test.parallel", atOnce); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if running, err = begin(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-ctx.Done(): // Ctrl-C: nothing that was started may stay behind
			_ = running.end()
			os.Exit(interrupted)
		case <-finished:
		}
	}()
	code := m.Run()
	if err := running.end(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: stopping:", err)
		return 1
	}
	return code
}

// interrupted is what a shell reports of a program that Ctrl-C ended.
const interrupted = 130

// configuration is the stack that the stories need: tokens of a minute, as a
// provider in a hurry issues them, and both channels of alerts pointing here.
func configuration(alerts *receiver, witness *torture.Witness) (stack.Config, error) {
	base := stack.DefaultPortBase
	if text := os.Getenv(stack.PortBaseVariable); text != "" {
		var err error
		if base, err = strconv.Atoi(text); err != nil {
			return stack.Config{}, fmt.Errorf("%s: %w", stack.PortBaseVariable, err)
		}
	}
	return stack.Config{
		PortBase: base,
		Parameters: map[string]string{
			"SlackUrl": alerts.address(base) + "/slack", "AlertWebhookUrl": alerts.address(base) + "/webhook",
			"AlertWebhookSecret": alerts.secret,
		},
		Observe: witness.Observe,
		Sandbox: sandbox.Config{AccessTokenLifetime: time.Minute, ReuseGrace: 30 * time.Second, Seed: 1},
	}, nil
}

// TestBellhop is the run. Its parts have an order, which is why they are no
// tests of their own: the contracts first, while nothing else is at work, and
// what can be said about all of it at the end.
func TestBellhop(t *testing.T) {
	w := theWorld(t)
	t.Run("contracts", w.contractsHold)
	w.beUnkind(t)
	t.Run("stories", func(t *testing.T) { w.sideBySide(t, stories) })
	t.Run("kills", func(t *testing.T) { w.sideBySide(t, kills) })
	t.Run("kills_without_grace", w.killsWithoutGrace)
	t.Run("nothing_to_spare", w.rolesHaveNothingToSpare)
	t.Run("roles", w.rolesKeepTheirBounds)
	t.Run("example_events", w.exampleEventsAreAnswered)
	t.Run("a_minute_of_torture", w.aMinuteOfTorture)
	t.Run("books", w.booksAreRight)
	t.Run("log", w.logHoldsEveryEvent)
	t.Run("secrets", w.noSecretIsInAnyOutput)
}

// versionQuota is how many versions a secret takes during the stories: few, so
// that epochs turn.
const versionQuota = 4

// indexDelay is how long the proxy keeps a write from the indexes.
const indexDelay = 300 * time.Millisecond

// beUnkind lets reads be as stale as AWS allows itself to be, and secrets fill
// up soon. The contracts are about order, not about time: they come before.
func (w *world) beUnkind(t *testing.T) {
	t.Helper()
	err := w.Proxy.Set(t.Context(), proxy.Settings{
		VersionQuota: versionQuota,
		IndexDelay:   proxy.Millis(indexDelay),
		SecretDelay:  proxy.Millis(200 * time.Millisecond),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// story is one test with connections of its own.
type story struct {
	name string
	tell func(*testing.T, *world)
}

// stories are told side by side.
var stories = []story{
	{"our_own_credentials_connect_by_themselves", connectWithOwnCredentials},
	{"consent_connects", connectByConsent},
	{"a_property_addresses_all_its_connections", sendToAProperty},
	{"tokens_rotate_under_updates", rotateUnderUpdates},
	{"posted_rates", postRates},
	{"bad_input_from_the_queue", refuseBadInput},
	{"jobs_and_the_providers_webhook", finishJobs},
	{"a_token_dies_in_the_middle", pushWithADeadToken},
	{"revoked_alerted_reconnected", reconnectAfterRevocation},
	{"an_alert_that_was_not_taken", alertAgain},
	{"links_that_do_not_work", refuseLinks},
	{"disabled_and_enabled", switchOffAndOn},
	{"an_operators_year", operate},
	{"a_registration_that_is_refused", bringTheRightSecret},
	{"a_new_epoch_before_the_quota", turnTheEpoch},
	{"secrets_manager_refuses_for_a_while", settleLater},
	{"an_unreadable_answer", keepTheUnreadable},
	{"a_commit_that_the_table_refuses", rollTheAside},
	{"an_answer_that_never_came", recoverALostAnswer},
	{"a_token_endpoint_in_trouble", waitForTheTokenEndpoint},
	{"a_late_price_at_the_provider", healALatePrice},
}

// sideBySide tells stories, all at once.
func (w *world) sideBySide(t *testing.T, all []story) {
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.tell(t, w)
		})
	}
}
