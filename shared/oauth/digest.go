package oauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// Digest names the payload of a request without telling it: two requests with
// the same digest said the same, and without the key nobody can find out what.
// It is for the report of a refused registration, where people must see
// whether what they changed is what was sent. 16 hex digits.
func Digest(key secret.Text, p profile.Token, r Request) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = h.Write([]byte(p.Auth + "\n" + r.Endpoint + "\n" + r.ClientID + "\n" + r.ClientSecret.Reveal() + "\n" + r.form(p)))
	return hex.EncodeToString(h.Sum(nil)[:8])
}
