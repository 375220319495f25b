// Package secret holds strings that must never be printed: access tokens,
// refresh tokens, client secrets, authorization codes, signing keys.
//
// A [Text] prints as "[secret]" under every fmt verb, in slog, in JSON, XML,
// YAML and gob, alone or deep inside another value. The bytes come out by
// [Text.Reveal] alone, so that one search of the source finds every place that
// sees them.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every printer sees.
const redacted = "[secret]"

// Text is a string that cannot be printed. The zero value is empty. It is
// immutable and safe for concurrent use. It is not comparable with ==: use
// [Text.Equal], which takes constant time.
type Text struct {
	// reveal is a closure because printers that walk unexported fields by
	// reflection (fmt for nested values, spew) show a function's address but
	// cannot call it.
	reveal func() string
}

// New wraps s. An empty s gives the zero Text.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{reveal: func() string { return s }}
}

// Reveal returns the bytes. Call it only where they leave for their one
// rightful reader: a provider's request, or the sealed form of a token pair.
func (t Text) Reveal() string {
	if t.reveal == nil {
		return ""
	}
	return t.reveal()
}

// Empty reports whether there is nothing inside.
func (t Text) Empty() bool { return t.reveal == nil }

// Equal compares in time that depends on the lengths alone.
func (t Text) Equal(u Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(u.Reveal())) == 1
}

// Format implements [fmt.Formatter] for every verb and flag.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String implements [fmt.Stringer] for callers that bypass fmt.
func (t Text) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (t Text) GoString() string { return redacted }

// LogValue implements [slog.LogValuer].
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler] for JSON, XML and YAML. It
// redacts rather than fails: a log line that meets a secret must still be
// written, without it.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// GobEncode implements [encoding/gob.GobEncoder]; it always refuses, because a
// gob is storage and storage holds sealed pairs only.
func (t Text) GobEncode() ([]byte, error) {
	return nil, errors.New("secret: a secret is never encoded; seal the token pair instead")
}

// UnmarshalText lets an answer be decoded straight into a Text, so that its
// tokens never exist as a printable field.
func (t *Text) UnmarshalText(b []byte) error {
	*t = New(string(b))
	return nil
}
