package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bellhop/local/figures"
	"bellhop/local/leaks"
	"bellhop/local/owner"
	"bellhop/local/sandbox"
)

// Result is what a run came to.
type Result struct {
	Config
	tally
	audit
	audited bool // false when it broke off before the books were read

	at        time.Time // when it ended
	took      time.Duration
	rotations int // as the provider counts them, also when it broke off
	clicks    int
	sent      int            // rate updates
	pushes    int            // of them accepted by the provider
	provider  map[string]int // its faults, by kind

	secrets []leaks.Secret
	leaks   []leaks.Leak
	bytes   int // of the logs that were searched
}

// keep remembers every token and secret to look for.
func (r *Result) keep(tokens []sandbox.Token) {
	for _, t := range tokens {
		r.secrets = append(r.secrets, leaks.Secret{What: fmt.Sprintf("%s token %d of %s", t.Kind, t.N, t.Property), Value: t.Value})
	}
	r.secrets = append(r.secrets, leaks.Secret{What: "the client secret", Value: owner.SecretOf(client)})
}

// searchLogs looks for all of them in every log of the run folder.
func (r *Result) searchLogs(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.log"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("listing the logs of %s: %d found: %w", folder, len(files), err)
	}
	finder := leaks.New(r.secrets)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading a log: %w", err)
		}
		r.leaks = append(r.leaks, finder.Search(leaks.Place{Name: filepath.Base(file), Text: text})...)
		r.bytes += len(text)
	}
	return nil
}

// ErrBroken says that a promise was broken, or that the run was too gentle to
// prove that none is.
var ErrBroken = errors.New("not as promised")

// Verdict is nil when everything is as promised.
func (r *Result) Verdict() error {
	var problems []error
	for _, p := range []struct {
		wrong bool
		text  string
	}{
		{!r.audited, "the books were not read"},
		{len(r.lost) > 0, fmt.Sprintf("%d tokens lost in silence", len(r.lost))},
		{len(r.twice) > 0, fmt.Sprintf("%d presentations without an open attempt", len(r.twice))},
		{len(r.unexplained) > 0, fmt.Sprintf("%d reauthorizations that no lost answer explains", len(r.unexplained))},
		{r.Grace > 0 && r.reauthorizations() > 0, fmt.Sprintf("%d reauthorizations although there is a grace", r.reauthorizations())},
		{len(r.unwell) > 0, fmt.Sprintf("%d grants did not come to rest", len(r.unwell))},
		{len(r.leaks) > 0, fmt.Sprintf("%d secrets in a log", len(r.leaks))},
		{r.audit.rotations < r.Rotations, fmt.Sprintf("%d rotations, want %d", r.audit.rotations, r.Rotations)},
		{r.tally.Kills < r.Config.Kills, fmt.Sprintf("%d kills, want %d", r.tally.Kills, r.Config.Kills)},
		{r.Open*openShare < r.Config.Kills, fmt.Sprintf("%d kills inside an open attempt, want %d", r.Open, r.Config.Kills/openShare)},
		{r.tally.Stops < r.Config.Stops, fmt.Sprintf("%d stops, want %d", r.tally.Stops, r.Config.Stops)},
	} {
		if p.wrong {
			problems = append(problems, errors.New(p.text))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrBroken, errors.Join(problems...))
}

// firstStories is how many broken stories are told in full.
const firstStories = 5

// Print is for people at a terminal: what was reached, and the first stories of
// what is not as promised.
func (r *Result) Print(out io.Writer) {
	if !r.audited {
		fmt.Fprintf(out, "\ntorture: broken off after %s and %d rotations, %d kills (%d inside an open attempt), %d stops; nothing was judged, nothing is written\n",
			r.took.Round(time.Second), r.rotations, r.tally.Kills, r.Open, r.tally.Stops)
		return
	}
	fmt.Fprintln(out)
	for _, row := range r.rows() {
		fmt.Fprintf(out, "  %-54s %s\n", row.what, row.value)
	}
	broken := r.broken()
	if r.Grace > 0 {
		broken = append(broken, r.asked...) // nobody should have been
	}
	for _, f := range broken[:min(len(broken), firstStories)] {
		fmt.Fprintf(out, "\n  BROKEN: %s\n", f)
	}
	if more := len(broken) - firstStories; more > 0 {
		fmt.Fprintf(out, "\n  and %d more\n", more)
	}
	for _, l := range r.leaks[:min(len(r.leaks), firstStories)] {
		fmt.Fprintf(out, "\n  BROKEN: %s\n", l)
	}
	fmt.Fprintln(out)
}

// row is one line of the result.
type row struct{ what, value string }

func (r *Result) rows() []row {
	n := func(i int) string { return fmt.Sprint(i) }
	rows := []row{
		{"tokens lost in silence", n(len(r.lost))},
		{"presented twice without an open attempt", n(len(r.twice))},
		{"exchanges per generation", fmt.Sprintf("%.4f", r.perGeneration())},
		{"reauthorizations", reasons(r.reasons)},
		{"of these, explained by no lost answer", n(len(r.unexplained))},
		{"grants that did not come to rest healthy", n(len(r.unwell))},
		{"tokens or secrets found in a log", fmt.Sprintf("%d (%d looked for in %d MB)", len(r.leaks), len(r.secrets), r.bytes>>20)},
		{"rotations", fmt.Sprintf("%d of %d grants, in %s", r.audit.rotations, r.Grants, r.took.Round(time.Second))},
		{"presented again inside the grace, and answered", n(r.recoveries)},
		{"processes killed", fmt.Sprintf("%d (%d of them inside an open attempt, %d pushers), in %d waves", r.tally.Kills, r.Open, r.Pushers, r.Waves)},
		{"processes stopped past their lease and continued", n(r.tally.Stops)},
		{"answers and calls that the provider spoiled", counted(r.provider)},
		{"rate updates", fmt.Sprintf("%d sent, %d calls accepted", r.sent, r.pushes)},
	}
	if r.again > 0 {
		rows = slices.Insert(rows, 3, row{"presented once more after a lost answer, and refused", n(r.again)})
	}
	return rows
}

// reasons words the reauthorizations by their reasons.
func reasons(by map[string]int) string {
	if len(by) == 0 {
		return "0"
	}
	return counted(by)
}

func counted(by map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[what], what))
	}
	return strings.Join(parts, ", ")
}

