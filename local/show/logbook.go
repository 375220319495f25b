package show

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"bellhop/local/stack"
)

// entry is one lifecycle event in a function's log (docs/events.md), as far as
// the show reads it.
type entry struct {
	Timestamp  time.Time `json:"timestamp"`
	Event      string    `json:"event"`
	Connection string    `json:"connection"`
	Grant      string    `json:"grant"`
	Compared   int       `json:"compared"`
	Drifted    int       `json:"drifted"`
}

// entries reads the events of a log and passes over everything else: metrics,
// and the lines of the Lambda runtime.
func entries(log []byte) []entry {
	var all []entry
	for line := range bytes.Lines(log) {
		var e entry
		if i := bytes.IndexByte(line, '{'); i >= 0 && json.Unmarshal(line[i:], &e) == nil && e.Event != "" {
			all = append(all, e)
		}
	}
	return all
}

// logbook counts the events of a run by name.
type logbook map[string]int

func (s *show) logbook(ctx context.Context) (logbook, error) {
	counts := logbook{}
	for _, f := range stack.Functions() {
		log, err := s.stack.Logs(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("reading the %s's log: %w", f, err)
		}
		for _, e := range entries(log) {
			counts[e.Event]++
		}
	}
	return counts, nil
}

// unlisted are the names that docs/events.md does not have.
func (l logbook) unlisted(listed []string) []string {
	var strange []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if !slices.Contains(listed, name) {
			strange = append(strange, name)
		}
	}
	return strange
}

// eventRow is a row of the table of events; its names are lower case, those of
// metrics are not.
var eventRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

// listed are the names that docs/events.md has.
func listed(root string) ([]string, error) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "events.md"))
	if err != nil {
		return nil, fmt.Errorf("reading the list of events: %w", err)
	}
	var names []string
	for _, row := range eventRow.FindAllStringSubmatch(string(page), -1) {
		names = append(names, row[1])
	}
	return names, nil
}

// readbacks is what came of reading every connection back.
type readbacks struct{ done, compared, drifted int }

// readbackWithin bounds the read-back of all connections.
const readbackWithin = 60 * time.Second

// readBack asks for a read-back of every connection and waits for the events
// that tell their end.
func (s *show) readBack(ctx context.Context) error {
	began := time.Now()
	for _, c := range s.connections {
		wake := fmt.Sprintf(`{"v":1,"wake":"readback","connection":%q,"at":%d}`, c.id, began.UnixMilli())
		if err := s.stack.Send(ctx, s.stack.Outputs.RatesQueueURL, stack.Message{Body: wake, Group: c.id}); err != nil {
			return err
		}
	}
	for time.Since(began) < readbackWithin && s.readback.done < len(s.connections) {
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		log, err := s.stack.Logs(ctx, stack.Pusher)
		if err != nil {
			return fmt.Errorf("reading the pusher's log: %w", err)
		}
		s.readback = readBackSince(entries(log), began)
		s.screen.live(fmt.Sprintf("%d of %d connections are read back", s.readback.done, len(s.connections)))
	}
	r := s.readback
	s.screen.say(stage, "read back: %d of %d connections, %s fields of cells compared, %d drifted", r.done, len(s.connections), number(r.compared), r.drifted)
	return nil
}

// readBackSince counts the read-backs that ended after a moment, one for each
// connection.
func readBackSince(all []entry, began time.Time) readbacks {
	var r readbacks
	seen := map[string]bool{}
	for _, e := range all {
		if e.Event != "readback_done" || e.Timestamp.Before(began) || seen[e.Connection] {
			continue
		}
		seen[e.Connection] = true
		r.done, r.compared, r.drifted = r.done+1, r.compared+e.Compared, r.drifted+e.Drifted
	}
	return r
}

// missing are the listed names that a run did not bring.
func (l logbook) missing(listed []string) string {
	var none []string
	for _, name := range listed {
		if l[name] == 0 {
			none = append(none, name)
		}
	}
	return strings.Join(none, ", ")
}
