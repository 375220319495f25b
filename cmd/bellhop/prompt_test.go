package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/shared/profile"
)

// What is piped in, in the order in which it is asked for.
func TestCredentials(t *testing.T) {
	keyed := profile.Request{SecretHeaders: []string{"x-app-key", "x-env"}}
	for name, row := range map[string]struct {
		token   profile.Token
		lines   string
		want    string // secret, user, password, headers
		missing string
	}{
		"client secret":              {profile.Token{Auth: "body"}, "s", "s||", ""},
		"with a line end":            {profile.Token{Auth: "basic"}, "s\r\n", "s||", ""},
		"user and password":          {profile.Token{Auth: "basic", Grant: "password"}, "s\nu\np\n", "s|u|p", ""},
		"a user, no client secret":   {profile.Token{Auth: "none", Grant: "password"}, "u\np w", "|u|p w", ""},
		"headers":                    {profile.Token{Auth: "none", Request: keyed}, "k\ne\n", "|||X-App-Key=k|X-Env=e", ""},
		"nothing piped":              {profile.Token{Auth: "body"}, "", "", "client secret"},
		"the password is not there":  {profile.Token{Auth: "basic", Grant: "password"}, "s\nu\n", "", "password"},
		"an empty line for a header": {profile.Token{Auth: "none", Request: keyed}, "\ne\n", "", "header x-app-key"},
	} {
		s, err := credentials(t.Context(), row.token, newPrompt(strings.NewReader(row.lines), io.Discard))
		if row.missing != "" {
			if !errors.Is(err, errEmpty) || !strings.Contains(err.Error(), "the "+row.missing+" is empty") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		got := []string{s.Current.Reveal(), s.Username.Reveal(), s.Password.Reveal()}
		for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
			got = append(got, name+"="+s.Headers[name].Reveal())
		}
		if err != nil || strings.Join(got, "|") != row.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, row.want)
		}
	}
}

func TestPrompt_InputThatBreaks(t *testing.T) {
	broken := errors.New("broken pipe")
	_, err := newPrompt(io.MultiReader(strings.NewReader("half a sec"), failing{broken}), io.Discard).secret(t.Context(), "client secret")
	if !errors.Is(err, broken) || strings.Contains(err.Error(), "half") {
		t.Errorf("%v", err)
	}
}

// Somebody who thinks better of it, at a prompt or with a pipe that never ends,
// is not kept waiting.
func TestPrompt_AskedToEndMeanwhile(t *testing.T) {
	for name, args := range map[string][]string{
		"a secret":      {"clients", "rotate", "cloud"},
		"a rate update": {"rates", "send"},
	} {
		o := newOffice(t)
		o.addClients()
		in, never, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		defer never.Close()
		ctx, end := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Millisecond, func() { end(errors.New("terminated signal received")) })
		_, errs, code := o.runOn(ctx, in, args...)
		if code != exitFailed || !strings.Contains(errs, "terminated signal received") {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
		o.stored("cloud", "s3cret-cloud", "")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
