package bucket

import (
	"slices"
	"time"
)

// Suspects are the client's grants that the provider has lately called invalid.
// When there are too many at once it is the provider that is not believed: a
// token endpoint that fails must not cost a thousand hotels their consent. While
// it is suspected nobody is judged; once a minute one of those who were refused
// presents its credential again, and what comes of it holds for all of them.
type Suspects struct {
	// Recent are the refusals of the last minutes, each grant once. While the
	// provider is suspected no more are added.
	Recent []Refusal
	// Since is when the provider came under suspicion; zero when it is not.
	Since time.Time
	// ProbeAt is when the next probe may be made, Prober the nonce of the
	// latest; empty once its answer is known. Probes counts those refused.
	ProbeAt time.Time
	Prober  string
	Probes  int
	// Ended is when the last suspicion ended, Cleared how: the provider had been
	// wrong, or right.
	Ended   time.Time
	Cleared bool
}

// Refusal is one grant whose credential was called invalid.
type Refusal struct {
	Grant      string
	Generation int64
	At         time.Time
	// Condemned says that it was judged, before there was a suspicion.
	Condemned bool
	// Retry says that it was condemned by a provider that was found wrong, and
	// is to be told to try again; Retried that it was told.
	Retry, Retried bool
}

// The measures of a correlated verdict.
const (
	// withinOne, atLeast and onePart say what is too many: more than five, and
	// more than one in fifty of the client's grants, within ten minutes.
	withinOne = 10 * time.Minute
	atLeast   = 5
	onePart   = 50
	// mostRecent bounds the list, and so the item: with more than 25,000 grants
	// the share is a little smaller.
	mostRecent = 512
	// probeEvery is how far apart probes are, probes how many refused ones
	// condemn all.
	probeEvery = time.Minute
	probes     = 3
	// endedFor is how long the end of a suspicion speaks about those who were
	// refused during it. They look each minute; one that was away for longer
	// finds out by itself.
	endedFor = 30 * time.Minute
)

// Verdict is what the bucket says to a grant that was refused.
type Verdict struct {
	// Condemn says that the refusal is to be believed.
	Condemn bool
	// At is when to look again, when it is not.
	At time.Time
}

// Suspected reports whether the provider's refusals are not believed at present.
func (b Bucket) Suspected() bool { return !b.Suspects.Since.IsZero() }

// GrantRefused is asked at the moment of a verdict over a grant: same
// generation, nobody who could still come with an answer. It notes the refusal
// and says whether to believe it.
//
// Again says that this credential had been refused before and was presented once
// more, because the provider had been found wrong or as a probe (nonce is the
// prober's): the former is believed at once, the latter counts for all.
func (b Bucket) GrantRefused(r Refusal, nonce string, again bool, now time.Time) (Bucket, Verdict) {
	s := b.Suspects
	switch {
	case nonce != "" && s.Prober == nonce:
		s.Prober = ""
		s.Probes++
		if s.Probes >= probes {
			s = s.end(false, now)
		}
	case s.Since.IsZero() && (again || s.retried(r)):
		return b, Verdict{Condemn: true}
	case s.Since.IsZero():
		s = s.note(r, now)
		if s.tooMany(b.Grants) {
			s.Since, s.ProbeAt, s.Probes, s.Prober = now, now.Add(probeEvery), 0, ""
		} else {
			s.Recent = s.judged(r)
		}
	}
	b.Suspects = s
	if s.Since.IsZero() {
		return b, Verdict{Condemn: true}
	}
	return b, Verdict{At: now.Add(probeEvery + b.spread("suspected", r.Grant)/4)}
}

// note adds a refusal and forgets those that are too old to count.
func (s Suspects) note(r Refusal, now time.Time) Suspects {
	var recent []Refusal
	for _, x := range s.Recent {
		if x.Grant != r.Grant && now.Before(x.At.Add(withinOne)) || x.Retry {
			recent = append(recent, x)
		}
	}
	r.At = now
	recent = append(recent, r)
	s.Recent = recent[max(len(recent)-mostRecent, 0):]
	return s
}

// judged marks a refusal as one that was believed.
func (s Suspects) judged(r Refusal) []Refusal {
	recent := slices.Clone(s.Recent)
	for i := range recent {
		if recent[i].Grant == r.Grant && !recent[i].Retry {
			recent[i].Condemned = true
		}
	}
	return recent
}

// tooMany reports whether so many refusals at once are the provider's fault
// rather than their owners' decision.
func (s Suspects) tooMany(grants int) bool {
	n := 0
	for _, r := range s.Recent {
		if !r.Retry && !r.Retried {
			n++
		}
	}
	return n > atLeast && n > min(grants/onePart, mostRecent-1)
}

// retried reports whether this very credential has had its second chance.
func (s Suspects) retried(r Refusal) bool {
	return slices.ContainsFunc(s.Recent, func(x Refusal) bool {
		return x.Grant == r.Grant && x.Generation == r.Generation && (x.Retried || x.Retry)
	})
}

// end ends a suspicion. Cleared, those who were condemned just before it are to
// be told to try again, and nobody else is remembered.
func (s Suspects) end(cleared bool, now time.Time) Suspects {
	var keep []Refusal
	for _, r := range s.Recent {
		if cleared && r.Condemned && !r.Retried {
			r.Retry, r.At = true, now
			keep = append(keep, r)
		}
	}
	return Suspects{Recent: keep, Ended: now, Cleared: cleared}
}

// Second says what a grant that was refused before does with its credential now:
// whether it presents it once more, and whether that is a probe. Whoever saves
// the returned bucket is the prober.
func (b Bucket) Second(nonce string, suspected bool, now time.Time) (next Bucket, present bool) {
	s := b.Suspects
	if s.Prober == nonce {
		return b, true // by a save whose answer was lost
	}
	if s.Since.IsZero() {
		recent := now.Before(s.Ended.Add(endedFor))
		return b, suspected && (!recent || s.Cleared)
	}
	if now.Before(s.ProbeAt) {
		return b, false
	}
	s.Prober, s.ProbeAt = nonce, now.Add(probeEvery)
	b.Suspects = s
	return b, true
}

// GrantBelieved notes that a credential that had been refused was taken after
// all: the provider had been wrong, about all of them. An ordinary exchange
// proves nothing about those who were refused, and is not told.
func (b Bucket) GrantBelieved(now time.Time) Bucket {
	if b.Suspected() {
		b.Suspects = b.Suspects.end(true, now)
	}
	return b
}

// Retries lists the grants that were condemned by a provider that was found
// wrong, and have not been told to try again.
func (b Bucket) Retries() []Refusal {
	var all []Refusal
	for _, r := range b.Suspects.Recent {
		if r.Retry {
			all = append(all, r)
		}
	}
	return all
}

// Retried notes that a grant was told to try again.
func (b Bucket) Retried(grant string) Bucket {
	recent := slices.Clone(b.Suspects.Recent)
	for i := range recent {
		if recent[i].Grant == grant && recent[i].Retry {
			recent[i].Retry, recent[i].Retried = false, true
		}
	}
	b.Suspects.Recent = recent
	return b
}
