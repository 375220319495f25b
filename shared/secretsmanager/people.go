package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/secret"
)

// keepFor is how long a secret that people change is used without asking again:
// a new client secret works everywhere within minutes, and a thousand
// exchanges cost one read.
const keepFor = 5 * time.Minute

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
	value secret.Text
	at    time.Time
}

// NewReader returns a reader that has read nothing.
func NewReader(c ReaderConfig) *Reader {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Reader{api: c.API, prefix: c.Prefix, now: c.Now, kept: map[string]kept{}}
}

// clientSecret is the stored form of a client's secrets.
type clientSecret struct {
	Current string `json:"client_secret"`
	Next    string `json:"next"`
}

// ClientSecrets returns our secrets at a provider, for the client of that id in
// the inventory. next is empty but while a secret is being changed; it is the
// one to try when the provider refuses current. ErrNoSecret when there is none.
func (r *Reader) ClientSecrets(ctx context.Context, client string) (current, next secret.Text, err error) {
	value, err := r.Text(ctx, clientSecretOf(r.prefix, client))
	if err != nil {
		return current, next, fmt.Errorf("secret of client %s: %w", client, err)
	}
	var s clientSecret
	if json.Unmarshal([]byte(value.Reveal()), &s) != nil || s.Current == "" {
		return current, next, fmt.Errorf("secret of client %s: %w", client, ErrForm)
	}
	return secret.New(s.Current), secret.New(s.Next), nil
}

// Forget makes the next ClientSecrets ask again: after the provider refused
// both, a person may have put a new one a moment ago.
func (r *Reader) Forget(client string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.kept, clientSecretOf(r.prefix, client))
}

// Text returns the value of any secret by its name or ARN, such as the alert
// targets'. ErrNoSecret when it is not there.
func (r *Reader) Text(ctx context.Context, id string) (secret.Text, error) {
	r.mu.Lock()
	was, known := r.kept[id]
	r.mu.Unlock()
	if known && r.now().Sub(was.at) < keepFor {
		return was.value, nil
	}
	value, err := read(ctx, r.api, &secretsmanager.GetSecretValueInput{SecretId: &id})
	switch {
	case missing(err):
		return secret.Text{}, ErrNoSecret
	case err != nil && known:
		return was.value, nil
	case err != nil:
		return secret.Text{}, fmt.Errorf("reading a secret: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[id] = kept{value: value, at: r.now()}
	return value, nil
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

// Writer puts the secrets that people bring. It is for the operator's command,
// which has its own permissions.
type Writer struct {
	API    API
	Prefix string // of the stack's secrets: "<stack>/"
}

// PutClientSecret stores a client's secret as the current one, with no next,
// making its place when it is not there.
func (w Writer) PutClientSecret(ctx context.Context, client string, value secret.Text) error {
	return w.PutClientSecrets(ctx, client, value, secret.Text{})
}

// PutClientSecrets stores both secrets of a client while one is being changed:
// next is tried where current is refused.
func (w Writer) PutClientSecrets(ctx context.Context, client string, current, next secret.Text) error {
	if current.Empty() {
		return fmt.Errorf("secret of client %s: it is empty", client)
	}
	b, err := json.Marshal(clientSecret{Current: current.Reveal(), Next: next.Reveal()})
	if err != nil {
		return fmt.Errorf("secret of client %s: %w", client, ErrForm)
	}
	name, value := clientSecretOf(w.Prefix, client), aws.String(string(b))
	_, err = w.API.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: value})
	if missing(err) {
		_, err = w.API.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: &name, SecretString: value, Description: aws.String("Bellhop's client secret at a provider."),
		})
	}
	if err != nil {
		return fmt.Errorf("storing the secret of client %s: %w", client, err)
	}
	return nil
}

// read is one GetSecretValue.
func read(ctx context.Context, api API, in *secretsmanager.GetSecretValueInput) (secret.Text, error) {
	out, err := api.GetSecretValue(ctx, in)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(aws.ToString(out.SecretString)), nil
}
