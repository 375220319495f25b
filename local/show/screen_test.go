package show

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestScreen_WithoutATerminalNothingMoves(t *testing.T) {
	var out strings.Builder
	s := newScreen(&out)
	s.live("first")
	s.live("a moment later")
	s.say(fromPMS, "sent %d\nin two lines", 3)
	s.close()
	text := out.String()
	if strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("control characters: %q", text)
	}
	if !strings.Contains(text, "first") || strings.Contains(text, "later") || !strings.Contains(text, "PMS       sent 3\n                    in two lines\n") {
		t.Errorf("shown: %q", text)
	}
	if string(s.shown.bytes()) == "" {
		t.Error("what was shown is not kept")
	}
}

func TestScreen_OnATerminalTheStatusIsReplaced(t *testing.T) {
	var out strings.Builder
	s := newScreen(&out)
	s.terminal, s.coloured = true, true
	s.live("moving")
	s.live("moved")
	s.say(stage, "done")
	if text := out.String(); strings.Count(text, "\r\x1b[K") != 2 || !strings.HasSuffix(text, "done\n") {
		t.Errorf("shown: %q", text)
	}
}

func TestScreen_ABrokenPromiseSaysWhereToLook(t *testing.T) {
	var out strings.Builder
	newScreen(&out).table([]line{
		{"kept", "0", "0", true, []string{"not needed"}},
		{"broken", "2", "0", false, []string{"the pusher's log"}},
	})
	if text := out.String(); !strings.Contains(text, "✗ broken") || !strings.Contains(text, "→ the pusher's log") || strings.Contains(text, "not needed") {
		t.Errorf("shown:\n%s", text)
	}
}

func TestLogbook_ReadsEventsAndNothingElse(t *testing.T) {
	log := []byte(`START RequestId: 1 Version: $LATEST
{"timestamp":"2026-11-21T07:00:01Z","level":"INFO","event":"readback_done","connection":"lis-generic","compared":900,"drifted":1}
{"ExchangeLatency":1.3,"_aws":{"CloudWatchMetrics":[]},"level":"INFO"}
{"timestamp":"2026-11-21T07:00:09Z","level":"INFO","event":"readback_done","connection":"lis-generic","compared":900,"drifted":0}
{"timestamp":"2026-11-21T07:00:10Z","level":"INFO","event":"readback_done","connection":"lis-generic","compared":900,"drifted":0}
END RequestId: 1
`)
	all := entries(log)
	if len(all) != 3 {
		t.Fatalf("read %v", all)
	}
	began := time.Date(2026, 11, 21, 7, 0, 5, 0, time.UTC)
	if r := readBackSince(all, began); r != (readbacks{1, 900, 0}) {
		t.Errorf("read back %+v, want one of 900 after the beginning", r)
	}
}

func TestLogbook_NamesAreThoseOfThePage(t *testing.T) {
	names, err := listed(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	l := logbook{"token_refreshed": 1, "tokens_eaten": 1}
	if got := l.unlisted(names); len(got) != 1 || got[0] != "tokens_eaten" {
		t.Errorf("unlisted: %v of %d listed", got, len(names))
	}
	if missing := l.missing(names); strings.Contains(missing, "token_refreshed") || !strings.Contains(missing, "grant_dead") {
		t.Errorf("missing: %s", missing)
	}
}

func TestListed_WithoutThePageIsAnError(t *testing.T) {
	if _, err := listed(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

func TestBrief_WritesTimesShort(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0.0 s", 4200 * time.Millisecond: "4.2 s", 64200 * time.Millisecond: "1:04.2"} {
		if got := brief(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestNumber_SetsThousandsApart(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestFolded_BreaksBetweenWords(t *testing.T) {
	got := folded("one two three four\n\nfive", 9)
	if want := []string{"one two", "  three", "  four", "", "five"}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("folded to %q", got)
	}
	if got := folded("incomprehensibilities", 5); len(got) != 1 {
		t.Errorf("a word was broken: %q", got)
	}
}
