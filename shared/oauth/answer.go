package oauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// judge puts one answer into its class. start is when its request began: the
// times of a pair count from there, so that latency makes a token look older,
// never younger.
func judge(p profile.Token, a answer, start time.Time) Outcome {
	out := Outcome{Status: a.status, Cause: a.cause}
	f := a.fields()
	code, refused := f.refusal()
	granted := a.status/100 == 2 && !refused
	if granted && a.cause == "" {
		if pair, err := readPair(p, f, a.header, start); err == nil {
			out.Class, out.Pair = Issued, pair
			out.Account = account(p, f, pair.Access)
			return out
		}
		out.Cause = "parse"
	}
	names := p.Answer
	if own, ok := overridden(p, a.refusal(code)); ok && granted && a.cause == "" && !f.token(names) {
		out.Class, out.Reason, out.RetryAt = own.Class, own.Reason, RetryAfter(a.header, a.received)
		return out // an error inside a success, that only the profile knows
	}
	if a.worthKeeping(names, granted, f) {
		out.Class, out.Raw = Unreadable, a.body
		return out
	}
	out.Code = bounded(p, code)
	out.RetryAt = RetryAfter(a.header, a.received)
	found := classify(p, a.refusal(code))
	out.Class, out.Reason = found.Class, found.Reason
	if granted {
		out.Class = Unknown // it may have acted, and no byte of a pair is here
	}
	return out
}

// worthKeeping reports whether bytes of a pair may be in an answer that could
// not be read as one: a success that is whole (or longer than we read), or any
// answer that names an access token beside an error.
func (a answer) worthKeeping(names profile.Answer, granted bool, f fields) bool {
	if a.cause == "cut_short" || a.body.Empty() {
		return false
	}
	return granted || f.token(names)
}

// Reread judges a body that an earlier release could not read, by today's
// rules; issued is when its request began. The class is Issued when it can be
// rolled forward now.
func Reread(p profile.Token, raw secret.Text, issued time.Time) Outcome {
	return judge(p, answer{status: http.StatusOK, header: http.Header{}, body: raw, received: issued}, wall(issued))
}

// fields are the members of a JSON object, undecoded, by their exact names.
// They hold tokens: they are never printed and never leave this package.
type fields map[string]json.RawMessage

// fields reads the body as a JSON object; nil when it is not one.
func (a answer) fields() fields {
	if a.cause != "" {
		return nil
	}
	var f fields
	body := bytes.TrimPrefix([]byte(a.body.Reveal()), []byte("\xef\xbb\xbf")) // some write a byte order mark
	if json.Unmarshal(body, &f) != nil {
		return nil
	}
	return f
}

// member finds a member by its dotted name ("data.token"), empty when it is not
// there. A member whose own name has the dot comes first.
func (f fields) member(name string) json.RawMessage {
	if raw, ok := f[name]; ok {
		return raw
	}
	head, rest, nested := strings.Cut(name, ".")
	var inner fields
	if !nested || json.Unmarshal(f[head], &inner) != nil {
		return nil
	}
	return inner.member(rest)
}

// set reports whether a member is there and says something.
func (f fields) set(name string) bool {
	switch strings.TrimSpace(string(f.member(name))) {
	case "", "null", "false", `""`, "0", "{}", "[]":
		return false
	}
	return true
}

// token reports whether an access token is there, by the provider's name or by
// the RFC's.
func (f fields) token(names profile.Answer) bool {
	return f.set("access_token") || f.set(cmp.Or(names.Access, "access_token"))
}

// refusal finds the error in an answer, whatever its status: "error" as a
// string (RFC 6749 section 5.2) or an object, or success false without one. The
// code is empty when there is none.
func (f fields) refusal() (code string, refused bool) {
	if f.set("error") {
		return errorCode(f["error"]), true
	}
	if v := strings.Trim(string(f["success"]), `"`); v == "false" {
		return cmp.Or(errorCode(f["error_code"]), errorCode(f["code"]), other), true
	}
	return "", false
}

// other stands for an error code that we do not know.
const other = "other"

// errorCode reads a code: a string, or the one inside an object.
func errorCode(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && s != "" {
		return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(s)))
	}
	var inner fields
	if json.Unmarshal(raw, &inner) == nil {
		for _, name := range []string{"code", "type", "status"} {
			var s string
			if json.Unmarshal(inner[name], &s) == nil && s != "" {
				return errorCode(inner[name])
			}
		}
	}
	if len(raw) == 0 {
		return ""
	}
	return other
}

// errUnreadable says that an answer is not a pair. It never says more: its
// text would be made of the answer.
var errUnreadable = errors.New("the answer is not a token pair")

// readPair reads a success (RFC 6749 section 5.1), by the provider's names.
func readPair(p profile.Token, f fields, h http.Header, start time.Time) (grant.Pair, error) {
	var pair grant.Pair
	if f == nil || !f.bearer() {
		return pair, errUnreadable
	}
	access, err := f.text(cmp.Or(p.Answer.Access, "access_token"))
	if err != nil || access.Empty() || !visible(access) {
		return pair, errUnreadable
	}
	// A refresh token that cannot be read must not be taken for an absent one:
	// the old one would be kept and the new one lost.
	refresh, err := f.text(cmp.Or(p.Answer.Refresh, "refresh_token"))
	if err != nil || !visible(refresh) {
		return pair, errUnreadable
	}
	issued := start.Truncate(time.Millisecond)
	lasts, documented := life(p, f, access, h, start)
	pair = grant.Pair{
		Access: access, Refresh: refresh,
		Scopes: scopes(f.member(cmp.Or(p.Answer.Scope, "scope")), p.ScopeSeparator),
		Issued: issued, Expires: issued.Add(lasts), Documented: documented,
	}
	if lasts, ok := refreshLife(p.Answer, f, h, start); ok {
		pair.RefreshExpires = issued.Add(lasts)
	}
	return pair, nil
}

// text reads a string member; null and absent are empty, anything else is an
// error.
func (f fields) text(name string) (secret.Text, error) {
	var t secret.Text
	raw := f.member(name)
	if raw == nil {
		return t, nil
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return secret.Text{}, errUnreadable // the decoder's own text quotes its input
	}
	return t, nil
}

// visible reports whether t is made of the characters that a token has (RFC
// 6749 appendix A.12, A.17); others could not travel in a header.
func visible(t secret.Text) bool {
	return !strings.ContainsFunc(t.Reveal(), func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// bearer reports whether the token can be used by whoever has it (RFC 6750).
// Providers write the type in many ways, or not at all; only those that demand
// a proof of possession are another thing.
func (f fields) bearer() bool {
	var kind string
	if json.Unmarshal(f["token_type"], &kind) != nil {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "mac", "dpop", "pop":
		return false
	}
	return true
}

// scopes reads what was granted, a string or a list; nil means unchanged.
func scopes(raw json.RawMessage, separator string) []string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		list := strings.FieldsFunc(s, func(r rune) bool {
			return r == ' ' || r == '\t' || r == '\n' || separator != "" && strings.ContainsRune(separator, r)
		})
		if len(list) == 0 {
			return nil
		}
		return list
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil
	}
	return list
}
