package torture

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bellhop/local/proxy"
)

// act is one of the refresh protocol's writes, by the name that
// docs/protocols.md gives it.
type act string

// The writes that the journal tells apart. Others touch neither lease nor
// attempt, and are left out.
const (
	leased    act = "lease"
	released  act = "release"
	abandoned act = "abandon"
	committed act = "commit"
	kept      act = "keep aside"
	rolled    act = "roll"
	refused   act = "refuse"
	condemned act = "verdict"
	consented act = "consent"
)

// entry is one write that landed on a grant's TOKEN item.
type entry struct {
	act    act
	me     string // the holder's nonce; empty for a consent
	began  time.Time
	at     time.Time // when the table had answered
	reason string    // of a verdict
	// What a lease found: the generation that it presents, whether an attempt
	// or an unreadable answer of others shows that this generation may be spent,
	// and whether any attempt of others was open at all.
	generation int64
	suspect    bool
	others     bool
}

// String words an entry for a story.
func (e entry) String() string {
	text := fmt.Sprintf("%s %s by %.8s", clock(e.at), e.act, e.me)
	if e.act == leased {
		text += fmt.Sprintf(", generation %d, another's attempt in sight: %t", e.generation, e.suspect)
	}
	if e.reason != "" {
		text += ": " + e.reason
	}
	return text
}

// grantOf finds the grant in a TOKEN item's key.
func grantOf(key string) (string, bool) {
	pk, found := strings.CutSuffix(key, " sk=TOKEN")
	if !found {
		return "", false
	}
	return strings.CutPrefix(pk, "pk=GRANT#")
}

// read tells from the words of an update which of the writes it is. The words
// are those of package dynamo; a test runs every one of its writes through this.
func read(o proxy.Observation) (entry, bool) {
	e := entry{me: o.Names["#me"], began: o.Began, at: o.Answered}
	set, removed, _ := strings.Cut(o.Update, "remove ")
	switch {
	case strings.Contains(set, "attempts.#me = "):
		e.act = leased
		e.look(o.Answer)
	case strings.Contains(set, "committed_by = "):
		e.act = committed
	case strings.Contains(removed, "asides.#aside"):
		e.act = rolled
	case strings.Contains(set, "asides.#me = "):
		e.act = kept
	case strings.Contains(set, "refused = ") && e.me != "":
		e.act = refused
	case (strings.Contains(set, "reauth = ") || strings.Contains(set, "missing_scopes = ")) && e.me != "":
		e.act, e.reason = condemned, text(o.Values[":reauth"])
	case strings.Contains(removed, "attempts.#me"):
		e.act = abandoned
	case strings.Contains(removed, "holder.#me"):
		e.act = released
	case strings.Contains(set, "epoch = ") && strings.Contains(set, "attempts = "):
		e.act = consented
	default:
		return entry{}, false
	}
	return e, true
}

// look reads what a lease's own answer says of the item: the protocol calls it
// the snapshot, and what a holder may do depends on nothing else.
func (e *entry) look(answer []byte) {
	var told struct {
		Attributes struct {
			Generation struct{ N json.Number }
			Attempts   struct {
				M map[string]struct {
					M struct {
						Kind struct{ S string }
						Gen  struct{ N json.Number }
					}
				}
			}
			Asides struct {
				M map[string]struct {
					M struct {
						Base struct{ N json.Number }
						Raw  struct{ BOOL bool }
					}
				}
			}
		}
	}
	if json.Unmarshal(answer, &told) != nil {
		return
	}
	item := told.Attributes
	e.generation, _ = item.Generation.N.Int64()
	for nonce, a := range item.Attempts.M {
		if nonce == e.me || a.M.Kind.S != "refresh" {
			continue
		}
		generation, _ := a.M.Gen.N.Int64()
		e.others = true
		e.suspect = e.suspect || generation == e.generation
	}
	for _, a := range item.Asides.M {
		base, _ := a.M.Base.N.Int64()
		e.suspect = e.suspect || a.M.Raw.BOOL && base == e.generation
	}
}

// dropped are the nonces of the very old attempts that a commit takes with it.
func dropped(o proxy.Observation) []string {
	var all []string
	for label, nonce := range o.Names {
		if label != "#me" && strings.Contains(o.Update, "attempts."+label) {
			all = append(all, nonce)
		}
	}
	return all
}

// text and moment read one attribute value of DynamoDB's JSON.
func text(value any) string {
	m, _ := value.(map[string]any)
	s, _ := m["S"].(string)
	return s
}

func moment(value any) time.Time {
	m, _ := value.(map[string]any)
	n, _ := m["N"].(string)
	ms, err := json.Number(n).Int64()
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
