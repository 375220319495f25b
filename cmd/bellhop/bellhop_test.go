package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"bellhop/shared/alerttest"
	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/connection"
	"bellhop/shared/consenttest"
	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/invtest"
	"bellhop/shared/ledgertest"
	"bellhop/shared/oauth"
	"bellhop/shared/profile"
	"bellhop/shared/refresh"
	"bellhop/shared/seal"
	"bellhop/shared/secret"
	"bellhop/shared/sqs"
	"bellhop/shared/vault"
)

// office is a stack in memory, with a person in front of it.
type office struct {
	t       *testing.T
	desk    *desk
	secrets map[string]connection.Secrets
	sealed  map[string]string // label → what was sealed under it
	wakes   []sqs.Message
	updates []sqs.Message
	sendErr error
	keys    secret.Text // the key set
	moved   bool        // somebody else changes it at the same time
	alerts  *alerttest.Memory

	store    *granttest.Memory
	home     *granttest.Home
	provider *granttest.Provider
	storeErr error // of storing a client's secrets

	revoked   []string // what was revoked, as hints
	revokeErr error
	forgotten []connection.ID // whose rates were
	forgetErr error
}

// queueFake keeps what was sent to one queue.
type queueFake struct {
	o  *office
	to *[]sqs.Message
}

func (q queueFake) Send(_ context.Context, m sqs.Message) error {
	if q.o.sendErr != nil {
		return q.o.sendErr
	}
	*q.to = append(*q.to, m)
	return nil
}

func (o *office) ClientSecrets(_ context.Context, client string) (connection.Secrets, error) {
	return o.secrets[client], nil
}

func (o *office) Change(ctx context.Context, client string, edit func(connection.Secrets) connection.Secrets) (connection.Secrets, error) {
	if err := errors.Join(ctx.Err(), o.storeErr); err != nil {
		return connection.Secrets{}, err
	}
	o.secrets[client] = edit(o.secrets[client])
	return o.secrets[client], nil
}

// Revoke and Forget are the provider's end of a token, and the rates table's of
// a connection.
func (o *office) Revoke(_ context.Context, _ profile.Token, r oauth.Revocation) error {
	if o.revokeErr == nil {
		o.revoked = append(o.revoked, r.Hint)
	}
	return o.revokeErr
}

func (o *office) Forget(_ context.Context, id connection.ID) error {
	if o.forgetErr == nil {
		o.forgotten = append(o.forgotten, id)
	}
	return o.forgetErr
}

// noForgetting are the office's secrets as the cycle reads them.
type noForgetting struct{ *office }

func (noForgetting) Forget(string) {}

// revocable is a provider that ends tokens when it is asked to.
func revocable(name string) (profile.Profile, error) {
	p, err := profile.ByName(name)
	p.Token.Endpoints.Revoke = "https://provider.example.com/revoke"
	return p, err
}

// Keys is where the vault finds the key set.
func (o *office) Keys(context.Context) (secret.Text, error) { return o.keys, nil }

