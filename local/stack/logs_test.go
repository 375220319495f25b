package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// fakeLogs answers as MiniStack does: in the order of time, at most a full
// answer, without a token for the rest.
type fakeLogs struct {
	events []types.FilteredLogEvent
	asked  int
	broken error
	stuck  bool // nothing can be deleted
}

func (f *fakeLogs) DeleteLogStream(_ context.Context, input *cloudwatchlogs.DeleteLogStreamInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	if f.stuck {
		return nil, errors.New("not now")
	}
	f.events = slices.DeleteFunc(f.events, func(e types.FilteredLogEvent) bool {
		return aws.ToString(e.LogStreamName) == aws.ToString(input.LogStreamName)
	})
	return &cloudwatchlogs.DeleteLogStreamOutput{}, nil
}

func (f *fakeLogs) FilterLogEvents(_ context.Context, input *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	f.asked++
	if f.broken != nil {
		return nil, f.broken
	}
	var found []types.FilteredLogEvent
	for _, event := range f.events {
		if aws.ToInt64(event.Timestamp) >= aws.ToInt64(input.StartTime) {
			found = append(found, event)
		}
	}
	slices.SortStableFunc(found, func(a, b types.FilteredLogEvent) int {
		return cmp.Compare(aws.ToInt64(a.Timestamp), aws.ToInt64(b.Timestamp))
	})
	return &cloudwatchlogs.FilterLogEventsOutput{Events: found[:min(len(found), fullAnswer)]}, nil
}

// invocation writes some lines at once, into a stream of their own.
func (f *fakeLogs) invocation(at int64, stream string, lines ...string) {
	for _, line := range lines {
		f.events = append(f.events, types.FilteredLogEvent{Timestamp: aws.Int64(at), LogStreamName: aws.String(stream), Message: aws.String(line)})
	}
}

func collecting(t *testing.T, source events) (*collector, func() string) {
	t.Helper()
	folder := t.TempDir()
	c := newCollector(source, folder, map[Function]string{Pusher: "/bellhop/bellhop/pusher"})
	return c, func() string {
		text, err := os.ReadFile(filepath.Join(folder, "pusher.log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// Whether or not what was read can be deleted, no line comes twice.
func TestCollector_EveryLineOnce(t *testing.T) {
	for _, stuck := range []bool{true, false} {
		source := &fakeLogs{stuck: stuck}
		everyLineOnce(t, source)
		if left := len(source.events); stuck != (left > 0) {
			t.Errorf("stuck %t: %d lines are left at the source", stuck, left)
		}
	}
}

func everyLineOnce(t *testing.T, source *fakeLogs) {
	t.Helper()
	c, text := collecting(t, source)
	source.invocation(100_000, "a", "a1", "a2")
	c.collect(t.Context())
	source.invocation(100_000, "b", "b1") // ended in the same millisecond, seen later
	source.invocation(99_500, "c", "c1")  // written a little late
	source.invocation(103_000, "d", "d1")
	c.collect(t.Context())
	c.collect(t.Context())
	if got, want := text(), "a1\na2\nc1\nb1\nd1\n"; got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

func TestCollector_MoreThanOneAnswerHolds(t *testing.T) {
	source := &fakeLogs{}
	c, text := collecting(t, source)
	const streams, lines = 700, 37 // a full answer ends in the middle of a stream
	for i := range streams {
		var written []string
		for j := range lines {
			written = append(written, fmt.Sprintf("%d.%d", i, j))
		}
		source.invocation(int64(100_000+10*i), fmt.Sprint("stream", i), written...)
	}
	c.collect(t.Context())
	got := strings.Fields(text())
	slices.Sort(got)
	if len(got) != streams*lines || len(slices.Compact(got)) != streams*lines {
		t.Errorf("%d lines were kept, want each of %d once", len(got), streams*lines)
	}
}

func TestCollector_TroubleIsOvercomeNextTime(t *testing.T) {
	source := &fakeLogs{broken: errors.New("the group is not there yet")}
	c, text := collecting(t, source)
	source.invocation(100_000, "a", "a1")
	c.collect(t.Context())
	source.broken = nil
	c.collect(t.Context())
	if got := text(); got != "a1\n" {
		t.Errorf("the file holds %q", got)
	}
}
