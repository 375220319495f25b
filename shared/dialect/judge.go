package dialect

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// longestWait bounds what a provider can make us wait with one header.
const longestWait = 24 * time.Hour

// maxWhy bounds a reason that comes from outside, in bytes.
const maxWhy = 200

// statuses judge an answer by its HTTP status alone, where that is enough; a
// status that is not here is judged by its hundreds in [Answer.byStatus]. The
// meanings are those of RFC 9110 section 15, RFC 6585 (429), and for 409 those of
// draft-ietf-httpapi-idempotency-key-header (the first request is still at work).
var statuses = map[int]Kind{
	http.StatusUnauthorized:        Unauthorized,
	http.StatusPaymentRequired:     Denied,
	http.StatusForbidden:           Denied, // unless it names a scope
	http.StatusNotFound:            Denied,
	http.StatusMethodNotAllowed:    Denied,
	http.StatusGone:                Denied,
	http.StatusRequestTimeout:      Unknown,
	http.StatusConflict:            Unknown,
	http.StatusTooEarly:            Throttled,
	http.StatusTooManyRequests:     Throttled,
	http.StatusInternalServerError: Failed,
	http.StatusServiceUnavailable:  Unknown, // unless it says when to come back
}

// byStatus judges an answer without reading its body. It reports false for a
// success, whose body decides.
func (a Answer) byStatus() (Outcome, bool) {
	o := Outcome{RetryAt: a.retryAt(), Replayed: a.replayed()}
	kind, known := statuses[a.Status]
	switch {
	case !a.Sent:
		o.Kind = Outage
	case known:
		o.Kind = kind
	case a.Status >= 200 && a.Status < 300:
		return o, false
	case a.Status >= 300 && a.Status < 400:
		o.Kind = Denied // redirects are not followed: they would carry the token elsewhere
	case a.Status >= 400 && a.Status < 500:
		o.Kind = Refused
	default:
		o.Kind = Unknown // no answer, or a gateway's
	}
	if a.Status == http.StatusServiceUnavailable && !o.RetryAt.IsZero() {
		o.Kind = Outage
	}
	if scopes, missing := a.missingScopes(); missing {
		o.Kind, o.Scopes = ScopeMissing, scopes
	}
	o.Why = a.words()
	return o, true
}

// missingScopes reads the refusal of RFC 6750 section 3.1.
func (a Answer) missingScopes() (scopes []string, missing bool) {
	challenge := a.Header.Get("WWW-Authenticate")
	if a.Status != http.StatusForbidden || authParam(challenge, "error") != "insufficient_scope" {
		return nil, false
	}
	return strings.Fields(authParam(challenge, "scope")), true
}

// authParam reads one quoted parameter of a challenge (RFC 9110 section 11.2).
func authParam(challenge, name string) string {
	for rest := challenge; ; {
		_, after, ok := strings.Cut(rest, name+`="`)
		if !ok {
			return ""
		}
		before := strings.TrimSuffix(rest[:len(rest)-len(after)], name+`="`)
		value, _, closed := strings.Cut(after, `"`)
		if closed && (before == "" || strings.ContainsAny(before[len(before)-1:], " ,\t")) {
			return value
		}
		rest = after
	}
}

// retryAt reads Retry-After as seconds or as a date (RFC 9110 section 10.2.3). A
// date counts from the answer's own Date, so that two clocks need not agree.
func (a Answer) retryAt() time.Time {
	text := strings.TrimSpace(a.Header.Get("Retry-After"))
	if text == "" {
		return time.Time{}
	}
	var wait time.Duration
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if until, err := http.ParseTime(text); err == nil {
		from := a.At
		if date, err := http.ParseTime(a.Header.Get("Date")); err == nil {
			from = date
		}
		wait = until.Sub(from)
	} else {
		return time.Time{}
	}
	return a.At.Add(min(max(wait, 0), longestWait))
}

// replayed reports whether the provider says that it answered from its store.
// The header has no standard; these are the two names in use.
func (a Answer) replayed() bool {
	return a.Header.Get("Idempotent-Replayed") == "true" || a.Header.Get("Idempotency-Replayed") == "true"
}

// decode reads a whole JSON body into v.
func (a Answer) decode(v any) bool { return !a.Cut && json.Unmarshal(a.Body, v) == nil }

// words are what the provider says about itself: the message of its JSON body
// when it has one.
func (a Answer) words() string {
	var b struct {
		Message string `json:"message"`
		Error   loose  `json:"error"`
	}
	if !a.decode(&b) {
		return ""
	}
	if b.Message == "" {
		b.Message = string(b.Error)
	}
	return clean(b.Message)
}

// clean makes words from outside fit for a log and a page: one line, printable,
// short.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxWhy {
		s = strings.ToValidUTF8(s[:maxWhy], "")
	}
	return s
}

// loose is a JSON value that some APIs write as a number, some as a string and
// some as null: its text, empty for null. Objects and lists are empty too.
type loose string

// UnmarshalJSON implements json.Unmarshaler; it refuses nothing.
func (l *loose) UnmarshalJSON(b []byte) error {
	*l = ""
	switch b[0] {
	case '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*l = loose(strings.TrimSpace(s))
	case '{', '[', 'n':
	default:
		*l = loose(b)
	}
	return nil
}
