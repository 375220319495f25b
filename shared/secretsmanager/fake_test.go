package secretsmanager

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// service is Secrets Manager in memory, as strict as AWS is: a quota of versions
// younger than a day, request tokens that are written once, reads that may not
// see a write yet, deletion in two ways.
type service struct {
	quota  int                           // versions younger than a day; 0 means 100
	delay  time.Duration                 // until a version is seen
	fail   func(op string) (error, bool) // error, and whether the call takes effect all the same
	ownIDs bool                          // a stand-in names first versions itself
	now    func() time.Time

	mu      sync.Mutex
	secrets map[string]*stored // guarded by mu
	calls   map[string]int     // guarded by mu
}

type stored struct {
	versions map[string]value
	current  string
	dying    bool
}

type value struct {
	text string
	at   time.Time
}

func newService(now func() time.Time) *service {
	return &service{now: now, secrets: map[string]*stored{}, calls: map[string]int{}}
}

// begin counts the call and decides its fault.
func (s *service) begin(op string) (error, bool) {
	s.calls[op]++
	if s.fail == nil {
		return nil, true
	}
	err, acts := s.fail(op)
	return err, acts || err == nil
}

func (s *service) CreateSecret(_ context.Context, in *secretsmanager.CreateSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, acts := s.begin("CreateSecret")
	if !acts {
		return nil, lost
	}
	if old, ok := s.secrets[*in.Name]; ok {
		if old.dying {
			return nil, &types.InvalidRequestException{Message: aws.String("scheduled for deletion")}
		}
		return nil, &types.ResourceExistsException{Message: in.Name}
	}
	s.secrets[*in.Name] = &stored{versions: map[string]value{}}
	token := in.ClientRequestToken
	if s.ownIDs {
		token = nil
	}
	version, err := s.add(*in.Name, token, *in.SecretString)
	if err == nil {
		err = lost
	}
	return &secretsmanager.CreateSecretOutput{VersionId: &version}, err
}

func (s *service) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, acts := s.begin("PutSecretValue")
	if !acts {
		return nil, lost
	}
	was := ""
	if x, ok := s.secrets[*in.SecretId]; ok {
		was = x.current
	}
	version, err := s.add(*in.SecretId, in.ClientRequestToken, *in.SecretString)
	if err == nil && len(in.VersionStages) > 0 {
		s.secrets[*in.SecretId].current = was // labels of its own: AWSCURRENT stays
	}
	if err == nil {
		err = lost
	}
	return &secretsmanager.PutSecretValueOutput{VersionId: &version}, err
}

func (s *service) UpdateSecretVersionStage(_ context.Context, in *secretsmanager.UpdateSecretVersionStageInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, acts := s.begin("UpdateSecretVersionStage")
	if !acts {
		return nil, lost
	}
	x, ok := s.secrets[*in.SecretId]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: in.SecretId}
	}
	if x.current != *in.MoveToVersionId && x.current != aws.ToString(in.RemoveFromVersionId) {
		return nil, &types.InvalidParameterException{Message: aws.String("the label is attached to another version")}
	}
	x.current = *in.MoveToVersionId
	return &secretsmanager.UpdateSecretVersionStageOutput{}, lost
}

// add writes one version by AWS's rules.
func (s *service) add(name string, token *string, text string) (string, error) {
	id := aws.ToString(token)
	if id == "" {
		id = fmt.Sprintf("generated-%032d", s.calls["CreateSecret"]+s.calls["PutSecretValue"])
	}
	x, ok := s.secrets[name]
	switch {
	case !ok:
		return "", &types.ResourceNotFoundException{Message: &name}
	case x.dying:
		return "", &types.InvalidRequestException{Message: aws.String("scheduled for deletion")}
	case len(id) < 32 || len(id) > 64:
		return "", &types.InvalidParameterException{Message: aws.String("token of the wrong length")}
	}
	if was, ok := x.versions[id]; ok {
		if was.text != text {
			return "", &types.ResourceExistsException{Message: aws.String("token already used")}
		}
		return id, nil
	}
	if s.young(x) >= s.quotaOrDefault() {
		return "", &types.LimitExceededException{Message: aws.String("The request failed because it would exceed one of the Secrets Manager quotas.")}
	}
	x.versions[id], x.current = value{text, s.now()}, id
	return id, nil
}

func (s *service) quotaOrDefault() int {
	if s.quota == 0 {
		return 100
	}
	return s.quota
}

func (s *service) young(x *stored) (n int) {
	for _, v := range x.versions {
		if s.now().Sub(v.at) < 24*time.Hour {
			n++
		}
	}
	return n
}

func (s *service) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lost, acts := s.begin("GetSecretValue"); !acts {
		return nil, lost
	}
	x, ok := s.secrets[*in.SecretId]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: in.SecretId}
	}
	if x.dying {
		return nil, &types.InvalidRequestException{Message: aws.String("marked for deletion")}
	}
	id := aws.ToString(in.VersionId)
	if id == "" {
		id = x.current
	}
	v, ok := x.versions[id]
	if !ok || s.now().Sub(v.at) < s.delay {
		return nil, &types.ResourceNotFoundException{Message: in.VersionId}
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: &v.text, VersionId: &id}, nil
}

func (s *service) DeleteSecret(_ context.Context, in *secretsmanager.DeleteSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DeleteSecretOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, acts := s.begin("DeleteSecret")
	if !acts {
		return nil, lost
	}
	if !aws.ToBool(in.ForceDeleteWithoutRecovery) {
		x, ok := s.secrets[*in.SecretId]
		if !ok {
			return nil, &types.ResourceNotFoundException{Message: in.SecretId}
		}
		x.dying = true
		return &secretsmanager.DeleteSecretOutput{}, nil
	}
	delete(s.secrets, *in.SecretId) // of a missing one too: not an error
	return &secretsmanager.DeleteSecretOutput{}, lost
}

// names of the secrets that are there.
func (s *service) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for name := range s.secrets {
		all = append(all, name)
	}
	return all
}

func (s *service) versionsOf(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, ok := s.secrets[name]; ok {
		return len(x.versions)
	}
	return 0
}

func (s *service) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// tick is a clock that is set by hand.
type tick struct{ now time.Time }

func (c *tick) Now() time.Time          { return c.now }
func (c *tick) advance(d time.Duration) { c.now = c.now.Add(d) }

func newHome(t *testing.T) (*Home, *service, *tick) {
	t.Helper()
	c := &tick{now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	s := newService(c.Now)
	h, err := NewHome(HomeConfig{API: s, Prefix: "bellhop/", Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return h, s, c
}

// lisbon is a grant at that generation, as its committer holds it.
func lisbon(generation int64) grant.Grant {
	return grant.Grant{ID: "lisbon-1", Provider: "cloudbeds", Home: grant.HomeSecrets, Generation: generation}
}

// pairOf is the pair of a generation: no two are alike.
func pairOf(generation int64) grant.Pair {
	return grant.Pair{
		Access: secret.New(fmt.Sprintf("at-canary-%d", generation)), Refresh: secret.New(fmt.Sprintf("rt-canary-%d", generation)),
		Issued: time.UnixMilli(1795248000000 + generation).UTC(), Expires: time.UnixMilli(1795248060000 + generation).UTC(),
	}
}

// settle settles a generation and tells the grant, as the table would.
func settle(t *testing.T, h *Home, g grant.Grant, p grant.Pair) grant.Grant {
	t.Helper()
	ref, at, err := h.Settle(t.Context(), g, p)
	if err != nil {
		t.Fatalf("settling generation %d: %v", g.Generation, err)
	}
	g.Ref, g.Placement = ref, at
	return g
}