// SealBytes is the vault's, and notes what was sealed under which label.
func (o *office) SealBytes(ctx context.Context, label string, plain []byte) (grant.Sealed, error) {
	o.sealed[label] = string(plain)
	return vault.New(seal.NewSource(o, nil), nil).SealBytes(ctx, label, plain)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newOffice(t *testing.T) *office {
	o := &office{t: t, secrets: map[string]connection.Secrets{}, sealed: map[string]string{}, alerts: &alerttest.Memory{}}
	o.keys = secret.New(`{"v":1,"stack":"test","current":"k1","k1":"` + strings.Repeat("k", 64) + `"}`)
	o.store, o.home = granttest.NewMemory(), &granttest.Home{}
	o.provider = &granttest.Provider{Rotation: profile.Rotation{Policy: "detect"}, Life: time.Hour, Now: func() time.Time { return o.desk.now() }}
	o.desk = &desk{
		inventory: &invtest.Memory{}, grants: o.store, rates: ledgertest.NewMemory(), tickets: &consenttest.Memory{},
		secrets: o, sealer: o, keys: o, episodes: o.alerts, lanes: o, buckets: &buckettest.Memory{}, wakes: queueFake{o, &o.wakes}, updates: queueFake{o, &o.updates},
		defaults: defaults{RedirectURI: "https://connect.example.com/oauth/callback", PublicURL: "https://connect.example.com", TokenHome: grant.HomeSecrets},
		now:      func() time.Time { return noon },
		wait:     func(_ context.Context, d time.Duration) error { o.passes(d); return nil },
	}
	pairs := vault.New(seal.NewSource(o, nil), map[string]grant.Home{grant.HomeSecrets: o.home})
	o.desk.homes = pairs
	nonces := 0
	o.desk.cycle = refresh.Config{
		Store: o.store, Vault: pairs, Digests: pairs, Revoker: o, Buckets: bucket.NewCache(o.desk.buckets, func() time.Time { return o.desk.now() }),
		Exchange: o.provider, Registry: o.desk.inventory, Secrets: noForgetting{o}, Profile: revocable, Now: func() time.Time { return o.desk.now() },
		Nonce: func() grant.Nonce { nonces++; return grant.Nonce(fmt.Sprintf("n%d", nonces)) },
	}
	return o
}

// run runs one command and returns what it printed and its exit code.
func (o *office) run(stdin string, args ...string) (out, errs string, code int) {
	o.t.Helper()
	return o.runOn(o.t.Context(), strings.NewReader(stdin), args...)
}

// runOn is run, until ctx ends.
func (o *office) runOn(ctx context.Context, stdin io.Reader, args ...string) (out, errs string, code int) {
	o.t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(ctx, args, stdin, &stdout, &stderr,
		func(context.Context, string) (*desk, error) { return o.desk, nil })
	return stdout.String(), stderr.String(), code
}

// must runs a command that has to succeed.
func (o *office) must(stdin string, args ...string) string {
	o.t.Helper()
	out, errs, code := o.run(stdin, args...)
	if code != exitOK {
		o.t.Fatalf("bellhop %s: exit %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

func (o *office) addClients() {
	o.must("s3cret-generic\n", "clients", "add", "gen", "--provider", "generic", "--client-id", "bellhop",
		"--token-url", "https://api.example.com/oauth/token", "--api-url", "https://api.example.com")
	o.must("s3cret-cloud", "clients", "add", "cloud", "--provider", "cloudbeds", "--client-id", "live1_42")
}

func addLisbon(client string) []string {
	return []string{"connections", "add", "lisbon-1", "--client", client, "--property", "LIS", "--hotel", "Hotel Lisboa",
		"--remote-property", "190837", "--currency", "eur", "--zone", "Europe/Lisbon", "--map", "DBL/BAR=4711", "--owner-name", "Maria Sousa"}
}

func TestClients_SecretComesByStandardInputAndIsNeverShown(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	if got := o.secrets["cloud"].Current.Reveal(); got != "s3cret-cloud" {
		t.Errorf("stored %q", got)
	}
	for _, args := range [][]string{{"clients", "list"}, {"--json", "clients", "list"}} {
		out := o.must("", args...)
		if strings.Contains(out, "s3cret") || !strings.Contains(out, "live1_42") {
			t.Errorf("list prints:\n%s", out)
		}
	}
}

func TestClients_RefusesWhatCannotWork(t *testing.T) {
	for name, row := range map[string]struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		"unknown provider":   {"x", []string{"--provider", "nowhere", "--client-id", "c"}, exitRefused, "nowhere"},
		"no token endpoint":  {"x", []string{"--provider", "generic", "--client-id", "c"}, exitRefused, "--token-url"},
		"in the clear":       {"x", []string{"--provider", "cloudbeds", "--client-id", "c", "--token-url", "http://example.com/t"}, exitRefused, "https"},
		"empty secret":       {"\n", []string{"--provider", "cloudbeds", "--client-id", "c"}, exitUsage, "empty"},
		"secret as argument": {"", []string{"--provider", "cloudbeds", "--client-id", "c", "--client-secret", "x"}, exitUsage, "client-secret"},
	} {
		o := newOffice(t)
		_, errs, code := o.run(row.stdin, append([]string{"clients", "add", "new"}, row.args...)...)
		if code != row.code || !strings.Contains(errs, row.want) {
			t.Errorf("%s: exit %d, %q; want %d and a word of %q", name, code, errs, row.code, row.want)
		}
		if len(o.secrets) != 0 && row.code != exitOK {
			t.Errorf("%s: a secret was stored all the same", name)
		}
	}
}

func TestClients_SameNameTwiceIsRefusedBeforeItsSecretIsTouched(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	_, _, code := o.run("other", "clients", "add", "cloud", "--provider", "cloudbeds", "--client-id", "live1_42")
	if code != exitRefused || o.secrets["cloud"].Current.Reveal() != "s3cret-cloud" {
		t.Errorf("exit %d, secret %q", code, o.secrets["cloud"].Current.Reveal())
	}
}

func TestClients_WarnsWhenTheGraceIsTooShort(t *testing.T) {
	o := newOffice(t)
	_, errs, _ := o.run("x", "clients", "add", "short", "--provider", "cloudbeds", "--client-id", "c", "--rotation", "grace", "--grace", "10s")
	if !strings.Contains(errs, "22s") {
		t.Errorf("no warning: %q", errs)
	}
	_, errs, _ = o.run("x", "clients", "add", "long", "--provider", "cloudbeds", "--client-id", "c", "--rotation", "grace", "--grace", "30s")
	if errs != "" {
		t.Errorf("a grace of 30 s warns: %q", errs)
	}
}

func TestConnections_OneThatNeedsItsOwnerGetsALinkAndNoWake(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	out := o.must("", addLisbon("cloud")...)
	for _, want := range []string{"whsec_", "https://connect.example.com/reconnect/", "shown once"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	g, err := o.desk.grants.Read(t.Context(), "lisbon-1")
	if err != nil || g.Health != grant.ReauthorizationRequired || g.Reason != grant.NeverConnected || g.Home != grant.HomeSecrets {
		t.Errorf("grant = %+v, %v", g, err)
	}
	if len(o.wakes) != 0 {
		t.Errorf("a grant that cannot be exchanged was woken: %v", o.wakes)
	}
}

func TestConnections_ClientCredentialsShareOneGrantAndAreWokenAtOnce(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("", addLisbon("gen")...)
	porto := addLisbon("gen")
	porto[2] = "porto-1"
	o.must("", porto...)
	served, err := o.desk.inventory.ByGrant(t.Context(), "gen")
	if err != nil || len(served) != 2 {
		t.Fatalf("grant gen serves %v, %v", served, err)
	}
	if len(o.wakes) != 1 || o.wakes[0].Group != "gen" || !strings.Contains(o.wakes[0].Body, `"grant":"gen"`) {
		t.Errorf("wakes = %+v, want one for the new grant, in its client's group", o.wakes)
	}
	if _, _, code := o.run("", "connections", "link", "lisbon-1"); code != exitRefused {
		t.Errorf("a link for client credentials: exit %d", code)
	}
}

func TestConnections_SigningSecretIsSealedUnderTheConnectionsOwnLabel(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	var printed map[string]string
	if err := json.Unmarshal([]byte(o.must("", append([]string{"--json"}, addLisbon("cloud")...)...)), &printed); err != nil {
		t.Fatal(err)
	}
	if got := o.sealed[connection.SigningLabel("lisbon-1")]; got != printed["signing_secret"] || len(got) < 40 {
		t.Errorf("sealed %q, printed %q", got, printed["signing_secret"])
	}
}

// A secret that nobody has seen is not stored: the same command again shows one.
func TestConnections_NoLinkNoConnection(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	tickets := &consenttest.Memory{Before: func(string) error { return errors.New("throttled") }}
	o.desk.tickets = tickets
	if out, errs, code := o.run("", addLisbon("cloud")...); code != exitFailed || !strings.Contains(errs, "making a reconnect link") || out != "" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if _, err := o.desk.inventory.Connection(t.Context(), "lisbon-1"); !errors.Is(err, connection.ErrUnknown) {
		t.Errorf("it is stored all the same: %v", err)
	}
	tickets.Before = nil
	if out := o.must("", addLisbon("cloud")...); !strings.Contains(out, o.sealed[connection.SigningLabel("lisbon-1")]) || !strings.Contains(out, "/reconnect/") {
		t.Errorf("printed:\n%s", out)
	}
}

func TestConnections_ProvidersWebhookSecretIsReadNotGiven(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("whsec_provider\n", append(addLisbon("cloud"), "--webhook")...)
	if got := o.sealed[connection.WebhookLabel("lisbon-1")]; got != "whsec_provider" {
		t.Errorf("sealed %q", got)
	}
}

func TestConnections_RefusesAllThatIsWrongTogether(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	bad := addLisbon("cloud")
	bad[2] = "lisbon/1"
	for i, a := range bad {
		switch a {
		case "eur":
			bad[i] = "EURO"
		case "Europe/Lisbon":
			bad[i] = "Lisbon"
		}
	}
	_, errs, code := o.run("", bad...)
	for _, want := range []string{"connection id", "currency", "time zone"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q does not name the %s", errs, want)
		}
	}
	if code != exitRefused {
		t.Errorf("exit %d", code)
	}
	if _, err := o.desk.grants.Read(t.Context(), "lisbon/1"); !errors.Is(err, grant.ErrNotFound) {
		t.Errorf("a grant was made all the same: %v", err)
	}
}

func TestConnections_AddedTwiceIsRefused(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("", addLisbon("cloud")...)
	if _, _, code := o.run("", addLisbon("cloud")...); code != exitRefused {
		t.Errorf("exit %d", code)
	}
}

func TestConnections_AnotherClientsGrantIsNotShared(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("", addLisbon("gen")...)
	theft := addLisbon("cloud")
	theft[2] = "porto-1"
	_, errs, code := o.run("", append(theft, "--grant", "gen")...)
	if code != exitRefused || !strings.Contains(errs, "belongs to client gen") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestConnections_DisableAndEnable(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("", addLisbon("gen")...)
	porto := addLisbon("gen")
	porto[2] = "porto-1"
	o.must("", porto...)
	_, errs, code := o.run("", "connections", "disable", "lisbon-1")
	if code != exitOK || !strings.Contains(errs, "porto-1") {
		t.Errorf("exit %d, %q: it must say who else is off", code, errs)
	}
	if out := o.must("", "connections", "show", "lisbon-1"); !strings.Contains(out, "disabled") {
		t.Errorf("show prints:\n%s", out)
	}
	woken := len(o.wakes)
	o.must("", "connections", "enable", "lisbon-1")
	if g, _ := o.desk.grants.Read(t.Context(), "gen"); !g.Enabled || len(o.wakes) != woken+1 {
		t.Errorf("enabled %v, %d new wakes", g.Enabled, len(o.wakes)-woken)
	}
	if len(o.updates) != 2 { // what waits at either property waits for the same grant
		t.Errorf("%d lanes woken, want those of both connections: %v", len(o.updates), o.updates)
	}
}

func TestConnections_ListForPeopleAndPrograms(t *testing.T) {
	o := newOffice(t)
	o.addClients()
	o.must("", addLisbon("cloud")...)
	if out := o.must("", "connections", "list"); !strings.Contains(out, "Hotel Lisboa") || !strings.Contains(out, "reauthorization_required (never_connected)") {
		t.Errorf("list prints:\n%s", out)
	}
	var all []status
	if err := json.Unmarshal([]byte(o.must("", "--json", "connections", "list")), &all); err != nil || len(all) != 1 || all[0].State != "reauthorization_required" {
		t.Errorf("json: %+v, %v", all, err)
	}
}

func TestExitCodes(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		code int
	}{
		"no command":         {nil, exitUsage},
		"unknown command":    {[]string{"fly"}, exitUsage},
		"unknown flag":       {[]string{"clients", "list", "--wings"}, exitUsage},
		"help":               {[]string{"--help"}, exitOK},
		"unknown connection": {[]string{"connections", "show", "nowhere-1"}, exitUnknown},
		"unknown client":     {addLisbon("nobody"), exitUnknown},
		"file not there":     {[]string{"rates", "send", "no-such-file.json"}, exitFailed},
	} {
		if _, errs, code := newOffice(t).run("", row.args...); code != row.code {
			t.Errorf("%s: exit %d, want %d (%s)", name, code, row.code, errs)
		}
	}
}

// Whatever asks the process to end lets a request that was made come to its
// commit; see TestRotate_AskedToEndMeanwhile.
func TestSignals_EndTheContext(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if s == syscall.SIGHUP && signal.Ignored(s) {
			continue // the tests run under nohup
		}
		ctx, stop := untilAsked(t.Context())
		if err := self.Signal(s); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%s: not heard", s)
		}
		stop()
	}
}

func TestHelp_NeedsNoStack(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"connections", "--help"}, nil, &out, &errs, func(context.Context, string) (*desk, error) {
		t.Error("the stack was opened")
		return nil, nil
	})
	if code != exitOK || !strings.Contains(out.String(), "signing secret") {
		t.Errorf("exit %d:\n%s", code, out.String())
	}
}

