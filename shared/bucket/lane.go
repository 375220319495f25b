package bucket

import (
	"time"

	"bellhop/shared/jitter"
)

// Lane is the turn of one exchange, where a provider revokes a family of tokens
// when it is used twice at once. It is like a lease: whoever dies leaves it by
// its end.
type Lane struct {
	Owner string // the nonce of the exchange that has it; empty when free
	Until time.Time
}

const (
	// skew is how far two machines' clocks may differ.
	skew = 2 * time.Second
	// longestTurn is how long after a no somebody looks again: an exchange is
	// usually over within a second or two.
	longestTurn = 4 * time.Second
)

// busy reports whether another than me has the turn.
func (l Lane) busy(me string, now time.Time) bool {
	return l.Owner != "" && l.Owner != me && !l.Until.Add(skew).Before(now)
}

// again is when to ask again: soon, each at a moment of its own, and not after
// the turn is surely over.
func (l Lane) again(a Ask, now time.Time) time.Time {
	at := now.Add(time.Second + jitter.Of(longestTurn-time.Second, "lane", a.Grant, a.Nonce))
	if over := l.Until.Add(skew + time.Millisecond); over.Before(at) {
		return over
	}
	return at
}

// Leave gives the turn back, if it is still this exchange's. After an outcome
// that is unknown it is left to run out: the request may still be acting.
func (b Bucket) Leave(nonce string) Bucket {
	if b.Lane.Owner == nonce {
		b.Lane = Lane{}
	}
	return b
}
