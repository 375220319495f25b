package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// patience is how long a group may take to end by itself.
const patience = 3 * time.Second

// group is a command and everything that it starts, in a process group of its
// own, together with a guard: a shell in the same group that waits for the
// end of a pipe which only this process holds open. When this process ends,
// in whatever way, the pipe ends, and the guard kills the group. No signal
// handler could promise that for a `kill -9` of this process.
type group struct {
	command  *exec.Cmd
	guard    *exec.Cmd
	lifeline *os.File
	ended    chan struct{} // closed when the command has ended
	err      error         // how it ended; read after ended
}

// guardScript outlives the signals that ask for an end, so that it can still
// enforce it. `kill 0` means the shell's own process group (POSIX kill).
const guardScript = `trap '' TERM INT HUP; read _; kill -KILL 0`

// startGroup starts a command as the leader of a new group.
func startGroup(command *exec.Cmd) (*group, error) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	g := &group{command: command, ended: make(chan struct{})}
	guarded := g.startGuard()
	go func() {
		g.err = command.Wait()
		close(g.ended)
	}()
	if guarded != nil {
		_ = syscall.Kill(-g.id(), syscall.SIGKILL)
		<-g.ended
		return nil, fmt.Errorf("guarding %s: %w", command.Path, guarded)
	}
	return g, nil
}

func (g *group) startGuard() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	g.guard = exec.Command("/bin/sh", "-c", guardScript)
	g.guard.Stdin = read
	g.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.id()}
	err = g.guard.Start()
	_ = read.Close()
	if err != nil {
		_ = write.Close()
		return err
	}
	g.lifeline = write
	return nil
}

// id is the group's number, the process id of its leader.
func (g *group) id() int { return g.command.Process.Pid }

// stop asks the group to end, and ends it. Processes that are stopped or deaf
// do not survive it. It returns an error only when something may be left.
func (g *group) stop() error {
	if err := syscall.Kill(-g.id(), syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("ending process group %d: %w", g.id(), err)
	}
	select {
	case <-g.ended:
	case <-time.After(patience):
	}
	_ = syscall.Kill(-g.id(), syscall.SIGKILL) // the guard is still in the group, so the number is still ours
	_ = g.lifeline.Close()
	_ = g.guard.Wait()
	<-g.ended
	return nil
}
