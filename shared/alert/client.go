package alert

import (
	"maps"
	"strings"
	"time"

	"bellhop/shared/bucket"
)

// The provider may refuse our registration instead of a grant. That is one
// episode for the client, however many grants and properties it stops, and it
// is kept where it was found: in the client's bucket (bucket.Trouble), with what
// has been told. The functions below decide about that value; whoever uses them
// saves it by compare-and-swap ([bucket.Change]), so what two of them decide at
// once is decided one after the other.
//
// Unlike a grant's episode this one need not be looked at again: whatever ends
// it is the same item's write, and that write sets AlertDue.

// ClientClaim is the right to send one message about a client to one channel,
// for a bounded time.
type ClientClaim struct {
	Episode int64
	Kind    Kind
	Channel string
	Me      string // fresh for every claim
	Now     time.Time
	Until   time.Time
}

// What a bucket's Told holds: when a message was delivered to a channel, and
// until when somebody has the right to send one.
func toldKey(k Kind, channel string) string { return string(k) + "/" + channel }

func (c ClientClaim) key() string { return claimPrefix + c.Channel + "/" + c.Me }

const claimPrefix = "claim/"

// ClientOwed says which message about a client's trouble a channel is owed. As
// for grants, "opened" is never owed after "recovered", and a channel that never
// heard of an episode does not hear that it is over.
func ClientOwed(b bucket.Bucket, channel string) Kind {
	if b.Trouble == nil {
		return Nothing
	}
	_, opened := b.Trouble.Told[toldKey(Opened, channel)]
	_, closed := b.Trouble.Told[toldKey(Recovered, channel)]
	switch {
	case closed:
		return Nothing
	case b.Troubled() && b.Trouble.Ours() && !opened:
		return Opened
	case !b.Troubled() && opened:
		return Recovered
	}
	return Nothing
}

// ClaimClient takes the right to send a message, unless it is not owed or
// somebody else is sending it. Claims that ran out are forgotten.
func ClaimClient(b bucket.Bucket, c ClientClaim) bucket.Bucket {
	if b.Trouble == nil || b.Trouble.Episode != c.Episode || ClientOwed(b, c.Channel) != c.Kind {
		return b
	}
	told := map[string]time.Time{}
	for k, at := range b.Trouble.Told {
		rival := strings.HasPrefix(k, claimPrefix+c.Channel+"/")
		switch {
		case rival && !at.Before(c.Now):
			return b
		case !rival:
			told[k] = at
		}
	}
	told[c.key()] = c.Until
	return b.WithTold(told)
}

// Holds reports whether the claim is in the bucket: whether ClaimClient took it.
func (c ClientClaim) Holds(b bucket.Bucket) bool {
	if b.Trouble == nil || b.Trouble.Episode != c.Episode {
		return false
	}
	_, ours := b.Trouble.Told[c.key()]
	return ours
}

// DeliveredClient marks the message as delivered and ends the claim, if the
// episode is still the one that the message was about.
func DeliveredClient(b bucket.Bucket, c ClientClaim) bucket.Bucket {
	if b.Trouble == nil || b.Trouble.Episode != c.Episode {
		return b
	}
	told := maps.Clone(b.Trouble.Told)
	if told == nil {
		told = map[string]time.Time{}
	}
	delete(told, c.key())
	if _, there := told[toldKey(c.Kind, c.Channel)]; !there {
		told[toldKey(c.Kind, c.Channel)] = c.Now
	}
	return b.WithTold(told)
}

// UnclaimClient ends a claim whose message the channel did not take.
func UnclaimClient(b bucket.Bucket, c ClientClaim) bucket.Bucket {
	if !c.Holds(b) {
		return b
	}
	told := maps.Clone(b.Trouble.Told)
	delete(told, c.key())
	return b.WithTold(told)
}

// SettleClient takes the bucket's flag down when no channel is owed anything.
func SettleClient(b bucket.Bucket, channels []string) bucket.Bucket {
	for _, c := range channels {
		if ClientOwed(b, c) != Nothing {
			return b
		}
	}
	b.AlertDue = time.Time{}
	return b
}
