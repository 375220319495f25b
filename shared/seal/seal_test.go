package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bellhop/shared/secret"
)

const (
	key1 = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0001"
	key2 = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0002"
)

// keySet is a key set's text: current, then pairs of id and key.
func keySet(current string, keys ...string) secret.Text {
	m := map[string]any{"v": 1, "stack": "arn:stack/1", "current": current}
	for i := 0; i < len(keys); i += 2 {
		m[keys[i]] = keys[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return secret.New(string(b))
}

func parsed(t testing.TB, text secret.Text) *KeySet {
	t.Helper()
	k, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var lisbon = Subject{Purpose: "pair", Name: "lisbon-1", Generation: 7}

func TestParse_TheTemplatesForm(t *testing.T) {
	k := parsed(t, secret.New(`{"v":1,"stack":"arn:aws:cloudformation:eu-west-1:1:stack/b/2","current":"k1","k1":"`+key1+`"}`))
	if k.Current() != "k1" || !k.Knows("k1") || k.Knows("k2") || k.Stack() != "arn:aws:cloudformation:eu-west-1:1:stack/b/2" {
		t.Errorf("key set of stack %s, current %s", k.Stack(), k.Current())
	}
}

func TestParse_Refuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             ``,
		"a list":              `[]`,
		"another version":     `{"v":2,"stack":"s","current":"k1","k1":"` + key1 + `"}`,
		"no version":          `{"stack":"s","current":"k1","k1":"` + key1 + `"}`,
		"no stack":            `{"v":1,"current":"k1","k1":"` + key1 + `"}`,
		"no current":          `{"v":1,"stack":"s","k1":"` + key1 + `"}`,
		"current not there":   `{"v":1,"stack":"s","current":"k2","k1":"` + key1 + `"}`,
		"current is no key":   `{"v":1,"stack":"s","current":"stack","k1":"` + key1 + `"}`,
		"a short key":         `{"v":1,"stack":"s","current":"k1","k1":"` + key1[:31] + `"}`,
		"an empty key":        `{"v":1,"stack":"s","current":"k1","k1":""}`,
		"a null key":          `{"v":1,"stack":"s","current":"k1","k1":null}`,
		"a key of another":    `{"v":1,"stack":"s","current":"k1","k1":17}`,
		"a version in quotes": `{"v":"1","stack":"s","current":"k1","k1":"` + key1 + `"}`,
	} {
		if _, err := Parse(secret.New(text)); err == nil {
			t.Errorf("%s was taken", name)
		} else if strings.Contains(err.Error(), key1[:31]) {
			t.Errorf("%s: the error holds a key: %v", name, err)
		}
	}
}

func TestKeySet_PrintsNoKey(t *testing.T) {
	k := parsed(t, keySet("k1", "k1", key1))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{k, *k} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, key1[:16]) || strings.Contains(s, fmt.Sprintf("%x", key1[:8])) {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
}

func TestSeal_Opens(t *testing.T) {
	k := parsed(t, keySet("k1", "k1", key1))
	for _, plain := range []string{"", "x", strings.Repeat("token ", 20000), "\x00\xff"} {
		id, data, err := k.Seal(lisbon, secret.New(plain))
		if err != nil || id != "k1" {
			t.Fatalf("sealed under %q, %v", id, err)
		}
		if len(plain) > 8 && bytes.Contains(data, []byte(plain[:8])) {
			t.Error("the plain text shows")
		}
		if len(data) != len(plain)+28 {
			t.Errorf("%d bytes became %d, want 28 more", len(plain), len(data))
		}
		back, err := k.Open(lisbon, id, data)
		if err != nil || back.Reveal() != plain {
			t.Errorf("opened %d bytes, %v", len(back.Reveal()), err)
		}
	}
}

// The nonce is random: equal pairs do not look equal.
func TestSeal_NeverTheSameTwice(t *testing.T) {
	k := parsed(t, keySet("k1", "k1", key1))
	seen := map[string]bool{}
	for range 100 {
		_, data, err := k.Seal(lisbon, secret.New("x"))
		if err != nil || seen[string(data)] {
			t.Fatalf("the same bytes twice, %v", err)
		}
		seen[string(data)] = true
	}
}

// A ciphertext opens for what it was sealed for, and for nothing else: whoever
// can write the table can move bytes, but not tokens.
func TestOpen_OnlyForItsSubject(t *testing.T) {
	k := parsed(t, keySet("k1", "k1", key1, "k2", key2))
	id, data, err := k.Seal(lisbon, secret.New("token"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Subject{
		"another grant":      {Purpose: "pair", Name: "lisbon-2", Generation: 7},
		"another generation": {Purpose: "pair", Name: "lisbon-1", Generation: 8},
		"negative":           {Purpose: "pair", Name: "lisbon-1", Generation: -7},
		"another purpose":    {Purpose: "text", Name: "lisbon-1", Generation: 7},
		"shifted":            {Purpose: "pairl", Name: "isbon-1", Generation: 7},
		"none":               {},
	} {
		if got, err := k.Open(s, id, data); !errors.Is(err, ErrBroken) || !got.Empty() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Open(lisbon, "k2", data); !errors.Is(err, ErrBroken) {
		t.Errorf("another key: %v", err)
	}
	moved := parsed(t, secret.New(strings.Replace(keySet("k1", "k1", key1).Reveal(), "stack/1", "stack/2", 1)))
	if _, err := moved.Open(lisbon, id, data); !errors.Is(err, ErrBroken) {
		t.Errorf("another stack: %v", err)
	}
}

func TestOpen_EveryBitCounts(t *testing.T) {
	k := parsed(t, keySet("k1", "k1", key1))
	id, data, err := k.Seal(lisbon, secret.New("token"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for bit := range 8 {
			spoilt := bytes.Clone(data)
			spoilt[i] ^= 1 << bit
			if _, err := k.Open(lisbon, id, spoilt); !errors.Is(err, ErrBroken) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
	for n := range data {
		if _, err := k.Open(lisbon, id, data[:n]); !errors.Is(err, ErrBroken) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

// A rotated key set seals with the new key and still opens what the old one
// sealed, until it is taken out.
func TestKeySet_Rotation(t *testing.T) {
	before := parsed(t, keySet("k1", "k1", key1))
	during := parsed(t, keySet("k2", "k1", key1, "k2", key2))
	after := parsed(t, keySet("k2", "k2", key2))

	oldID, old, err := before.Seal(lisbon, secret.New("token"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := during.Open(lisbon, oldID, old); err != nil || got.Reveal() != "token" {
		t.Errorf("the old seal: %v", err)
	}
	newID, fresh, err := during.Seal(lisbon, secret.New("token"))
	if err != nil || newID != "k2" {
		t.Errorf("sealed under %s, %v", newID, err)
	}
	if got, err := after.Open(lisbon, newID, fresh); err != nil || got.Reveal() != "token" {
		t.Errorf("the new seal: %v", err)
	}
	if _, err := after.Open(lisbon, oldID, old); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without the old key: %v", err)
	}
}

func TestPrefixed_IsUnambiguous(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{"ab", "c"}, {"a", "bc"}, {"abc"}, {"", "abc"}, {"abc", ""}, {}, {""}, {"", ""}} {
		b := string(prefixed(parts...))
		if other, ok := seen[b]; ok {
			t.Errorf("%q and %q are the same", parts, other)
		}
		seen[b] = parts
	}
}

// golden was sealed by the first release: every later one opens it.
var golden = func() []byte {
	b, err := base64.StdEncoding.DecodeString("qVPVNXht2/NoEGleBynMOiUZcaJWnaUp1JG3rbsC97jF")
	if err != nil {
		panic(err)
	}
	return b
}()

func TestOpen_TheFirstReleasesSeal(t *testing.T) {
	k := parsed(t, keySet("k2", "k1", key1, "k2", key2))
	if got, err := k.Open(lisbon, "k1", golden); err != nil || got.Reveal() != "token" {
		t.Errorf("opened %q, %v", got.Reveal(), err)
	}
}

// FuzzOpen: no bytes open but those that were sealed, and none panics.
func FuzzOpen(f *testing.F) {
	k := parsed(f, keySet("k1", "k1", key1))
	f.Add("k1", golden, "pair", "lisbon-1", int64(7))
	f.Add("k2", []byte{}, "pair", "", int64(-1))
	f.Fuzz(func(t *testing.T, key string, b []byte, purpose, name string, generation int64) {
		s := Subject{Purpose: purpose, Name: name, Generation: generation}
		plain, err := k.Open(s, key, b)
		sealed := key == "k1" && bytes.Equal(b, golden) && s == lisbon
		if (err == nil) != sealed {
			t.Errorf("%+v under %q opened: %v", s, key, err)
		}
		if err != nil && (!plain.Empty() || !errors.Is(err, ErrBroken) && !errors.Is(err, ErrUnknownKey)) {
			t.Errorf("opening: %v", err)
		}
	})
}

// FuzzParse: a key set is taken whole or refused, and never printed.
func FuzzParse(f *testing.F) {
	f.Add(keySet("k1", "k1", key1).Reveal())
	f.Add(`{"v":1,"stack":"s","current":"v"}`)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse(secret.New(text))
		if err != nil {
			return
		}
		id, data, err := k.Seal(lisbon, secret.New("token"))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := k.Open(lisbon, id, data); err != nil || back.Reveal() != "token" {
			t.Errorf("a key set that does not open its own: %v", err)
		}
	})
}
