package oauth

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// FuzzIntrospection: whatever an introspection answer says, the life that is
// read from it is one that a token can have, or none.
func FuzzIntrospection(f *testing.F) {
	f.Add(`{"active":true,"iat":1795248000,"exp":1795248060}`, at.Format(http.TimeFormat))
	f.Add(`{"active":true,"exp":"1795248060"}`, "")
	f.Add(`{"active":false}`, "x")
	f.Fuzz(func(t *testing.T, body, date string) {
		d, ok := introspected(body, http.Header{"Date": {date}}, at)
		if ok && (d <= 0 || d > longestLife) || !ok && d != 0 {
			t.Errorf("%q dated %q lives %v, %v", body, date, d, ok)
		}
	})
}

// FuzzDate: a Date header may be any text. It never makes a token immortal or
// dead at birth, and where the answer says a duration it changes nothing.
func FuzzDate(f *testing.F) {
	f.Add(at.Format(http.TimeFormat), int64(3600))
	f.Add("Sat, 21-Nov-26 08:00:00 GMT", int64(0))
	f.Add("yesterday", at.Unix()+60)
	f.Fuzz(func(t *testing.T, date string, number int64) {
		h := http.Header{"Date": {date}}
		members := fields{"expires_in": fmt.Append(nil, number), "until": fmt.Append(nil, number)}
		for _, as := range []string{"seconds", "epoch"} {
			p := lived
			p.Answer = profile.Answer{Expiry: "until", ExpiryAs: as, RefreshExpiry: "until", RefreshExpiryAs: as}
			d, fallback := life(p, members, secret.New("opaque"), h, at)
			if d <= 0 || d > longestLife || fallback && d != documented {
				t.Errorf("%d by %s, dated %q: lives %v", number, as, date, d)
			}
			if r, ok := refreshLife(p.Answer, members, h, at); ok && (r <= 0 || r > longestLife) {
				t.Errorf("%d by %s, dated %q: the refresh token lives %v", number, as, date, r)
			}
		}
		duration := number > 0 && number <= int64(longestLife/time.Second)
		if d, _ := life(lived, members, secret.New("opaque"), h, at); duration && d != time.Duration(number)*time.Second {
			t.Errorf("%d seconds, dated %q: lives %v", number, date, d)
		}
	})
}

// FuzzDialect: answers under names of a provider's own, with envelopes and
// absolute times, keep the promises of any other answer.
func FuzzDialect(f *testing.F) {
	f.Add(200, `{"data":{"token":"at-1","until":"2026-11-21T09:00:00"},"refreshUntil":1795300000}`, "rfc3339")
	f.Add(200, `{"data.token":"at-1","data":{"until":1795248060000}}`, "epoch")
	f.Add(200, `{"status":"try_again"}`, "seconds")
	f.Add(500, `{"data":{"token":"at-1"}}`, "")
	f.Fuzz(func(t *testing.T, status int, body, as string) {
		p := profile.Token{Auth: "basic", Lifetime: profile.Seconds(time.Hour), Account: "field:data.id",
			Answer: profile.Answer{Access: "data.token", Refresh: "data.again", Scope: "data.rights", Expiry: "data.until",
				ExpiryAs: as, RefreshExpiry: "refreshUntil", RefreshExpiryAs: as},
			Overrides: []profile.Override{{Status: 200, Body: "try_again", Class: "throttled"}}}
		out := judge(p, answer{status: status, header: http.Header{}, body: secret.New(body), received: at}, at)
		checkOutcome(t, out, body)
		if dies := out.Pair.RefreshExpires; !dies.IsZero() && (!dies.After(at) || dies.After(at.Add(longestLife))) {
			t.Errorf("%s: the refresh token dies at %v", body, dies)
		}
	})
}
