package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// collectEvery is how often new log lines are fetched.
const collectEvery = time.Second

// overlap is how far each fetch looks back behind the newest line that is
// known, because invocations are logged when they end, side by side.
const overlap = 2 * time.Second

// LogFile is where the log of a component lies: a function's by its name,
// "ministack" or "deploy".
func (s *Stack) LogFile(component string) string {
	return filepath.Join(s.Folder, component+".log")
}

// Logs fetches what a function has written up to now and returns all of it.
// MiniStack passes an invocation's lines on when the invocation ends.
func (s *Stack) Logs(ctx context.Context, f Function) ([]byte, error) {
	if s.logs != nil {
		s.logs.collect(ctx)
	}
	return os.ReadFile(s.LogFile(string(f)))
}

// groups are the functions' log groups, named as in template.yaml.
func (s *Stack) groups() map[Function]string {
	groups := map[Function]string{}
	for _, f := range Functions() {
		groups[f] = fmt.Sprintf("/bellhop/%s/%s", s.config.Name, f)
	}
	return groups
}

// events is what a collector asks of CloudWatch Logs.
type events interface {
	FilterLogEvents(context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
	DeleteLogStream(context.Context, *cloudwatchlogs.DeleteLogStreamInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteLogStreamOutput, error)
}

// collector copies the functions' logs from CloudWatch Logs into files.
// MiniStack writes each invocation's lines at once into a stream of its own,
// so a stream is either unseen or complete. What was read is deleted there:
// MiniStack goes through every stream it has at each question, and after an hour
// of busy functions it would do little else.
type collector struct {
	source events
	folder string

	mu     sync.Mutex // held for a whole collect
	tails  []*tail    // guarded by mu
	broken error      // guarded by mu; the first failure, told once
}

// tail is how far one function's log has been read.
type tail struct {
	function Function
	group    string
	newest   int64               // Unix milliseconds
	seen     map[string]struct{} // streams
}

func newCollector(source events, folder string, groups map[Function]string) *collector {
	c := &collector{source: source, folder: folder}
	for f, group := range groups {
		c.tails = append(c.tails, &tail{function: f, group: group, seen: map[string]struct{}{}})
	}
	return c
}

// run collects until ctx ends.
func (c *collector) run(ctx context.Context) {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.collect(ctx)
		}
	}
}

// collect fetches what is new, once. Trouble with one function does not keep
// the others waiting; it is tried again next time.
func (c *collector) collect(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tails {
		if err := c.follow(ctx, t); err != nil && c.broken == nil && ctx.Err() == nil {
			c.broken = err
			fmt.Fprintf(os.Stderr, "collecting logs: %v\n", err)
		}
	}
}

// follow appends a function's new lines to its file.
func (c *collector) follow(ctx context.Context, t *tail) error {
	file, err := os.OpenFile(filepath.Join(c.folder, string(t.function)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening a log: %w", err)
	}
	defer file.Close()
	for {
		answer, err := c.source.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: aws.String(t.group),
			StartTime:    aws.Int64(max(0, t.newest-overlap.Milliseconds())),
		})
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.group, err)
		}
		lines, taken, more := t.take(answer.Events)
		if _, err := file.WriteString(lines); err != nil {
			return fmt.Errorf("keeping a log: %w", err)
		}
		c.forget(ctx, t, taken)
		if !more {
			return nil
		}
	}
}

// forget deletes streams that were taken. One that stays does no harm: it is
// known.
func (c *collector) forget(ctx context.Context, t *tail, taken []string) {
	for _, stream := range taken {
		_, err := c.source.DeleteLogStream(ctx, &cloudwatchlogs.DeleteLogStreamInput{
			LogGroupName: aws.String(t.group), LogStreamName: aws.String(stream),
		})
		if err == nil {
			delete(t.seen, stream)
		}
	}
}

// fullAnswer is the most events that one answer holds. MiniStack gives no
// token for the rest.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
const fullAnswer = 10_000

// take returns the lines of the streams that were not seen before, those
// streams, and whether there may be more. The last stream of a full answer may be cut off: it is
// left for the next answer, which begins near it.
func (t *tail) take(events []types.FilteredLogEvent) (lines string, taken []string, more bool) {
	cut := ""
	if more = len(events) >= fullAnswer; more {
		cut = aws.ToString(events[len(events)-1].LogStreamName)
	}
	var text strings.Builder
	fresh := map[string]struct{}{}
	for _, event := range events {
		stream := aws.ToString(event.LogStreamName)
		if _, seen := t.seen[stream]; seen || stream == cut {
			continue
		}
		fresh[stream] = struct{}{}
		t.newest = max(t.newest, aws.ToInt64(event.Timestamp))
		text.WriteString(aws.ToString(event.Message))
		text.WriteByte('\n')
	}
	for stream := range fresh {
		t.seen[stream] = struct{}{}
		taken = append(taken, stream)
	}
	return text.String(), taken, more && len(fresh) > 0
}
