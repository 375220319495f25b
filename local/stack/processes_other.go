//go:build !linux

package stack

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// commands asks ps (POSIX).
func commands(ctx context.Context) ([]command, error) {
	output, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,args=").Output()
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var running []command
	for line := range strings.Lines(string(output)) {
		number, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid, err := strconv.Atoi(number); err == nil {
			running = append(running, command{pid: pid, path: strings.TrimSpace(args)})
		}
	}
	return running, nil
}
