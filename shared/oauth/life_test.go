package oauth

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"bellhop/shared/profile"
	"bellhop/shared/secrettest"
)

// jwtWith is an unsigned JWT with those claims.
func jwtWith(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte(secrettest.Mint("signature")))
}

// documented is the profile's life of the tests below: what an answer gets that
// does not say.
const documented = 40 * time.Minute

var lived = profile.Token{Auth: "basic", Lifetime: profile.Seconds(documented), Account: "none"}

// lifeOf is how long the pair of an answer lives from the start of its request.
func lifeOf(t *testing.T, access, expiresIn, date string) time.Duration {
	t.Helper()
	body := `{"access_token":"` + access + `"`
	if expiresIn != "" {
		body += `,"expires_in":` + expiresIn
	}
	out := judged(lived, 200, body+"}", "Date", date)
	if out.Class != Issued {
		t.Fatalf("outcome is %+v", out)
	}
	life := out.Pair.Expires.Sub(at)
	if out.Pair.Documented != (life == documented) {
		t.Errorf("%s, %s: lives %v, and that only the profile says so is %v", access, expiresIn, life, out.Pair.Documented)
	}
	return life
}

func TestLife_ExpiresIn(t *testing.T) {
	const tenYears = 10 * 365 * 24 * time.Hour
	for _, row := range []struct {
		expiresIn string
		want      time.Duration
	}{
		{`3600`, time.Hour},
		{`"3600"`, time.Hour},
		{`"3600.0"`, time.Hour},
		{`" 3600 "`, time.Hour},
		{`3600.0`, time.Hour},
		{`3.6e3`, time.Hour},
		{`60`, time.Minute},
		{`1`, time.Second},
		{`0.5`, 500 * time.Millisecond},
		{`0.001`, time.Millisecond},

		// what says nothing is neither "yesterday" nor "never"
		{``, documented},
		{`null`, documented},
		{`0`, documented},
		{`"0"`, documented},
		{`0.0001`, documented},
		{`-1`, documented},
		{`-3600`, documented},
		{`"-1"`, documented},
		{`""`, documented},
		{`"soon"`, documented},
		{`"1h"`, documented},
		{`"NaN"`, documented},
		{`"Inf"`, documented},
		{`"-Inf"`, documented},
		{`true`, documented},
		{`[60]`, documented},
		{`{"seconds":60}`, documented},

		// the longest that is believed, and a breath more
		{`315360000`, tenYears},
		{`315360001`, documented},
		{`63072000`, 2 * 365 * 24 * time.Hour}, // 24 months, the longest documented

		// an absolute Unix time, as one provider sent for a while
		{fmt.Sprint(at.Add(time.Hour).Unix()), time.Hour},
		{fmt.Sprint(at.Add(time.Second).Unix()), time.Second},
		{fmt.Sprint(at.Unix()), documented},
		{fmt.Sprint(at.Add(-time.Second).Unix()), documented},
		{fmt.Sprint(at.Add(-24 * time.Hour).Unix()), documented},

		// "never", in several hands
		{`4294967295`, documented},
		{`9223372036854775807`, documented},
		{`99999999999999999999999999`, documented},
		{`1e308`, documented},
		{`1e999`, documented},
		{`-1e308`, documented},
	} {
		if got := lifeOf(t, "opaque", row.expiresIn, ""); got != row.want {
			t.Errorf("expires_in %s: lives %v, want %v", row.expiresIn, got, row.want)
		}
	}
}

