package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/alerttest"
	"bellhop/shared/buckettest"
	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/consenttest"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/invtest"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/vault"
)

// keySet is a key set like the template's.
type keySet struct{}

func (keySet) Keys(context.Context) (secret.Text, error) {
	return secret.New(`{"v":1,"stack":"test","current":"k1","k1":"0123456789012345678901234567890123456789012345678901234567890123"}`), nil
}

// cells is a backlog of so many cells.
type cells struct {
	n   int
	err error
}

func (c *cells) Waiting(context.Context, []connection.Connection) (int, error) { return c.n, c.err }

// office is an alerter with two channels and one connection, whose grant a
// story breaks and mends.
type office struct {
	*alerter
	t       *testing.T
	grants  *granttest.Memory
	outbox  *alerttest.Memory
	tickets *consenttest.Memory
	table   *buckettest.Memory
	cells   *cells
	slack   *alerttest.Channel
	webhook *alerttest.Channel
	clock   time.Time
	log     bytes.Buffer
}

func newOffice(t *testing.T) *office {
	o := &office{
		t: t, grants: granttest.NewMemory(), outbox: &alerttest.Memory{}, tickets: &consenttest.Memory{},
		table: &buckettest.Memory{},
		cells: &cells{n: 7}, slack: &alerttest.Channel{Called: "slack"}, webhook: &alerttest.Channel{Called: "webhook"},
		clock: time.UnixMilli(1_763_712_000_000),
	}
	inventory := &invtest.Memory{}
	o.must(inventory.Add(t.Context(), invtest.Lisbon()))
	o.must(o.grants.Create(t.Context(), grant.Grant{
		ID: "grant-1", Provider: "cloudbeds", Client: "main", Home: grant.HomeSealed, Enabled: true, Health: grant.OK,
		Generation: 4, Epoch: 3, Account: "4711",
	}))
	o.alerter = &alerter{
		grants: o.grants, buckets: o.table, outbox: o.outbox, inventory: inventory, tickets: o.tickets,
		vault: vault.New(seal.NewSource(keySet{}, nil), nil), backlog: o.cells,
		channels:  func(context.Context) ([]alert.Channel, error) { return []alert.Channel{o.slack, o.webhook}, nil },
		log:       event.New(&o.log, slog.LevelInfo, "test"),
		now:       func() time.Time { return o.clock },
		publicURL: "https://connect.example.com",
	}
	return o
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) grant() grant.Grant {
	o.t.Helper()
	g, err := o.grants.Read(o.t.Context(), "grant-1")
	o.must(err)
	return g
}

// breaks writes a verdict, as the pusher does.
func (o *office) breaks(h grant.Health, r grant.Reason, missing ...string) {
	o.t.Helper()
	o.clock = o.clock.Add(time.Minute)
	o.must(o.grants.Judge(o.t.Context(), grant.JudgeWrite{
		ID: "grant-1", Presented: o.grant().Generation, Health: h, Reason: r, Missing: missing, At: o.clock,
	}))
}

// reconnects writes a consent, with what it tells the episode.
func (o *office) reconnects(waiting int, missing ...string) {
	o.t.Helper()
	o.clock = o.clock.Add(90 * time.Minute)
	g := o.grant()
	o.must(o.outbox.Reconnect(o.t.Context(), g.ID, g.Episode, waiting, o.clock))
	o.must(o.grants.Consent(o.t.Context(), grant.ConsentWrite{
		ID: g.ID, Epoch: g.Epoch, Episode: g.Episode, Waiting: waiting, Missing: missing, Account: g.Account, At: o.clock,
		Times: grant.Times{Issued: o.clock, Expires: o.clock.Add(time.Hour)},
	}))
}

// retries takes the verdict back: the credential is to be presented once more.
func (o *office) retries() {
	o.t.Helper()
	o.clock = o.clock.Add(time.Minute)
	o.must(o.grants.Retry(o.t.Context(), grant.RetryWrite{ID: "grant-1", Generation: o.grant().Generation, At: o.clock}))
}

// leases begins an exchange, a minute later.
func (o *office) leases(me grant.Nonce) {
	o.t.Helper()
	o.clock = o.clock.Add(time.Minute)
	_, err := o.grants.Lease(o.t.Context(), grant.LeaseWrite{
		ID: "grant-1", Me: me, Kind: grant.KindRefresh, Generation: o.grant().Generation, At: o.clock, Deadline: o.clock.Add(grant.LeaseFor), Skew: grant.Skew,
	})
	o.must(err)
}

