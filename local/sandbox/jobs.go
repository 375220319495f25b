package sandbox

import (
	"cmp"
	"crypto/rand"
	"slices"
)

// jobsKeptFor is how long a finished or unfinished job can be asked for, in
// milliseconds: seven days (Cloudbeds' specification of getRateJobs).
const jobsKeptFor = 7 * 24 * 60 * 60 * 1000

// job is work that was accepted and is done later. Its cells wait in cells;
// the job itself only knows when it is done and what it will say then.
type job struct {
	id       string
	number   int // jobs in the order of acceptance
	persona  Persona
	client   string
	property string
	created  int64
	due      int64
	failed   bool
	results  []itemResult // generic
	updates  []rateUpdate // cloudbeds
}

func (j *job) done(now int64) bool { return now >= j.due }

// startJob accepts the parts of a push as a job.
func (s *Server) startJob(c *call, p *Property, parts []nights) *job {
	j := &job{
		id: rand.Text(), number: len(s.jobs) + 1, persona: p.Persona, client: c.record.Client,
		property: p.ID, created: c.now, due: c.now + s.switches[p.Persona].JobDelay,
		failed: c.fault.is(FaultJobFailed),
	}
	s.jobs[j.id] = j
	if !j.failed {
		s.apply(c, p, parts, j.due)
	}
	return j
}

// apply writes the parts of a push into the cells at due.
func (s *Server) apply(c *call, p *Property, parts []nights, due int64) {
	for _, part := range parts {
		s.cells.schedule(p, part, c.record.N, c.late(due))
	}
	s.cells.settle(c.now)
}

// jobsOf lists the jobs of a client at a property that are still kept, oldest
// first.
func (s *Server) jobsOf(t *Token, now int64) []*job {
	var all []*job
	for _, j := range s.jobs {
		if j.client == t.Client && j.property == t.Property && now-j.created < jobsKeptFor {
			all = append(all, j)
		}
	}
	slices.SortFunc(all, func(a, b *job) int { return cmp.Compare(a.number, b.number) })
	return all
}
