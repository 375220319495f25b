package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// version of the stored form. A release reads its own and the former one.
const version = 1

// ErrForm says that opened bytes are not a pair in a form that this release
// knows.
var ErrForm = errors.New("stored token pair has an unknown form")

// RawError carries an answer that was kept as it came, because the parser of
// its day refused it. It prints without the answer.
type RawError struct {
	Raw secret.Text
}

// Error implements error.
func (*RawError) Error() string { return "a raw answer, kept for a parser that can read it" }

// stored is a pair as JSON. Its tokens are strings for the length of one call:
// a secret.Text never marshals.
type stored struct {
	V          int      `json:"v"`
	Access     string   `json:"access,omitempty"`
	Refresh    string   `json:"refresh,omitempty"`
	Scopes     []string `json:"scopes"` // null and [] differ: unchanged, none
	Issued     int64    `json:"issued,omitempty"`
	Expires    int64    `json:"expires,omitempty"`
	Documented bool     `json:"documented,omitempty"`
	Raw        []byte   `json:"raw,omitempty"` // base64: an answer need not be text
}

// Encode writes a pair as JSON, times in Unix milliseconds. Equal pairs give
// equal bytes, which is what makes putting one at home a second time no change.
func Encode(p grant.Pair) secret.Text {
	return encode(stored{
		V: version, Access: p.Access.Reveal(), Refresh: p.Refresh.Reveal(), Scopes: p.Scopes,
		Issued: toMillis(p.Issued), Expires: toMillis(p.Expires), Documented: p.Documented,
	})
}

func encodeRaw(raw secret.Text) secret.Text {
	return encode(stored{V: version, Raw: []byte(raw.Reveal())})
}

func encode(s stored) secret.Text {
	b, err := json.Marshal(s)
	if err != nil {
		panic("vault: encoding a pair: " + err.Error()) // strings and numbers always encode
	}
	return secret.New(string(b))
}

// Decode reads what Encode wrote. ErrForm when it is something else; a
// [*RawError] when it is a raw answer.
func Decode(t secret.Text) (grant.Pair, error) {
	var s stored
	if err := json.Unmarshal([]byte(t.Reveal()), &s); err != nil {
		return grant.Pair{}, ErrForm // the decoder's own text quotes its input
	}
	switch {
	case s.V != version:
		return grant.Pair{}, fmt.Errorf("%w: version %d", ErrForm, s.V)
	case len(s.Raw) > 0:
		return grant.Pair{}, &RawError{Raw: secret.New(string(s.Raw))}
	case s.Access == "":
		return grant.Pair{}, fmt.Errorf("%w: it has no access token", ErrForm)
	}
	return grant.Pair{
		Access: secret.New(s.Access), Refresh: secret.New(s.Refresh), Scopes: s.Scopes,
		Issued: fromMillis(s.Issued), Expires: fromMillis(s.Expires), Documented: s.Documented,
	}, nil
}

// toMillis and fromMillis keep the zero time zero.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
