package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path"
	"slices"
	"time"
)

// Kinds of faults. "Acts" says whether the provider's logic runs.
const (
	FaultLatency       = "latency"        // acts after Millis
	FaultThrottled     = "throttled"      // does not act; 429 with Retry-After
	FaultUnavailable   = "unavailable"    // does not act; 503 with Retry-After
	FaultError         = "error"          // does not act; 500
	FaultResetBefore   = "reset_before"   // does not act; the connection is reset
	FaultResetAfter    = "reset_after"    // acts; the connection is reset, the answer is lost
	FaultHang          = "hang"           // stalls for Millis; acts first if Acts, else is reset at the end
	FaultLate          = "late"           // acts and answers; cells change Millis later
	FaultSuccessFalse  = "success_false"  // does not act; cloudbeds' error inside 200
	FaultSlowBody      = "slow_body"      // acts; the body trickles for Millis
	FaultMalformed     = "malformed"      // acts; half of the body, as if it were whole
	FaultInvalidGrant  = "invalid_grant"  // does not act; a token endpoint's 400
	FaultInvalidClient = "invalid_client" // does not act; a token endpoint's 401
	FaultAnswer        = "answer"         // does not act; answers with Status, Header and Body
	FaultJobFailed     = "job_failed"     // acts; the job ends failed and no cell changes
)

// passive are the kinds with which the provider's logic does not run. A hang
// says so itself.
var passive = []string{
	FaultThrottled, FaultUnavailable, FaultError, FaultResetBefore,
	FaultSuccessFalse, FaultInvalidGrant, FaultInvalidClient, FaultAnswer,
}

// Fault is a rule: which requests it meets, how often, and what happens to
// them. Of several rules that match a request, the first one that fires counts.
type Fault struct {
	ID   int    `json:"id,omitempty"` // given by the sandbox
	Kind string `json:"kind"`
	// Persona, Endpoint and Property select requests; empty means any.
	// Endpoint is a pattern of path.Match over the names in the books, for
	// example "get*". A cloudbeds request belongs to the property of its
	// token, a refresh to that of its refresh token.
	Persona  Persona `json:"persona,omitempty"`
	Endpoint string  `json:"endpoint,omitempty"`
	Property string  `json:"property,omitempty"`
	// Probability is the share of the selected requests that it meets; zero
	// means all of them.
	Probability float64 `json:"probability,omitempty"`
	// Count ends the rule after so many; zero means never. Skip lets so many
	// selected requests pass first.
	Count int `json:"count,omitempty"`
	Skip  int `json:"skip,omitempty"`
	// Millis is the latency, stall, trickle or lateness.
	Millis int64 `json:"ms,omitempty"`
	// RetryAfter is in seconds; zero sends no such header. RetryAfterDate
	// sends it as an HTTP date instead (RFC 9110, section 10.2.3).
	RetryAfter     int64 `json:"retry_after,omitempty"`
	RetryAfterDate bool  `json:"retry_after_date,omitempty"`
	// Acts belongs to FaultHang.
	Acts bool `json:"acts,omitempty"`
	// Status, Header and Body are all that FaultAnswer says.
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	// Seen and Fired count the requests selected and met.
	Seen  int `json:"seen"`
	Fired int `json:"fired"`
}

func (f *Fault) check() error {
	var problems []error
	timed := []string{FaultLatency, FaultHang, FaultLate, FaultSlowBody}
	others := []string{FaultResetAfter, FaultMalformed, FaultJobFailed}
	if !slices.Contains(slices.Concat(passive, timed, others), f.Kind) {
		problems = append(problems, fmt.Errorf("unknown kind %q", f.Kind))
	}
	if slices.Contains(timed, f.Kind) && f.Millis <= 0 {
		problems = append(problems, fmt.Errorf("%s needs ms above zero", f.Kind))
	}
	if (f.Kind == FaultAnswer) != (f.Status != 0) || f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		problems = append(problems, fmt.Errorf("answer, and nothing else, needs a status from 200 to 599, not %d", f.Status))
	}
	if f.Persona != "" {
		problems = append(problems, f.Persona.check())
	}
	if f.Kind == FaultSuccessFalse && f.Persona != Cloudbeds {
		problems = append(problems, errors.New("success_false belongs to persona cloudbeds"))
	}
	if _, err := path.Match(f.Endpoint, ""); err != nil {
		problems = append(problems, fmt.Errorf("endpoint pattern %q: %w", f.Endpoint, err))
	}
	if f.Probability < 0 || f.Probability > 1 || f.Count < 0 || f.Skip < 0 || f.Millis < 0 || f.RetryAfter < 0 {
		problems = append(problems, errors.New("a number is negative, or the probability above 1"))
	}
	return errors.Join(problems...)
}

// acts says whether the provider's logic runs under the fault; nil is none.
func (f *Fault) acts() bool {
	switch {
	case f == nil:
		return true
	case f.Kind == FaultHang:
		return f.Acts
	default:
		return !slices.Contains(passive, f.Kind)
	}
}

func (f *Fault) is(kind string) bool { return f != nil && f.Kind == kind }

func (f *Fault) duration() time.Duration { return time.Duration(f.Millis) * time.Millisecond }

func (f *Fault) selects(e endpoint, property string) bool {
	if f.Persona != "" && f.Persona != e.persona || f.Property != "" && f.Property != property {
		return false
	}
	if f.Endpoint == "" {
		return true
	}
	matched, _ := path.Match(f.Endpoint, e.name) // checked when the rule was added
	return matched
}

// choose returns the fault that meets a request, nil for none.
func (s *Server) choose(e endpoint, property string) *Fault {
	for _, f := range s.faults {
		if !f.selects(e, property) || f.Count > 0 && f.Fired >= f.Count {
			continue
		}
		f.Seen++
		if f.Seen > f.Skip && f.strikes(s.seed) {
			f.Fired++
			return f
		}
	}
	return nil
}

// strikes decides by the seed, the rule and how many requests it has seen, so
// that the same order of requests meets the same faults.
func (f *Fault) strikes(seed uint64) bool {
	if f.Probability == 0 {
		return true
	}
	hash := fnv.New64a()
	_ = binary.Write(hash, binary.BigEndian, [2]uint64{uint64(f.ID), uint64(f.Seen)}) // never fails
	return rand.New(rand.NewPCG(seed, hash.Sum64())).Float64() < f.Probability
}

// late says when the cells of a push change: at due, or later by fault.
func (c *call) late(due int64) int64 {
	if c.fault.is(FaultLate) {
		return due + c.fault.Millis
	}
	return due
}
