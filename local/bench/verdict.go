package bench

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"bellhop/shared/grant"
)

// figure is one line of what was measured.
type figure struct {
	what string
	got  string
	goal string // empty for what is told for comparison
	met  bool   // whether the goal is; true without one
}

// told is a figure without a goal.
func told(what, got string) figure { return figure{what: what, got: got, met: true} }

// results are all that one run measured.
type results struct {
	contentions []contention
	costs       []cost
	sweeps      []swept
	punctuality punctuality
}

// figures are the lines of the table, in its order.
func (r results) figures() []figure {
	var all []figure
	for _, c := range r.contentions {
		all = append(all, c.figures()...)
	}
	for _, c := range r.costs {
		all = append(all, c.figures()...)
	}
	for _, s := range r.sweeps {
		all = append(all, s.figures()...)
	}
	return append(all, r.punctuality.figures()...)
}

func (c contention) figures() []figure {
	exchanges := figure{
		what: fmt.Sprintf("exchanges for each new pair, %d processes of %d workers at one grant, %s", processes, workers, c.with),
		got:  fmt.Sprintf("%.2f (%d for %d pairs)", c.perGeneration(), c.presentations, c.pairs), met: true,
	}
	consent := "stands"
	if c.revoked {
		consent = "revoked by the provider"
	}
	last := fmt.Sprintf("%d times; the consent %s", c.most, consent)
	if c.with != "bellhop" {
		return []figure{exchanges, told("  the same token was presented at most", last)}
	}
	exchanges.goal, exchanges.met = "1.00", c.presentations == c.pairs && c.pairs > 0
	return []figure{
		exchanges,
		{what: "  the same token was presented at most", got: last, goal: "1 time", met: c.most == 1 && !c.revoked},
		told("  workers' tries, and those that met an error", fmt.Sprintf("%d, %d", c.tries, c.failures)),
	}
}

func (c cost) figures() []figure {
	most := mostCallsAtHome
	if c.home == grant.HomeSealed {
		most = mostCallsSealed
	}
	return []figure{
		{
			what: "calls to AWS for a refresh, home " + c.home, got: fmt.Sprintf("%.2f (%s)", c.perRefresh(), c.list()),
			goal: fmt.Sprintf("at most %d", most), met: c.refreshes > 0 && c.perRefresh() <= float64(most),
		},
		told("  DynamoDB's request units, indexes included", fmt.Sprintf("%.2f read, %.2f write",
			c.read/float64(c.refreshes), c.write/float64(c.refreshes))),
	}
}

func (s swept) figures() []figure {
	memory := figure{what: "  memory of the process", got: fmt.Sprintf("%.1f MB", float64(s.peak)/(1<<20)), goal: "at most 64 MB", met: s.peak <= mostMemory}
	if s.peak == 0 {
		memory = told(memory.what, "this system does not tell")
	}
	return []figure{
		{
			what: fmt.Sprintf("queries of a sweep over %d grants, %d of them due", manyGrants, s.due),
			got:  fmt.Sprintf("%d, and %d for further pages", s.queries, s.pages),
			goal: fmt.Sprintf("at most %d, and pages", mostQueries), met: s.queries > 0 && s.queries <= mostQueries,
		},
		memory,
		told("  it sent, in, reading them in, within", fmt.Sprintf("%d wakes, %d calls, %d calls, %v", s.wakes, s.sends, s.reads, s.took.Round(time.Millisecond))),
	}
}

func (p punctuality) figures() []figure {
	if p.grants == 0 {
		return nil
	}
	late := quantile(p.late, 0.99)
	share := 0.0
	if p.lived > 0 {
		share = float64(p.bare) / float64(p.lived)
	}
	return []figure{
		{
			what: fmt.Sprintf("lateness of %d exchanges of %d grants with tokens of a minute, 99 of 100", len(p.late), p.grants),
			got:  late.Round(10 * time.Millisecond).String(), goal: "at most " + mostLate.String(),
			met: len(p.late) > p.grants && late <= mostLate,
		},
		told("  half of them, and the last", fmt.Sprintf("%v, %v", quantile(p.late, 0.5).Round(10*time.Millisecond), quantile(p.late, 1).Round(10*time.Millisecond))),
		{
			what: "share of time without a valid token", got: fmt.Sprintf("%.4f %% (%v of %v)", 100*share, p.bare.Round(time.Millisecond), p.lived.Round(time.Second)),
			goal: "0", met: p.bare == 0 && p.lived > 0,
		},
	}
}

// missed says which goals were not met; nil when all were.
func missed(all []figure) error {
	var wrong []error
	for _, f := range all {
		if !f.met {
			wrong = append(wrong, fmt.Errorf("%s: %s, want %s", strings.TrimSpace(f.what), f.got, f.goal))
		}
	}
	return errors.Join(wrong...)
}

// mark is a goal's cell.
func (f figure) mark() string {
	switch {
	case f.goal == "":
		return ""
	case f.met:
		return f.goal + " ✓"
	}
	return f.goal + " ✗"
}

// print writes the table for a terminal.
func print(w io.Writer, all []figure) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "measured\tcame to\tgoal")
	for _, f := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.what, f.got, f.mark())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	return nil
}

// page is the block of docs/figures.md.
func page(all []figure, stamp string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Bench\n\n`make bench`: %s.\n\n| measured | came to | goal |\n|---|---|---|\n", stamp)
	for _, f := range all {
		what := f.what
		if rest, part := strings.CutPrefix(what, "  "); part {
			what = "… " + rest
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", what, f.got, f.mark())
	}
	return b.String()
}
