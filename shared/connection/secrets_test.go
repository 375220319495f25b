package connection_test

import (
	"testing"

	"bellhop/shared/connection"
	"bellhop/shared/secret"
)

func TestSecrets_Empty(t *testing.T) {
	x := secret.New("x")
	for name, s := range map[string]connection.Secrets{
		"current": {Current: x}, "username": {Username: x}, "password": {Password: x}, "header": {Headers: map[string]secret.Text{"X": x}},
	} {
		if s.Empty() {
			t.Errorf("%s alone is taken for nothing", name)
		}
	}
	if !(connection.Secrets{Next: x, Version: "v"}).Empty() {
		t.Error("a next without a current proves nothing yet")
	}
}

// What is tried once more after a refusal: what has been changed since, else the
// next one, else nothing.
func TestSecrets_After(t *testing.T) {
	one, two, three := secret.New("1"), secret.New("2"), secret.New("3")
	header := func(x secret.Text) map[string]secret.Text { return map[string]secret.Text{"X": x} }
	for name, row := range map[string]struct {
		refused, read connection.Secrets
		want          string // what is presented; empty for nothing
	}{
		"none is needed":                  {},
		"the same alone":                  {connection.Secrets{Current: one}, connection.Secrets{Current: one}, ""},
		"a next":                          {connection.Secrets{Current: one, Next: two}, connection.Secrets{Current: one, Next: two}, "2"},
		"a next since":                    {connection.Secrets{Current: one}, connection.Secrets{Current: one, Next: two}, "2"},
		"another since":                   {connection.Secrets{Current: one}, connection.Secrets{Current: two}, "2"},
		"another since, and its own next": {connection.Secrets{Current: one}, connection.Secrets{Current: two, Next: three}, "2"},
		"the next was promoted":           {connection.Secrets{Current: one, Next: two}, connection.Secrets{Current: two}, "2"},
		"the next was taken back":         {connection.Secrets{Current: one, Next: two}, connection.Secrets{Current: one, Version: "v2"}, ""},
		"another user":                    {connection.Secrets{Current: one, Username: one}, connection.Secrets{Current: one, Username: two}, "1"},
		"another password":                {connection.Secrets{Current: one, Password: one}, connection.Secrets{Current: one, Password: two}, "1"},
		"another header":                  {connection.Secrets{Current: one, Headers: header(one)}, connection.Secrets{Current: one, Headers: header(two)}, "1"},
		"the same header":                 {connection.Secrets{Current: one, Headers: header(one)}, connection.Secrets{Current: one, Headers: header(one)}, ""},
	} {
		got, ok := row.read.After(row.refused)
		if got.Current.Reveal() != row.want || ok != (row.want != "") {
			t.Errorf("%s: %q (%v), want %q", name, got.Current.Reveal(), ok, row.want)
		}
		if got.Version != row.read.Version {
			t.Errorf("%s: of version %q, want %q", name, got.Version, row.read.Version)
		}
	}
}