const update = `{"v":1,"connection":"lisbon-1","revision":7,"currency":"EUR",
 "updates":[{"room_type":"DBL","rate_plan":"BAR","from":"2026-12-01","to":"2026-12-31","price":"129.00"}]}`

func TestRates_SendFromFileAndStandardInput(t *testing.T) {
	o := newOffice(t)
	file := filepath.Join(t.TempDir(), "update.json")
	if err := os.WriteFile(file, []byte(update), 0o600); err != nil {
		t.Fatal(err)
	}
	o.must("", "rates", "send", file)
	o.must(update, "rates", "send", "-")
	if len(o.updates) != 2 || o.updates[0].Body != update || o.updates[0].Group != "lisbon-1" {
		t.Errorf("sent %+v", o.updates)
	}
}

func TestRates_ExampleOfTheDocsIsTaken(t *testing.T) {
	o := newOffice(t)
	o.must("", "rates", "send", "../../docs/rate-update.json")
	if len(o.updates) != 1 {
		t.Errorf("sent %+v", o.updates)
	}
}

func TestRates_BadInputSendsNothingAndSaysAll(t *testing.T) {
	o := newOffice(t)
	bad := strings.Replace(strings.Replace(update, "129.00", "129.005", 1), "2026-12-31", "2026-11-31", 1)
	_, errs, code := o.run(bad, "rates", "send")
	if code != exitRefused || len(o.updates) != 0 || !strings.Contains(errs, "nothing was sent") {
		t.Errorf("exit %d, %d sent: %s", code, len(o.updates), errs)
	}
}

func TestRates_QueueThatRefusesIsAFailure(t *testing.T) {
	o := newOffice(t)
	o.sendErr = errors.New("queue is gone")
	if _, errs, code := o.run(update, "rates", "send"); code != exitFailed || !strings.Contains(errs, "queue is gone") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestFurnish_NamesEveryMissingOutput(t *testing.T) {
	_, err := furnish(aws.Config{}, map[string]string{"GrantsTableName": "g"})
	for _, want := range []string{"RatesTableName", "KeysSecretArn", "RatesQueueUrl", "PublicUrl"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
