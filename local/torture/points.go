package torture

import (
	"math/rand/v2"

	"bellhop/local/proxy"
	"bellhop/local/stack"
)

// point is a place in the life of a refresh or of a push, by the one call that
// stands there.
type point struct {
	name     string
	function stack.Function
	match    proxy.Match // without the function, which it gets from there
	side     proxy.Side
	// open says that whoever is caught here holds an open attempt: its lease
	// has landed, and neither a commit nor anything else has ended it.
	open bool
	// ends is the attribute of the caught call's item that says when the
	// holder's time is over; empty where nobody is to be stopped.
	ends string
	// weight is how often the killer comes here, against the other points of
	// the same function.
	weight int
}

// ofFleet is what only calls about the fleet's own items have in their bodies.
func ofFleet(service, operation, also string) proxy.Match {
	item := map[string]string{"dynamodb": "#" + prefix, "secretsmanager": "grant/" + prefix}[service]
	return proxy.Match{Service: service, Operation: operation, Body: item, Also: also}
}

// The words that only one of the writes of docs/protocols.md has.
const (
	wordsOfLease  = "attempts.#me = "
	wordsOfCommit = "committed_by = "
	wordsOfSettle = "pair_ref = :pair_ref"
)

var points = []*point{
	{name: "before the lease", function: stack.Refresher, match: ofFleet("dynamodb", "UpdateItem", wordsOfLease), side: proxy.Before, weight: 1},
	{name: "after the lease", function: stack.Refresher, match: ofFleet("dynamodb", "UpdateItem", wordsOfLease), side: proxy.After,
		open: true, ends: "deadline", weight: 3},
	{name: "before the commit", function: stack.Refresher, match: ofFleet("dynamodb", "UpdateItem", wordsOfCommit), side: proxy.Before,
		open: true, ends: "deadline", weight: 4},
	{name: "after the commit", function: stack.Refresher, match: ofFleet("dynamodb", "UpdateItem", wordsOfCommit), side: proxy.After, weight: 1},
	{name: "before settling", function: stack.Refresher, match: ofFleet("secretsmanager", "PutSecretValue", ""), side: proxy.Before, weight: 1},
	{name: "before the settle write", function: stack.Refresher, match: ofFleet("dynamodb", "UpdateItem", wordsOfSettle), side: proxy.Before, weight: 1},

	{name: "after the take", function: stack.Pusher, match: ofFleet("dynamodb", "UpdateItem", "#takes :once"), side: proxy.After, weight: 1},
	{name: "after the mark", function: stack.Pusher, match: ofFleet("dynamodb", "UpdateItem", "= :mark"), side: proxy.After, ends: "lease_end", weight: 2},
	{name: "at a page", function: stack.Pusher, match: ofFleet("dynamodb", "PutItem", `"PAGE#`), side: proxy.Before, weight: 2},
	{name: "before the release", function: stack.Pusher, match: ofFleet("dynamodb", "UpdateItem", "size(#marks) = :open"), side: proxy.Before, weight: 1},
}

// blow is one thing that the killer does: to a process that happens to be there,
// or to the first that comes to a point.
type blow struct {
	function stack.Function
	at       *point // nil for whoever is there
}

// The shares of the blows.
const (
	pusherShare = 0.15
	randomShare = 0.35 // at no point in particular
)

// choose decides the next blow. The points in use are left out: two traps for
// the same call would take it from each other. While too few of the kills fell
// inside an open attempt, the next one is to.
func choose(random *rand.Rand, inUse map[*point]bool, done tally) blow {
	b := blow{function: stack.Refresher}
	if done.Open*openShare <= done.Kills {
		b.at = weigh(random, func(p *point) bool { return p.open && !inUse[p] })
	}
	if b.at != nil {
		return b
	}
	if random.Float64() < pusherShare {
		b.function = stack.Pusher
	}
	if random.Float64() < randomShare {
		return b
	}
	b.at = weigh(random, func(p *point) bool { return p.function == b.function && !inUse[p] })
	return b
}

// chooseStop decides where somebody is stopped: where it holds something.
func chooseStop(random *rand.Rand, inUse map[*point]bool) *point {
	return weigh(random, func(p *point) bool {
		if p.ends == "" || inUse[p] {
			return false
		}
		return p.function == stack.Refresher || random.Float64() < pusherShare
	})
}

// weigh picks one of the allowed points by their weights; nil when none is.
func weigh(random *rand.Rand, allowed func(*point) bool) *point {
	var among []*point
	for _, p := range points {
		if allowed(p) {
			for range p.weight {
				among = append(among, p)
			}
		}
	}
	if len(among) == 0 {
		return nil
	}
	return among[random.IntN(len(among))]
}
