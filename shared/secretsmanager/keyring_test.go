package secretsmanager

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/secret"
)

func newKeyring(t *testing.T) (Keyring, *service) {
	t.Helper()
	s := newService(time.Now)
	s.put("bellhop/keys", "one")
	return Keyring{API: s, ID: "bellhop/keys"}, s
}

func TestKeyring_Replace(t *testing.T) {
	k, _ := newKeyring(t)
	keyringStory(t, k)
}

// keyringStory: of two who change the key set at once, one does.
func keyringStory(t *testing.T, k Keyring) {
	text, was, err := k.Read(t.Context())
	if err != nil || text.Reveal() != "one" || was == "" {
		t.Fatalf("read version %q, %v", was, err)
	}
	if err := k.Replace(t.Context(), was, secret.New("two")); err != nil {
		t.Fatal(err)
	}
	if err := k.Replace(t.Context(), was, secret.New("three")); !errors.Is(err, ErrMoved) {
		t.Errorf("over another's change: %v, want ErrMoved", err)
	}
	text, now, err := k.Read(t.Context())
	if err != nil || text.Reveal() != "two" || now == was {
		t.Errorf("the key set is of version %s, %v: the former change is lost", now, err)
	}
	if err := k.Replace(t.Context(), now, secret.New("four")); err != nil {
		t.Errorf("with what was read again: %v", err)
	}
}

func TestKeyring_Refused(t *testing.T) {
	denied := errors.New("AccessDeniedException")
	for _, op := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		k, s := newKeyring(t)
		_, was, err := k.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.fail = func(o string) (error, bool) {
			if o == op {
				return denied, false
			}
			return nil, true
		}
		if err := k.Replace(t.Context(), was, secret.New("two")); !errors.Is(err, denied) {
			t.Errorf("%s: %v", op, err)
		}
		if text, _, _ := k.Read(t.Context()); text.Reveal() != "one" {
			t.Errorf("%s was refused and the key set is another", op)
		}
	}
	none := Keyring{API: newService(time.Now), ID: "bellhop/keys"}
	if _, _, err := none.Read(t.Context()); !errors.Is(err, ErrNoSecret) {
		t.Errorf("no key set: %v", err)
	}
}

// The same on a real service, where there is one.
func TestKeyring_AgainstAService(t *testing.T) {
	api, prefix := running(t)
	name := prefix + "keys"
	t.Cleanup(func() { sweepUp(t, api, name) })
	if _, err := api.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String("none")}); err != nil {
		t.Fatal(err)
	}
	// A stand-in may give a first version an id of its own, and know it by that alone.
	if _, err := api.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	keyringStory(t, Keyring{API: api, ID: name})
}
