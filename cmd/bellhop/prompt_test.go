package main

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

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
		s, err := credentials(row.token, newPrompt(strings.NewReader(row.lines), io.Discard).secret)
		var refused *refusal
		if row.missing != "" {
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "the "+row.missing+" is empty") {
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
	_, err := newPrompt(io.MultiReader(strings.NewReader("half a sec"), failing{broken}), io.Discard).secret("client secret")
	if !errors.Is(err, broken) || strings.Contains(err.Error(), "half") {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
