package stack

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// role says which part this test binary plays when it starts itself.
const role = "BELLHOP_STACK_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "sleeper":
		fmt.Println("up")
		time.Sleep(time.Minute)
	case "parent": // as MiniStack with a function's process
		child := play("sleeper")
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			panic(err)
		}
		time.Sleep(time.Minute)
	case "runner": // as bellhop-local, which will be killed
		command := play("parent")
		command.Stdout = os.Stdout
		if _, err := startGroup(command); err != nil {
			panic(err)
		}
		time.Sleep(time.Minute)
	}
}

func play(part string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), role+"="+part)
	return command
}

// watch gives a command an output that ends only when the last process that
// inherited it has ended, and returns once the first of them is up.
func watch(t *testing.T, command *exec.Cmd, start func() error) (allEnded <-chan struct{}) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout = write
	if err := start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	output := bufio.NewReader(read)
	if line, err := output.ReadString('\n'); err != nil || line != "up\n" {
		t.Fatalf("waiting for the last of the tree: %q, %v", line, err)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, output)
		_ = read.Close()
		close(ended)
	}()
	return ended
}

func await(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(2 * patience):
		t.Fatal("a process is left behind")
	}
}

func TestGroup_StopEndsWhatTheCommandStarted(t *testing.T) {
	command := play("parent")
	var g *group
	ended := watch(t, command, func() (err error) { g, err = startGroup(command); return err })
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	await(t, ended)
}

// A frozen process takes no signal but the last.
func TestGroup_StopEndsAProcessThatIsFrozen(t *testing.T) {
	command := play("sleeper")
	var g *group
	ended := watch(t, command, func() (err error) { g, err = startGroup(command); return err })
	if err := command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	await(t, ended)
}

func TestGroup_StopOfACommandThatHasEnded(t *testing.T) {
	command := exec.Command("/bin/sh", "-c", "sleep 0.2; exit 3")
	g, err := startGroup(command)
	if err != nil {
		t.Fatal(err)
	}
	<-g.ended
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if code := command.ProcessState.ExitCode(); code != 3 || g.err == nil {
		t.Errorf("exit code %d, error %v; want 3 and an error", code, g.err)
	}
}

// The runner has no chance to clean up after a kill -9; its guard does.
func TestGroup_NothingOutlivesAKilledRunner(t *testing.T) {
	runner := play("runner")
	ended := watch(t, runner, runner.Start)
	if err := runner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = runner.Wait()
	await(t, ended)
}

func TestGroup_ACommandThatDoesNotExist(t *testing.T) {
	if _, err := startGroup(exec.Command("/nowhere/ministack")); err == nil {
		t.Error("no error")
	}
}
