package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"bellhop/local/owner"
	"bellhop/local/stack"
	"bellhop/shared/connection"
	"bellhop/shared/wake"
)

// pms sends rate updates, so many a second, to one connection after another in
// no order, until ctx ends. What it wants is a pusher that reads a token: the
// prices are judged elsewhere.
func pms(ctx context.Context, s *stack.Stack, ids []string, each time.Duration, random *rand.Rand) int {
	sent := 0
	for owner.Pause(ctx, each) {
		id := ids[random.IntN(len(ids))]
		night := time.Now().UTC().AddDate(0, 0, 1+random.IntN(20)).Format(time.DateOnly)
		body := fmt.Sprintf(`{"v":1,"connection":%q,"revision":%d,"currency":"EUR","updates":[{"room_type":%q,"rate_plan":%q,"from":%q,"to":%q,"price":"%d.00"}]}`,
			id, sent+1, owner.Room, owner.Plan, night, night, 100+random.IntN(200))
		if s.Send(ctx, s.Outputs.RatesQueueURL, stack.Message{Body: body, Group: id}) == nil {
			sent++
		}
	}
	return sent
}

func laneWake(id string) wake.Message {
	return wake.Message{Kind: wake.Lane, Connection: connection.ID(id), At: time.Now()}
}