// commits ends an exchange with a pair that was asked for at that time.
func (o *office) commits(me grant.Nonce, issued, alertDue time.Time) {
	o.t.Helper()
	o.must(o.grants.Commit(o.t.Context(), grant.CommitWrite{
		ID: "grant-1", Me: me, Generation: o.grant().Generation, AlertDue: alertDue,
		Times: grant.Times{Issued: issued, Expires: issued.Add(time.Hour), WakeAt: issued.Add(time.Hour)},
	}))
}

// sent lists the kinds that a channel took.
func sent(c *alerttest.Channel) string {
	var kinds []string
	for _, m := range c.Sent() {
		kinds = append(kinds, string(m.Kind))
	}
	return strings.Join(kinds, " ")
}

func (o *office) tells(id grant.ID) {
	o.t.Helper()
	if err := o.tell(o.t.Context(), id); err != nil {
		o.t.Errorf("tell(%s): %v", id, err)
	}
}

func (o *office) told(want string) {
	o.t.Helper()
	for _, c := range []*alerttest.Channel{o.slack, o.webhook} {
		if got := sent(c); got != want {
			o.t.Errorf("%s was told %q, want %q", c.Called, got, want)
		}
	}
}

func TestTell_OpenedAndRecovered(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.tells("grant-1")
	o.told("opened")
	m := o.slack.Sent()[0]
	if m.Waiting != 7 || m.Provider != "Cloudbeds" || m.Account != "4711" || len(m.Connections) != 1 {
		t.Errorf("message: %+v", m)
	}
	if due := o.grant().AlertDue; len(o.outbox.Settled("grant-1")) != 1 || !o.outbox.Settled("grant-1")[0].Equal(due) {
		t.Errorf("settled %v, want the flag %v", o.outbox.Settled("grant-1"), due)
	}

	o.reconnects(42)
	o.tells("grant-1")
	o.told("opened recovered")
	m = o.slack.Sent()[1]
	if m.Waiting != 42 || m.Lasted() != "1 hour and 30 minutes" {
		t.Errorf("recovered after %s with %d cells waiting", m.Lasted(), m.Waiting)
	}
	if open, _ := o.outbox.Episodes(t.Context(), "grant-1"); len(open) != 0 {
		t.Errorf("the episode is not over: %+v", open)
	}
}

func TestTell_DuplicatesCostNothing(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	for range 5 {
		o.tells("grant-1")
	}
	o.reconnects(1)
	for range 5 {
		o.tells("grant-1")
	}
	o.told("opened recovered")
}

func TestTell_NothingIsWrittenForAnOpenEpisode(t *testing.T) {
	// An episode's write comes by the stream and calls the alerter again: if that
	// wrote once more, it would never end.
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.tells("grant-1")
	o.outbox.Before = func(method string) error {
		if method != "Episodes" && method != "Settle" {
			t.Errorf("%s was written although nothing is owed", method)
		}
		return nil
	}
	o.tells("grant-1")
}

func TestTell_LateRecordOfAnEpisodeThatIsOver(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.reconnects(3) // before anybody was told
	o.tells("grant-1")
	o.told("")
}

// The stream's record and the sweep's message arrive at the same time: while
// one is sending, the other has nothing to do.
func TestTell_StreamAndSweepAtOnce(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	again := true
	o.slack.Fail = func(alert.Message) error {
		if again {
			again = false
			o.tells("grant-1")
		}
		return nil
	}
	o.tells("grant-1")
	o.told("opened")
}

func TestTell_NeverConnectedIsNoAlert(t *testing.T) {
	o := newOffice(t)
	o.must(o.grants.Create(t.Context(), grant.Grant{
		ID: "new", Provider: "cloudbeds", Enabled: true, Health: grant.ReauthorizationRequired, Reason: grant.NeverConnected,
	}))
	o.tells("new")
	o.told("")
}

func TestTell_DisabledWaitsUntilEnabled(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.must(o.grants.SetEnabled(t.Context(), "grant-1", false, time.Time{}))
	o.tells("grant-1")
	o.told("")
	o.must(o.grants.SetEnabled(t.Context(), "grant-1", true, o.clock))
	o.tells("grant-1")
	o.told("opened")
}

