package stack

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestFrontDoor_TurnsItsAddressIntoTheAPIs(t *testing.T) {
	var got *http.Request
	var body []byte
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer upstream.Close()
	where, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(where.Port())
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:21292/rates/lisbon-1?x=1", strings.NewReader(`{"v":1}`))
	request.Header.Set("Webhook-Signature", "v1,abc")
	answer := httptest.NewRecorder()
	frontDoor(port, "4c2554c1").ServeHTTP(answer, request)

	if answer.Code != http.StatusAccepted {
		t.Fatalf("status %d", answer.Code)
	}
	if want := "4c2554c1.execute-api.localhost:" + where.Port(); got.Host != want {
		t.Errorf("Host %q, want %q", got.Host, want)
	}
	if got.URL.RequestURI() != "/rates/lisbon-1?x=1" || string(body) != `{"v":1}` || got.Header.Get("Webhook-Signature") != "v1,abc" {
		t.Errorf("the request changed on its way: %s %q %v", got.URL.RequestURI(), body, got.Header)
	}
}

func TestInvoke_AFunctionThatThereIsNot(t *testing.T) {
	s, err := describe(Config{PortBase: 21290})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Invoke(t.Context(), "porter", nil); err == nil || !strings.Contains(err.Error(), "refresher") {
		t.Errorf("error %v; want one that lists the functions", err)
	}
}

// A function's process is known by the folder that it runs from.
func TestCommands_SeeAProcessByItsPath(t *testing.T) {
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	command := play("sleeper")
	if err := os.Link(command.Path, bootstrap); err != nil {
		copyFile(t, command.Path, bootstrap)
	}
	command.Path, command.Args = bootstrap, []string{bootstrap}
	ended := watch(t, command, command.Start)
	running, err := commands(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, c := range running {
		if c.path == bootstrap && c.pid == command.Process.Pid {
			found++
		}
	}
	if found != 1 {
		t.Errorf("found %d times", found)
	}
	_ = command.Process.Kill()
	_ = command.Wait()
	await(t, ended)
	deadline := time.Now().Add(time.Second)
	for time.Now().Before(deadline) {
		running, _ = commands(t.Context())
		if !strings.Contains(paths(running), bootstrap) {
			return
		}
	}
	t.Error("a process that has ended is still listed")
}

func paths(running []command) string {
	var all []string
	for _, c := range running {
		all = append(all, c.path)
	}
	return strings.Join(all, "\n")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o700); err != nil {
		t.Fatal(err)
	}
}

// The three values are those that MiniStack derived for this pair of ARNs.
func TestRoleCredentials_AreMiniStacks(t *testing.T) {
	got, err := roleCredentials("arn:aws:lambda:us-east-1:000000000000:function:bellhop-pusher", "arn:aws:iam::000000000000:role/bellhop-PusherRole").Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != "ASIAB505FEA3AAA4DFA1" || got.SecretAccessKey != "7a6d88fdc278449e401229ce70dff152ed7454e738e20940d1805975eb7e8bcb" || got.SessionToken != "ac7db79681e2f4ef797e5d6e157ba705e16acc96b487e13d8683974747a3720b" {
		t.Errorf("got %s, %s, %s", got.AccessKeyID, got.SecretAccessKey, got.SessionToken)
	}
}
