package main

import (
	"strings"
	"testing"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/grant"
)

// dying is a well grant whose refresh token dies in so many days, as a commit
// leaves it: flagged.
func dying(o *office, days int) grant.Grant {
	o.t.Helper()
	g := grant.Grant{
		ID: "old", Provider: "cloudbeds", Client: "main", Home: grant.HomeSealed, Enabled: true, Health: grant.OK, Generation: 4,
		Issued: o.clock, Expires: o.clock.Add(time.Hour), WakeAt: o.clock.Add(50 * time.Minute),
		RefreshExpires: o.clock.Add(time.Duration(days)*24*time.Hour - time.Minute), AlertDue: o.clock,
	}
	o.must(o.grants.Create(o.t.Context(), g))
	return g
}

// Each threshold is told once, to every channel, however often the alerter is
// called.
func TestForetell_OncePerThreshold(t *testing.T) {
	o := newOffice(t)
	dies := dying(o, 14).RefreshExpires
	for _, c := range []struct {
		left time.Duration
		want string
	}{
		{13 * 24 * time.Hour, "expiring"}, {8 * 24 * time.Hour, "expiring"}, {6 * 24 * time.Hour, "expiring expiring"},
		{time.Hour, "expiring expiring expiring"}, {time.Minute, "expiring expiring expiring"}, {-time.Hour, "expiring expiring expiring"},
	} {
		o.clock = dies.Add(-c.left)
		for range 3 {
			o.tells("old")
		}
		o.told(c.want)
	}
	var days []int
	for _, m := range o.slack.Sent() {
		days = append(days, m.Forecast.Days)
	}
	if m := o.slack.Sent()[0]; len(days) != 3 || days[0] != 14 || days[1] != 7 || days[2] != 1 || !m.Forecast.Dies.Equal(dies) || m.Provider != "Cloudbeds" {
		t.Errorf("foretold %v, %+v", days, m)
	}
	if len(o.outbox.Settled("old")) == 0 {
		t.Error("the flag was never taken down")
	}
}

func TestForetell_NobodyWhoKnowsOrCannotHear(t *testing.T) {
	o := newOffice(t)
	dying(o, 30)
	o.tells("old") // far away
	o.must(o.grants.SetEnabled(t.Context(), "old", false, time.Time{}))
	o.clock = o.clock.Add(29 * 24 * time.Hour)
	o.tells("old") // somebody switched it off
	o.told("")
}

// What each use renews is told of only when nobody uses it any more.
func TestForetell_RenewedByUse(t *testing.T) {
	o := newOffice(t)
	g := dying(o, 14)
	g.ID, g.RefreshRenewed = "renewed", true
	o.must(o.grants.Create(t.Context(), g))
	o.clock = g.RefreshExpires.Add(-time.Minute)
	o.tells("renewed")
	o.told("")
}

// One channel that takes it is enough; while none does, the flag stays.
func TestForetell_ChannelsThatAreDown(t *testing.T) {
	o := newOffice(t)
	dying(o, 7)
	down := func(alert.Message) error { return alert.StatusError(503) }
	o.slack.Fail, o.webhook.Fail = down, down
	if err := o.tell(t.Context(), "old"); err == nil || len(o.outbox.Settled("old")) != 0 {
		t.Errorf("nobody was told: %v, settled %v", err, o.outbox.Settled("old"))
	}
	o.webhook.Fail = nil
	o.tells("old")
	o.slack.Fail = nil
	o.tells("old")
	if sent(o.webhook) != "expiring" || sent(o.slack) != "" || len(o.outbox.Settled("old")) == 0 {
		t.Errorf("told: webhook %q, slack %q", sent(o.webhook), sent(o.slack))
	}
	if !strings.Contains(o.log.String(), `"channel":"slack","kind":"expiring"`) {
		t.Errorf("the log does not say what failed: %s", o.log.String())
	}
}

// A verdict is told as such: its forecast is past.
func TestForetell_NotBesideAVerdict(t *testing.T) {
	o := newOffice(t)
	dying(o, 1)
	o.must(o.grants.Judge(t.Context(), grant.JudgeWrite{
		ID: "old", Presented: 4, Health: grant.ReauthorizationRequired, Reason: grant.Expired, At: o.clock,
	}))
	o.tells("old")
	o.told("opened")
}
