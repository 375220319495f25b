package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/invtest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
)

// condemns makes a grant wait for its owner, as a pusher's verdict does.
func (o *office) condemns(id grant.ID) {
	o.t.Helper()
	g := o.grantOf(id)
	if err := o.store.Judge(o.t.Context(), grant.JudgeWrite{ID: id, Presented: g.Generation, Health: grant.ReauthorizationRequired,
		Reason: grant.TokenRejected, At: o.desk.now(), Skew: grant.Skew}); err != nil {
		o.t.Fatal(err)
	}
}

// misses makes a grant wait for permissions, as a pusher's verdict does.
func (o *office) misses(id grant.ID, scopes ...string) {
	o.t.Helper()
	if err := o.store.Judge(o.t.Context(), grant.JudgeWrite{ID: id, Presented: o.grantOf(id).Generation, Health: grant.ScopeUpdateRequired,
		Reason: grant.ScopeMissing, Missing: scopes, At: o.desk.now(), Skew: grant.Skew}); err != nil {
		o.t.Fatal(err)
	}
}

func TestRetry_PresentsOnceMore(t *testing.T) {
	o := newOffice(t)
	o.connects()
	o.condemns("lisbon-1")
	o.must("", "connections", "retry", "lisbon-1")
	if g := o.grantOf("lisbon-1"); g.Health != grant.OK || !g.Due(noon) || len(o.wakes) != 1 {
		t.Errorf("grant is %s, wake %v, %d messages", g.Health, g.WakeAt, len(o.wakes))
	}
}

func TestRetry_SaysWhyNot(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*office)
		code  int
		want  string
	}{
		"healthy":         {func(*office) {}, exitRefused, "does not wait for its owner"},
		"revoked by us":   {func(o *office) { o.must("", "connections", "disable", "lisbon-1", "--revoke") }, exitRefused, "connections link"},
		"switched off":    {func(o *office) { o.condemns("lisbon-1"); o.must("", "connections", "disable", "lisbon-1") }, exitRefused, "connections enable"},
		"off and well":    {func(o *office) { o.must("", "connections", "disable", "lisbon-1") }, exitRefused, "connections enable"},
		"scopes missing":  {func(o *office) { o.misses("lisbon-1", "write:rate") }, exitRefused, "lacks write:rate: send its owner a link (connections link)"},
		"which, unsaid":   {func(o *office) { o.misses("lisbon-1") }, exitRefused, "lacks scopes: send its owner a link (connections link)"},
		"somebody's turn": {func(o *office) { o.condemns("lisbon-1"); o.leases("lisbon-1") }, exitFailed, "half a minute"},
	} {
		o := newOffice(t)
		o.connects()
		row.spoil(o)
		if _, errs, code := o.run("", "connections", "retry", "lisbon-1"); code != row.code || !strings.Contains(errs, row.want) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
	o := newOffice(t)
	o.addClients()
	o.must("", addLisbon("cloud")...)
	if _, errs, code := o.run("", "connections", "retry", "lisbon-1"); code != exitRefused || !strings.Contains(errs, "never_connected") {
		t.Errorf("never connected: exit %d: %s", code, errs)
	}
	minted := addLisbon("gen")
	minted[2] = "porto-1"
	o.must("", minted...)
	o.misses("gen", "rates:write") // the grant of all its properties
	if _, errs, code := o.run("", "connections", "retry", "porto-1"); code != exitRefused || !strings.Contains(errs, "rates:write: give its registration") {
		t.Errorf("minted, and a scope is missing: exit %d: %s", code, errs)
	}
}

// leases lets somebody be at work on a grant, its owner at the callback.
func (o *office) leases(id grant.ID) {
	o.t.Helper()
	g := o.grantOf(id)
	if _, err := o.store.Lease(o.t.Context(), grant.LeaseWrite{ID: id, Me: "other", Kind: grant.KindCode, Generation: g.Generation,
		At: o.desk.now(), Deadline: o.desk.now().Add(grant.LeaseFor), Skew: grant.Skew, AnyHealth: true}); err != nil {
		o.t.Fatal(err)
	}
}

