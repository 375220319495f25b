package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// commands reads /proc, because a small Linux may have no ps.
func commands(context.Context) ([]command, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var running []command
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err != nil {
			continue // it has ended
		}
		path, _, _ := bytes.Cut(text, []byte{0})
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(line)))
		if err == nil && len(path) > 0 {
			running = append(running, command{pid: pid, path: string(path)})
		}
	}
	return running, nil
}
