package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// DefaultPortBase lies below the ports that systems hand out by themselves
// and beside those that other AWS stand-ins like.
const DefaultPortBase = 18640

// PortBaseVariable is the environment variable that moves all ports at once.
const PortBaseVariable = "BELLHOP_PORT_BASE"

// Ports are where a local stack listens, all on 127.0.0.1.
type Ports struct {
	AWS       int // the proxy: the endpoint of every AWS call; the base itself
	MiniStack int // behind the proxy, base + 1
	Front     int // the HTTP API under its public URL, base + 2
	Sandbox   int // both providers and the sandbox's books, base + 3
	Alerts    int // left free for whoever receives the alerts, base + 4
}

// portsFrom lays the ports out from a base; zero means DefaultPortBase.
func portsFrom(base int) (Ports, error) {
	if base == 0 {
		base = DefaultPortBase
	}
	if base < 1024 || base > 65535-4 {
		return Ports{}, fmt.Errorf("port base %d: want a number from 1024 to %d (--port-base or %s)", base, 65535-4, PortBaseVariable)
	}
	return Ports{AWS: base, MiniStack: base + 1, Front: base + 2, Sandbox: base + 3, Alerts: base + 4}, nil
}

// free reports every port that another program holds, all at once.
func (p Ports) free() error {
	var taken []error
	for _, port := range []struct {
		what   string
		number int
	}{
		{"proxy", p.AWS}, {"MiniStack", p.MiniStack}, {"front door", p.Front}, {"sandbox", p.Sandbox}, {"alerts", p.Alerts},
	} {
		listener, err := net.Listen("tcp", loopback(port.number))
		if err != nil {
			taken = append(taken, fmt.Errorf("port %d for the %s: %w", port.number, port.what, err))
			continue
		}
		_ = listener.Close()
	}
	if len(taken) == 0 {
		return nil
	}
	return fmt.Errorf("not all ports are free; stop what holds them, or move all five with --port-base or %s:\n%w", PortBaseVariable, errors.Join(taken...))
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func address(port int) string { return "http://" + loopback(port) }

// findRoot looks for the folder with template.yaml: the given one, or the
// working directory and those above it.
func findRoot(root string) (string, error) {
	if root != "" {
		return filepath.Abs(root)
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the project: %w", err)
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "template.yaml")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("no template.yaml in %s or above it", start)
		}
	}
}