func TestMove_NamesTheNextHomeAndWhoMovesToo(t *testing.T) {
	o := newOffice(t)
	o.connects()
	porto := append(addLisbon("cloud"), "--grant", "lisbon-1")
	porto[2] = "porto-1"
	o.must("", porto...)
	before := o.grantOf("lisbon-1")
	out, errs, code := o.run("", "connections", "move", "lisbon-1", "--home", "sealed")
	if g := o.grantOf("lisbon-1"); code != exitOK || g.Home != grant.HomeSealed || g.Generation != before.Generation {
		t.Errorf("exit %d: home %s", code, g.Home)
	}
	if !strings.Contains(errs, "porto-1") || !strings.Contains(out, "secretsmanager") {
		t.Errorf("printed %s%s", out, errs)
	}
	if out := o.must("", "connections", "show", "lisbon-1"); strings.Contains(out, "from its next refresh on") {
		t.Errorf("a pair that is inline is at its new home already:\n%s", out)
	}
	o.must("", "connections", "move", "lisbon-1", "--home", "secretsmanager")
	if out := o.must("", "connections", "show", "lisbon-1"); !strings.Contains(out, "secretsmanager (from its next refresh on)") {
		t.Errorf("show prints:\n%s", out)
	}
	if _, _, code := o.run("", "connections", "move", "lisbon-1", "--home", "attic"); code != exitUsage {
		t.Errorf("to no home: exit %d", code)
	}
}

func TestDisable_Revoke(t *testing.T) {
	o := newOffice(t)
	o.connects()
	out := o.must("", "connections", "disable", "lisbon-1", "--revoke")
	g := o.grantOf("lisbon-1")
	if g.Enabled || g.Reason != grant.RevokedByUs || !slices.Contains(o.revoked, "refresh_token") || !strings.Contains(out, "tokens revoked") {
		t.Errorf("enabled %v, %s; revoked %v: %s", g.Enabled, g.Reason, o.revoked, out)
	}
}

// It is off whatever becomes of the revocation, which may be asked for again.
func TestDisable_RevokeFails(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*office)
		code  int
		want  string
	}{
		"somebody is at work": {func(o *office) { o.leases("lisbon-1") }, exitFailed, "off already"},
		"provider is away":    {func(o *office) { o.revokeErr = errors.New("connection refused") }, exitFailed, "connection refused"},
		"no such thing there": {func(o *office) { o.providerWithoutRevocation() }, exitRefused, "it is off, and its owner must withdraw"},
	} {
		o := newOffice(t)
		o.connects()
		row.spoil(o)
		_, errs, code := o.run("", "connections", "disable", "lisbon-1", "--revoke")
		if g := o.grantOf("lisbon-1"); code != row.code || g.Enabled || !strings.Contains(errs, row.want) {
			t.Errorf("%s: exit %d, enabled %v: %s", name, code, g.Enabled, errs)
		}
	}
}

// providerWithoutRevocation is Cloudbeds as it is.
func (o *office) providerWithoutRevocation() {
	o.desk.cycle.Profile = profile.ByName
}

func TestRemove_TheLastTakesTheGrant(t *testing.T) {
	o := newOffice(t)
	o.connects()
	porto := append(addLisbon("cloud"), "--grant", "lisbon-1")
	porto[2] = "porto-1"
	o.must("", porto...)
	if _, errs, _ := o.run("", "connections", "remove", "porto-1", "--revoke"); !strings.Contains(errs, "stays") || len(o.revoked) != 0 {
		t.Errorf("another uses the grant: %s, revoked %v", errs, o.revoked)
	}
	if g := o.grantOf("lisbon-1"); !g.Enabled {
		t.Error("the grant was switched off under another's feet")
	}
	o.must("", "connections", "remove", "lisbon-1", "--revoke")
	if _, err := o.store.Read(t.Context(), "lisbon-1"); !errors.Is(err, grant.ErrNotFound) || len(o.revoked) == 0 {
		t.Errorf("the grant: %v, revoked %v", err, o.revoked)
	}
	if !slices.Equal(o.forgotten, []connection.ID{"porto-1", "lisbon-1"}) {
		t.Errorf("rates forgotten of %v", o.forgotten)
	}
	if b, err := o.desk.buckets.Read(t.Context(), bucket.OfClient("cloud")); err != nil || b.Grants != 0 {
		t.Errorf("%d grants are counted, %v", b.Grants, err)
	}
	if _, _, code := o.run("", "connections", "remove", "lisbon-1"); code != exitUnknown || len(o.forgotten) != 3 {
		t.Errorf("again: exit %d, forgotten %v", code, o.forgotten)
	}
	o.must("", addLisbon("cloud")...) // its name is free again
}

// endsNoAccess is a provider that ends refresh tokens only.
type endsNoAccess struct{}

