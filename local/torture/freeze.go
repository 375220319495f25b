package torture

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/local/owner"
	"bellhop/local/proxy"
	"bellhop/local/stack"
	"bellhop/shared/grant"
	"bellhop/shared/wake"
)

// freeze stops a process where it holds something until its time is over and
// another had the chance to take its place, and then lets it go on.
func (k *killer) freeze(ctx context.Context) {
	for range 3 {
		k.mu.Lock()
		p := chooseStop(k.random, k.inUse)
		if p != nil {
			k.inUse[p] = true
		}
		k.mu.Unlock()
		if p == nil {
			continue
		}
		if k.freezeAt(ctx, p) {
			return
		}
	}
}

// successorFor is how long the one who takes over has, before the frozen one
// goes on. The function's time is over soon after.
const successorFor = 1200 * time.Millisecond

func (k *killer) freezeAt(ctx context.Context, p *point) bool {
	name, hit, caught := k.catch(ctx, p)
	k.leave(p) // its trap has sprung: the next one here may be killed meanwhile
	if name != "" {
		defer k.disarm(name)
	}
	if !caught || syscall.Kill(hit.PID, syscall.SIGSTOP) != nil {
		return k.missed()
	}
	defer func() { _ = syscall.Kill(hit.PID, syscall.SIGCONT) }() // gone, if its function's time was over
	deadline, err := k.deadline(ctx, hit, p.ends)
	if err != nil || !owner.Pause(ctx, time.Until(deadline.Add(grant.Skew+50*time.Millisecond))) {
		return k.missed()
	}
	k.call(ctx, hit.Key)
	if !owner.Pause(ctx, successorFor) {
		return k.missed()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done.Stops++
	return true
}

// deadline reads when the time of an item's holder is over.
func (k *killer) deadline(ctx context.Context, hit proxy.Hit, attribute string) (time.Time, error) {
	pk, sk, _ := strings.Cut(strings.TrimPrefix(hit.Key, "pk="), " sk=")
	out, err := k.tables.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(hit.Target), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}},
	})
	if err != nil {
		return time.Time{}, err
	}
	n, ok := out.Item[attribute].(*types.AttributeValueMemberN)
	if !ok {
		return time.Time{}, fmt.Errorf("%s has no %s", hit.Key, attribute)
	}
	ms, err := strconv.ParseInt(n.Value, 10, 64)
	return time.UnixMilli(ms), err
}

// call sends a grant's or a lane's wake, as the sweep does: somebody takes over
// now, and not when the frozen one's own message comes back.
func (k *killer) call(ctx context.Context, key string) {
	m, queue, group := wake.Message{Kind: wake.Grant, At: time.Now()}, k.stack.Outputs.RefreshQueueURL, client
	if of, found := grantOf(key); found {
		m.Grant = grant.ID(of)
	} else {
		pk, _, _ := strings.Cut(strings.TrimPrefix(key, "pk=CONN#"), " ")
		queue, group = k.stack.Outputs.RatesQueueURL, pk
		m = laneWake(pk)
	}
	_ = k.stack.Send(ctx, queue, stack.Message{Body: wake.Encode(m), Group: group}) // the sweep sends another
}
