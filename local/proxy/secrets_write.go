package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// write takes a new value. The version is reserved before the stand-in is
// asked and taken back if it refuses, so that writes that run at the same time
// see each other and no lock is held over the network.
func (s *secrets) write(ctx context.Context, c *call, q secretRequest) (*answer, error) {
	for {
		v, refused, wait := s.reserve(c.operation, q)
		if wait != nil { // the same token is on its way: its outcome decides
			<-wait
			continue
		}
		if refused != nil {
			return refused, nil
		}
		a, err := s.proxy.forward(ctx, c)
		return s.conclude(c.operation, q, v, a, err), err
	}
}

// reserve decides by the tokens and the quota. It returns a reserved version,
// an answer, or the channel of a write to wait for.
func (s *secrets) reserve(operation string, q secretRequest) (*version, *answer, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := q.SecretId
	if operation == "CreateSecret" {
		id = q.Name
	}
	now, settings := s.proxy.now(), s.proxy.current()
	k := s.of(id, true)
	if v := k.versions[q.ClientRequestToken]; v != nil && q.ClientRequestToken != "" {
		switch {
		case !v.value.equal(q.secretValue):
			return nil, refusal(serviceSecrets, http.StatusBadRequest, "ResourceExistsException",
				"You can't use ClientRequestToken "+v.id+" because that value is already in use for a version of secret "+k.arn+"."), nil
		case !v.landed:
			return nil, nil, v.done
		}
		return nil, k.written(v), nil // a repetition is answered and ignored
	}
	k.forget(now, settings.versionAge())
	quota := settings.versionQuota()
	if operation != "CreateSecret" && quota >= 0 && k.young(now, settings.versionAge()) >= quota {
		return nil, refusal(serviceSecrets, http.StatusBadRequest, "LimitExceededException",
			"The request failed because it would exceed one of the Secrets Manager quotas."), nil
	}
	v := &version{id: q.ClientRequestToken, value: q.secretValue, stages: q.VersionStages, at: now, done: make(chan struct{})}
	if v.id == "" {
		v.id = "pending-" + now.Format(time.RFC3339Nano) + "-" + q.Name // until the answer names it
	}
	k.versions[v.id] = v
	return v, nil, nil
}

// young counts the versions that weigh on the quota.
func (k *secret) young(now time.Time, age time.Duration) int {
	n := 0
	for _, v := range k.versions {
		if now.Sub(v.at) < age {
			n++
		}
	}
	return n
}

// forget drops versions that are old and current no more, as AWS does in time.
func (k *secret) forget(now time.Time, age time.Duration) {
	last := ""
	if len(k.current) > 0 {
		last = k.current[len(k.current)-1].id
	}
	for id, v := range k.versions {
		if v.landed && id != last && now.Sub(v.at) >= age {
			delete(k.versions, id)
		}
	}
}

// conclude keeps or takes back the reserved version, and answers with the
// version id that AWS would have given: the request token.
func (s *secrets) conclude(operation string, q secretRequest, v *version, a *answer, err error) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(v.done)
	id := q.SecretId
	if operation == "CreateSecret" {
		id = q.Name
	}
	k := s.of(id, true)
	if err != nil || a.status != http.StatusOK {
		delete(k.versions, v.id)
		return a
	}
	if operation == "CreateSecret" { // what was known was of a secret that is gone
		*k = secret{name: k.name, versions: map[string]*version{}, aliases: map[string]string{}, created: s.proxy.now()}
	}
	var told struct{ ARN, VersionId string }
	_ = json.Unmarshal(a.body, &told)
	delete(k.versions, v.id)
	k.arn = told.ARN
	if q.ClientRequestToken == "" {
		v.id = told.VersionId
	} else if told.VersionId != v.id {
		k.aliases[told.VersionId] = v.id
		a = a.withMember("VersionId", v.id)
	}
	v.landed, v.at = true, s.proxy.now()
	if v.stages == nil {
		v.stages = []string{"AWSCURRENT"}
	}
	k.versions[v.id] = v
	if slices.Contains(v.stages, "AWSCURRENT") {
		k.moveCurrent(v.id, v.at)
	}
	return a
}

// written is the answer to a write that had been made before.
func (k *secret) written(v *version) *answer {
	body, _ := json.Marshal(map[string]any{"ARN": k.arn, "Name": k.name, "VersionId": v.id, "VersionStages": v.stages})
	return answered(serviceSecrets, http.StatusOK, body)
}

// withMember is the answer with one member of its body replaced.
func (a *answer) withMember(name, value string) *answer {
	var body map[string]json.RawMessage
	if json.Unmarshal(a.body, &body) != nil {
		return a
	}
	return a.withBody(replace(body, map[string]any{name: value}))
}