func (endsNoAccess) Revoke(_ context.Context, _ profile.Token, r oauth.Revocation) error {
	if r.Hint == "access_token" {
		return &oauth.StatusError{Class: oauth.BadRequest, Act: "revoking", Status: 400}
	}
	return nil
}

// What the revocation came to is told: it cannot be asked for again.
func TestRemove_TellsWhatWasRevoked(t *testing.T) {
	for name, row := range map[string]struct {
		args, want []string
		refused    bool // the provider ends no access tokens
	}{
		"all":               {nil, []string{"removed lisbon-1", "tokens revoked 2"}, false},
		"runs out":          {nil, []string{"tokens revoked 1", "access token ends by itself in "}, true},
		"for programs":      {[]string{"--json"}, []string{`"removed": "lisbon-1"`, `"grant_removed": true`, `"revoked": 1`, `"access_until"`}, true},
		"all, for programs": {[]string{"--json"}, []string{`"revoked": 2`}, false},
	} {
		o := newOffice(t)
		o.connects()
		if row.refused {
			o.desk.cycle.Revoker = endsNoAccess{}
		}
		out := strings.Join(strings.Fields(o.must("", append(row.args, "connections", "remove", "lisbon-1", "--revoke")...)), " ")
		for _, want := range row.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %s in\n%s", name, want, out)
			}
		}
	}
}

