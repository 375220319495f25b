package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/connection"
	"bellhop/shared/secret"
)

// keepFor is how long a secret that people change is used without asking again:
// a new client secret works everywhere within minutes, and a thousand
// exchanges cost one read.
const keepFor = 5 * time.Minute

// askFor is how long an answer is waited for when a former one is kept, and
// leaveFor how long it is used without asking again when there was none: a
// service that hangs must not hold up the exchanges of a process that can do
// without.
const (
	askFor   = 2 * time.Second
	leaveFor = 30 * time.Second
)

// Errors of reading what people put.
var (
	// ErrNoSecret says that the secret is not there.
	ErrNoSecret = errors.New("no such secret")
	// ErrForm says that its value is not in the form that it should have.
	ErrForm = errors.New("secret has an unknown form")
)

// ReaderConfig sets up a [Reader].
type ReaderConfig struct {
	API    API
	Prefix string           // of the stack's secrets: "<stack>/"
	Now    func() time.Time // nil means time.Now
}

// Reader reads the secrets that people change, and keeps each for five minutes.
// When Secrets Manager does not answer, what was read last is used: yesterday's
// client secret is more likely right than none. It is safe for concurrent use.
type Reader struct {
	api    API
	prefix string
	now    func() time.Time

	mu   sync.Mutex
	kept map[string]kept // guarded by mu; by name or ARN
}

type kept struct {
	value   secret.Text
	version string
	until   time.Time // used without asking
}

// NewReader returns a reader that has read nothing.
func NewReader(c ReaderConfig) *Reader {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Reader{api: c.API, prefix: c.Prefix, now: c.Now, kept: map[string]kept{}}
}

// ClientSecrets returns our secrets at a provider, for the client of that id in
// the inventory. ErrNoSecret when there are none.
func (r *Reader) ClientSecrets(ctx context.Context, client string) (connection.Secrets, error) {
	value, err := r.text(ctx, clientSecretOf(r.prefix, client))
	if err != nil {
		return connection.Secrets{}, fmt.Errorf("secret of client %s: %w", client, err)
	}
	s, err := decodeClient(value.value)
	if err != nil || s.Empty() {
		return connection.Secrets{}, fmt.Errorf("secret of client %s: %w", client, ErrForm)
	}
	s.Version = value.version
	return s, nil
}

// Forget makes the next ClientSecrets ask again: after the provider refused what
// was kept, a person may have put a new one a moment ago.
func (r *Reader) Forget(client string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.kept, clientSecretOf(r.prefix, client))
}

// Text returns the value of any secret by its name or ARN, such as the alert
// targets'. ErrNoSecret when it is not there.
func (r *Reader) Text(ctx context.Context, id string) (secret.Text, error) {
	k, err := r.text(ctx, id)
	return k.value, err
}

func (r *Reader) text(ctx context.Context, id string) (kept, error) {
	r.mu.Lock()
	was, known := r.kept[id]
	r.mu.Unlock()
	if known && r.now().Before(was.until) {
		return was, nil
	}
	if known {
		bounded, cancel := context.WithTimeout(ctx, askFor)
		defer cancel()
		ctx = bounded
	}
	value, version, err := current(ctx, r.api, id)
	switch {
	case missing(err):
		return kept{}, ErrNoSecret
	case err != nil && known:
		return r.keep(id, was, leaveFor), nil
	case err != nil:
		return kept{}, fmt.Errorf("reading a secret: %w", err)
	}
	return r.keep(id, kept{value: value, version: version}, keepFor), nil
}

func (r *Reader) keep(id string, k kept, d time.Duration) kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	k.until = r.now().Add(d)
	r.kept[id] = k
	return k
}

// KeySet is where package seal's key set lives. It does not cache: a
// [bellhop/shared/seal.Source] does.
type KeySet struct {
	API API
	ID  string // name or ARN
}

// Keys returns the key set's text.
func (k KeySet) Keys(ctx context.Context) (secret.Text, error) {
	value, err := read(ctx, k.API, &secretsmanager.GetSecretValueInput{SecretId: &k.ID})
	if missing(err) {
		return value, ErrNoSecret
	}
	return value, err
}

// current reads a secret's present version, and which one it is.
func current(ctx context.Context, api API, id string) (value secret.Text, version string, err error) {
	out, err := api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return secret.Text{}, "", err
	}
	return secret.New(aws.ToString(out.SecretString)), aws.ToString(out.VersionId), nil
}

// read is one GetSecretValue.
func read(ctx context.Context, api API, in *secretsmanager.GetSecretValueInput) (secret.Text, error) {
	out, err := api.GetSecretValue(ctx, in)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(aws.ToString(out.SecretString)), nil
}
