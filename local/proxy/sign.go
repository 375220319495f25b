package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// Credentials are an access key of the stand-in. They are for local use; the
// zero value means none.
type Credentials struct {
	AccessKey string
	SecretKey string
}

func (c Credentials) none() bool { return c.AccessKey == "" }

// sign puts a Signature Version 4 on a request to the root path without a
// query, which is all that the JSON protocols need.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (c Credentials) sign(r *http.Request, body []byte, region, service string, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	scope := strings.Join([]string{stamp[:8], region, service, "aws4_request"}, "/")
	r.Header.Set("X-Amz-Date", stamp)

	const signed = "content-type;host;x-amz-date;x-amz-target"
	canonical := strings.Join([]string{
		r.Method, "/", "",
		"content-type:" + r.Header.Get("Content-Type"),
		"host:" + r.Host,
		"x-amz-date:" + stamp,
		"x-amz-target:" + r.Header.Get("X-Amz-Target"),
		"", signed, hexHash(body),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hexHash([]byte(canonical))}, "\n")

	key := []byte("AWS4" + c.SecretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.AccessKey+"/"+scope+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(mac(key, toSign)))
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