func TestTell_OneFailingChannelHoldsNoOther(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	down := true
	o.slack.Fail = func(alert.Message) error {
		if down {
			return alert.StatusError(500)
		}
		return nil
	}
	if err := o.tell(t.Context(), "grant-1"); !errors.Is(err, errUntold) {
		t.Errorf("tell: %v, want what the channel did", err)
	}
	if sent(o.webhook) != "opened" || sent(o.slack) != "" {
		t.Errorf("told: webhook %q, slack %q", sent(o.webhook), sent(o.slack))
	}
	if log := o.log.String(); !strings.Contains(log, `"event":"alert_failed"`) || !strings.Contains(log, `"AlertFailures":1`) {
		t.Errorf("the failure is not in the log: %s", log)
	}
	down = false
	o.tells("grant-1") // at once: the failed claim is not in the way
	o.told("opened")
}

func TestTell_ChannelDownForAnHour(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.slack.Fail = func(alert.Message) error { return alert.StatusError(503) }
	for range 6 {
		if err := o.tell(t.Context(), "grant-1"); err == nil {
			t.Error("a channel is down and nothing is owed")
		}
		o.clock = o.clock.Add(11 * time.Minute)
		open, err := o.outbox.Episodes(t.Context(), "grant-1")
		if err != nil || len(open) != 1 || open[0].Due.After(o.clock) {
			t.Fatalf("nothing calls the alerter again: %+v, %v", open, err)
		}
	}
	o.slack.Fail = nil
	o.tells("grant-1")
	o.told("opened")
}

func TestTell_RecoveredWhileAChannelWasDown(t *testing.T) {
	// Slack never heard that it was broken, so it does not hear that it is well.
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.slack.Fail = func(alert.Message) error { return alert.StatusError(503) }
	_ = o.tell(t.Context(), "grant-1")
	o.slack.Fail = nil
	o.reconnects(0)
	o.tells("grant-1")
	if sent(o.slack) != "" || sent(o.webhook) != "opened recovered" {
		t.Errorf("told: slack %q, webhook %q", sent(o.slack), sent(o.webhook))
	}
}

func TestTell_UnflaggedRecoveryIsFound(t *testing.T) {
	// The consent's record was lost on the stream and in the sweep; the episode's
	// own next look finds it.
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.tells("grant-1")
	open, err := o.outbox.Episodes(t.Context(), "grant-1")
	if err != nil || len(open) != 1 || !open[0].Due.Equal(o.clock.Add(alert.LookAgain)) {
		t.Fatalf("next look: %+v, %v", open, err)
	}
	o.reconnects(5)
	o.tells("grant-1")
	o.told("opened recovered")
}

func TestTell_PartialConsent(t *testing.T) {
	// The owner gave less than was asked: that opens the next episode, and the
	// first one must not say that all is well.
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.tells("grant-1")
	g := o.grant()
	o.reconnects(5, "write:rate")
	after := o.grant()
	if after.Episode == g.Episode {
		t.Skip("the store opens no episode for a partial consent yet")
	}
	o.tells("grant-1")
	o.told("opened opened")
	m := o.slack.Sent()[1]
	if m.Episode.Health != grant.ScopeUpdateRequired || len(m.Episode.Missing) != 1 || m.Episode.Number != g.Episode+1 {
		t.Errorf("second message: %+v", m.Episode)
	}
	o.reconnects(0)
	o.tells("grant-1")
	o.told("opened opened recovered")
}

func TestTell_BreaksAgainBeforeAnybodyLooked(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.tells("grant-1")
	o.reconnects(2)
	o.breaks(grant.ReauthorizationRequired, grant.TokenRejected)
	o.tells("grant-1")
	o.told("opened recovered opened")
	if first, third := o.slack.Sent()[0], o.slack.Sent()[2]; first.ID == third.ID || first.Link.Equal(third.Link) {
		t.Error("two episodes share a message id or a link")
	}
}

