package seal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bellhop/shared/secret"
)

// A rotation as the operator's command does it: a key is added, seals, and the
// former one is taken out once nothing needs it.
func TestRotate_AddUseRemove(t *testing.T) {
	before := parsed(t, keySet("k1", "k1", key1))
	oldID, old, err := before.Seal(lisbon, secret.New("token"))
	if err != nil {
		t.Fatal(err)
	}
	added, err := before.With("k2", NewKey())
	if err != nil || added.Current() != "k1" || !added.Knows("k2") || before.Knows("k2") {
		t.Fatalf("added: %v, %v", added, err)
	}
	used, err := added.Using("k2")
	if err != nil || used.Current() != "k2" || !slices.Equal(used.Keys(), []string{"k1", "k2"}) {
		t.Fatalf("used: %v, %v", used, err)
	}
	if got, err := used.Open(lisbon, oldID, old); err != nil || got.Reveal() != "token" {
		t.Errorf("the old seal: %v", err)
	}
	after, err := used.Without("k1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := after.Open(lisbon, oldID, old); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without the old key: %v", err)
	}
	if after.Stack() != before.Stack() {
		t.Errorf("stack is now %q", after.Stack())
	}
}

// What is written back reads as the same set, and another process opens with it
// what this one seals.
func TestRotate_WrittenBack(t *testing.T) {
	set, err := parsed(t, keySet("k1", "k1", key1)).With("k2", secret.New(key2+`"\é`))
	if err != nil {
		t.Fatal(err)
	}
	if set, err = set.Using("k2"); err != nil {
		t.Fatal(err)
	}
	id, data, err := set.Seal(lisbon, secret.New("token"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsed(t, set.Text()).Open(lisbon, id, data); err != nil || got.Reveal() != "token" {
		t.Errorf("read back: %v", err)
	}
}

// Members are carried over byte for byte, whoever wrote them: a key that is
// none of ours is somebody's all the same.
func TestRotate_KeepsWhatItDoesNotTouch(t *testing.T) {
	text := `{"v":1,"stack":"s","current":"k1","k1":"` + key1 + `","Made by hand":"` + key2 + `"}`
	set := parsed(t, secret.New(text))
	for name, edit := range map[string]func() (*KeySet, error){
		"with":  func() (*KeySet, error) { return set.With("k3", NewKey()) },
		"using": func() (*KeySet, error) { return set.Using("Made by hand") },
	} {
		got, err := edit()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var was, is map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &was) != nil || json.Unmarshal([]byte(got.Text().Reveal()), &is) != nil {
			t.Fatalf("%s: not JSON", name)
		}
		for member, raw := range was {
			if member != "current" && string(is[member]) != string(raw) {
				t.Errorf("%s: member %q changed", name, member)
			}
		}
	}
}

func TestRotate_Refuses(t *testing.T) {
	set := parsed(t, keySet("k2", "k1", key1, "k2", key2))
	for name, row := range map[string]struct {
		edit func() (*KeySet, error)
		want error // nil: any
	}{
		"an id that is taken":   {func() (*KeySet, error) { return set.With("k1", NewKey()) }, ErrKeyExists},
		"a member's name":       {func() (*KeySet, error) { return set.With("stack", NewKey()) }, nil},
		"the version's name":    {func() (*KeySet, error) { return set.With("v", NewKey()) }, nil},
		"current's name":        {func() (*KeySet, error) { return set.With("current", NewKey()) }, nil},
		"no id":                 {func() (*KeySet, error) { return set.With("", NewKey()) }, nil},
		"an id with a space":    {func() (*KeySet, error) { return set.With("k 3", NewKey()) }, nil},
		"a short key":           {func() (*KeySet, error) { return set.With("k3", secret.New(key1[:31])) }, nil},
		"using what is not":     {func() (*KeySet, error) { return set.Using("k9") }, ErrUnknownKey},
		"removing what is not":  {func() (*KeySet, error) { return set.Without("k9") }, ErrUnknownKey},
		"removing the current":  {func() (*KeySet, error) { return set.Without("k2") }, ErrCurrent},
		"removing the stack id": {func() (*KeySet, error) { return set.Without("stack") }, ErrUnknownKey},
	} {
		got, err := row.edit()
		if err == nil || got != nil || row.want != nil && !errors.Is(err, row.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if strings.Contains(fmt.Sprint(err), key1[:16]) {
			t.Errorf("%s: the error holds a key: %v", name, err)
		}
	}
}

func TestNewKey_IsLongAndNew(t *testing.T) {
	a, b := NewKey(), NewKey()
	if len(a.Reveal()) < shortestKey || a.Equal(b) {
		t.Errorf("%d bytes, and the same twice: %v", len(a.Reveal()), a.Equal(b))
	}
}

// A digest tells two texts apart, and cannot be compared across purposes,
// stacks and keys: nobody learns more from it than whether it is the same.
func TestDigest_SaysWhetherTheSame(t *testing.T) {
	set := parsed(t, keySet("k1", "k1", key1, "k2", key2))
	digest := func(k *KeySet, purpose, text string) string {
		d, err := k.Digest(purpose, secret.New(text))
		if err != nil || len(d) != 16 || strings.Trim(d, "0123456789abcdef") != "" {
			t.Fatalf("digest %q, %v", d, err)
		}
		return d
	}
	base := digest(set, "payload", "client_secret=canary")
	if base != digest(parsed(t, keySet("k1", "k1", key1)), "payload", "client_secret=canary") {
		t.Error("the same text under the same key gives another digest")
	}
	other := parsed(t, secret.New(strings.Replace(keySet("k1", "k1", key1).Reveal(), "stack/1", "stack/2", 1)))
	rotated, err := set.Using("k2")
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]string{
		"another text":    digest(set, "payload", "client_secret=canary2"),
		"no text":         digest(set, "payload", ""),
		"another purpose": digest(set, "token", "client_secret=canary"),
		"shifted":         digest(set, "payloadclient_", "secret=canary"),
		"another stack":   digest(other, "payload", "client_secret=canary"),
		"another key":     digest(rotated, "payload", "client_secret=canary"),
	} {
		if d == base {
			t.Errorf("%s has the same digest", name)
		}
	}
}

// The value was computed apart from this code: RFC 5869 and RFC 2104 by hand.
func TestDigest_IsWhatItWas(t *testing.T) {
	d, err := parsed(t, keySet("k1", "k1", key1)).Digest("payload", secret.New("x"))
	if want := "e2248efcb81c1bce"; err != nil || d != want {
		t.Errorf("digest %s, %v; want %s", d, err, want)
	}
}