func TestLife_JWT(t *testing.T) {
	now := at.Unix()
	date := at.Format(http.TimeFormat)
	for _, row := range []struct {
		name      string
		claims    string
		expiresIn string
		date      string
		want      time.Duration
	}{
		{"exp and iat", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now, now+60), "", date, time.Minute},
		{"the token comes before the answer", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now, now+60), "3600", date, time.Minute},
		{"as strings", fmt.Sprintf(`{"iat":"%d","exp":"%d"}`, now, now+60), "", date, time.Minute},
		{"with fractions", fmt.Sprintf(`{"iat":%d.25,"exp":%d.75}`, now, now+60), "", "", 60*time.Second + 500*time.Millisecond},

		// our clock may be anything: a duration is a duration
		{"their clock an hour ahead, no Date", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now+3600, now+3660), "", "", time.Minute},
		{"their clock an hour behind, no Date", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now-3600, now-3540), "", "", time.Minute},
		{"their clock an hour ahead, their Date too", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now+3600, now+3660), "",
			at.Add(time.Hour).Format(http.TimeFormat), time.Minute},

		// minted earlier and handed out again: it has lived already
		{"an old token", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now-50, now+10), "", date, 10 * time.Second},
		{"its last second", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now-59, now+1), "", date, time.Second},
		{"its Date wrong by a day", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now, now+60), "", at.AddDate(0, 0, 1).Format(http.TimeFormat), time.Minute},
		{"its Date unreadable", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now-50, now+10), "", "yesterday", time.Minute},

		// exp alone: against the answer's Date, else against our own clock
		{"exp alone", fmt.Sprintf(`{"exp":%d}`, now+60), "", date, time.Minute},
		{"exp alone, their clock ahead", fmt.Sprintf(`{"exp":%d}`, now+3660), "", at.Add(time.Hour).Format(http.TimeFormat), time.Minute},
		{"exp alone, no Date", fmt.Sprintf(`{"exp":%d}`, now+60), "", "", time.Minute},
		{"exp alone, in the past", fmt.Sprintf(`{"exp":%d}`, now-1), "", date, documented},
		{"exp alone, in the past, the answer knows", fmt.Sprintf(`{"exp":%d}`, now-1), "90", date, 90 * time.Second},
		{"exp alone, now", fmt.Sprintf(`{"exp":%d}`, now), "", date, documented},

		// times that cannot be
		{"exp before iat", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now, now-1), "90", date, 90 * time.Second},
		{"exp at iat", fmt.Sprintf(`{"iat":%d,"exp":%d}`, now, now), "", date, documented},
		{"exp zero", fmt.Sprintf(`{"iat":%d,"exp":0}`, now), "", date, documented},
		{"never", fmt.Sprintf(`{"iat":%d,"exp":253402300799}`, now), "", date, documented},
		{"never, the answer knows", fmt.Sprintf(`{"iat":%d,"exp":253402300799}`, now), "600", date, 10 * time.Minute},
		{"exp of another galaxy", `{"iat":1,"exp":1e300}`, "", date, documented},
		{"exp a word", `{"iat":1,"exp":"tomorrow"}`, "600", date, 10 * time.Minute},
		{"exp null", `{"exp":null}`, "600", date, 10 * time.Minute},
		{"milliseconds", fmt.Sprintf(`{"iat":%d000,"exp":%d000}`, now, now+60), "", date, documented},
		{"no times", `{"sub":"x"}`, "600", date, 10 * time.Minute},
		{"iat alone", fmt.Sprintf(`{"iat":%d}`, now), "600", date, 10 * time.Minute},
		{"claims a list", `[1]`, "600", date, 10 * time.Minute},
		{"claims null", `null`, "600", date, 10 * time.Minute},
	} {
		if got := lifeOf(t, jwtWith(row.claims), row.expiresIn, row.date); got != row.want {
			t.Errorf("%s: lives %v, want %v", row.name, got, row.want)
		}
	}
}

// What only looks like a JWT is opaque.
func TestLife_NotQuiteAJWT(t *testing.T) {
	for _, access := range []string{"a.b.c", "..", "a..", "eyJ.eyJ.eyJ", "one.two", "a.b.c.d", jwtWith(`{`), "x" + jwtWith(`{"exp":1}`)} {
		if got := lifeOf(t, access, "600", ""); got != 10*time.Minute {
			t.Errorf("%s: lives %v", access, got)
		}
	}
}

// A token is no secret about its times because we do not know its algorithm.
func TestLife_UnknownAlgorithm(t *testing.T) {
	enc := base64.RawURLEncoding.EncodeToString
	for _, header := range []string{`{"alg":"ML-DSA-44"}`, `{"alg":"none"}`, `{}`} {
		token := enc([]byte(header)) + "." + enc([]byte(`{"iat":100,"exp":160}`)) + "." + enc([]byte("s"))
		if got := lifeOf(t, token, "", ""); got != time.Minute {
			t.Errorf("%s: lives %v", header, got)
		}
	}
}

// A profile without a lifetime does not get through validation; should one, the
// token is neither dead at birth nor immortal.
func TestLife_NoLifetimeAtAll(t *testing.T) {
	out := judged(profile.Token{}, 200, `{"access_token":"a"}`)
	if got := out.Pair.Expires.Sub(at); got != cautiousLife {
		t.Errorf("lives %v", got)
	}
}

// The gate compares times to the millisecond, which is what the table stores.
func TestLife_TimesAreWholeMilliseconds(t *testing.T) {
	start := at.Add(123456789)
	a := answer{status: 200, header: http.Header{}, received: start}
	out := judge(lived, withBody(a, `{"access_token":"a","expires_in":1.23456}`), start)
	for _, tm := range []time.Time{out.Pair.Issued, out.Pair.Expires} {
		if tm.Nanosecond()%int(time.Millisecond) != 0 {
			t.Errorf("%v has a fraction of a millisecond", tm)
		}
	}
}