// A pair that is deleted here alone goes on at the provider: that is said, where
// there is one.
func TestRemove_TellsOfTokensThatStayGood(t *testing.T) {
	for name, row := range map[string]struct {
		before func(*office)
		args   []string
		want   bool
	}{
		"a pair":  {func(o *office) { o.connects() }, nil, true},
		"revoked": {func(o *office) { o.connects() }, []string{"--revoke"}, false},
		"a pair at home": {func(o *office) {
			if err := o.store.Settle(o.t.Context(), grant.SettleWrite{ID: "lisbon-1", Generation: o.connects().Generation, Ref: "1/v"}); err != nil {
				o.t.Fatal(err)
			}
		}, nil, true},
		"revoked before": {func(o *office) { o.connects(); o.must("", "connections", "disable", "lisbon-1", "--revoke") }, nil, false},
		"never connected": {func(o *office) {
			o.addClients()
			o.must("", addLisbon("cloud")...)
		}, nil, false},
	} {
		o := newOffice(t)
		row.before(o)
		o.passes(time.Minute)
		_, errs, code := o.run("", append([]string{"connections", "remove", "lisbon-1"}, row.args...)...)
		if said := strings.Contains(errs, "not revoked") && strings.Contains(errs, "--revoke"); code != exitOK || said != row.want {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}

// What cannot be revoked is not removed either, and stays as it was.
func TestRemove_RevokesNothingThere(t *testing.T) {
	o := newOffice(t)
	o.connects()
	o.providerWithoutRevocation()
	if _, errs, code := o.run("", "connections", "remove", "lisbon-1", "--revoke"); code != exitRefused || !strings.Contains(errs, "without --revoke") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if g := o.grantOf("lisbon-1"); !g.Enabled {
		t.Error("it is switched off all the same")
	}
	o.passes(time.Minute)
	o.must("", "connections", "remove", "lisbon-1")
}

// Interrupted at any step, the same command goes on.
func TestRemove_Interrupted(t *testing.T) {
	away := errors.New("unreachable")
	for name, fault := range map[string]func(o *office) (mend func()){
		"the homes": func(o *office) func() {
			o.home.Fail = func(string) error { return away }
			return func() { o.home.Fail = nil }
		},
		"the connection": func(o *office) func() {
			inventory := o.desk.inventory.(*invtest.Memory)
			inventory.Fault = breaksAt("Remove")
			return func() { inventory.Fault = nil }
		},
		"the rates": func(o *office) func() { o.forgetErr = away; return func() { o.forgetErr = nil } },
		"a lease": func(o *office) func() {
			o.leases("lisbon-1")
			return func() { o.passes(time.Minute) }
		},
		"a pair on its way home": func(o *office) func() {
			o.desk.now = func() time.Time { return noon } // when it was committed
			return func() { o.passes(time.Minute) }
		},
	} {
		o := newOffice(t)
		o.connects()
		o.passes(time.Minute)
		mend := fault(o)
		if _, errs, code := o.run("", "connections", "remove", "lisbon-1"); code != exitFailed {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
		mend()
		_, errs, code := o.run("", "connections", "remove", "lisbon-1")
		if _, err := o.desk.inventory.Connection(t.Context(), "lisbon-1"); !errors.Is(err, connection.ErrUnknown) {
			t.Errorf("%s: %v after the second run, exit %d: %s", name, err, code, errs)
		}
		if _, err := o.store.Read(t.Context(), "lisbon-1"); !errors.Is(err, grant.ErrNotFound) || len(o.forgotten) == 0 {
			t.Errorf("%s: left behind: %v, forgotten %v", name, err, o.forgotten)
		}
	}
}

// What an interrupted removal left is passed over where all grants are looked
// at, and named where connections are, with what to do.
func TestRemove_InterruptedHidesNothing(t *testing.T) {
	o := newOffice(t)
	o.connects()
	o.halfRemoved()
	if out := o.must("", "keys", "list"); !strings.Contains(out, "k1") {
		t.Errorf("keys list prints:\n%s", out)
	}
	if s := o.client("cloud"); s.Grants != 1 {
		t.Errorf("%d grants, want the one that is there", s.Grants)
	}
	if out := o.must("", "connections", "expiring", "--all"); !strings.Contains(out, "lisbon-1") || strings.Contains(out, "albufeira-1") {
		t.Errorf("expiring prints:\n%s", out)
	}
	for _, args := range [][]string{{"list"}, {"show", "albufeira-1"}, {"enable", "albufeira-1"}} {
		out, errs, code := o.run("", append([]string{"connections"}, args...)...)
		if code != exitFailed || !strings.Contains(errs, "run connections remove albufeira-1 again") {
			t.Errorf("%s: exit %d: %s", args[0], code, errs)
		}
		if args[0] == "list" && !strings.Contains(out, "lisbon-1") {
			t.Errorf("it hides the others:\n%s", out)
		}
	}
	o.must("", "keys", "rotate")
	o.passes(2 * time.Hour)
	o.must("", "connections", "remove", "lisbon-1")
	o.must("", "keys", "retire", "k1")
	o.must("", "connections", "remove", "albufeira-1")
	o.must("", "connections", "list")
}

func TestAdd_AsksForScopesOfItsOwn(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	for _, bad := range [][]string{{"--scopes", "*"}, {"--scopes", "read:rate,admin"}, {"--token-url", "http://hotel.example/token"}, {"--token-url", "nowhere"}} {
		if _, errs, code := o.run("", append(addLisbon("cloud"), bad...)...); code != exitRefused || !strings.Contains(errs, bad[0]) {
			t.Errorf("%v: exit %d: %s", bad, code, errs)
		}
	}
	own := []string{"--scopes", "read:rate,write:rate", "--token-url", "https://hotel.example/token"}
	o.must("", append(addLisbon("cloud"), own...)...)
	if g := o.grantOf("lisbon-1"); !slices.Equal(g.Asks, []string{"read:rate", "write:rate"}) || g.TokenURL != "https://hotel.example/token" {
		t.Errorf("asks %v at %s", g.Asks, g.TokenURL)
	}
	porto := append(addLisbon("cloud"), "--grant", "lisbon-1", "--scopes", "read:rate")
	porto[2] = "porto-1"
	if _, errs, code := o.run("", porto...); code != exitRefused || !strings.Contains(errs, "asks otherwise") {
		t.Errorf("other scopes for a grant that is there: exit %d: %s", code, errs)
	}
}

func TestExpiring_NextOneFirst(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	for id, days := range map[string]int{"lisbon-1": 200, "porto-1": 13, "faro-1": 1, "evora-1": 0} {
		g := grant.Grant{ID: grant.ID(id), Client: "cloud", Provider: "cloudbeds", Home: grant.HomeSealed, Enabled: true, Health: grant.OK, Generation: 1}
		if days > 0 {
			g.RefreshExpires = noon.AddDate(0, 0, days).Add(2 * time.Hour)
		}
		if err := o.store.Create(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		c := addLisbon("cloud")
		c[2] = id
		o.must("", c...)
	}
	for args, want := range map[string][]string{
		"":           {"faro-1", "porto-1"},
		"--days=7":   {"faro-1"},
		"--days=365": {"faro-1", "porto-1", "lisbon-1"},
		"--all":      {"faro-1", "porto-1", "lisbon-1", "evora-1"},
	} {
		var all []expiry
		out := o.must("", append([]string{"--json", "connections", "expiring"}, strings.Fields(args)...)...)
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range all {
			ids = append(ids, string(e.Grant))
		}
		if !slices.Equal(ids, want) || all[0].Days != 1 || all[0].Notice != 7 || all[0].Owner != "Maria Sousa" {
			t.Errorf("%q lists %v, want %v", args, ids, want)
		}
	}
	if out := o.must("", "connections", "expiring", "--all"); !strings.Contains(out, "2026-12-04") || strings.Contains(out, "0001") {
		t.Errorf("for people:\n%s", out)
	}
}

// What each use renews dies of nothing while it is used.
func TestExpiring_RenewedByUse(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	if err := o.store.Create(t.Context(), grant.Grant{ID: "lisbon-1", Client: "cloud", Provider: "cloudbeds", Home: grant.HomeSealed,
		Enabled: true, Health: grant.OK, Generation: 1, WakeAt: noon.Add(time.Hour), RefreshExpires: noon.Add(48 * time.Hour), RefreshRenewed: true}); err != nil {
		t.Fatal(err)
	}
	o.must("", addLisbon("cloud")...)
	if out := o.must("", "connections", "expiring"); strings.Contains(out, "lisbon-1") {
		t.Errorf("one that is renewed dies:\n%s", out)
	}
	o.must("", "connections", "disable", "lisbon-1")
	if out := o.must("", "connections", "expiring"); !strings.Contains(out, "2026-11-23") {
		t.Errorf("switched off, it is renewed by nobody:\n%s", out)
	}
}

// A grant that is switched off is exercised by nobody: its token dies of
// idleness. One that waits for its owner already is no news.
func TestExpiring_OfIdleness(t *testing.T) {
	o := newOffice(t)
	g := o.connects()
	o.desk.cycle.Profile = func(name string) (profile.Profile, error) {
		p, err := profile.ByName(name)
		p.Token.RefreshIdle = profile.Seconds(10 * 24 * time.Hour)
		return p, err
	}
	if out := o.must("", "connections", "expiring"); strings.Contains(out, "lisbon-1") {
		t.Errorf("one that is exercised dies:\n%s", out)
	}
	o.must("", "connections", "disable", "lisbon-1")
	if out := o.must("", "connections", "expiring", "--days", "14"); !strings.Contains(out, g.Issued.AddDate(0, 0, 10).UTC().Format(time.DateOnly)) {
		t.Errorf("for people:\n%s", out)
	}
	o.must("", "connections", "enable", "lisbon-1")
	o.condemns("lisbon-1")
	if out := o.must("", "connections", "expiring"); strings.Contains(out, "lisbon-1") {
		t.Errorf("one that waits for its owner is listed:\n%s", out)
	}
}

// The last exchange brought nothing: the next one is when somebody looks again,
// and not when the refresh was due long ago.
func TestShow_NextAfterAFailure(t *testing.T) {
	for wake, want := range map[time.Time]string{noon.Add(7 * time.Minute): "in 7m0s", {}: "-"} {
		o := newOffice(t)
		o.addClients()
		if err := o.store.Create(t.Context(), grant.Grant{ID: "lisbon-1", Client: "cloud", Provider: "cloudbeds", Home: grant.HomeSealed,
			Enabled: true, Health: grant.OK, Generation: 1, Failures: 9, WakeAt: wake, RefreshAt: noon.Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
		o.must("", addLisbon("cloud")...)
		for _, args := range [][]string{{"connections", "show", "lisbon-1"}, {"connections", "list"}} {
			if out := o.must("", args...); !strings.Contains(out, want) || strings.Contains(out, "1h0m0s ago") {
				t.Errorf("%v prints:\n%s", args, out)
			}
		}
	}
}

// What holds an exchange, and until when, stands where people look.
func TestShow_HeldAndTheRefreshTokensEnd(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	if err := o.store.Create(t.Context(), grant.Grant{ID: "lisbon-1", Client: "cloud", Provider: "cloudbeds", Home: grant.HomeSealed,
		Enabled: true, Health: grant.OK, Generation: 1, Held: "budget", WakeAt: noon.Add(time.Hour), RefreshAt: noon.Add(-time.Hour),
		RefreshExpires: noon.Add(48 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	o.must("", addLisbon("cloud")...)
	for _, args := range [][]string{{"connections", "show", "lisbon-1"}, {"connections", "list"}} {
		if out := o.must("", args...); !strings.Contains(out, "in 1h0m0s (held: budget)") {
			t.Errorf("%v prints:\n%s", args, out)
		}
	}
	out := o.must("", "--json", "connections", "show", "lisbon-1")
	for _, want := range []string{`"held": "budget"`, `"refresh_token_dies": "2026-11-23T12:00:00Z"`, `"next_look"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}
