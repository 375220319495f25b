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

// Case is a refusal at the moment of its verdict: same generation, and nobody
// who could still come with an answer.
type Case struct {
	Grant      string
	Generation int64
	// Nonce is the run's: a probe is known by it.
	Nonce string
	// Again says that the credential had been refused before and was presented
	// once more: as a probe, or because the provider had been found wrong.
	Again bool
	// Doubted says that its refusal was not believed before.
	Doubted bool
}

// Verdict is what the bucket says to it.
type Verdict struct {
	// Condemn says that the refusal is to be believed.
	Condemn bool
	// At is when to look again, when it is not.
	At time.Time
}

// Suspected reports whether the provider's refusals are not believed at present.
func (b Bucket) Suspected() bool { return !b.Suspects.Since.IsZero() }

// GrantRefused notes a refusal and says whether to believe it. What was presented
// twice is believed, unless the provider is under suspicion again.
func (b Bucket) GrantRefused(c Case, now time.Time) (Bucket, Verdict) {
	s := b.Suspects
	switch {
	case c.Nonce == s.Prober && s.Prober != "":
		s.Prober, s.Probes = "", s.Probes+1
		if s.Probes >= probes {
			s = s.end(false, now)
		}
	case b.Suspected(): // one more of those who wait
	case c.Again || s.retried(c):
		return b, Verdict{Condemn: true}
	case c.Doubted && !s.condemned(now):
		return b, b.wait(c, now) // found wrong meanwhile: it presents once more
	case !c.Doubted:
		s = s.note(c, now)
		if s.tooMany(b.Grants) {
			s.Since, s.ProbeAt, s.Probes, s.Prober = now, now.Add(probeEvery), 0, ""
		} else {
			s.Recent[len(s.Recent)-1].Condemned = true
		}
	}
	b.Suspects = s
	if b.Suspected() {
		return b, b.wait(c, now)
	}
	return b, Verdict{Condemn: true}
}

// wait lets a grant look again in a minute, the grants of a large client not all
// in the same second.
func (b Bucket) wait(c Case, now time.Time) Verdict {
	return Verdict{At: now.Add(probeEvery + b.spread("suspected", c.Grant)/4)}
}

// condemned reports whether all who were doubted have been found dead, lately
// enough to speak about whoever asks now.
func (s Suspects) condemned(now time.Time) bool {
	return !s.Cleared && now.Before(s.Ended.Add(endedFor))
}

// note adds a refusal, as the last, and forgets those that are too old to count.
func (s Suspects) note(c Case, now time.Time) Suspects {
	var recent []Refusal
	for _, x := range s.Recent {
		if x.Grant != c.Grant && now.Before(x.At.Add(withinOne)) || x.Retry {
			recent = append(recent, x)
		}
	}
	recent = append(recent, Refusal{Grant: c.Grant, Generation: c.Generation, At: now})
	s.Recent = recent[max(len(recent)-mostRecent, 0):]
	return s
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
func (s Suspects) retried(c Case) bool {
	return slices.ContainsFunc(s.Recent, func(x Refusal) bool {
		return x.Grant == c.Grant && x.Generation == c.Generation && (x.Retried || x.Retry)
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

// Second says whether a grant whose refusal is doubted presents its credential
// once more now: as the probe of this minute (whoever saves the returned bucket
// is the prober), because the provider was found wrong, or because it was away
// while that was found out.
func (b Bucket) Second(nonce string, now time.Time) (next Bucket, present bool) {
	s := b.Suspects
	if s.Prober == nonce {
		return b, true // by a save whose answer was lost
	}
	if !b.Suspected() {
		return b, !s.condemned(now)
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
