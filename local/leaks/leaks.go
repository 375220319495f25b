// Package leaks looks for secrets where none may be: for every token that was
// ever issued, in everything that was ever written down. It finds what was cut
// short as well, and says where and what, never the secret itself.
package leaks

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// Secret is something that must not be found in a place.
type Secret struct{ What, Value string }

// Place is a text in which no secret may stand.
type Place struct {
	Name string
	Text []byte
}

// Leak is a secret that was found. It says what and where, not the secret.
type Leak struct{ What, Place string }

// String is for people.
func (l Leak) String() string { return l.What + " in " + l.Place }

// A secret is looked for by pieces of its parts, so that one that is cut short,
// or of which a JWT's signature alone is left, is found too.
const (
	pieceLength = 16
	keyLength   = 8
)

// Finder looks for many secrets at once: a table of the last bytes of every
// piece tells, at each position of a text, which pieces may end there.
type Finder struct {
	byKey map[uint64][]piece
}

type piece struct{ text, what string }

// New takes the secrets. Pieces that two of them share, such as the head
// of every JWT, betray neither and are left out.
func New(secrets []Secret) *Finder {
	owners := map[string][]string{}
	for _, s := range secrets {
		for _, p := range pieces(s.Value) {
			if !slices.Contains(owners[p], s.Value) {
				owners[p] = append(owners[p], s.Value)
			}
		}
	}
	f := &Finder{byKey: map[uint64][]piece{}}
	known := map[string]bool{}
	for _, s := range secrets {
		for _, p := range pieces(s.Value) {
			if len(owners[p]) > 1 || known[p] {
				continue
			}
			known[p] = true
			key := binary.LittleEndian.Uint64([]byte(p[len(p)-keyLength:]))
			f.byKey[key] = append(f.byKey[key], piece{p, s.What})
		}
	}
	return f
}

// pieces are the first and the last characters of each part of a value. Parts
// too short to tell are passed over.
func pieces(value string) []string {
	var all []string
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == '.' || r == '_' }) {
		if len(part) >= pieceLength {
			all = append(all, part[:pieceLength], part[len(part)-pieceLength:])
		}
	}
	if len(all) == 0 && len(value) >= keyLength {
		all = append(all, value)
	}
	return all
}

// Search finds the secrets in a place, each once, in the order of their words.
func (f *Finder) Search(p Place) []Leak {
	found := map[Leak]bool{}
	for end := keyLength; end <= len(p.Text); end++ {
		for _, candidate := range f.byKey[binary.LittleEndian.Uint64(p.Text[end-keyLength:end])] {
			if bytes.HasSuffix(p.Text[:end], []byte(candidate.text)) {
				found[Leak{candidate.what, p.Name}] = true
			}
		}
	}
	var all []Leak
	for l := range found {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Leak) int { return strings.Compare(a.String(), b.String()) })
	return all
}
