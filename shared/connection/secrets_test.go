package connection_test

import (
	"strings"
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

// Without a client secret there is still one try: some providers want none.
func TestSecrets_Tries(t *testing.T) {
	one, two := secret.New("1"), secret.New("2")
	for want, s := range map[string]connection.Secrets{"": {}, "1": {Current: one}, "1,2": {Current: one, Next: two}} {
		var got []string
		for _, x := range s.Tries() {
			got = append(got, x.Reveal())
		}
		if len(got) == 0 || strings.Join(got, ",") != want {
			t.Errorf("tries %q, want %q", got, want)
		}
	}
}
