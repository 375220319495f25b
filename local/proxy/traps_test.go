package proxy

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// arm sets a trap or fails the test.
func (r *rig) arm(trap Trap) {
	r.Helper()
	if err := r.admin.Arm(r.Context(), trap); err != nil {
		r.Fatal(err)
	}
}

// await waits for a hit, at most five seconds.
func (r *rig) await(name string) Hit {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	hit, err := r.admin.Await(ctx, name)
	if err != nil {
		r.Fatal(err)
	}
	return hit
}

// TestTrap_BeforeAndAfter: at a "before" point nothing has happened yet, at an
// "after" point all has; released, both are answered.
func TestTrap_BeforeAndAfter(t *testing.T) {
	for _, row := range []struct {
		when    Side
		arrived int
	}{{Before, 0}, {After, 1}} {
		t.Run(string(row.when), func(t *testing.T) {
			r := newRig(t, Settings{})
			r.arm(Trap{Name: "send", Match: Match{Operation: "SendMessage"}, When: row.when, Hold: UntilReleased})
			done := make(chan reply)
			go func() { done <- r.call(serviceSQS, "SendMessage", send) }()
			hit := r.await("send")
			if hit.Operation != "SendMessage" || hit.Target != "rates" || hit.Key != "lisbon-1" || hit.Function != "ASIAPUSHER" || !hit.Holding {
				t.Errorf("hit is %+v", hit)
			}
			if got := len(r.fake.arrived("SendMessage")); got != row.arrived {
				t.Errorf("arrived %d times while held, want %d", got, row.arrived)
			}
			if err := r.admin.Release(t.Context(), "send"); err != nil {
				t.Fatal(err)
			}
			if a := <-done; a.status != 200 {
				t.Errorf("answer is %d", a.status)
			}
			if p, err := r.admin.Point(t.Context(), "send"); err != nil || p.Hit.Holding || p.Hit.Left {
				t.Errorf("point is %+v, %v", p, err)
			}
			if log := r.log(); log[0].Point != "send" {
				t.Errorf("log says %+v", log)
			}
		})
	}
}

func TestTrap_NthCallOnce(t *testing.T) {
	r := newRig(t, Settings{})
	r.arm(Trap{Name: "third", Match: Match{Body: "lisbon-1"}, Nth: 3})
	for n := 1; n <= 5; n++ {
		r.call(serviceSQS, "SendMessage", `{"MessageGroupId":"porto-1"}`)
		r.call(serviceSQS, "SendMessage", send)
		p, err := r.admin.Point(t.Context(), "third")
		if err != nil || p.Matched != n || (p.Hit != nil) != (n >= 3) {
			t.Fatalf("after %d calls: %+v, %v", n, p, err)
		}
	}
	caught := 0
	for _, e := range r.log() {
		if e.Point == "third" {
			caught++
		}
	}
	if caught != 1 {
		t.Errorf("caught %d calls, want 1", caught)
	}
}

func TestTrap_HoldEndsByItself(t *testing.T) {
	r := newRig(t, Settings{})
	r.arm(Trap{Name: "short", Hold: 50})
	began := time.Now()
	if a := r.call(serviceSQS, "SendMessage", send); a.status != 200 {
		t.Errorf("answer is %d", a.status)
	}
	if held := time.Since(began); held < 50*time.Millisecond {
		t.Errorf("held for %v", held)
	}
}

// TestTrap_CallerDies: a caller that is killed before its call was forwarded
// never made it; one that is killed after it did.
func TestTrap_CallerDies(t *testing.T) {
	for _, row := range []struct {
		when    Side
		arrived int
	}{{Before, 0}, {After, 1}} {
		t.Run(string(row.when), func(t *testing.T) {
			r := newRig(t, Settings{})
			r.arm(Trap{Name: "death", When: row.when, Hold: UntilReleased})
			u, _ := url.Parse(r.url)
			caller, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(caller, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.SendMessage\r\nContent-Length: 2\r\n\r\n{}")
			hit := r.await("death")
			if hit.Remote != caller.LocalAddr().String() {
				t.Errorf("remote is %s, want %s", hit.Remote, caller.LocalAddr())
			}
			caller.Close()
			eventually(t, "the proxy sees it leave", func() bool {
				p, err := r.admin.Point(t.Context(), "death")
				return err == nil && p.Hit.Left
			})
			eventually(t, "the call is logged", func() bool { return len(r.log()) == 1 }) // nobody was answered
			if got := len(r.fake.arrived("SendMessage")); got != row.arrived {
				t.Errorf("arrived %d times, want %d", got, row.arrived)
			}
		})
	}
}

// TestTrap_ReplacedOrDisarmed: nobody is left hanging behind a trap that is
// gone.
func TestTrap_ReplacedOrDisarmed(t *testing.T) {
	r := newRig(t, Settings{})
	for _, free := range []func(){
		func() { r.arm(Trap{Name: "p", Match: Match{Operation: "Never"}}) },
		func() {
			if err := r.admin.Disarm(t.Context(), "p"); err != nil {
				t.Error(err)
			}
		},
	} {
		r.arm(Trap{Name: "p", Match: Match{Operation: "SendMessage"}, Hold: UntilReleased})
		done := make(chan reply)
		go func() { done <- r.call(serviceSQS, "SendMessage", send) }()
		r.await("p")
		free()
		if a := <-done; a.status != 200 {
			t.Errorf("answer is %d", a.status)
		}
	}
	if _, err := r.admin.Point(t.Context(), "p"); err == nil {
		t.Error("a disarmed trap is still there")
	}
	if err := r.admin.Release(t.Context(), "p"); err == nil {
		t.Error("a disarmed trap can be released")
	}
}

func TestTrap_Check(t *testing.T) {
	for _, trap := range []Trap{{}, {Name: "p", When: "during", Nth: 1}, {Name: "p", When: Before}} {
		if trap.check() == nil {
			t.Errorf("%+v is accepted", trap)
		}
	}
}

// TestPIDOf_AnotherProcess: the process that holds the other end is found, by
// the address alone.
func TestPIDOf_AnotherProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes of connections are known on Linux only")
	}
	if os.Getenv("PROXY_TEST_DIAL") != "" {
		connection, err := net.Dial("tcp", os.Getenv("PROXY_TEST_DIAL"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = bufio.NewReader(connection).ReadString('\n') // until the other end closes
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	child := exec.Command(os.Args[0], "-test.run=^TestPIDOf_AnotherProcess$")
	child.Env = append(os.Environ(), "PROXY_TEST_DIAL="+listener.Addr().String())
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	connection, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := PIDOf(connection.RemoteAddr().String())
	if err != nil || pid != child.Process.Pid {
		t.Errorf("PIDOf = %d, %v; want %d", pid, err, child.Process.Pid)
	}
	connection.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPIDOf_Unknown(t *testing.T) {
	for _, address := range []string{"", "nonsense", "192.0.2.1:1"} {
		if pid, err := PIDOf(address); err == nil {
			t.Errorf("PIDOf(%q) = %d", address, pid)
		}
	}
}
