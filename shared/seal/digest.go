package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"bellhop/shared/secret"
)

// digestBytes of a digest are shown: enough to tell a day's payloads apart,
// too few to be taken for anything else.
const digestBytes = 8

// Digest is 16 hexadecimal digits that say whether two texts are the same, and
// nothing else: HMAC-SHA-256 under a key that is derived from the current one
// for this purpose alone. Whoever reads it in a log cannot try guesses on it.
// Digests of before and after a rotation of the key set do not compare.
func (k *KeySet) Digest(purpose string, text secret.Text) (string, error) {
	info := "bellhop digest v1" + string(prefixed(purpose))
	key, err := hkdf.Key(sha256.New, []byte(k.keys[k.current].Reveal()), []byte(k.stack), info, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("deriving a key: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text.Reveal()))
	return hex.EncodeToString(mac.Sum(nil)[:digestBytes]), nil
}
