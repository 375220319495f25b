package main

import (
	"context"
	"errors"
	"maps"

	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/secret"
	"bellhop/shared/secretsmanager"
	"bellhop/shared/vault"
)

// shelf is Secrets Manager: the versions of every secret, by name and id.
type shelf struct {
	secrets map[string]map[string]version
}

// version is one value, with the refresh token that is in it.
type version struct {
	text, token string
	put         time.Time
}

// lagFor is how long a read may miss what was put.
const lagFor = time.Minute

// vault is what an actor puts pairs away with: the real home, whose secrets are
// full after two versions, so that a grant moves to a new epoch all the time.
func (*shelf) vault(a *actor) *vault.Vault {
	home, err := secretsmanager.NewHome(secretsmanager.HomeConfig{API: drawer{actor: a}, Prefix: "test/", Versions: 2})
	a.must(err)
	return vault.New(nil, map[string]grant.Home{grant.HomeSecrets: home})
}

// at is the version that a reference names.
func (s *shelf) at(ref string) version {
	epoch, id, _ := strings.Cut(ref, "/")
	for name, versions := range s.secrets {
		if strings.HasSuffix(name, "/"+epoch) {
			return versions[id]
		}
	}
	return version{}
}

// add writes a version that is not there yet.
func (s *shelf) add(name, id, text string) error {
	was, there := s.secrets[name][id]
	if there && was.text != text {
		return &types.ResourceExistsException{}
	}
	if !there {
		p, err := vault.Decode(secret.New(text))
		if err != nil {
			return err
		}
		s.secrets[name][id] = version{text: text, token: p.Refresh.Reveal(), put: time.Now()}
	}
	return nil
}

// canon is the shelf in bytes.
func (s *shelf) canon(b []byte) []byte {
	for _, name := range slices.Sorted(maps.Keys(s.secrets)) {
		b = append(append(b, '$'), name...)
		for _, id := range slices.Sorted(maps.Keys(s.secrets[name])) {
			v := s.secrets[name][id]
			b = append(append(b, id...), v.token...)
			b = strconv.AppendInt(b, v.put.UnixMilli(), 10)
		}
	}
	return b
}

// drawer is the shelf as one actor reaches it. It is a [secretsmanager.API], of
// which a home needs no more.
type drawer struct {
	*actor
	secretsmanager.API
}

var _ secretsmanager.API = drawer{}

// change is one write. Nobody tries it again before it is looked at anew.
func (d drawer) change(op string, land func() error) error {
	switch d.ask(op) {
	case loseOnce:
		d.flies(op, func() { _ = land() })
		d.knows(op, []byte("nothing"))
		return granttest.ErrLost
	case full:
		d.knows(op, []byte("full"))
		return &types.LimitExceededException{}
	}
	err := land()
	d.knows(op, []byte(strconv.FormatBool(err == nil)))
	return err
}

// CreateSecret makes a secret with its first version.
func (d drawer) CreateSecret(_ context.Context, in *awssecrets.CreateSecretInput, _ ...func(*awssecrets.Options)) (*awssecrets.CreateSecretOutput, error) {
	err := d.change("Create", func() error {
		if d.shelf.secrets[*in.Name] != nil {
			return &types.ResourceExistsException{}
		}
		d.shelf.secrets[*in.Name] = map[string]version{}
		return d.shelf.add(*in.Name, *in.ClientRequestToken, *in.SecretString)
	})
	if err != nil {
		return nil, err
	}
	return &awssecrets.CreateSecretOutput{VersionId: in.ClientRequestToken}, nil
}

// PutSecretValue adds a version.
func (d drawer) PutSecretValue(_ context.Context, in *awssecrets.PutSecretValueInput, _ ...func(*awssecrets.Options)) (*awssecrets.PutSecretValueOutput, error) {
	err := d.change("Put", func() error {
		if d.shelf.secrets[*in.SecretId] == nil {
			return &types.ResourceNotFoundException{}
		}
		return d.shelf.add(*in.SecretId, *in.ClientRequestToken, *in.SecretString)
	})
	if err != nil {
		return nil, err
	}
	return &awssecrets.PutSecretValueOutput{VersionId: in.ClientRequestToken}, nil
}

// UpdateSecretVersionStage is for the secrets of people.
func (d drawer) UpdateSecretVersionStage(context.Context, *awssecrets.UpdateSecretVersionStageInput, ...func(*awssecrets.Options)) (*awssecrets.UpdateSecretVersionStageOutput, error) {
	return nil, errors.New("nobody moves a label here")
}

// GetSecretValue reads a version, which it may not see yet.
func (d drawer) GetSecretValue(_ context.Context, in *awssecrets.GetSecretValueInput, _ ...func(*awssecrets.Options)) (*awssecrets.GetSecretValueOutput, error) {
	id := *in.SecretId + " " + *in.VersionId
	if d.blind == id {
		return nil, &types.ResourceNotFoundException{}
	}
	v := d.shelf.secrets[*in.SecretId][*in.VersionId]
	d.recent = v.token != "" && time.Since(v.put) < lagFor
	if d.ask("Get") == lags {
		d.blind = id
		d.knows("Get", []byte("nothing yet"))
		return nil, &types.ResourceNotFoundException{}
	}
	v = d.shelf.secrets[*in.SecretId][*in.VersionId]
	d.knows("Get", []byte(v.token))
	if v.token == "" {
		return nil, &types.ResourceNotFoundException{}
	}
	return &awssecrets.GetSecretValueOutput{SecretString: aws.String(v.text)}, nil
}

// DeleteSecret ends a secret at once.
func (d drawer) DeleteSecret(_ context.Context, in *awssecrets.DeleteSecretInput, _ ...func(*awssecrets.Options)) (*awssecrets.DeleteSecretOutput, error) {
	err := d.change("Delete", func() error {
		live := d.house.live(d.books.committed(d.grant()))
		delete(d.shelf.secrets, *in.SecretId)
		if live && !d.house.live(d.books.committed(d.grant())) {
			d.books.breaks("the committed pair was deleted")
		}
		return nil
	})
	return &awssecrets.DeleteSecretOutput{}, err
}
