package fuzz

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// largestKept is the size in bytes of an input that is still kept: a corpus is
// read by people, too.
const largestKept = 2 << 10

// keep puts inputs that reached new code beside the test, where they are part
// of the corpus from then on. The go command leaves them in its cache, by
// package and function (https://go.dev/doc/security/fuzz/#glossary).
func (c Config) keep(ctx context.Context, f Fuzzer) error {
	if c.Keep <= 0 {
		return nil
	}
	cache, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("finding the cache of inputs: %w", err)
	}
	from := filepath.Join(strings.TrimSpace(string(cache)), "fuzz", filepath.FromSlash(f.Package), f.Name)
	kept, err := copySmallest(from, filepath.Join(f.Dir, "testdata", "fuzz", f.Name), c.Keep)
	if err != nil {
		return fmt.Errorf("keeping inputs of %s: %w", f, err)
	}
	fmt.Fprintf(c.Out, "  kept %d new inputs\n", kept)
	return nil
}

// copySmallest fills a folder up to so many files with the smallest of another,
// and returns how many it copied. Names are digests of what is inside, so what
// is there already is not there twice.
func copySmallest(from, to string, upTo int) (int, error) {
	there, err := os.ReadDir(to)
	if err != nil && !os.IsNotExist(err) {
		return 0, err
	}
	candidates, err := bySize(from)
	if err != nil {
		return 0, err
	}
	room, copied := upTo-len(there), 0
	for _, name := range candidates {
		if copied >= room {
			break
		}
		if slices.ContainsFunc(there, func(d os.DirEntry) bool { return d.Name() == name }) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return copied, err
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return copied, err
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o644); err != nil {
			return copied, err
		}
		copied++
	}
	return copied, nil
}

// bySize lists the inputs of a folder that are small enough, the smallest
// first. A folder that is not there holds none.
func bySize(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if info.Size() <= largestKept {
			sizes[e.Name()], names = info.Size(), append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(sizes[a], sizes[b]), strings.Compare(a, b))
	})
	return names, nil
}
