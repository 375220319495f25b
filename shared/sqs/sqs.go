// Package sqs sends to queues. Receiving is Lambda's business (its event source
// mapping), so that is all there is.
//
// A queue is only ever the fast path: whatever must happen has a wake in a
// table, so a message that could not be sent costs a minute, not a rate. The one
// exception is the rejected queue, whose senders therefore look at the error.
package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Limits of SendMessageBatch: ten messages, and one mebibyte for all of them
// together (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
// MaxDelay is the longest that SQS keeps a message back.
const (
	batchSize  = 10
	batchBytes = 1 << 20
	MaxDelay   = 900 * time.Second
)

// rounds is how often a message is tried whose sending AWS reports as its own
// fault; pause is the wait before the second round, and doubles.
const (
	rounds = 3
	pause  = 100 * time.Millisecond
)

// ErrUnsent says that some messages of a batch are not in the queue. A message
// that is named in no [*Unsent] is.
var ErrUnsent = errors.New("messages were not sent")

// API is what a Queue uses of the SQS client.
type API interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// Message is one message to be sent.
type Message struct {
	Body string
	// Group is the MessageGroupId, which on a standard queue makes it a fair
	// one: a busy group does not starve the others. Empty for none.
	Group string
	// Delay keeps the message back, rounded down to whole seconds and never
	// longer than [MaxDelay]. Zero means the queue's own delay: the SDK omits a
	// DelaySeconds of 0, so a queue with a delay of its own cannot be told
	// "at once". Ours have none.
	Delay time.Duration
}

// Queue is one queue to send to. It is safe for concurrent use.
type Queue struct {
	api API
	url string
	// sleep waits between rounds, or until ctx is done.
	sleep func(context.Context, time.Duration) error
}

// New returns the queue at url.
func New(api API, url string) *Queue {
	return &Queue{api: api, url: url, sleep: sleep}
}

// Unsent names the messages of a batch that are not in the queue, by their
// index, in ascending order, and why the last of them is not.
type Unsent struct {
	Indexes []int
	Why     error
}

// Error implements error.
func (u *Unsent) Error() string { return fmt.Sprintf("%d %v: %v", len(u.Indexes), ErrUnsent, u.Why) }

// Unwrap lets errors.Is find ErrUnsent and the cause.
func (u *Unsent) Unwrap() []error { return []error{ErrUnsent, u.Why} }

// Send sends one message.
func (q *Queue) Send(ctx context.Context, m Message) error {
	return q.SendBatch(ctx, []Message{m})
}

// SendBatch sends any number of messages, in as few requests as SQS allows. A
// request that fails as a whole does not keep the later ones from being sent. The
// error, if any, is an [*Unsent]; a message that it names may still be in the
// queue, when the answer to its request was lost.
func (q *Queue) SendBatch(ctx context.Context, messages []Message) error {
	var unsent Unsent
	for from := 0; from < len(messages); {
		to := batchEnd(messages, from)
		if left, err := q.sendRounds(ctx, messages, from, to); err != nil {
			unsent.Indexes, unsent.Why = append(unsent.Indexes, left...), err
		}
		from = to
	}
	if unsent.Why != nil {
		return &unsent
	}
	return nil
}

// batchEnd returns where the batch that begins at from ends: after ten messages,
// or before the one that would make it too large. A message that is too large by
// itself makes a batch of its own, for SQS to refuse.
func batchEnd(messages []Message, from int) int {
	size := 0
	for to := from; to < len(messages); to++ {
		size += len(messages[to].Body)
		if to-from == batchSize || size > batchBytes && to > from {
			return to
		}
	}
	return len(messages)
}

// sendRounds sends messages[from:to], and again those that SQS failed to take by
// its own fault. It returns the indexes of those that are not sent, and why.
func (q *Queue) sendRounds(ctx context.Context, messages []Message, from, to int) (unsent []int, why error) {
	var left []int
	for i := from; i < to; i++ {
		left = append(left, i)
	}
	for round := range rounds {
		if round > 0 {
			if err := q.sleep(ctx, pause<<(round-1)); err != nil {
				return merged(unsent, left), err
			}
		}
		again, never, err := q.send(ctx, messages, left)
		if err != nil {
			why = err
		}
		unsent, left = merged(unsent, never), again
		if len(left) == 0 {
			break
		}
	}
	if unsent = merged(unsent, left); len(unsent) == 0 {
		return nil, nil
	}
	return unsent, why
}

// send makes one request of the messages at these indexes. It sorts those that
// were not taken into the ones to try again and the ones that can never succeed.
func (q *Queue) send(ctx context.Context, messages []Message, at []int) (again, never []int, why error) {
	out, err := q.api.SendMessageBatch(ctx, q.request(messages, at))
	if err != nil {
		// The SDK has tried again already: one lost request is enough here.
		return nil, at, fmt.Errorf("sending %d messages: %w", len(at), err)
	}
	for _, f := range out.Failed {
		i, err := strconv.Atoi(aws.ToString(f.Id))
		if err != nil {
			return nil, at, fmt.Errorf("sending messages: answer names the unknown entry %q", aws.ToString(f.Id))
		}
		if f.SenderFault {
			never = append(never, i)
		} else {
			again = append(again, i)
		}
		why = fmt.Errorf("sending a message: %s", aws.ToString(f.Code))
	}
	return again, never, why
}

// request puts the messages at these indexes into one request; an entry's id is
// its message's index.
func (q *Queue) request(messages []Message, at []int) *sqs.SendMessageBatchInput {
	in := &sqs.SendMessageBatchInput{QueueUrl: &q.url}
	for _, i := range at {
		m := messages[i]
		e := types.SendMessageBatchRequestEntry{
			Id:           aws.String(strconv.Itoa(i)),
			MessageBody:  aws.String(m.Body),
			DelaySeconds: int32(min(max(m.Delay, 0), MaxDelay) / time.Second),
		}
		if m.Group != "" {
			e.MessageGroupId = aws.String(m.Group)
		}
		in.Entries = append(in.Entries, e)
	}
	return in
}

// merged returns the indexes of both, in ascending order.
func merged(a, b []int) []int {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return all
}

// sleep waits for d, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
