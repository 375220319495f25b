package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/shared/alert"
	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
)

func (o *office) keySet() *seal.KeySet {
	o.t.Helper()
	k, err := seal.Parse(o.keys)
	if err != nil {
		o.t.Fatal(err)
	}
	return k
}

// Read and Replace are the secret in which the key set lies.
func (o *office) Read(context.Context) (secret.Text, string, error) { return o.keys, "version", nil }

func (o *office) Replace(_ context.Context, was string, text secret.Text) error {
	if o.moved || was != "version" {
		return secretsmanager.ErrMoved
	}
	o.keys = text
	return nil
}

// passes moves the office's clock.
func (o *office) passes(d time.Duration) {
	at := o.desk.now().Add(d)
	o.desk.now = func() time.Time { return at }
}

// holds gives a grant a pair that is inline and sealed with that key.
func (o *office) holds(id grant.ID, key string) {
	o.t.Helper()
	if err := o.desk.grants.Create(o.t.Context(), grant.Grant{ID: id, Client: "cloud", Provider: "cloudbeds", Home: grant.HomeSealed,
		Enabled: true, Health: grant.OK, Generation: 1, Inline: &grant.Sealed{Key: key, Data: []byte("x")},
		Asides: map[grant.Nonce]grant.Aside{"n": {Sealed: grant.Sealed{Key: key, Data: []byte("y")}}}}); err != nil {
		o.t.Fatal(err)
	}
}

func TestKeys_RotateResealsWhatNoRefreshWould(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("whsec_provider\n", append(addLisbon("cloud"), "--webhook")...)
	var printed struct {
		Current, Former string
		Resealed        int
	}
	out := o.must("", "--json", "keys", "rotate")
	if err := json.Unmarshal([]byte(out), &printed); err != nil || printed.Current != "k2-20261121-1200" || printed.Former != "k1" || printed.Resealed != 1 {
		t.Errorf("printed %s: %+v, %v", out, printed, err)
	}
	set := o.keySet()
	if set.Current() != printed.Current || !set.Knows("k1") || strings.Contains(out, set.Text().Reveal()[:20]) {
		t.Errorf("current is %s", set.Current())
	}
	c, err := o.desk.inventory.Connection(t.Context(), "lisbon-1")
	if err != nil || c.Signing[0].Key != printed.Current || c.WebhookSecret[0].Key != printed.Current {
		t.Errorf("secrets of %+v, %v", c, err)
	}
	if b, err := vault.New(seal.NewSource(o, nil), nil).OpenBytes(t.Context(), connection.WebhookLabel("lisbon-1"), c.WebhookSecret[0]); err != nil || string(b) != "whsec_provider" {
		t.Errorf("the webhook secret is %q now, %v", b, err)
	}
}

