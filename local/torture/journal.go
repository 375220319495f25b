package torture

import (
	"slices"
	"sync"
	"time"

	"bellhop/local/proxy"
	"bellhop/shared/grant"
)

// journal is what the table itself has answered to every lease and to all that
// ends one, in the order of its answers. It is written by the proxy, behind its
// faults: a write whose answer was lost on the way is in it, one that never
// arrived is not. So it knows which attempts were open when, and takes nobody's
// word for it, least of all that of a process which may be killed before it
// writes a log line.
//
// It is of the fleet's grants alone: others live on the stack of the end-to-end
// tests, and what is left open there is none of ours. Its methods may be called
// concurrently.
type journal struct {
	mu      sync.Mutex
	grants  map[string]*story // guarded by mu
	late    []time.Duration   // guarded by mu: of the leases since the last look
	commits int               // guarded by mu: of pairs
}

// story is the life of one grant.
type story struct {
	entries    []entry
	open       map[string]attempt // by nonce: attempts that nothing has removed
	generation int64              // of the last commit, roll or consent; 0 when unknown
	due        time.Time          // when its pair wanted to be refreshed
	moved      time.Time          // when a pair was last committed
	aside      bool               // an answer is kept aside that nobody has followed yet
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
	if !found || !Owns(id) || !o.Landed || o.Operation == "PutItem" {
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
	if e.act == committed {
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
	switch e.act {
	case kept:
		s.aside = true
	case committed, rolled, consented, condemned:
		s.aside = false
	}
	if e.act == committed || e.act == consented {
		s.moved = e.at
		s.due = moment(o.Values[":refresh_at"])
	}
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

// asides counts the grants of which an answer is kept aside: somebody is on his
// way to present the same credential again, and has a part of its grace left.
func (j *journal) asides() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, s := range j.grants {
		if s.aside {
			n++
		}
	}
	return n
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
