package oauth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// FuzzAnswer: whatever a token endpoint says, it is judged without a panic, and
// the outcome keeps its promises: a pair can be used and expires at a time that
// makes sense, bytes that may hold one are kept, and nothing is printed.
func FuzzAnswer(f *testing.F) {
	f.Add(200, good, "", "")
	f.Add(400, `{"error":"invalid_grant"}`, "", "")
	f.Add(503, "", "120", at.Format(http.TimeFormat))
	p := profile.Token{Auth: "basic", Lifetime: profile.Seconds(time.Hour), Account: "field:data.id"}
	f.Fuzz(func(t *testing.T, status int, body, retry, date string) {
		h := http.Header{"Retry-After": {retry}, "Date": {date}}
		out := judge(p, answer{status: status, header: h, body: secret.New(body), received: at}, at)
		checkOutcome(t, out, body)
		if again := judge(p, answer{status: status, header: h, body: secret.New(body), received: at}, at); again.Class != out.Class {
			t.Errorf("judged %s, then %s", out.Class, again.Class)
		}
	})
}

func checkOutcome(t *testing.T, out Outcome, body string) {
	t.Helper()
	switch out.Class {
	case Issued:
		life := out.Pair.Expires.Sub(out.Pair.Issued)
		if life <= 0 || life > longestLife || !out.Pair.Issued.Equal(at) {
			t.Errorf("lives %v", life)
		}
		if out.Pair.Access.Empty() || !visible(out.Pair.Access) || !visible(out.Pair.Refresh) {
			t.Error("a pair that cannot be sent")
		}
	case Unreadable:
		if out.Raw.Reveal() != body || body == "" {
			t.Error("not all bytes were kept")
		}
	case Dead, BadClient, BadScope, BadRequest, Throttled, Outage, Unknown:
		if !out.Pair.Access.Empty() || !out.Raw.Empty() {
			t.Errorf("%s with a pair or a body", out.Class)
		}
	default:
		t.Errorf("class %q", out.Class)
	}
	if !out.RetryAt.IsZero() && (out.RetryAt.Before(at) || out.RetryAt.After(at.Add(longestRetry))) {
		t.Errorf("retry at %v", out.RetryAt)
	}
	known := out.Code == "" || out.Code == other || strings.Contains(string(classesJSON), `"`+out.Code+`"`)
	if !known {
		t.Errorf("code %q is the provider's text", out.Code)
	}
	if out.Account = ""; len(body) > 40 && strings.Contains(fmt.Sprintf("%+v", out), body) {
		t.Error("the outcome prints the answer")
	}
}

// FuzzJWT: claims of any shape give a life within bounds, the same whatever our
// clock says when both times are there.
func FuzzJWT(f *testing.F) {
	f.Add(`{"iat":1763712000,"exp":1763712060}`, "3600")
	f.Add(`{"exp":"1763712060"}`, `"60"`)
	f.Add(`{"iat":-1,"exp":1e300}`, "-1")
	f.Fuzz(func(t *testing.T, claims, expiresIn string) {
		access := secret.New(jwtWith(claims))
		members := fields{"expires_in": []byte(expiresIn)}
		var lives []time.Duration
		for _, start := range []time.Time{at, at.AddDate(30, 0, 0), time.Unix(0, 0)} {
			life, _ := life(lived, members, access, http.Header{}, start)
			if life <= 0 || life > longestLife {
				t.Errorf("%s, %s: lives %v", claims, expiresIn, life)
			}
			lives = append(lives, life)
		}
		c := jwtClaims(claims)
		exp, hasExp := seconds(c["exp"])
		iat, hasIat := seconds(c["iat"])
		if hasExp && hasIat && exp > iat && exp-iat < 1e8 && exp-iat >= 0.001 && exp < latestUnix && (lives[0] != lives[1] || lives[0] != lives[2]) {
			t.Errorf("%s: lives %v by our clock alone", claims, lives)
		}
	})
}

func jwtClaims(text string) map[string]any { return claims(secret.New(jwtWith(text))) }

// FuzzJWTText: a token is any text at all.
func FuzzJWTText(f *testing.F) {
	f.Add(jwtWith(`{"exp":1763712060}`))
	f.Add("a.b.c")
	f.Add("...")
	f.Fuzz(func(t *testing.T, token string) {
		if d, ok := jwtLife(claims(secret.New(token)), at, true); ok && (d <= 0 || d > longestLife) {
			t.Errorf("%q lives %v", token, d)
		}
	})
}

// FuzzRetryAfter: never before now, never more than a day, whatever is sent.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Sat, 21 Nov 2026 08:01:00 GMT", "Sat, 21 Nov 2026 08:00:00 GMT")
	f.Add("-1", "x")
	f.Fuzz(func(t *testing.T, value, date string) {
		got := RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, at)
		if !got.IsZero() && (got.Before(at) || got.After(at.Add(longestRetry))) {
			t.Errorf("%q, %q: %v", value, date, got)
		}
	})
}
