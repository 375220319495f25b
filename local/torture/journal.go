package torture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bellhop/local/proxy"
	"bellhop/shared/grant"
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

// journal is what the table itself has answered to every lease and to all that
// ends one, in the order of its answers. It is written by the proxy, behind its
// faults: a write whose answer was lost on the way is in it, one that never
// arrived is not. So it knows which attempts were open when, and takes nobody's
// word for it, least of all that of a process which may be killed before it
// writes a log line.
//
// Its methods may be called concurrently.
type journal struct {
	mu      sync.Mutex
	grants  map[string]*story // guarded by mu
	late    []time.Duration   // guarded by mu: of the leases since the last look
	commits int               // guarded by mu: of pairs, in Owns's grants
}

// story is the life of one grant.
type story struct {
	entries    []entry
	open       map[string]attempt // by nonce: attempts that nothing has removed
	generation int64              // of the last commit, roll or consent; 0 when unknown
	due        time.Time          // when its pair wanted to be refreshed
	moved      time.Time          // when a pair was last committed
}

// attempt is one that is open.
type attempt struct {
	at         time.Time
	generation int64
}

func newJournal() *journal { return &journal{grants: map[string]*story{}} }

// Observe takes one write in; it is the proxy's Observe.
func (j *journal) Observe(o proxy.Observation) {
	id, found := grantOf(o.Key)
	if !found || !o.Landed || o.Operation == "PutItem" {
		return
	}
	e, known := read(o)
	if !known {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.grants[id]
	if s == nil {
		s = &story{open: map[string]attempt{}}
		j.grants[id] = s
	}
	if e.act == leased && !s.due.IsZero() {
		j.late = append(j.late, e.at.Sub(s.due))
		s.due = time.Time{}
	}
	s.add(e, o)
	if e.act == committed && Owns(id) {
		j.commits++
	}
}

// pairs is how many were committed: about as many as were rotated, and cheaper
// to ask for than the provider's books.
func (j *journal) pairs() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.commits
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

// add keeps an entry and what follows from it.
func (s *story) add(e entry, o proxy.Observation) {
	s.entries = append(s.entries, e)
	switch e.act {
	case leased:
		s.generation = e.generation
		s.open[e.me] = attempt{at: e.at, generation: e.generation}
	case consented:
		clear(s.open)
		s.generation++
	case released: // the attempt stays: what it presented may be spent
	default:
		delete(s.open, e.me)
	}
	for _, name := range dropped(o) {
		delete(s.open, name)
	}
	if e.act == committed || e.act == rolled {
		s.generation++
	}
	if e.act == committed || e.act == consented {
		s.moved = e.at
		s.due = moment(o.Values[":refresh_at"])
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

// unsettled lists the grants whose present credential may be spent: an attempt
// at it has been open for longer than an age.
func (j *journal) unsettled(now time.Time, age time.Duration) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for grant, s := range j.grants {
		for _, a := range s.open {
			if a.generation == s.generation && now.Sub(a.at) > age {
				all = append(all, grant)
				break
			}
		}
	}
	slices.Sort(all)
	return all
}

// held reports whether anybody who may still be alive holds an attempt.
func (j *journal) held(now time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.grants {
		for _, a := range s.open {
			if now.Sub(a.at) < grant.FunctionTimeout {
				return true
			}
		}
	}
	return false
}

// recovering reports whether somebody before may have spent the grant's present
// credential.
func (j *journal) recovering(grant string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.grants[grant]
	if s == nil {
		return false
	}
	attempts := 0
	for _, a := range s.open {
		if a.generation == s.generation {
			attempts++
		}
	}
	return attempts > 1
}

// behind counts the grants that have committed no pair since a moment.
func (j *journal) behind(all []string, since time.Time) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, grant := range all {
		if s := j.grants[grant]; s == nil || !s.moved.After(since) {
			n++
		}
	}
	return n
}

// dead lists the grants whose last word was a verdict.
func (j *journal) dead() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for grant, s := range j.grants {
		if len(s.entries) > 0 && s.entries[len(s.entries)-1].act == condemned {
			all = append(all, grant)
		}
	}
	slices.Sort(all)
	return all
}

// lateness is how late the leases since the last look came, against the second
// at which their grants wanted to be refreshed: the middle one and the latest of
// a hundred. Waking up to five seconds early is allowed, so they may be below
// zero.
func (j *journal) lateness() (median, p99 time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.late) == 0 {
		return 0, 0
	}
	slices.Sort(j.late)
	median, p99 = j.late[len(j.late)/2], j.late[len(j.late)*99/100]
	j.late = j.late[:0]
	return median, p99
}

// told copies the journal for the audit.
func (j *journal) told() map[string][]entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make(map[string][]entry, len(j.grants))
	for grant, s := range j.grants {
		all[grant] = slices.Clone(s.entries)
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
