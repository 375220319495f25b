// Package figures keeps docs/figures.md: the numbers that the project's own
// commands measured about it. Each command owns one block of the page, between
// two markers that a reader of the rendered page does not see, and replaces it
// whole; what people wrote around the blocks stays as it is.
package figures

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Page is where the figures are, from the project's folder.
const Page = "docs/figures.md"

// ErrTorn says that a page's markers do not belong together, because somebody
// edited them: nothing was written.
var ErrTorn = errors.New("markers of a block are torn")

// names are what a block may be called: it stands in an HTML comment.
var names = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Write replaces the block of that name in a file, or appends it when the file
// has none; a file that does not exist yet begins with it. Text is Markdown
// and holds no marker. The file is replaced at once, so that a reader sees the
// old page or the new one. Two commands must not write at the same time.
func Write(file, name, text string) error {
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the figures: %w", err)
	}
	after, err := replace(string(before), name, text)
	if err != nil {
		return fmt.Errorf("block %s of %s: %w", name, file, err)
	}
	return put(file, after)
}

// replace returns the page with its block of that name exchanged.
func replace(page, name, text string) (string, error) {
	if !names.MatchString(name) {
		return "", fmt.Errorf("%q is no name for a block", name)
	}
	begin, end := marker(name, "begin"), marker(name, "end")
	if strings.Contains(text, begin) || strings.Contains(text, end) {
		return "", ErrTorn
	}
	block := begin + "\n\n" + strings.TrimSpace(text) + "\n\n" + end
	head, rest, opened := strings.Cut(page, begin)
	_, tail, closed := strings.Cut(rest, end)
	switch {
	case opened && closed && strings.Count(page, begin) == 1 && strings.Count(page, end) == 1:
		return head + block + tail, nil
	case strings.Contains(page, begin) || strings.Contains(page, end):
		return "", ErrTorn
	case strings.TrimSpace(page) == "":
		return block + "\n", nil
	}
	return strings.TrimRight(page, "\n") + "\n\n" + block + "\n", nil
}

func marker(name, edge string) string { return "<!-- " + name + " " + edge + " -->" }

// put exchanges a file's content by a rename.
func put(file, content string) error {
	draft, err := os.CreateTemp(filepath.Dir(file), ".figures-*")
	if err != nil {
		return fmt.Errorf("drafting the figures: %w", err)
	}
	defer os.Remove(draft.Name()) // gone already, when all went well
	_, err = draft.WriteString(content)
	if err = errors.Join(err, draft.Chmod(0o644), draft.Close()); err != nil {
		return fmt.Errorf("drafting the figures: %w", err)
	}
	if err := os.Rename(draft.Name(), file); err != nil {
		return fmt.Errorf("replacing the figures: %w", err)
	}
	return nil
}