// write puts the result into its block of the page, broken or not: a figure that
// is only written when it pleases says nothing.
func (r *Result) write(ctx context.Context, runFolder string) error {
	if r.Figures == "" {
		return nil
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(runFolder))) // it lies in .local/run
	return figures.Write(filepath.Join(root, r.Figures), r.block(), r.page(figures.Stamp(ctx, root, r.at)+memory("/proc/meminfo")))
}

// block is the name of the page's block: each kind of run has its own.
func (r *Result) block() string {
	if r.Grace > 0 {
		return "torture-grace"
	}
	return "torture-no-grace"
}

// page is the block's text.
func (r *Result) page(stamp string) string {
	var text strings.Builder
	kind := "no grace: a rotated token is dead at once, and presenting it again revokes its family"
	if r.Grace > 0 {
		kind = fmt.Sprintf("a grace of %s", r.Grace)
	}
	fmt.Fprintf(&text, "### Torture, %s\n\n%s\n\n", kind, stamp)
	fmt.Fprintf(&text, "`make torture ARGS=\"--rotations %d --grace %s --grants %d\"`", r.Rotations, r.Grace, r.Grants)
	if err := r.Verdict(); err != nil {
		fmt.Fprintf(&text, ": **%s**", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	text.WriteString("\n\n| | |\n|---|---|\n")
	for _, row := range r.rows() {
		fmt.Fprintf(&text, "| %s | %s |\n", row.what, row.value)
	}
	return text.String()
}

// memory is how much the machine has, where the system tells it as Linux does.
func memory(info string) string {
	text, err := os.ReadFile(info)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kilobytes); n == 1 {
			return fmt.Sprintf(", %d GB of memory", (kilobytes+1<<19)>>20)
		}
	}
	return ""
}
