package figures

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Stamp says when, of which commit and on which machine something was measured,
// as one line of text: "2026-03-29 12:00 UTC, commit 3381318, 2 x …, linux/amd64,
// go1.26". A commit with changes that are not in it says so; outside of a Git
// checkout there is none to name. Root is the project's folder.
func Stamp(ctx context.Context, root string, at time.Time) string {
	return fmt.Sprintf("%s, %s, %d × %s, %s/%s, %s",
		at.UTC().Format("2006-01-02 15:04 UTC"), commit(ctx, root), runtime.NumCPU(), processor("/proc/cpuinfo"),
		runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// commit names what is checked out. The page of figures itself does not count
// as a change: measuring writes it.
func commit(ctx context.Context, root string) string {
	head, err := git(ctx, root, "rev-parse", "--short", "HEAD")
	if err != nil {
		return "no commit"
	}
	changed, err := git(ctx, root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)"+Page)
	if err != nil || changed != "" {
		return "commit " + head + " with changes"
	}
	return "commit " + head
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

// processor is the processor's own name where the system tells it as Linux
// does, and the word "processor" elsewhere.
func processor(info string) string {
	f, err := os.Open(info)
	if err != nil {
		return "processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, name, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(name)
		}
	}
	return "processor"
}