func TestKeys_SomebodyElseRotates(t *testing.T) {
	o := newOffice(t)
	o.moved = true
	if _, errs, code := o.run("", "keys", "rotate"); code != exitFailed || !strings.Contains(errs, "somebody else") || o.keySet().Current() != "k1" {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestKeys_ListCountsWhatEachSeals(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.holds("lisbon-1", "k1")
	o.must("", addLisbon("cloud")...)
	out := o.must("", "keys", "list")
	if !strings.Contains(out, "k1") || strings.Contains(out, "kkkk") {
		t.Errorf("list prints:\n%s", out)
	}
	var all []sealedWith
	if err := json.Unmarshal([]byte(o.must("", "--json", "keys", "list")), &all); err != nil || len(all) != 1 || all[0].Pairs != 1 || all[0].Asides != 1 || all[0].Secrets != 1 || !all[0].Current {
		t.Errorf("json: %+v, %v", all, err)
	}
}

// Whatever needs a key keeps it; when nothing does any more, it goes.
func TestKeys_RetireRefusesWhileAnythingNeedsIt(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.holds("lisbon-1", "k1")
	o.must("", addLisbon("cloud")...)
	refused := func(want string, id string) {
		t.Helper()
		if _, errs, code := o.run("", "keys", "retire", id); code != exitRefused || !strings.Contains(errs, want) || !o.keySet().Knows(id) {
			t.Errorf("exit %d, %q; want a word of %q", code, errs, want)
		}
	}
	refused("current", "k1")
	o.must("", "keys", "rotate")
	refused("for an hour more", "k1")
	o.passes(2 * time.Hour)
	refused("1 pairs, 1 answers kept aside, 0 signing secrets", "k1")
	g, err := o.desk.grants.Read(t.Context(), "lisbon-1")
	if err != nil {
		t.Fatal(err)
	}
	o.settles(g)
	link := alert.Episode{Grant: "lisbon-1", Number: 1, Ticket: grant.Sealed{Key: "k1", Data: []byte("t")}, Expires: o.desk.now().Add(time.Hour), Due: noon}
	if _, err := o.alerts.Open(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	refused("1 reconnect links", "k1")
	o.passes(time.Hour)
	o.must("", "keys", "retire", "k1")
	if o.keySet().Knows("k1") {
		t.Error("the key is still there")
	}
	if _, _, code := o.run("", "keys", "retire", "k1"); code != exitUnknown {
		t.Errorf("again: exit %d", code)
	}
}

// The refusal names who needs the key and what ends that, first those whom no
// refresh reaches.
func TestKeys_RetireNamesWhoNeedsIt(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("", "keys", "rotate")
	o.passes(2 * time.Hour)
	for i := range 6 {
		id := fmt.Sprintf("faro-%d", i)
		g := grant.Grant{ID: grant.ID(id), Client: "cloud", Provider: "cloudbeds", Home: grant.HomeSealed, Enabled: i != 4,
			Health: grant.OK, Generation: 1, Inline: &grant.Sealed{Key: "k1", Data: []byte("x")}, WakeAt: noon}
		switch i {
		case 3:
			g.Health, g.Reason, g.Missing, g.WakeAt = grant.ScopeUpdateRequired, grant.ScopeMissing, []string{"rates:write"}, time.Time{}
		case 5:
			g.Health, g.Reason = grant.ReauthorizationRequired, grant.Revoked
		}
		if err := o.store.Create(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		add := addLisbon("cloud")
		add[2] = id
		o.must("", add...)
	}
	former := connection.Connection{ID: "evora-1", Grant: "faro-0", Signing: []grant.Sealed{{Key: "k1", Data: []byte("s")}}}
	if err := o.desk.inventory.Add(t.Context(), former); err != nil {
		t.Fatal(err)
	}
	_, errs, code := o.run("", "keys", "retire", "k1")
	if want := `bellhop: 6 pairs, 0 answers kept aside, 1 signing secrets and 0 reconnect links are sealed with k1:
  connection evora-1 has secrets that keys rotate reseals
  grant faro-3 is refused its scopes: connections retry faro-3 once the provider allows them, or connections remove faro-3
  grant faro-4 is switched off: connections enable faro-4, or connections remove faro-4
  grant faro-5 waits for its owner: connections link faro-5, or connections remove faro-5
  grant faro-0 is resealed by its next refresh
  and 2 more
`; code != exitRefused || errs != want {
		t.Errorf("exit %d:\n%swant:\n%s", code, errs, want)
	}
}

// settles moves a pair home and lets its asides go, as refreshes do.
func (o *office) settles(g grant.Grant) {
	o.t.Helper()
	if err := o.desk.grants.SetEnabled(o.t.Context(), g.ID, false, time.Time{}); err != nil {
		o.t.Fatal(err)
	}
	if err := o.desk.grants.Remove(o.t.Context(), grant.RemoveWrite{ID: g.ID, At: o.desk.now()}); err != nil {
		o.t.Fatal(err)
	}
	g.Inline, g.Ref, g.Asides = nil, "1/v", nil
	if err := o.desk.grants.Create(o.t.Context(), g); err != nil {
		o.t.Fatal(err)
	}
}

func TestKeys_NamesSayWhenTheyWereMade(t *testing.T) {
	set, err := seal.Parse(secret.New(`{"v":1,"stack":"s","current":"k1","k1":"` + strings.Repeat("k", 64) + `","by-hand":"` + strings.Repeat("h", 64) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	id := nextKey(set, noon)
	if id != "k2-20261121-1200" || !madeAt(id).Equal(noon) {
		t.Errorf("the next key is %s, made %v", id, madeAt(id))
	}
	for _, other := range []string{"k1", "by-hand", "k2-2026", "k2-99999999-9999", ""} {
		if at := madeAt(other); !at.IsZero() {
			t.Errorf("%q was made at %v", other, at)
		}
	}
}