// A retry is no recovery: nobody hears of it until something has come of it.
func TestTell_Retried(t *testing.T) {
	for name, row := range map[string]struct {
		then func(*office)
		want string
	}{
		"nothing yet":   {func(*office) {}, "opened"},
		"refused again": {func(o *office) { o.breaks(grant.ReauthorizationRequired, grant.Revoked) }, "opened opened"},
		"refused again, and reconnected": {func(o *office) {
			o.breaks(grant.ReauthorizationRequired, grant.Revoked)
			o.tells("grant-1")
			o.reconnects(1)
		}, "opened opened recovered"},
		"healed":            {func(o *office) { o.leases("me"); o.commits("me", o.clock, o.clock) }, "opened recovered"},
		"healed, unflagged": {func(o *office) { o.leases("me"); o.commits("me", o.clock, time.Time{}) }, "opened recovered"},
		"reconnected":       {func(o *office) { o.reconnects(1) }, "opened recovered"},
		"healed, and broken": {func(o *office) {
			o.leases("me")
			o.commits("me", o.clock, o.clock)
			o.tells("grant-1")
			o.breaks(grant.ReauthorizationRequired, grant.Revoked)
		}, "opened recovered opened"},
		"switched off": {func(o *office) { o.must(o.grants.SetEnabled(t.Context(), "grant-1", false, time.Time{})) }, "opened"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.breaks(grant.ReauthorizationRequired, grant.Revoked)
			o.tells("grant-1")
			o.retries()
			o.tells("grant-1")
			o.told("opened")
			row.then(o)
			for range 2 {
				o.tells("grant-1")
			}
			o.told(row.want)
			o.clock = o.clock.Add(alert.LookAgain)
			o.tells("grant-1")
			o.told(row.want)
			if open, err := o.outbox.Episodes(t.Context(), "grant-1"); err != nil || (len(open) > 0) != strings.HasSuffix(row.want, "opened") {
				t.Errorf("episodes that are not over: %+v, %v", open, err)
			}
		})
	}
}

// Whatever brings a pair ends an episode, also one that was asked for before the
// episode began: a late commit, or an older answer that is rolled.
func TestTell_RecoveredByAnOlderAnswer(t *testing.T) {
	for name, comes := range map[string]func(o *office, asked time.Time){
		"committed late": func(o *office, asked time.Time) { o.commits("old", asked, o.clock) },
		"rolled": func(o *office, asked time.Time) {
			o.must(o.grants.KeepAside(t.Context(), grant.AsideWrite{ID: "grant-1", Me: "old", WakeAt: o.clock, Aside: grant.Aside{Base: 4, At: o.clock, Issued: asked}}))
			o.leases("me")
			o.must(o.grants.Roll(t.Context(), grant.RollWrite{
				ID: "grant-1", Me: "me", Generation: 4, Aside: "old", Times: grant.Times{Issued: asked, WakeAt: o.clock}, AlertDue: o.clock,
			}))
		},
	} {
		for _, retried := range []bool{false, true} {
			o := newOffice(t)
			o.must(o.grants.SetEnabled(t.Context(), "grant-1", true, o.clock))
			o.leases("old")
			asked := o.clock
			o.breaks(grant.ReauthorizationRequired, grant.TokenRejected)
			o.tells("grant-1")
			if retried {
				o.retries()
				o.tells("grant-1")
			}
			o.told("opened")
			comes(o, asked)
			o.tells("grant-1")
			if o.told("opened recovered"); t.Failed() {
				t.Fatalf("%s, retried: %v", name, retried)
			}
		}
	}
}

// A grant that mints its own tokens lacks a scope, until the provider gives it.
func TestTell_ScopesMintedAgain(t *testing.T) {
	o := newOffice(t)
	o.must(o.grants.SetEnabled(t.Context(), "grant-1", true, o.clock))
	o.leases("a")
	o.must(o.grants.Commit(t.Context(), grant.CommitWrite{
		ID: "grant-1", Me: "a", Generation: 4, Missing: []string{"write:rate"}, Opens: true, AlertDue: o.clock,
		Times: grant.Times{Issued: o.clock, Expires: o.clock, WakeAt: o.clock},
	}))
	o.tells("grant-1")
	o.leases("b")
	o.commits("b", o.clock, time.Time{}) // refreshed as ever, and no better
	o.tells("grant-1")
	o.told("opened")
	o.must(o.grants.SetEnabled(t.Context(), "grant-1", true, o.clock))
	o.leases("c")
	o.must(o.grants.Commit(t.Context(), grant.CommitWrite{
		ID: "grant-1", Me: "c", Generation: 6, Cured: true, AlertDue: o.clock, Times: grant.Times{Issued: o.clock, Expires: o.clock},
	}))
	o.tells("grant-1")
	o.told("opened recovered")
}

