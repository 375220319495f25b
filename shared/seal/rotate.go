package seal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"bellhop/shared/secret"
)

// Errors of changing a key set.
var (
	// ErrKeyExists says that the set has a key of that id already. A key's text
	// never changes: what it sealed would not open any more.
	ErrKeyExists = errors.New("the key set has a key of that id already")
	// ErrCurrent says that the key is the one that seals.
	ErrCurrent = errors.New("that key is the current one")
)

// ids is what a new key may be called: it is a member's name, an attribute of
// every sealed value, and a word on a command line.
var ids = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// members of a key set that are no keys.
var members = []string{"v", "stack", "current"}

// NewKey makes the text of a key: at least 256 random bits.
func NewKey() secret.Text { return secret.New(rand.Text() + rand.Text()) }

// With returns the set with one more key, which opens and does not seal yet.
// ErrKeyExists when the id is taken.
func (k *KeySet) With(id string, key secret.Text) (*KeySet, error) {
	if k.Knows(id) {
		return nil, fmt.Errorf("adding key %q: %w", id, ErrKeyExists)
	}
	if !ids.MatchString(id) || slices.Contains(members, id) || len(key.Reveal()) < shortestKey {
		return nil, fmt.Errorf("adding key %q: use lower-case letters, digits and '-', and a text of at least %d bytes", id, shortestKey)
	}
	return k.edited(func(m map[string]json.RawMessage) { m[id] = quoted(key.Reveal()) })
}

// Using returns the set with that key as the one that seals. ErrUnknownKey when
// it is not in it.
func (k *KeySet) Using(id string) (*KeySet, error) {
	if !k.Knows(id) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	return k.edited(func(m map[string]json.RawMessage) { m["current"] = quoted(id) })
}

// Without returns the set without that key: what it sealed is lost for good, so
// the caller has seen that there is nothing. ErrUnknownKey when it is not in
// the set, ErrCurrent when it is the one that seals.
func (k *KeySet) Without(id string) (*KeySet, error) {
	switch {
	case !k.Knows(id):
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	case id == k.current:
		return nil, fmt.Errorf("removing key %q: %w", id, ErrCurrent)
	}
	return k.edited(func(m map[string]json.RawMessage) { delete(m, id) })
}

// Keys are the ids of the set's keys, in the order of the alphabet.
func (k *KeySet) Keys() []string { return slices.Sorted(maps.Keys(k.keys)) }

// Text is the set as [Parse] reads it, with every member that it was read with.
func (k *KeySet) Text() secret.Text { return k.text }

// edited works on the text and not on what was understood of it, so that a
// member which means something to another release is not dropped by this one.
func (k *KeySet) edited(edit func(map[string]json.RawMessage)) (*KeySet, error) {
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(k.text.Reveal()), &all) != nil {
		return nil, errors.New("changing the key set: it is not a JSON object")
	}
	edit(all)
	b, err := json.Marshal(all)
	if err != nil {
		return nil, errors.New("changing the key set: a member is not JSON") // the encoder's own text quotes it
	}
	return Parse(secret.New(string(b)))
}

func quoted(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic("seal: quoting a string: " + err.Error()) // strings always encode
	}
	return b
}
