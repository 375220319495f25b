package oauth

import (
	"regexp"
	"testing"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

func TestDigest_NamesWhatWasSent(t *testing.T) {
	key, r := secret.New("key"), refreshAt("https://api.example.com/token")
	is := Digest(key, basic, r)
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(is) || is != Digest(key, basic, r) {
		t.Errorf("digest is %q", is)
	}
	seen := map[string]string{is: "as it is"}
	for what, change := range map[string]func(*secret.Text, *profile.Token, *Request){
		"key":           func(k *secret.Text, _ *profile.Token, _ *Request) { *k = secret.New("other") },
		"way":           func(_ *secret.Text, p *profile.Token, _ *Request) { p.Auth = "body" },
		"endpoint":      func(_ *secret.Text, _ *profile.Token, r *Request) { r.Endpoint += "/v2" },
		"client":        func(_ *secret.Text, _ *profile.Token, r *Request) { r.ClientID += "x" },
		"client secret": func(_ *secret.Text, _ *profile.Token, r *Request) { r.ClientSecret = secret.New("next") },
		"encoding":      func(_ *secret.Text, p *profile.Token, _ *Request) { p.Request.Encoding = "json" },
		"extra header":  func(_ *secret.Text, p *profile.Token, _ *Request) { p.Request.Headers = map[string]string{"x": "1"} },
		"refresh token": func(_ *secret.Text, _ *profile.Token, r *Request) { r.Refresh = secret.New(refreshTwo) },
	} {
		k, p, x := key, basic, r
		change(&k, &p, &x)
		d := Digest(k, p, x)
		if seen[d] != "" {
			t.Errorf("another %s is the same as another %s", what, seen[d])
		}
		seen[d] = what
	}
}

// What cannot be sent has no payload.
func TestDigest_OfNothing(t *testing.T) {
	if d := Digest(secret.New("key"), basic, Request{}); d != "" {
		t.Errorf("digest is %q", d)
	}
}
