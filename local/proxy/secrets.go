package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// secrets puts Secrets Manager's rules in front of the stand-in: the quota of
// versions, the rate of writes, request tokens that are written once, reads
// that lag. It remembers every version that is written through it, because
// the stand-in forgets all but two of a secret's versions and gives those of
// CreateSecret and UpdateSecret ids of its own.
//
// Versions made behind its back, such as by a template's deployment inside
// the stand-in, are neither counted nor delayed.
type secrets struct {
	proxy *Proxy
	rate  rate

	mu     sync.Mutex
	byName map[string]*secret // guarded by mu, and so is all inside
}

// secret is one secret's memory.
type secret struct {
	name, arn string
	versions  map[string]*version // by version id
	aliases   map[string]string   // the stand-in's own id of a version → ours
	current   []move              // of AWSCURRENT, oldest first
	created   time.Time           // zero when it was not made through the proxy
}

// version is one written value.
type version struct {
	id     string
	value  secretValue
	stages []string
	at     time.Time     // when it was asked for, then when it was answered
	done   chan struct{} // closed when its write is answered
	landed bool
}

// secretValue is compared to tell a repetition from a conflict. It is never
// logged, and leaves the proxy only as the answer to a GetSecretValue.
type secretValue struct {
	SecretString *string
	SecretBinary *string
}

func (v secretValue) empty() bool { return v.SecretString == nil && v.SecretBinary == nil }

func (v secretValue) equal(w secretValue) bool {
	return same(v.SecretString, w.SecretString) && same(v.SecretBinary, w.SecretBinary)
}

func same(a, b *string) bool { return a == b || (a != nil && b != nil && *a == *b) }

// move is one time that AWSCURRENT came to a version.
type move struct {
	at time.Time
	id string
}

// secretRequest is the body of the calls that matter here.
type secretRequest struct {
	SecretId, Name             string
	ClientRequestToken         string
	VersionId                  string
	VersionStage               string
	VersionStages              []string
	MoveToVersionId            string
	ForceDeleteWithoutRecovery bool
	secretValue
}

func newSecrets(p *Proxy) *secrets {
	return &secrets{proxy: p, byName: make(map[string]*secret)}
}

// serve answers one call, by the stand-in or in its place.
func (s *secrets) serve(ctx context.Context, c *call) (*answer, error) {
	var q secretRequest
	_ = json.Unmarshal(c.body.bytes(), &q)
	switch c.operation {
	case "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage":
		if !s.rate.take(s.proxy.current().secretWrites(), s.proxy.now()) {
			return exception(Throttle, serviceSecrets), nil
		}
	}
	switch c.operation {
	case "CreateSecret", "PutSecretValue", "UpdateSecret":
		if !q.empty() {
			return s.write(ctx, c, q)
		}
	case "UpdateSecretVersionStage":
		return s.stage(ctx, c, q)
	case "GetSecretValue":
		return s.read(ctx, c, q)
	case "DeleteSecret":
		return s.remove(ctx, c, q)
	}
	return s.proxy.forward(ctx, c)
}

// of finds a secret's memory by name or ARN, and makes one if it must. The
// caller holds mu.
func (s *secrets) of(id string, create bool) *secret {
	name := s.nameOf(id)
	found := s.byName[name]
	if found == nil && create {
		found = &secret{name: name, versions: map[string]*version{}, aliases: map[string]string{}}
		s.byName[name] = found
	}
	return found
}

// nameOf cuts the name out of an ARN, with or without its random suffix. The
// caller holds mu.
func (s *secrets) nameOf(id string) string {
	_, rest, isARN := strings.Cut(id, ":secret:")
	if !isARN {
		return id
	}
	if s.byName[rest] != nil {
		return rest
	}
	if cut := len(rest) - 7; cut > 0 && rest[cut] == '-' {
		return rest[:cut]
	}
	return rest
}

// stage lets a label be moved and remembers where AWSCURRENT went.
func (s *secrets) stage(ctx context.Context, c *call, q secretRequest) (*answer, error) {
	a, err := s.proxy.forward(ctx, c)
	if err != nil || a.status != http.StatusOK || q.VersionStage != "AWSCURRENT" || q.MoveToVersionId == "" {
		return a, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.of(q.SecretId, false); known != nil {
		known.moveCurrent(q.MoveToVersionId, s.proxy.now())
	}
	return a, nil
}

// remove forgets a secret that is gone for good. One that only waits for its
// deletion can be restored with its versions, and the stand-in refuses to read
// it until then.
func (s *secrets) remove(ctx context.Context, c *call, q secretRequest) (*answer, error) {
	a, err := s.proxy.forward(ctx, c)
	if err == nil && a.status == http.StatusOK && q.ForceDeleteWithoutRecovery {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byName, s.nameOf(q.SecretId))
	}
	return a, err
}

// keepMoves is how many places of AWSCURRENT are remembered.
const keepMoves = 128

func (k *secret) moveCurrent(id string, now time.Time) {
	if len(k.current) > 0 && k.current[len(k.current)-1].id == id {
		return
	}
	k.current = append(k.current, move{now, id})
	if extra := len(k.current) - keepMoves; extra > 0 {
		k.current = slices.Delete(k.current, 0, extra)
	}
}

// rate is a token bucket whose burst is one second's worth.
type rate struct {
	mu     sync.Mutex
	tokens float64   // guarded by mu
	last   time.Time // guarded by mu
}

// take takes one token. A negative rate never refuses.
func (r *rate) take(perSecond int, now time.Time) bool {
	if perSecond < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	full := float64(perSecond)
	if r.last.IsZero() {
		r.tokens = full
	} else {
		r.tokens = min(full, r.tokens+now.Sub(r.last).Seconds()*full)
	}
	r.last = now
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}
