package secretsmanager

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"bellhop/shared/connection"
	"bellhop/shared/secret"
)

// text is what is stored of client main.
func (s *service) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.secrets["bellhop/client/main"]
	return x.versions[x.current].text
}

// holds puts text as a person would, with another tool.
func (s *service) holds(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets["bellhop/client/main"] = &stored{versions: map[string]value{"by-hand": {text: text}}, current: "by-hand"}
}

func TestClientSecrets_Everything(t *testing.T) {
	r, _, s, _ := newReader(t)
	s.holds(`{"client_secret":"cs","next":"cs2","username":"machine","password":"pw","headers":{"x-app-key":"key"}}`)
	got, err := r.ClientSecrets(t.Context(), "main")
	if err != nil || got.Version != "by-hand" {
		t.Fatalf("version %q, %v", got.Version, err)
	}
	for name, row := range map[string]struct {
		got  secret.Text
		want string
	}{
		"current": {got.Current, "cs"}, "next": {got.Next, "cs2"}, "username": {got.Username, "machine"},
		"password": {got.Password, "pw"}, "header": {got.Headers["X-App-Key"], "key"},
	} {
		if row.got.Reveal() != row.want {
			t.Errorf("%s is another one than stored", name)
		}
	}
	if printed := fmt.Sprintf("%+v", got); strings.Contains(printed, "cs2") || strings.Contains(printed, "key:") || strings.Contains(printed, "machine") {
		t.Errorf("printed as %s", printed)
	}
}

// A provider that knows us by a header, or by a machine's user, has no client
// secret.
func TestClientSecrets_WithoutAClientSecret(t *testing.T) {
	r, _, s, _ := newReader(t)
	for _, text := range []string{`{"headers":{"x-app-key":"key"}}`, `{"username":"machine","password":"pw"}`} {
		s.holds(text)
		r.Forget("main")
		if got, err := r.ClientSecrets(t.Context(), "main"); err != nil || !got.Current.Empty() {
			t.Errorf("%v", err)
		}
	}
}

// The version is the one that was read, also when it is kept.
func TestClientSecrets_Version(t *testing.T) {
	r, w, _, c := newReader(t)
	first, err := w.Change(t.Context(), "main", func(s connection.Secrets) connection.Secrets {
		s.Current = secret.New("one")
		return s
	})
	if err != nil || first.Version == "" {
		t.Fatalf("stored as %q, %v", first.Version, err)
	}
	for range 2 {
		if got, err := r.ClientSecrets(t.Context(), "main"); err != nil || got.Version != first.Version {
			t.Errorf("read version %q, want %q; %v", got.Version, first.Version, err)
		}
	}
	_ = w.PutClientSecret(t.Context(), "main", secret.New("two"))
	c.advance(keepFor)
	if got, err := r.ClientSecrets(t.Context(), "main"); err != nil || got.Version == first.Version || got.Version == "" {
		t.Errorf("read version %q after a change, %v", got.Version, err)
	}
}

// What a rotation of the client secret does not change stays, also what only a
// later release knows.
func TestWriter_KeepsWhatItDoesNotChange(t *testing.T) {
	_, w, s, _ := newReader(t)
	s.holds(`{"client_secret":"old","username":"machine","password":"pw","headers":{"x-app-key":"key"},"note":{"by":"hand"}}`)
	if err := w.PutClientSecrets(t.Context(), "main", secret.New("old"), secret.New("new")); err != nil {
		t.Fatal(err)
	}
	want := `{"client_secret":"old","headers":{"X-App-Key":"key"},"next":"new","note":{"by":"hand"},"password":"pw","username":"machine"}`
	if got := s.text(); got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
	if err := w.PutClientSecret(t.Context(), "main", secret.New("new")); err != nil {
		t.Fatal(err)
	}
	if got := s.text(); got != strings.NewReplacer(`"client_secret":"old"`, `"client_secret":"new"`, `"next":"new"`, `"next":""`).Replace(want) {
		t.Errorf("promoted to %s", got)
	}
}

// A value that nobody can read is no reason to be unable to write a right one.
func TestWriter_OverAnUnknownForm(t *testing.T) {
	_, w, s, _ := newReader(t)
	s.holds("canary")
	if err := w.PutClientSecret(t.Context(), "main", secret.New("cs")); err != nil || s.text() != `{"client_secret":"cs","next":""}` {
		t.Errorf("stored %s, %v", s.text(), err)
	}
}

func TestWriter_RefusesNone(t *testing.T) {
	_, w, s, _ := newReader(t)
	if err := w.PutClientSecret(t.Context(), "main", secret.Text{}); err == nil || len(s.names()) != 0 {
		t.Errorf("stored nothing as a secret: %v", err)
	}
	if _, err := w.Change(t.Context(), "main", func(s connection.Secrets) connection.Secrets { return s }); err == nil || len(s.names()) != 0 {
		t.Errorf("stored nothing as a secret: %v", err)
	}
}

// Storing over what could not be read would lose it.
func TestWriter_Trouble(t *testing.T) {
	for _, op := range []string{"GetSecretValue", "PutSecretValue"} {
		_, w, s, _ := newReader(t)
		s.holds(`{"client_secret":"old","password":"pw"}`)
		denied := errors.New("denied")
		s.fail = func(called string) (error, bool) {
			if called == op {
				return denied, false
			}
			return nil, true
		}
		err := w.PutClientSecret(t.Context(), "main", secret.New("canary"))
		if !errors.Is(err, denied) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", op, err)
		}
		if got := s.text(); got != `{"client_secret":"old","password":"pw"}` {
			t.Errorf("%s: stored %s", op, got)
		}
	}
}

// The place may be there when we come to make it: by a first try of ours whose
// answer was lost, or by somebody else. What we bring is stored all the same.
func TestWriter_ThePlaceIsThereMeanwhile(t *testing.T) {
	s := newService(time.Now)
	s.fail = func(op string) (error, bool) {
		if op == "CreateSecret" {
			return &types.ResourceExistsException{}, true
		}
		return nil, true
	}
	if err := (Writer{API: s, Prefix: "bellhop/"}).PutClientSecret(t.Context(), "main", secret.New("cs")); err != nil {
		t.Fatal(err)
	}
	if got := s.text(); !strings.Contains(got, `"cs"`) {
		t.Error("the secret that was brought is not what is stored")
	}
}
