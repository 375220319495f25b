package show

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Who is speaking on the screen.
const (
	stage    = "stage"
	operated = "operator"
	owned    = "owner"
	fromPMS  = "PMS"
	provider = "provider"
	alerted  = "ops"
	judged   = "books"
)

// colours of the speakers, as ANSI escapes (ECMA-48, SGR).
var colours = map[string]string{
	stage: "\x1b[2m", operated: "\x1b[36m", owned: "\x1b[35m", fromPMS: "\x1b[34m",
	provider: "\x1b[33m", alerted: "\x1b[31m", judged: "\x1b[32m",
}

// liveEvery is how often the status appears where no line can move.
const liveEvery = 5 * time.Second

// margin is what a line begins with: its time and who speaks. Between the two
// widths text is broken; wider lines are hard to read, narrower ones break
// wherever they like.
const (
	margin    = 20
	narrowest = 60
	widest    = 110
)

// screen is where the show is seen: one line for each thing that happens, with
// its time, and below them a status that moves where there is a terminal. It
// keeps all that it has shown. It is safe for concurrent use.
type screen struct {
	began    time.Time
	terminal bool // lines can move
	coloured bool
	width    int // of a line, in characters

	mu     sync.Mutex
	out    io.Writer // guarded by mu
	status bool      // guarded by mu; the moving line is on the screen
	lastly time.Time // guarded by mu; when a status was shown that cannot move
	shown  transcript
}

func newScreen(out io.Writer) *screen {
	s := &screen{began: time.Now(), out: out, width: widest}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.terminal = true
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			s.width = min(max(width, narrowest), widest)
		}
	}
	s.coloured = s.terminal && os.Getenv("NO_COLOR") == "" // https://no-color.org
	return s
}

// title begins the show.
func (s *screen) title(text string) { s.print(s.paint("\x1b[1m", text) + "\n\n") }

// say tells one thing that has happened.
func (s *screen) say(who, format string, args ...any) {
	lines := folded(fmt.Sprintf(format, args...), s.width-margin)
	text := fmt.Sprintf("%8s  %s  %s\n", brief(time.Since(s.began)), s.paint(colours[who], fmt.Sprintf("%-8s", who)), lines[0])
	for _, line := range lines[1:] {
		text += strings.Repeat(" ", margin) + line + "\n"
	}
	s.print(text)
}

// quote shows what somebody sees on a screen of their own.
func (s *screen) quote(text string) {
	var b strings.Builder
	for _, line := range folded(text, s.width-margin-2) {
		b.WriteString(strings.Repeat(" ", margin) + s.paint("\x1b[2m", "│ ") + line + "\n")
	}
	s.print(b.String())
}

// folded breaks the lines of a text between words; what is left of a line comes
// indented below it.
func folded(text string, width int) []string {
	var all []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		now := ""
		for i, word := range strings.Fields(line) {
			if i > 0 && utf8.RuneCountInString(now)+1+utf8.RuneCountInString(word) > width {
				all = append(all, now)
				now = " "
			}
			if i > 0 {
				now += " "
			}
			now += word
		}
		all = append(all, now)
	}
	return all
}

// print writes finished lines, above the moving one.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	s.shown.add(text)
	_, _ = io.WriteString(s.out, text) // nobody is left to tell when it fails
}

// live replaces the status.
func (s *screen) live(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := fmt.Sprintf("%8s  %s", brief(time.Since(s.began)), text)
	switch {
	case s.terminal:
		s.clear()
		_, _ = io.WriteString(s.out, s.paint("\x1b[2m", cut(line, s.width-1)))
		s.status = true
	case time.Since(s.lastly) >= liveEvery:
		s.lastly = time.Now()
		s.shown.add(line + "\n")
		_, _ = io.WriteString(s.out, line+"\n")
	}
}

// clear takes the moving line away. The caller holds mu.
func (s *screen) clear() {
	if s.status {
		_, _ = io.WriteString(s.out, "\r\x1b[K")
		s.status = false
	}
}

func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *screen) paint(colour, text string) string {
	if !s.coloured {
		return text
	}
	return colour + text + "\x1b[0m"
}

// cut shortens a line that must not wrap.
func cut(line string, most int) string {
	if utf8.RuneCountInString(line) <= most {
		return line
	}
	return string([]rune(line)[:most-1]) + "…"
}

// brief writes a duration as "4.2 s" or "1:04.2".
func brief(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d:%04.1f", int(d/time.Minute), (d % time.Minute).Seconds())
}

// transcript keeps text that somebody was shown, to be searched later. The
// zero value is empty; it is safe for concurrent use.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (t *transcript) add(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.WriteString(text)
	t.text.WriteByte('\n')
}

func (t *transcript) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return []byte(t.text.String())
}
