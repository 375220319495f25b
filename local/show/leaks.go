package show

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// secretValue is something that must not be found in a place.
type secretValue struct{ what, value string }

// place is a text in which no secret may stand.
type place struct {
	name string
	text []byte
}

// leak is a secret that was found. It says what and where, not the secret.
type leak struct{ what, place string }

// String is for people.
func (l leak) String() string { return l.what + " in " + l.place }

// A secret is looked for by pieces of its parts, so that one that is cut short,
// or of which a JWT's signature alone is left, is found too.
const (
	pieceLength = 16
	keyLength   = 8
)

// finder looks for many secrets at once: a table of the last bytes of every
// piece tells, at each position of a text, which pieces may end there.
type finder struct {
	byKey map[uint64][]piece
}

type piece struct{ text, what string }

// newFinder takes the secrets. Pieces that two of them share, such as the head
// of every JWT, betray neither and are left out.
func newFinder(secrets []secretValue) *finder {
	owners := map[string][]string{}
	for _, s := range secrets {
		for _, p := range pieces(s.value) {
			if !slices.Contains(owners[p], s.value) {
				owners[p] = append(owners[p], s.value)
			}
		}
	}
	f := &finder{byKey: map[uint64][]piece{}}
	known := map[string]bool{}
	for _, s := range secrets {
		for _, p := range pieces(s.value) {
			if len(owners[p]) > 1 || known[p] {
				continue
			}
			known[p] = true
			key := binary.LittleEndian.Uint64([]byte(p[len(p)-keyLength:]))
			f.byKey[key] = append(f.byKey[key], piece{p, s.what})
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

// search finds the secrets in a place, each once.
func (f *finder) search(p place) []leak {
	found := map[leak]bool{}
	for end := keyLength; end <= len(p.text); end++ {
		for _, candidate := range f.byKey[binary.LittleEndian.Uint64(p.text[end-keyLength:end])] {
			if bytes.HasSuffix(p.text[:end], []byte(candidate.text)) {
				found[leak{candidate.what, p.name}] = true
			}
		}
	}
	var all []leak
	for l := range found {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b leak) int { return strings.Compare(a.String(), b.String()) })
	return all
}
