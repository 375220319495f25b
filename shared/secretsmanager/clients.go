package secretsmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/shared/connection"
	"bellhop/shared/secret"
)

// clientSecret is the stored form of a client's secrets. People may write it by
// hand, so what we do not know in it is kept when we write it again.
type clientSecret struct {
	Current  string            `json:"client_secret"`
	Next     string            `json:"next"`
	Username string            `json:"username,omitempty"`
	Password string            `json:"password,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
}

// decodeClient reads the stored form. Its error never quotes what it read.
func decodeClient(value secret.Text) (connection.Secrets, error) {
	var c clientSecret
	if json.Unmarshal([]byte(value.Reveal()), &c) != nil {
		return connection.Secrets{}, ErrForm
	}
	s := connection.Secrets{
		Current: secret.New(c.Current), Next: secret.New(c.Next),
		Username: secret.New(c.Username), Password: secret.New(c.Password),
	}
	for name, v := range c.Headers {
		if s.Headers == nil {
			s.Headers = make(map[string]secret.Text, len(c.Headers))
		}
		s.Headers[http.CanonicalHeaderKey(name)] = secret.New(v)
	}
	return s, nil
}

// encodeClient writes s over what was stored before, whose other members stay.
func encodeClient(before secret.Text, s connection.Secrets) (string, error) {
	all := map[string]json.RawMessage{}
	if !before.Empty() && json.Unmarshal([]byte(before.Reveal()), &all) != nil {
		all = map[string]json.RawMessage{} // of no known form: nothing to keep
	}
	for _, name := range []string{"client_secret", "next", "username", "password", "headers"} {
		delete(all, name)
	}
	c := clientSecret{
		Current: s.Current.Reveal(), Next: s.Next.Reveal(),
		Username: s.Username.Reveal(), Password: s.Password.Reveal(),
	}
	for name, v := range s.Headers {
		if c.Headers == nil {
			c.Headers = make(map[string]string, len(s.Headers))
		}
		c.Headers[name] = v.Reveal()
	}
	ours, err := json.Marshal(c)
	if err != nil || json.Unmarshal(ours, &all) != nil {
		return "", ErrForm
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "", ErrForm
	}
	return string(b), nil
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
// next is tried where current is refused. What else is stored of the client
// stays.
func (w Writer) PutClientSecrets(ctx context.Context, client string, current, next secret.Text) error {
	if current.Empty() {
		return fmt.Errorf("secret of client %s: it is empty", client)
	}
	_, err := w.Change(ctx, client, func(s connection.Secrets) connection.Secrets {
		s.Current, s.Next = current, next
		return s
	})
	return err
}

// Change reads what is stored of a client, lets edit say what it should be, and
// stores that, making its place when it is not there. It returns what is stored
// now, with its version. Members that we do not know are kept. Two changes at
// the same time are the operator's to avoid: the later one wins.
func (w Writer) Change(ctx context.Context, client string, edit func(connection.Secrets) connection.Secrets) (connection.Secrets, error) {
	name := clientSecretOf(w.Prefix, client)
	before, _, err := current(ctx, w.API, name)
	if err != nil && !missing(err) {
		return connection.Secrets{}, fmt.Errorf("reading the secret of client %s: %w", client, err)
	}
	was, _ := decodeClient(before) // of no known form: as if nothing were there
	s := edit(was)
	if s.Empty() {
		return connection.Secrets{}, fmt.Errorf("secret of client %s: it is empty", client)
	}
	text, err := encodeClient(before, s)
	if err != nil {
		return connection.Secrets{}, fmt.Errorf("secret of client %s: %w", client, err)
	}
	if s.Version, err = w.put(ctx, name, text); err != nil {
		return connection.Secrets{}, fmt.Errorf("storing the secret of client %s: %w", client, err)
	}
	return s, nil
}

// put stores a new version, and returns which. Its place is made when it is not
// there; that it is there by then, made by a first try whose answer was lost or
// by somebody else, is no obstacle.
func (w Writer) put(ctx context.Context, name, text string) (version string, err error) {
	version, err = w.add(ctx, name, text)
	if !missing(err) {
		return version, err
	}
	made, err := w.API.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &name, SecretString: &text, Description: aws.String("Bellhop's client secret at a provider."),
	})
	if is[*types.ResourceExistsException](err) {
		return w.add(ctx, name, text)
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(made.VersionId), nil
}

func (w Writer) add(ctx context.Context, name, text string) (version string, err error) {
	put, err := w.API.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text})
	if err != nil {
		return "", err
	}
	return aws.ToString(put.VersionId), nil
}
