package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// read answers a GetSecretValue. The stand-in is always asked first, since it
// knows who may read; its answer is then replaced where AWS would see less
// (the write is too fresh) or more (an older version).
func (s *secrets) read(ctx context.Context, c *call, q secretRequest) (*answer, error) {
	a, err := s.proxy.forward(ctx, c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.of(q.SecretId, false)
	switch {
	case k == nil:
		return a, nil
	case a.status != http.StatusOK && (a.errorType != "ResourceNotFoundException" || q.VersionId == ""):
		return a, nil
	}
	if q.VersionId != "" {
		return s.readVersion(k, q.VersionId, a), nil
	}
	if a.status == http.StatusOK && (q.VersionStage == "" || q.VersionStage == "AWSCURRENT") {
		a = s.readCurrent(k, a)
	}
	return k.named(a), nil
}

// readVersion answers a read by version id, which is how code gets around the
// lag of labels: the version is there, or not there yet.
func (s *secrets) readVersion(k *secret, id string, a *answer) *answer {
	v := k.versions[id]
	switch {
	case v == nil || !v.landed:
		return a
	case s.unseen(v.at):
		return refusal(serviceSecrets, http.StatusBadRequest, "ResourceNotFoundException",
			"Secrets Manager can't find the specified secret version: "+id+".")
	case a.status != http.StatusOK:
		return k.value(v, nil)
	}
	return a
}

// readCurrent answers with the version that was current when the delay began.
// A secret that was made since is not found; what was current before the
// proxy's time is not known, and then the answer stays fresh.
func (s *secrets) readCurrent(k *secret, a *answer) *answer {
	if s.unseen(k.created) {
		return refusal(serviceSecrets, http.StatusBadRequest, "ResourceNotFoundException",
			"Secrets Manager can't find the specified secret.")
	}
	for i := len(k.current) - 1; i >= 0; i-- {
		if s.unseen(k.current[i].at) {
			continue
		}
		if v := k.versions[k.current[i].id]; v != nil && i < len(k.current)-1 {
			return k.value(v, []string{"AWSCURRENT"})
		}
		return a
	}
	return a
}

func (s *secrets) unseen(at time.Time) bool {
	delay := s.proxy.current().SecretDelay.Duration()
	return delay > 0 && s.proxy.now().Sub(at) < delay // false for the zero time
}

// value is an answer made from memory.
func (k *secret) value(v *version, stages []string) *answer {
	shown := struct {
		ARN, Name, VersionId string
		VersionStages        []string `json:",omitempty"`
		CreatedDate          int64
		SecretString         *string `json:",omitempty"`
		SecretBinary         *string `json:",omitempty"`
	}{k.arn, k.name, v.id, stages, v.at.Unix(), v.value.SecretString, v.value.SecretBinary}
	body, _ := json.Marshal(shown)
	return answered(serviceSecrets, http.StatusOK, body)
}

// named translates the stand-in's own version id into the request token.
func (k *secret) named(a *answer) *answer {
	if a.status != http.StatusOK || len(k.aliases) == 0 {
		return a
	}
	var told struct{ VersionId string }
	_ = json.Unmarshal(a.body, &told)
	if id, ok := k.aliases[told.VersionId]; ok {
		return a.withMember("VersionId", id)
	}
	return a
}
