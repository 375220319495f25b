package sqs

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// fakeAPI takes what it is sent, but for the bodies that fail says to.
type fakeAPI struct {
	requests [][]types.SendMessageBatchRequestEntry
	taken    []string
	// fail judges one entry: nil takes it, an entry refuses it.
	fail func(body string) *types.BatchResultErrorEntry
	// err, when not nil, is what the next request comes to.
	err error
}

func (f *fakeAPI) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	f.requests = append(f.requests, in.Entries)
	if err := f.err; err != nil {
		f.err = nil
		return nil, err
	}
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		var refused *types.BatchResultErrorEntry
		if f.fail != nil {
			refused = f.fail(*e.MessageBody)
		}
		if refused == nil {
			f.taken = append(f.taken, *e.MessageBody)
			continue
		}
		refused.Id = e.Id
		out.Failed = append(out.Failed, *refused)
	}
	return out, nil
}

// newQueue returns a queue over f that notes its waits instead of waiting.
func newQueue(f *fakeAPI, waits *[]time.Duration) *Queue {
	q := New(f, "https://queue")
	q.sleep = func(_ context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return nil
	}
	return q
}

func numbered(n int) []Message {
	messages := make([]Message, n)
	for i := range messages {
		messages[i].Body = strconv.Itoa(i)
	}
	return messages
}

func TestSendBatch_TenAtATime(t *testing.T) {
	f := &fakeAPI{}
	if err := New(f, "https://queue").SendBatch(t.Context(), numbered(23)); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, r := range f.requests {
		sizes = append(sizes, len(r))
	}
	if want := []int{10, 10, 3}; !slices.Equal(sizes, want) {
		t.Errorf("requests of %v messages, want %v", sizes, want)
	}
	if len(f.taken) != 23 {
		t.Errorf("%d messages in the queue, want 23", len(f.taken))
	}
}

func TestSendBatch_NothingToSend(t *testing.T) {
	f := &fakeAPI{}
	if err := New(f, "https://queue").SendBatch(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if len(f.requests) != 0 {
		t.Errorf("%d requests for no message", len(f.requests))
	}
}

func TestSendBatch_NoRequestAboveOneMebibyte(t *testing.T) {
	f := &fakeAPI{}
	big := Message{Body: strings.Repeat("x", 400<<10)}
	if err := New(f, "https://queue").SendBatch(t.Context(), []Message{big, big, big, big, big}); err != nil {
		t.Fatal(err)
	}
	for i, r := range f.requests {
		size := 0
		for _, e := range r {
			size += len(*e.MessageBody)
		}
		if size > batchBytes {
			t.Errorf("request %d has %d bytes", i, size)
		}
	}
	if len(f.requests) != 3 {
		t.Errorf("%d requests, want 3 of 2, 2 and 1", len(f.requests))
	}
}

func TestSendBatch_FailedEntryIsTriedAgain(t *testing.T) {
	tries := 0
	f := &fakeAPI{fail: func(body string) *types.BatchResultErrorEntry {
		if body != "1" {
			return nil
		}
		if tries++; tries < rounds {
			return &types.BatchResultErrorEntry{Code: aws.String("InternalError")}
		}
		return nil
	}}
	var waits []time.Duration
	if err := newQueue(f, &waits).SendBatch(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0", "2", "1"}; !slices.Equal(f.taken, want) {
		t.Errorf("taken %v, want %v: the others are not sent twice", f.taken, want)
	}
	if want := []time.Duration{pause, 2 * pause}; !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
}

func TestSendBatch_WhatNeverSucceedsIsNamed(t *testing.T) {
	f := &fakeAPI{fail: func(body string) *types.BatchResultErrorEntry {
		switch body {
		case "3":
			return &types.BatchResultErrorEntry{Code: aws.String("InvalidMessageContents"), SenderFault: true}
		case "1", "12":
			return &types.BatchResultErrorEntry{Code: aws.String("InternalError")}
		}
		return nil
	}}
	var waits []time.Duration
	err := newQueue(f, &waits).SendBatch(t.Context(), numbered(15))
	var unsent *Unsent
	if !errors.As(err, &unsent) || !errors.Is(err, ErrUnsent) {
		t.Fatalf("error is %v, want an Unsent", err)
	}
	if want := []int{1, 3, 12}; !slices.Equal(unsent.Indexes, want) {
		t.Errorf("unsent %v, want %v", unsent.Indexes, want)
	}
	if len(f.taken) != 12 {
		t.Errorf("%d taken, want the other 12", len(f.taken))
	}
}

func TestSendBatch_AFailedRequestDoesNotStopTheNext(t *testing.T) {
	down := errors.New("no route")
	f := &fakeAPI{err: down}
	err := New(f, "https://queue").SendBatch(t.Context(), numbered(12))
	var unsent *Unsent
	if !errors.As(err, &unsent) || !errors.Is(err, down) {
		t.Fatalf("error is %v, want an Unsent because of %v", err, down)
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(unsent.Indexes, want) {
		t.Errorf("unsent %v, want %v", unsent.Indexes, want)
	}
	if want := []string{"10", "11"}; !slices.Equal(f.taken, want) {
		t.Errorf("taken %v, want %v", f.taken, want)
	}
}

func TestSendBatch_StopsWaitingWithItsContext(t *testing.T) {
	f := &fakeAPI{fail: func(string) *types.BatchResultErrorEntry {
		return &types.BatchResultErrorEntry{Code: aws.String("InternalError")}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := New(f, "https://queue").SendBatch(ctx, numbered(2))
	var unsent *Unsent
	if !errors.As(err, &unsent) || !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want an Unsent because of the context", err)
	}
	if len(unsent.Indexes) != 2 || len(f.requests) != 1 {
		t.Errorf("unsent %v after %d requests, want both after one", unsent.Indexes, len(f.requests))
	}
}

func TestSend_DelayAndGroup(t *testing.T) {
	for _, row := range []struct {
		name  string
		delay time.Duration
		want  int32
	}{
		{"none is left out", 0, 0},
		{"rounded down, so that nobody comes late", 1999 * time.Millisecond, 1},
		{"no longer than SQS keeps it", time.Hour, 900},
		{"the past is now", -time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := &fakeAPI{}
			if err := New(f, "https://queue").Send(t.Context(), Message{Body: "b", Group: "lisbon-1", Delay: row.delay}); err != nil {
				t.Fatal(err)
			}
			e := f.requests[0][0]
			if e.DelaySeconds != row.want || *e.MessageGroupId != "lisbon-1" {
				t.Errorf("delay %d group %s, want %d and lisbon-1", e.DelaySeconds, *e.MessageGroupId, row.want)
			}
		})
	}
}

func TestSend_NoGroupIsAbsent(t *testing.T) {
	f := &fakeAPI{}
	if err := New(f, "https://queue").Send(t.Context(), Message{Body: "b"}); err != nil {
		t.Fatal(err)
	}
	if f.requests[0][0].MessageGroupId != nil {
		t.Error("an empty MessageGroupId is refused by SQS: it must be absent")
	}
}
