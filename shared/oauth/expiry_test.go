package oauth

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"bellhop/shared/profile"
)

// telling is a profile whose answers tell lives under names of their own.
func telling(as string) profile.Token {
	p := lived
	p.Answer = profile.Answer{Expiry: "expiresOn", ExpiryAs: as, RefreshExpiry: "refreshExpiresOn", RefreshExpiryAs: as}
	return p
}

// The boundary table of absolute times. Each row is read twice: as the life of
// the access token, which falls back to the documented one, and as that of the
// refresh token, which falls back to unknown.
func TestLife_Absolute(t *testing.T) {
	now := at.Unix()
	stamp := func(d time.Duration, layout string) string { return `"` + at.Add(d).Format(layout) + `"` }
	const tenYears = 10 * 365 * 24 * time.Hour
	for _, row := range []struct {
		name, as, value, date string
		want                  time.Duration // 0: says nothing
	}{
		{"epoch", "epoch", fmt.Sprint(now + 3600), "", time.Hour},
		{"epoch as text", "epoch", fmt.Sprintf(`"%d"`, now+3600), "", time.Hour},
		{"epoch with a fraction", "epoch", fmt.Sprintf(`%d.0`, now+3600), "", time.Hour},
		{"epoch in milliseconds", "epoch", fmt.Sprint((now + 3600) * 1000), "", time.Hour},
		{"epoch by their clock", "epoch", fmt.Sprint(now + 7200), at.Add(time.Hour).Format(http.TimeFormat), time.Hour},
		{"epoch now", "epoch", fmt.Sprint(now), "", 0},
		{"epoch in the past", "epoch", fmt.Sprint(now - 1), "", 0},
		{"epoch zero", "epoch", "0", "", 0},
		{"epoch negative", "epoch", "-1", "", 0},
		{"epoch of seconds from now", "epoch", "3600", "", 0},
		{"epoch as far as is believed", "epoch", fmt.Sprint(now + int64(tenYears.Seconds())), "", tenYears},
		{"epoch farther", "epoch", fmt.Sprint(now + int64(tenYears.Seconds()) + 1), "", 0},
		{"epoch huge", "epoch", "1e300", "", 0},
		{"epoch absent", "epoch", "null", "", 0},
		{"epoch a word", "epoch", `"tomorrow"`, "", 0},

		{"with Z", "rfc3339", stamp(time.Hour, "2006-01-02T15:04:05Z"), "", time.Hour},
		{"with an offset", "rfc3339", `"` + at.Add(time.Hour).In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339) + `"`, "", time.Hour},
		{"with an offset without colon", "rfc3339", `"` + at.Add(time.Hour).In(time.FixedZone("", -3*3600)).Format("2006-01-02T15:04:05-0700") + `"`, "", time.Hour},
		{"with a fraction", "rfc3339", stamp(time.Hour+500*time.Millisecond, "2006-01-02T15:04:05.000Z"), "", time.Hour + 500*time.Millisecond},
		{"without an offset", "rfc3339", stamp(time.Hour, "2006-01-02T15:04:05"), "", time.Hour},
		{"without an offset, with a fraction", "rfc3339", stamp(time.Hour, "2006-01-02T15:04:05.0000000"), "", time.Hour},
		{"with a space", "rfc3339", stamp(time.Hour, "2006-01-02 15:04:05"), "", time.Hour},
		{"with a space and an offset", "rfc3339", stamp(time.Hour, "2006-01-02 15:04:05+00:00"), "", time.Hour},
		{"by their clock", "rfc3339", stamp(2*time.Hour, time.RFC3339), at.Add(time.Hour).Format(http.TimeFormat), time.Hour},
		{"now", "rfc3339", stamp(0, time.RFC3339), "", 0},
		{"in the past", "rfc3339", stamp(-time.Second, time.RFC3339), "", 0},
		{"far future", "rfc3339", `"9999-12-31T23:59:59Z"`, "", 0},
		{"the zero time", "rfc3339", `"0001-01-01T00:00:00Z"`, "", 0},
		{"a date", "rfc3339", `"2026-12-31"`, "", 0},
		{"a number", "rfc3339", fmt.Sprint(now + 3600), "", 0},
		{"absent", "rfc3339", "null", "", 0},
		{"empty", "rfc3339", `""`, "", 0},

		{"seconds", "", "3600", "", time.Hour},
		{"seconds by name", "seconds", `"3600.0"`, "", time.Hour},
		{"seconds zero", "seconds", "0", "", 0},
		{"seconds negative", "seconds", "-3600", "", 0},
		{"seconds as epoch", "seconds", fmt.Sprint(now + 3600), "", time.Hour},
	} {
		out := judged(telling(row.as), 200, `{"access_token":"opaque","expiresOn":`+row.value+`,"refreshExpiresOn":`+row.value+`}`, "Date", row.date)
		if out.Class != Issued {
			t.Fatalf("%s: outcome is %+v", row.name, out)
		}
		want := row.want
		if want == 0 {
			want = documented
		}
		if got := out.Pair.Expires.Sub(at); got != want || out.Pair.Documented != (row.want == 0) {
			t.Errorf("%s: lives %v (documented %v), want %v", row.name, got, out.Pair.Documented, want)
		}
		refresh := out.Pair.RefreshExpires
		if row.want == 0 && !refresh.IsZero() || row.want > 0 && refresh.Sub(at) != row.want {
			t.Errorf("%s: the refresh token dies at %v, want %v from now", row.name, refresh, row.want)
		}
	}
}

// A refresh token's life is read only under the name that the profile gives:
// one provider's "refresh_expires_in" is another's something else.
func TestLife_RefreshTokenByNameAlone(t *testing.T) {
	body := `{"access_token":"a","refresh_token_expires_in":86400,"refresh_expires_in":86400}`
	if out := judged(lived, 200, body); !out.Pair.RefreshExpires.IsZero() {
		t.Errorf("the refresh token dies at %v, by a name that nobody gave", out.Pair.RefreshExpires)
	}
	for _, name := range []string{"refresh_token_expires_in", "refresh_expires_in"} {
		p := lived
		p.Answer.RefreshExpiry = name
		if out := judged(p, 200, body); out.Pair.RefreshExpires.Sub(at) != 24*time.Hour {
			t.Errorf("%s: dies at %v", name, out.Pair.RefreshExpires)
		}
	}
}

// Members of an answer by names of the provider's own.
func TestJudge_NamesOfItsOwn(t *testing.T) {
	p := lived
	p.Answer = profile.Answer{Access: "data.jwt", Refresh: "data.again", Scope: "rights", Expiry: "data.ttl"}
	out := judged(p, 200, minted(`{"data":{"jwt":"at-1","again":"rt-2","ttl":60},"rights":["a","b"],"access_token":"another"}`))
	if out.Class != Issued || out.Pair.Access.Reveal() != accessOne || out.Pair.Refresh.Reveal() != refreshTwo || len(out.Pair.Scopes) != 2 || out.Pair.Expires.Sub(at) != time.Minute {
		t.Errorf("outcome is %+v", out)
	}
	for name, body := range map[string]string{
		"by the RFC alone":       `{"access_token":"at-1"}`,
		"beside an error":        `{"data":{"jwt":"at-1"},"error":"server_error"}`,
		"the RFC's in a trouble": `{"access_token":"at-1","error":"server_error"}`,
		"refresh unreadable":     `{"data":{"jwt":"at-1","again":{}}}`,
	} {
		body = minted(body)
		if out := judged(p, 200, body); out.Class != Unreadable || out.Raw.Reveal() != body {
			t.Errorf("%s: outcome is %+v", name, out)
		}
	}
}
