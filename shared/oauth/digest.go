package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"bellhop/shared/profile"
	"bellhop/shared/secret"
)

// DigestPurpose is what a key for [Digest] is derived for: it is the stack's keyed
// digest of our client's id, for this purpose.
const DigestPurpose = "token request"

// digester makes a keyed digest of a text; see vault.Vault.
type digester interface {
	Digest(ctx context.Context, purpose string, text secret.Text) (string, error)
}

// DigestBy is [Digest] by the key for our client of that id: it names a request
// that was refused, for people to see whether what they changed is what was sent.
// Without keys there is none.
func DigestBy(ctx context.Context, keys digester, client string, p profile.Token, r Request) string {
	key, err := keys.Digest(ctx, DigestPurpose, secret.New(client))
	if err != nil {
		return ""
	}
	return Digest(secret.New(key), p, r)
}

// Digest names the payload of a request without telling it: two requests with
// the same digest said the same, and without the key nobody can find out what.
// It is for the report of a refused registration, where people must see
// whether what they changed is what was sent. 16 hex digits; empty for a
// request that cannot be sent.
func Digest(key secret.Text, p profile.Token, r Request) string {
	m, cause := compose(p, r)
	if cause != "" {
		return ""
	}
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	for _, line := range m.lines() { // with its length, so that no two lists read the same
		_, _ = h.Write([]byte(strconv.Itoa(len(line)) + ":" + line))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
