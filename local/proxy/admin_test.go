package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// post sends a raw body to the admin API.
func (r *rig) post(path, body string) (int, string) {
	r.Helper()
	response, err := http.Post(r.url+adminPrefix+path, "application/json", strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	raw, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(raw)
}

// TestAdmin_SettingsChangeOneByOne: a body names what changes; the rest stays.
func TestAdmin_SettingsChangeOneByOne(t *testing.T) {
	r := newRig(t, Settings{VersionQuota: 20})
	if status, body := r.post("settings", `{"index_delay_ms":250}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	s, err := r.admin.Settings(t.Context())
	if err != nil || s.VersionQuota != 20 || s.IndexDelay.Duration() != 250*time.Millisecond {
		t.Errorf("settings are %+v, %v", s, err)
	}
	s.SecretWrites = -1
	r.set(s)
	if got := r.proxy.current(); got != s {
		t.Errorf("settings are %+v, want %+v", got, s)
	}
}

// TestAdmin_RefusesWhatItDoesNotKnow: a misspelt switch is no switch.
func TestAdmin_RefusesWhatItDoesNotKnow(t *testing.T) {
	r := newRig(t, Settings{})
	for _, row := range []struct{ path, body, reason string }{
		{"settings", `{"version_quotas":1}`, "version_quotas"},
		{"settings", `{`, "EOF"},
		{"faults", `{"kind":"landed","operatoin":"x"}`, "operatoin"},
		{"faults", `{"kind":"explode"}`, "explode"},
		{"points", `{"name":""}`, "name is missing"},
		{"points", `{"name":"p","when":"during"}`, "during"},
		{"functions", `{"name":"x"}`, "access_key"},
	} {
		if status, body := r.post(row.path, row.body); status != http.StatusBadRequest || !strings.Contains(body, row.reason) {
			t.Errorf("%s %s: %d %s", row.path, row.body, status, body)
		}
	}
	if _, err := r.admin.Inject(t.Context(), Rule{Kind: "explode"}); err == nil || !strings.Contains(err.Error(), "explode") {
		t.Errorf("the client's error is %v", err)
	}
	if _, err := r.admin.Point(t.Context(), "nowhere"); err == nil || !strings.Contains(err.Error(), "no such point") {
		t.Errorf("the client's error is %v", err)
	}
	if response, err := http.Get(r.url + "/_proxy/log?since=x"); err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("since=x: %v, %v", response, err)
	}
	if response, err := http.Get(r.url + "/_proxy/nothing"); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown path: %v, %v", response, err)
	}
}

// TestAdmin_IsNotForwarded: the stand-in never sees the proxy's own API.
func TestAdmin_IsNotForwarded(t *testing.T) {
	r := newRig(t, Settings{})
	if _, err := r.admin.Counts(t.Context()); err != nil {
		t.Error(err)
	}
	r.post("nothing", `{}`)
	if got := len(r.fake.requests); got != 0 {
		t.Errorf("%d requests reached the stand-in", got)
	}
}

func TestAdmin_AwaitEndsWithItsContext(t *testing.T) {
	r := newRig(t, Settings{})
	r.arm(Trap{Name: "never"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.admin.Await(ctx, "never"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	if points, err := r.admin.Points(t.Context()); err != nil || len(points) != 1 || points[0].Hit != nil {
		t.Errorf("points are %+v, %v", points, err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.admin.Wait(ctx, LogQuery{}, func(Entry) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestCallers_NameByKeyThenApplication(t *testing.T) {
	var k callers
	k.add("ASIA1", "demo-Refresher")
	for _, row := range []struct{ accessKey, userAgent, want string }{
		{"ASIA1", "aws-sdk-go-v2/1.47 app/other", "demo-Refresher"},
		{"ASIA2", "aws-sdk-go-v2/1.47 app/bellhop-cli lang/go", "bellhop-cli"},
		{"ASIA2", "aws-sdk-go-v2/1.47", "ASIA2"},
		{"", "", ""},
	} {
		if got := k.name(row.accessKey, row.userAgent); got != row.want {
			t.Errorf("name(%q, %q) = %q, want %q", row.accessKey, row.userAgent, got, row.want)
		}
	}
}

// TestFunctionKey_AsTheStandInMakesIt: ASIA and the first 16 digits of the
// digest, in capitals.
func TestFunctionKey_AsTheStandInMakesIt(t *testing.T) {
	got := FunctionKey("arn:aws:lambda:us-east-1:000000000000:function:pusher", "arn:aws:iam::000000000000:role/pusher")
	if got != "ASIAAF362AAB3845E784" {
		t.Errorf("key is %s", got)
	}
}