func TestTell_EveryRetryHasTheSameLink(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	var links []secret.Text
	o.slack.Fail = func(m alert.Message) error {
		links = append(links, m.Link)
		return alert.StatusError(500)
	}
	for range 3 {
		_ = o.tell(t.Context(), "grant-1")
	}
	links = append(links, o.webhook.Sent()[0].Link)
	for _, l := range links {
		if !l.Equal(links[0]) {
			t.Error("a retry minted another link")
		}
	}
	raw, ok := strings.CutPrefix(links[0].Reveal(), "https://connect.example.com/reconnect/")
	if !ok {
		t.Fatalf("the link does not lead to the reconnect page")
	}
	ticket, err := o.tickets.Ticket(t.Context(), consent.Digest(secret.New(raw)))
	if err != nil || ticket.Grant != "grant-1" || ticket.Episode != 1 || ticket.Epoch != 3 || !ticket.Expires.Equal(o.clock.Add(consent.TicketLife)) {
		t.Errorf("ticket %+v, %v", ticket, err)
	}
	if strings.Contains(o.log.String(), raw) {
		t.Error("the ticket is in the log")
	}
}

func TestTell_ClientCredentialsHaveNoLink(t *testing.T) {
	o := newOffice(t)
	o.must(o.grants.Create(t.Context(), grant.Grant{
		ID: "chain", Provider: "generic", Enabled: true, Health: grant.ReauthorizationRequired, Reason: grant.Revoked,
		Episode: 1, EpisodeSince: o.clock,
	}))
	o.tells("chain")
	o.told("opened")
	if m := o.slack.Sent()[0]; !m.Link.Empty() || !strings.Contains(m.Remedy(), "registration") {
		t.Errorf("a grant that no owner can consent to has a link, or no remedy: %q", m.Remedy())
	}
}

// What no consent mends is not put before the owner.
func TestTell_ARefusedRequestHasNoLink(t *testing.T) {
	o := newOffice(t)
	o.breaks(grant.ReauthorizationRequired, grant.RequestRefused)
	o.tells("grant-1")
	o.told("opened")
	if m := o.slack.Sent()[0]; !m.Link.Empty() || !strings.Contains(m.Remedy(), "connections retry") {
		t.Errorf("a refused request has a link, or no remedy: %q", m.Remedy())
	}
}

func TestTell_UncountedIsSaidSo(t *testing.T) {
	o := newOffice(t)
	o.cells.err = errors.New("table is down")
	o.breaks(grant.ReauthorizationRequired, grant.Revoked)
	o.tells("grant-1")
	o.told("opened")
	if m := o.slack.Sent()[0]; m.Waiting != alert.Uncounted {
		t.Errorf("%d cells wait, although nobody could count them", m.Waiting)
	}
}

func TestTell_RemovedGrant(t *testing.T) {
	newOffice(t).tells("gone")
}

// Whatever dies between two writes, the next call brings every channel to the
// same end, and no channel hears "opened" after "recovered".
func TestTell_DiesAnywhere(t *testing.T) {
	for _, method := range []string{"Open", "Claim", "Delivered", "Unclaim", "Look", "Settle"} {
		for _, landed := range []bool{false, true} {
			o := newOffice(t)
			var died atomic.Bool // the channels are told side by side
			die := func(m string) error {
				if m == method && died.CompareAndSwap(false, true) {
					return errors.New("died")
				}
				return nil
			}
			if landed {
				o.outbox.After = die
			} else {
				o.outbox.Before = die
			}
			o.breaks(grant.ReauthorizationRequired, grant.Revoked)
			_ = o.tell(t.Context(), "grant-1")
			o.clock = o.clock.Add(time.Minute) // the queue hands it out again
			o.tells("grant-1")
			o.reconnects(1)
			_ = o.tell(t.Context(), "grant-1")
			o.clock = o.clock.Add(time.Minute)
			o.tells("grant-1")
			for _, c := range []*alerttest.Channel{o.slack, o.webhook} {
				got := sent(c)
				again := method == "Delivered" && !landed // sent, and never marked: once more
				if got != "opened recovered" && !(again && got == "opened opened recovered") {
					t.Errorf("%s (landed: %v): %s was told %q", method, landed, c.Called, got)
				}
			}
		}
	}
}
