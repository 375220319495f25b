// Package seal encrypts what must not lie open in a table: token pairs, answers
// kept aside, signing secrets. AES-256-GCM with a random nonce, under a key
// derived by HKDF for each subject from a key set that lives in Secrets
// Manager.
//
// Why a key per subject: AES-GCM with random nonces is good for 2^32 messages
// a key, and a leaked derived key opens one grant, not the fleet. Why
// associated data: a ciphertext that is moved to another grant, another
// generation or another stack does not open, so a person with write access to
// the table cannot swap tokens between hotels.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"bellhop/shared/secret"
)

// Errors of opening. They are told apart because their remedies differ: an
// unknown key may be a newer one, to be fetched; a broken seal is for people.
var (
	// ErrUnknownKey says that the key set has no key of that id.
	ErrUnknownKey = errors.New("sealed with a key that the key set does not have")
	// ErrBroken says that the data is not what was sealed for this subject.
	ErrBroken = errors.New("seal does not open: other data, subject, generation or stack")
)

// shortestKey is the least length of a key's text, in bytes. The template's are
// 64 letters and digits, far above 256 bits of entropy.
const shortestKey = 32

// KeySet is the keys that this stack seals with. Old ones stay in it until
// every pair has been sealed again. It is immutable, safe for concurrent use,
// and prints without its keys.
type KeySet struct {
	stack   string
	current string
	keys    map[string]secret.Text
	text    secret.Text // as it was read
}

// Parse reads a key set from the flat JSON that the template creates:
//
//	{"v":1,"stack":"<stack id>","current":"k1","k1":"<64 random characters>"}
//
// Every other member is a key by its id. The error never holds a key.
func Parse(text secret.Text) (*KeySet, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text.Reveal()), &members) != nil {
		return nil, errors.New("reading the key set: it is not a JSON object")
	}
	k := &KeySet{keys: map[string]secret.Text{}, text: text}
	var version int
	for name, raw := range members {
		var err error
		switch name {
		case "v":
			err = json.Unmarshal(raw, &version)
		case "stack":
			err = json.Unmarshal(raw, &k.stack)
		case "current":
			err = json.Unmarshal(raw, &k.current)
		default:
			err = k.add(name, raw)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the key set: member %q is not as expected", name)
		}
	}
	if err := k.check(version); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *KeySet) add(id string, raw json.RawMessage) error {
	var t secret.Text
	if err := json.Unmarshal(raw, &t); err != nil || len(t.Reveal()) < shortestKey {
		return errors.New("too short")
	}
	k.keys[id] = t
	return nil
}

func (k *KeySet) check(version int) error {
	var problems []error
	if version != 1 {
		problems = append(problems, fmt.Errorf("reading the key set: version %d is not known, expected 1", version))
	}
	if k.stack == "" {
		problems = append(problems, errors.New("reading the key set: stack is missing"))
	}
	if !k.Knows(k.current) {
		problems = append(problems, fmt.Errorf("reading the key set: current names %q, which is not in it", k.current))
	}
	return errors.Join(problems...)
}

// Knows reports whether the set has a key of that id.
func (k *KeySet) Knows(id string) bool { _, ok := k.keys[id]; return ok }

// Current is the id of the key that seals.
func (k *KeySet) Current() string { return k.current }

// Stack is the stack id that every seal names. It is made once and kept beside
// the keys, so that a table restored under another name still opens.
func (k *KeySet) Stack() string { return k.stack }

// Subject is what a sealed value belongs to. It is authenticated, not stored:
// who opens must know it.
type Subject struct {
	Purpose    string // what the value is, e.g. "pair": a bounded word of the caller's
	Name       string // whose, e.g. a grant id
	Generation int64  // which one; 0 where there are none
}

// Seal encrypts plain for s under the current key and returns that key's id.
func (k *KeySet) Seal(s Subject, plain secret.Text) (key string, data []byte, err error) {
	aead, err := k.aead(k.current, s)
	if err != nil {
		return "", nil, err
	}
	return k.current, aead.Seal(nil, nil, []byte(plain.Reveal()), k.associated(s)), nil
}

// Open decrypts what Seal made for the same subject. It returns ErrUnknownKey
// or ErrBroken.
func (k *KeySet) Open(s Subject, key string, data []byte) (secret.Text, error) {
	aead, err := k.aead(key, s)
	if err != nil {
		return secret.Text{}, err
	}
	plain, err := aead.Open(nil, nil, data, k.associated(s))
	if err != nil {
		return secret.Text{}, ErrBroken
	}
	return secret.New(string(plain)), nil
}

// aead derives the subject's own key: HKDF-SHA-256 (RFC 5869) with the stack as
// salt. Generations share it; they differ in associated data and nonce.
func (k *KeySet) aead(id string, s Subject) (cipher.AEAD, error) {
	text, ok := k.keys[id]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	info := "bellhop seal v1" + string(prefixed(s.Purpose, s.Name))
	key, err := hkdf.Key(sha256.New, []byte(text.Reveal()), []byte(k.stack), info, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// associated is the data that a seal authenticates without holding it.
func (k *KeySet) associated(s Subject) []byte {
	return binary.BigEndian.AppendUint64(prefixed(k.stack, s.Purpose, s.Name), uint64(s.Generation))
}

// prefixed joins strings so that no two lists give the same bytes: "ab","c" is
// not "a","bc".
func prefixed(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}
