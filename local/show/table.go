package show

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"bellhop/local/sandbox"
)

// ErrNotAsPromised is returned by Run when the table has a line that is not as
// promised.
var ErrNotAsPromised = errors.New("not as promised")

// audit prints the table and returns an error when a promise was not kept.
func (s *show) audit(ctx context.Context) error {
	s.screen.live("reading the books …")
	e, err := s.gather(ctx)
	if err != nil {
		return err
	}
	lines := judge(e)
	s.screen.table(lines)
	s.remark(e)
	var broken []error
	for _, l := range lines {
		if !l.kept {
			broken = append(broken, fmt.Errorf("%w: %s: %s, promised %s", ErrNotAsPromised, l.what, l.found, l.promised))
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("%w\nthe logs are in %s", errors.Join(broken...), s.stack.Folder)
	}
	s.screen.say(judged, "everything is as promised, in %s", brief(time.Since(s.screen.began)))
	return nil
}

// remark says what stands behind the table.
func (s *show) remark(e evidence) {
	met, asked := 0, 0
	for kind, n := range e.summary.Faults {
		if kind != sandbox.FaultLatency {
			met += n
		}
	}
	for _, statuses := range e.summary.Requests {
		for _, n := range statuses {
			asked += n
		}
	}
	s.screen.say(stage, "the providers were asked %s times, %d of them went wrong by intention; AWS %s times, %d of them\n"+
		"%d tokens, codes and secrets were looked for in %s kB of logs, screens, pages, alerts and tables\n"+
		"lifecycle events that this run did not bring: %s",
		number(asked), met, number(e.calls), s.weather.broken,
		e.leaks.secrets, number(e.leaks.bytes/1000), e.log.missing(e.listed))
}

// mostLooked is how many hints are shown of one broken promise.
const mostLooked = 8

// table shows the lines.
func (s *screen) table(lines []line) {
	width := 0
	for _, l := range lines {
		width = max(width, utf8.RuneCountInString(l.what))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n    %s %15s   %s\n", padded("what the providers' books say", width), "found", "promised")
	for _, l := range lines {
		mark := s.paint(colours[judged], "✓")
		if !l.kept {
			mark = s.paint(colours[alerted], "✗")
		}
		fmt.Fprintf(&b, "  %s %s %15s   %s\n", mark, padded(l.what, width), l.found, s.paint("\x1b[2m", l.promised))
		for i, hint := range l.look {
			if l.kept || i == mostLooked {
				break
			}
			fmt.Fprintf(&b, "      %s %s\n", s.paint(colours[alerted], "→"), hint)
		}
	}
	s.print(b.String() + "\n")
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
