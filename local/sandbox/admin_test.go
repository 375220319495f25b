package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAdmin_StrictJSON(t *testing.T) {
	w := newWorld(t, Config{})
	for path, body := range map[string]string{
		"POST /admin/clients":         `{"persona":"generic","id":"x","secret":"y","scopes":["s"],"colour":"red"}`,
		"POST /admin/properties":      `{"persona":"generic","id":"x"} {}`,
		"POST /admin/faults":          `[]`,
		"PUT /admin/switches/generic": `{"reuse":"maybe"}`,
		"POST /admin/consents/revoke": `{"persona":"cloudbeds"}`,
	} {
		method, path, _ := strings.Cut(path, " ")
		r := w.send(method, path, body, nil)
		w.want(path, r.status, 400)
		if r.text(t, "error") == "" {
			t.Errorf("%s: no reason", path)
		}
	}
	w.want("unknown persona", w.send("GET", "/admin/switches/mews", "", nil).status, 400)
	w.want("unknown token", w.send("POST", "/admin/tokens/expire", `{"token":"x"}`, nil).status, 404)
	w.want("too large", w.send("POST", "/admin/clients", strings.Repeat(" ", maxAdminBody+1), nil).status, 413)
}

func TestAdmin_ImpossibleRegistrations(t *testing.T) {
	w := newWorld(t, Config{})
	rates := []Rate{{ID: "1", RoomType: "DBL", RatePlan: "BAR"}}
	for name, c := range map[string]Client{
		"no secret":   {Persona: Generic, ID: "x", Scopes: []string{"s"}},
		"no scopes":   {Persona: Generic, ID: "x", Secret: "y"},
		"no redirect": {Persona: Cloudbeds, ID: "x", Secret: "y", Scopes: []string{"s"}},
		"no persona":  {ID: "x", Secret: "y", Scopes: []string{"s"}},
	} {
		if w.admin.AddClient(t.Context(), c) == nil {
			t.Errorf("client with %s was taken", name)
		}
	}
	for name, p := range map[string]Property{
		"no account":     {Persona: Generic, ID: "x", Currency: "EUR", Rates: rates},
		"a wrong code":   {Persona: Generic, ID: "x", Account: "a", Currency: "EURO", Rates: rates},
		"no rates":       {Persona: Generic, ID: "x", Account: "a", Currency: "EUR"},
		"equal rate ids": {Persona: Cloudbeds, ID: "x", Account: "a", Currency: "EUR", Rates: append(rates, rates...)},
	} {
		if w.admin.AddProperty(t.Context(), p) == nil {
			t.Errorf("property with %s was taken", name)
		}
	}
}

func TestAdmin_SwitchesChangeOnlyWhatIsNamed(t *testing.T) {
	w := newWorld(t, Config{})
	w.want("status", w.send("PUT", "/admin/switches/cloudbeds", `{"access_token_lifetime_ms":5000}`, nil).status, 200)
	v, err := w.admin.Switches(t.Context(), Cloudbeds)
	if err != nil {
		t.Fatal(err)
	}
	w.want("named", v.AccessTokenLifetime, int64(5000))
	w.want("not named", v.ReuseGrace, int64(30_000))
	w.want("expires_in", w.form(cbToken, codeForm(w.code("1001"))).json(t)["expires_in"], float64(5))
}

func TestAdmin_RulesAreListedWithTheirCountsAndRemoved(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.fault(Fault{Kind: FaultError, Endpoint: "userinfo", Skip: 1, Count: 1})
	second := w.fault(Fault{Kind: FaultError, Endpoint: "batch"})
	p := w.connect("1001")
	for range 3 {
		w.alive(p.access)
	}
	all, err := w.admin.Faults(t.Context())
	if err != nil || len(all) != 2 || all[0].Seen != 2 || all[0].Fired != 1 {
		t.Fatalf("%+v (%v)", all, err)
	}
	if err := w.admin.RemoveFault(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	all, _ = w.admin.Faults(t.Context())
	if len(all) != 1 || all[0].ID != second.ID {
		t.Errorf("%+v", all)
	}
}

func TestServe_LoopbackOnly(t *testing.T) {
	for _, addr := range []string{":21003", "0.0.0.0:21003", "[::]:21003", "192.0.2.1:21003", "sandbox.example:21003", "nonsense"} {
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := New(Config{}).Serve(ctx, addr); err == nil {
			t.Errorf("served on %s", addr)
		}
		stop()
	}
}

func TestServe_AnswersUntilTheContextEnds(t *testing.T) {
	const addr = "127.0.0.1:21004"
	ctx, stop := context.WithCancel(t.Context())
	server := New(Config{Clients: []Client{{Persona: Generic, ID: "pms", Secret: "s", Scopes: []string{"rates:read"}}}})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, addr) }()
	admin := &Admin{BaseURL: "http://" + addr}
	waitFor(t, func() bool { _, err := admin.Summary(t.Context()); return err == nil })

	if err := New(Config{}).Serve(t.Context(), addr); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("a busy port: %v", err)
	}
	if _, err := admin.AddFault(t.Context(), Fault{Kind: FaultHang, Millis: 60_000, Acts: true}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = http.Get("http://" + addr + "/generic/v2/rates") }()
	waitFor(t, func() bool { all, _ := admin.Requests(t.Context(), 0); return len(all) == 1 })
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a stalled request kept it alive")
	}
	if listener, err := net.Listen("tcp", addr); err != nil {
		t.Errorf("the port is not free: %v", err)
	} else {
		_ = listener.Close()
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 200 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it never happened")
}

func TestNew_PanicsOnImpossibleConfig(t *testing.T) {
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, `client "x"`) {
			t.Errorf("panicked with %q", text)
		}
	}()
	New(Config{Clients: []Client{{Persona: Generic, ID: "x"}}})
}
