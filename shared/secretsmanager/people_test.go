package secretsmanager

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/seal"
	"bellhop/shared/secret"
)

func newReader(t *testing.T) (*Reader, Writer, *service, *tick) {
	t.Helper()
	c := &tick{now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	s := newService(c.Now)
	return NewReader(ReaderConfig{API: s, Prefix: "bellhop/", Now: c.Now}), Writer{API: s, Prefix: "bellhop/"}, s, c
}

func TestClientSecrets_AsWritten(t *testing.T) {
	r, w, s, _ := newReader(t)
	if err := w.PutClientSecret(t.Context(), "main", secret.New(`cs"1`)); err != nil {
		t.Fatal(err)
	}
	got, err := r.ClientSecrets(t.Context(), "main")
	if err != nil || got.Current.Reveal() != `cs"1` || !got.Next.Empty() {
		t.Errorf("read %v", err)
	}
	if got := s.secrets["bellhop/client/main"].versions[s.secrets["bellhop/client/main"].current].text; got != `{"client_secret":"cs\"1","next":""}` {
		t.Errorf("stored as %s", got)
	}
}

// While a secret is being changed there are two.
func TestClientSecrets_Next(t *testing.T) {
	r, w, _, _ := newReader(t)
	if err := w.PutClientSecret(t.Context(), "main", secret.New("old")); err != nil {
		t.Fatal(err)
	}
	if err := w.PutClientSecrets(t.Context(), "main", secret.New("old"), secret.New("new")); err != nil {
		t.Fatal(err)
	}
	got, err := r.ClientSecrets(t.Context(), "main")
	if err != nil || got.Current.Reveal() != "old" || got.Next.Reveal() != "new" {
		t.Errorf("read %v", err)
	}
}

func TestClientSecrets_KeptForFiveMinutes(t *testing.T) {
	r, w, s, c := newReader(t)
	_ = w.PutClientSecret(t.Context(), "main", secret.New("old"))
	before := s.count("GetSecretValue")
	for range 5 {
		_, _ = r.ClientSecrets(t.Context(), "main")
	}
	if n := s.count("GetSecretValue") - before; n != 1 {
		t.Errorf("%d reads, want 1", n)
	}
	_ = w.PutClientSecret(t.Context(), "main", secret.New("new"))
	c.advance(keepFor - 1)
	if got, _ := r.ClientSecrets(t.Context(), "main"); got.Current.Reveal() != "old" {
		t.Error("asked again too early")
	}
	c.advance(1)
	if got, _ := r.ClientSecrets(t.Context(), "main"); got.Current.Reveal() != "new" {
		t.Error("the new secret is not seen after five minutes")
	}
}

// The provider refused the secret: the next exchange asks for a newer one.
func TestClientSecrets_Forget(t *testing.T) {
	r, w, _, _ := newReader(t)
	_ = w.PutClientSecret(t.Context(), "main", secret.New("old"))
	_, _ = r.ClientSecrets(t.Context(), "main")
	_ = w.PutClientSecret(t.Context(), "main", secret.New("new"))
	r.Forget("main")
	r.Forget("nobody")
	if got, err := r.ClientSecrets(t.Context(), "main"); err != nil || got.Current.Reveal() != "new" {
		t.Errorf("read %v", err)
	}
}

func TestClientSecrets_StaleWhileUnreachable(t *testing.T) {
	r, w, s, c := newReader(t)
	_ = w.PutClientSecret(t.Context(), "main", secret.New("old"))
	_, _ = r.ClientSecrets(t.Context(), "main")
	down := errors.New("unreachable")
	s.fail = func(string) (error, bool) { return down, false }
	c.advance(time.Hour)
	if got, err := r.ClientSecrets(t.Context(), "main"); err != nil || got.Current.Reveal() != "old" {
		t.Errorf("read %v", err)
	}
	if _, err := r.ClientSecrets(t.Context(), "other"); !errors.Is(err, down) {
		t.Errorf("one that was never read: %v", err)
	}
}

func TestClientSecrets_Trouble(t *testing.T) {
	r, _, s, _ := newReader(t)
	if _, err := r.ClientSecrets(t.Context(), "main"); !errors.Is(err, ErrNoSecret) || !strings.Contains(err.Error(), "main") {
		t.Errorf("none: %v", err)
	}
	for _, text := range []string{"canary", `{"next":"canary"}`, `{"client_secret":""}`, `{"client_secret":7}`, `["canary"]`} {
		s.secrets["bellhop/client/main"] = &stored{versions: map[string]value{"v": {text: text}}, current: "v"}
		r.Forget("main")
		if _, err := r.ClientSecrets(t.Context(), "main"); !errors.Is(err, ErrForm) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A secret that was deleted is gone, whatever we remember of it.
func TestText_DeletedIsNotStale(t *testing.T) {
	r, w, s, c := newReader(t)
	_ = w.PutClientSecret(t.Context(), "main", secret.New("old"))
	_, _ = r.ClientSecrets(t.Context(), "main")
	delete(s.secrets, "bellhop/client/main")
	c.advance(keepFor)
	if _, err := r.ClientSecrets(t.Context(), "main"); !errors.Is(err, ErrNoSecret) {
		t.Errorf("read %v", err)
	}
}

func TestText_ManyAtOnce(t *testing.T) {
	r, w, _, _ := newReader(t)
	_ = w.PutClientSecret(t.Context(), "main", secret.New("cs"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := r.ClientSecrets(t.Context(), "main"); err != nil || got.Current.Reveal() != "cs" {
				t.Error(err)
			}
			r.Forget("main")
		})
	}
	wg.Wait()
}

// The key set comes from where the template put it.
func TestKeySet_FeedsASource(t *testing.T) {
	_, _, s, c := newReader(t)
	keys := KeySet{API: s, ID: "arn:keys"}
	if _, err := keys.Keys(t.Context()); !errors.Is(err, ErrNoSecret) {
		t.Errorf("none: %v", err)
	}
	text := `{"v":1,"stack":"stack/1","current":"k1","k1":"0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0001"}`
	if _, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("arn:keys"), SecretString: &text, ClientRequestToken: aws.String(strings.Repeat("t", 32))}); err != nil {
		t.Fatal(err)
	}
	set, err := seal.NewSource(keys, c.Now).Keys(t.Context())
	if err != nil || set.Current() != "k1" {
		t.Errorf("read %v", err)
	}
}

// A service that hangs holds up nobody who can do without its answer: two
// seconds, once in half a minute.
func TestReader_AServiceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &weather{service: newService(time.Now)}
		w.put("bellhop/targets", "v1")
		r := NewReader(ReaderConfig{API: w, Prefix: "bellhop/"})
		if _, err := r.Text(t.Context(), "bellhop/targets"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keepFor)
		w.refuse = func(ctx context.Context, _ string) error { return hangs(ctx) }
		began := time.Now()
		for range 60 {
			if v, err := r.Text(t.Context(), "bellhop/targets"); err != nil || v.Reveal() != "v1" {
				t.Fatalf("read: %v", err)
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began) - time.Minute; took != 2*askFor || w.count("refused GetSecretValue") != 2 {
			t.Errorf("asked %d times and waited %v in a minute", w.count("refused GetSecretValue"), took)
		}
	})
}
