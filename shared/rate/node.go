package rate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth is deeper than any valid message goes.
const maxDepth = 8

// node is a JSON value as it was given: nothing is converted, passed over or
// overwritten before it has been looked at.
type node struct {
	kind    kind
	raw     []byte // the text
	text    string // of a string
	members []member
	items   []*node
}

type member struct {
	name  string
	value *node
}

type kind string

const (
	object  kind = "an object"
	array   kind = "a list"
	text    kind = "a string"
	number  kind = "a number"
	boolean kind = "true or false"
	null    kind = "null"
)

var errTooDeep = errors.New("is nested deeper than any valid message")

// read parses a whole message, or reports why it cannot be one.
func (c *checker) read(raw []byte) *node {
	if len(raw) > MaxBytes {
		c.refuse("", nil, fmt.Sprintf("is larger than %d bytes: split it into several messages", MaxBytes))
		return nil
	}
	if !utf8.Valid(raw) {
		c.refuse("", nil, "is not UTF-8: send JSON in UTF-8")
		return nil
	}
	if err := syntax(raw); err != nil {
		c.refuse("", &node{raw: bytes.TrimSpace(raw)}, "is not one JSON object: "+err.Error())
		return nil
	}
	r := &reader{dec: json.NewDecoder(bytes.NewReader(raw)), raw: raw}
	r.dec.UseNumber()
	root, err := r.value(0)
	if err != nil {
		c.refuse("", nil, err.Error())
		return nil
	}
	return root
}

// syntax checks the whole text, what comes after the first value too.
func syntax(raw []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(raw, &any)
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return fmt.Errorf("%s, at byte %d", s.Error(), s.Offset)
	}
	return err
}

// reader makes nodes of the tokens of a text that is known to be valid JSON.
type reader struct {
	dec *json.Decoder
	raw []byte
}

func (r *reader) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	start := r.dec.InputOffset()
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{}
	switch v := tok.(type) {
	case json.Delim:
		n.kind = array
		if v == '{' {
			n.kind = object
		}
		err = r.children(n, depth)
	case string:
		n.kind, n.text = text, v
	case json.Number:
		n.kind = number
	case bool:
		n.kind = boolean
	default:
		n.kind = null
	}
	n.raw = bytes.TrimLeft(r.raw[start:r.dec.InputOffset()], " \t\r\n,:")
	return n, err
}

// children reads what an object or a list holds, and its closing bracket.
func (r *reader) children(n *node, depth int) error {
	for r.dec.More() {
		name := ""
		if n.kind == object {
			tok, err := r.dec.Token()
			if err != nil {
				return err
			}
			s, ok := tok.(string)
			if !ok {
				return io.ErrUnexpectedEOF
			}
			name = s
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		if n.kind == object {
			n.members = append(n.members, member{name, v})
		} else {
			n.items = append(n.items, v)
		}
	}
	_, err := r.dec.Token()
	return err
}

// maxValue is how much of a value is repeated in a problem.
const maxValue = 60

// given is the value as it was given, cut short between characters. A string is
// shown without its quotes.
func (n *node) given() string {
	if n == nil {
		return ""
	}
	s := string(n.raw)
	if n.kind == text {
		s = n.text
	}
	if len(s) <= maxValue {
		return s
	}
	cut := maxValue
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
