package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/invtest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// connects makes Lisbon a healthy connection of the client that needs consent.
func (o *office) connects() grant.Grant {
	o.t.Helper()
	o.addClients()
	o.must("", addLisbon("cloud")...)
	return o.consents("lisbon-1")
}

// consents gives a grant its first pair, as the owner's consent does.
func (o *office) consents(id grant.ID) grant.Grant {
	o.t.Helper()
	if err := o.desk.cycle.Vault.Ready(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	p := o.provider.Seed()
	sealed, err := o.desk.cycle.Vault.Seal(id, 0, p)
	if err == nil {
		err = o.store.Consent(o.t.Context(), grant.ConsentWrite{ID: id, Sealed: sealed, Times: grant.TimesOf(id, p, profile.RefreshRule{}), At: noon})
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return o.grantOf(id)
}

func (o *office) grantOf(id grant.ID) grant.Grant {
	o.t.Helper()
	g, err := o.store.Read(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return g
}

// accepts lets the provider take these client secrets and refuse all others.
func (o *office) accepts(secrets ...string) {
	o.provider.Refuse = func(r oauth.Request) oauth.Outcome {
		for _, s := range secrets {
			if r.ClientSecret.Equal(secret.New(s)) {
				return oauth.Outcome{}
			}
		}
		return oauth.Outcome{Class: oauth.BadClient, Status: 401, Code: "invalid_client"}
	}
}

// stored holds a client's secrets to what they should be.
func (o *office) stored(client, current, next string) {
	o.t.Helper()
	if s := o.secrets[client]; s.Current.Reveal() != current || s.Next.Reveal() != next {
		o.t.Errorf("stored are %q and %q, want %q and %q", s.Current.Reveal(), s.Next.Reveal(), current, next)
	}
}

func TestRotate_PromotesWhatTheProviderTakes(t *testing.T) {
	o := newOffice(t)
	before := o.connects()
	o.accepts("s3cret-cloud", "fresh")
	var done rotation
	out := o.must("fresh\n", "--json", "clients", "rotate", "cloud")
	if err := json.Unmarshal([]byte(out), &done); err != nil || done.Result != "promoted" || done.Grant != "lisbon-1" || done.Class != "issued" {
		t.Errorf("printed %s: %v", out, err)
	}
	o.stored("cloud", "fresh", "")
	g := o.grantOf("lisbon-1")
	if g.Generation != before.Generation+1 || g.Ref == "" || len(g.Attempts) != 0 || o.provider.MostPresented() != 1 {
		t.Errorf("the trial was no ordinary refresh: %+v", g)
	}
	o.must("fresh\n", "clients", "rotate", "cloud") // a pipeline runs it again
	o.stored("cloud", "fresh", "")
	if o.provider.Requests() != 1 {
		t.Errorf("%d requests for one rotation", o.provider.Requests())
	}
}

// A secret that the provider refuses is taken back, and the grant on which it
// was tried has not suffered.
func TestRotate_RollsBackWhatItRefuses(t *testing.T) {
	o := newOffice(t)
	before := o.connects()
	o.accepts("s3cret-cloud")
	out, errs, code := o.run("mistyped\n", "clients", "rotate", "cloud")
	if code != exitRefused || !strings.Contains(out, "bad_client (status 401 invalid_client)") || !strings.Contains(errs, "refused the new secret") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
	if strings.Contains(out+errs, "mistyped") || strings.Contains(out+errs, "s3cret") {
		t.Error("a secret is printed")
	}
	o.stored("cloud", "s3cret-cloud", "")
	if g := o.grantOf("lisbon-1"); g.Health != grant.OK || g.Generation != before.Generation+1 {
		t.Errorf("the grant is %s at generation %d", g.Health, g.Generation)
	}
}

// Whatever does not say whether the secret is good decides nothing: both stay,
// and the same command goes on from there.
func TestRotate_UnknownKeepsBoth(t *testing.T) {
	for name, spoil := range map[string]func(*office){
		"answer lost": func(o *office) { o.provider.Act = func(int) granttest.Act { return granttest.LosesAfter } },
		"never left":  func(o *office) { o.provider.Act = func(int) granttest.Act { return granttest.NeverLeft } },
		"throttled": func(o *office) {
			o.provider.Refuse = func(oauth.Request) oauth.Outcome { return oauth.Outcome{Class: oauth.Throttled, Status: 429} }
		},
		"the grant is dead": func(o *office) { o.provider.Revoke() },
		"somebody refreshes it": func(o *office) {
			g := o.grantOf("lisbon-1")
			at := o.desk.now()
			if err := o.store.Hasten(o.t.Context(), grant.HastenWrite{ID: g.ID, Presented: g.Generation, At: at, Skew: grant.Skew}); err != nil {
				o.t.Fatal(err)
			}
			o.store.Fault = func(method string) granttest.Fault {
				if method == "Hasten" {
					o.store.Fault = nil
					if _, err := o.store.Lease(o.t.Context(), grant.LeaseWrite{ID: g.ID, Me: "other", Kind: grant.KindRefresh,
						Generation: g.Generation, At: at, Deadline: at.Add(grant.LeaseFor), Skew: grant.Skew}); err != nil {
						o.t.Error(err)
					}
				}
				return granttest.None
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.connects()
			spoil(o)
			_, errs, code := o.run("fresh", "clients", "rotate", "cloud")
			if code != exitFailed || !strings.Contains(errs, "did not say") {
				t.Errorf("exit %d: %s", code, errs)
			}
			o.stored("cloud", "s3cret-cloud", "fresh")
			if _, errs, code := o.run("another", "clients", "rotate", "cloud"); code != exitFailed || !strings.Contains(errs, "--abort") {
				t.Errorf("another secret meanwhile: exit %d: %s", code, errs)
			}
		})
	}
}

// A grant whose credential may be spent is not what a secret is tried on: it is
// for the functions to put right, and the provider is not asked.
func TestRotate_LeavesAGrantThatMayBeSpent(t *testing.T) {
	o := newOffice(t)
	g := o.connects()
	at := o.desk.now()
	lease := grant.LeaseWrite{ID: g.ID, Me: "other", Kind: grant.KindRefresh, Generation: g.Generation, At: at, Deadline: at.Add(grant.LeaseFor), Skew: grant.Skew}
	err := o.store.Hasten(t.Context(), grant.HastenWrite{ID: g.ID, Presented: g.Generation, At: at, Skew: grant.Skew})
	if err == nil {
		_, err = o.store.Lease(t.Context(), lease)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.passes(time.Minute) // the holder died: its attempt is open
	if _, errs, code := o.run("fresh", "clients", "rotate", "cloud"); code != exitFailed || !strings.Contains(errs, "--grant") {
		t.Errorf("chosen all the same: exit %d: %s", code, errs)
	}
	if _, _, code := o.run("fresh", "clients", "rotate", "cloud", "--grant", "lisbon-1"); code != exitFailed || o.provider.Requests() != 0 {
		t.Errorf("exit %d after %d requests", code, o.provider.Requests())
	}
	if g := o.grantOf("lisbon-1"); len(g.Attempts) != 1 || g.Lease != nil {
		t.Errorf("left behind: attempts %v, lease %v", g.Attempts, g.Lease)
	}
}

// An interrupted run left the new secret beside the present one; the same
// command promotes it, or takes it back.
func TestRotate_GoesOnWhereItWasInterrupted(t *testing.T) {
	for want, row := range map[string]struct {
		takes  string
		code   int
		stored string
	}{
		"promoted":    {"fresh", exitOK, "fresh"},
		"rolled_back": {"s3cret-cloud", exitRefused, "s3cret-cloud"},
	} {
		o := newOffice(t)
		o.connects()
		s := o.secrets["cloud"]
		s.Next = secret.New("fresh")
		o.secrets["cloud"] = s
		o.accepts(row.takes, "s3cret-cloud")
		out, errs, code := o.run("fresh", "--json", "clients", "rotate", "cloud")
		if code != row.code || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d: %s%s", want, code, out, errs)
		}
		o.stored("cloud", row.stored, "")
	}
}

func TestRotate_Abort(t *testing.T) {
	o := newOffice(t)
	o.connects()
	if out := o.must("", "clients", "rotate", "cloud", "--abort"); !strings.Contains(out, "unchanged") {
		t.Errorf("nothing to abort: %s", out)
	}
	s := o.secrets["cloud"]
	s.Next = secret.New("fresh")
	o.secrets["cloud"] = s
	if out := o.must("", "clients", "rotate", "cloud", "--abort"); !strings.Contains(out, "aborted") {
		t.Errorf("printed %s", out)
	}
	o.stored("cloud", "s3cret-cloud", "")
}

// Tokens of our own are minted once, and no grant is touched.
func TestRotate_MintsOnce(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.accepts("fresh")
	if out := o.must("fresh", "clients", "rotate", "gen"); !strings.Contains(out, "promoted") || strings.Contains(out, "tried on") {
		t.Errorf("printed %s", out)
	}
	o.stored("gen", "fresh", "")
	if _, _, code := o.run("bad", "clients", "rotate", "gen"); code != exitRefused || o.provider.Requests() != 2 {
		t.Errorf("exit %d after %d requests", code, o.provider.Requests())
	}
	o.stored("gen", "fresh", "")
}

// The registration is refused as it stands, which is why somebody rotates: a
// token of our own is asked for all the same, and counted; while the provider
// wants to be left alone, nothing is.
func TestRotate_InTrouble(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.accepts("fresh")
	o.tells("gen", func(b bucket.Bucket) bucket.Bucket { return b.Hold(bucket.WhyThrottled, noon.Add(time.Minute), noon) })
	if _, _, code := o.run("fresh", "clients", "rotate", "gen"); code != exitFailed || o.provider.Requests() != 0 {
		t.Errorf("held: exit %d after %d requests", code, o.provider.Requests())
	}
	o.stored("gen", "s3cret-generic", "fresh")
	o.passes(time.Hour)
	o.tells("gen", func(b bucket.Bucket) bucket.Bucket {
		refusal := bucket.ClientRefusal{Grant: "a", Code: "invalid_client", Status: 401, SecretVersion: "v1"}
		b = b.ClientRefused(refusal, o.desk.now())
		refusal.Grant = "b" // one alone would hold nobody
		return b.ClientRefused(refusal, o.desk.now())
	})
	o.must("fresh", "clients", "rotate", "gen")
	o.stored("gen", "fresh", "")
}

// While the provider refuses the present secret every grant of the client fails
// and is held: one of them is good enough to try the new one on.
func TestRotate_WhenEveryGrantFails(t *testing.T) {
	o := newOffice(t)
	o.connects()
	o.fails("lisbon-1")
	refused := bucket.ClientRefusal{Grant: "lisbon-1", Code: "invalid_client", Status: 401, SecretVersion: "v1"}
	for _, refused.Grant = range []string{"lisbon-1", "porto-1"} {
		o.tells("cloud", func(b bucket.Bucket) bucket.Bucket { return b.ClientRefused(refused, o.desk.now()) })
	}
	o.accepts("fresh")
	began := o.desk.now()
	_, errs, code := o.run("fresh", "clients", "rotate", "cloud")
	if b, err := o.desk.buckets.Read(t.Context(), bucket.OfClient("cloud")); err != nil || b.Troubled() {
		t.Errorf("the others do not know that the registration is good again: %+v, %v", b.Trouble, err)
	}
	if waited := o.desk.now().Sub(began); code != exitOK || waited < 10*time.Second || waited > patience || !strings.Contains(errs, "asked again in") {
		t.Errorf("exit %d after %s: %s", code, waited, errs)
	}
	o.stored("cloud", "fresh", "")
}

// fails lets a grant have met a provider that refuses our registration.
func (o *office) fails(id grant.ID) {
	o.t.Helper()
	o.leases(id)
	left := grant.ReleaseWrite{ID: id, Me: "other", WakeAt: o.desk.now().Add(time.Hour), Held: bucket.WhyClient, Failed: true}
	if err := o.store.Abandon(o.t.Context(), left); err != nil {
		o.t.Fatal(err)
	}
}

// halfRemoved leaves a connection whose grant is gone, before all others.
func (o *office) halfRemoved() {
	o.t.Helper()
	args := addLisbon("cloud")
	args[2] = "albufeira-1"
	o.must("", args...)
	o.goes("albufeira-1")
}

// A connection whose grant is gone, because somebody removes it just now, is none
// to try on, and no obstacle.
func TestRotate_BesideAConnectionThatGoes(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.halfRemoved()
	o.must("", addLisbon("cloud")...)
	o.consents("lisbon-1")
	o.accepts("fresh")
	o.must("fresh", "clients", "rotate", "cloud")
	o.stored("cloud", "fresh", "")
}

// goes removes a connection as far as its grant, and no further.
func (o *office) goes(id string) {
	o.t.Helper()
	o.desk.inventory.(*invtest.Memory).Fault = breaksAt("Remove")
	defer func() { o.desk.inventory.(*invtest.Memory).Fault = nil }()
	if _, errs, code := o.run("", "connections", "remove", id); code != exitFailed {
		o.t.Fatalf("exit %d: %s", code, errs)
	}
}

// breaksAt is what makes every call of one method fail.
func breaksAt(at string) func(method string) error {
	return func(method string) error {
		if method == at {
			return errors.New("unreachable")
		}
		return nil
	}
}

// Where a secret cannot be tried it is not even stored.
func TestRotate_NothingToTryOn(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("", addLisbon("cloud")...) // never connected
	for _, args := range [][]string{nil, {"--grant", "lisbon-1"}, {"--grant", "nowhere"}} {
		_, errs, code := o.run("fresh", append([]string{"clients", "rotate", "cloud"}, args...)...)
		if want := map[bool]int{true: exitUnknown, false: exitFailed}[len(args) > 1 && args[1] == "nowhere"]; code != want {
			t.Errorf("%v: exit %d, want %d: %s", args, code, want, errs)
		}
	}
	o.stored("cloud", "s3cret-cloud", "")
	if _, _, code := o.run("fresh", "clients", "rotate", "nobody"); code != exitUnknown {
		t.Errorf("of no client: exit %d", code)
	}
	if _, errs, code := o.run("\n", "clients", "rotate", "cloud"); code != exitUsage || !strings.Contains(errs, "the new client secret is empty") {
		t.Errorf("nothing piped in: exit %d: %s", code, errs)
	}
}

// The promotion could not be stored: the run is over, the new secret is the next
// one still, and the same command ends it.
func TestRotate_StoringFails(t *testing.T) {
	o := newOffice(t)
	o.connects()
	o.accepts("s3cret-cloud", "fresh")
	o.provider.Act = func(int) granttest.Act { o.storeErr = errors.New("throttled"); return granttest.Answers }
	if _, errs, code := o.run("fresh", "clients", "rotate", "cloud"); code != exitFailed || !strings.Contains(errs, "throttled") {
		t.Errorf("exit %d: %s", code, errs)
	}
	o.stored("cloud", "s3cret-cloud", "fresh")
	o.storeErr, o.provider.Act = nil, nil
	o.passes(time.Minute)
	o.must("fresh", "clients", "rotate", "cloud")
	o.stored("cloud", "fresh", "")
}

// Asked to end while the provider answers, it loses nothing: the pair that came
// is committed, both secrets stay, and the same command ends it.
func TestRotate_AskedToEndMeanwhile(t *testing.T) {
	o := newOffice(t)
	before := o.connects()
	o.accepts("s3cret-cloud", "fresh")
	ctx, end := context.WithCancel(t.Context())
	o.provider.Act = func(int) granttest.Act { end(); return granttest.Answers }
	if _, errs, code := o.runOn(ctx, strings.NewReader("fresh"), "clients", "rotate", "cloud"); code != exitFailed || !strings.Contains(errs, "storing the secrets") {
		t.Errorf("exit %d: %s", code, errs)
	}
	o.stored("cloud", "s3cret-cloud", "fresh")
	if g := o.grantOf("lisbon-1"); g.Generation != before.Generation+1 || g.Lease != nil || len(g.Attempts) != 0 {
		t.Errorf("left behind at generation %d: lease %v, attempts %v", g.Generation, g.Lease, g.Attempts)
	}
	o.provider.Act = nil
	o.passes(time.Minute)
	o.must("fresh", "clients", "rotate", "cloud")
	o.stored("cloud", "fresh", "")
}
