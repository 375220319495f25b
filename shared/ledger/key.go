package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"bellhop/shared/connection"
)

// IdempotencyKey names one request to a provider: 32 hexadecimal digits that
// depend on the connection, the canonical body and the stamps of all that the
// body renders. A retry of the same is the same key. A heal, and a price that
// comes back after another (A, B, A), are new ones: with the body alone the
// provider would answer the second A from its store while B stays.
func IdempotencyKey(id connection.ID, body []byte, rendered []Span) string {
	h := sha256.New()
	bodySum := sha256.Sum256(body)
	// Each part has a fixed length or is one JSON value: no two lists of parts
	// run into the same bytes.
	head, _ := json.Marshal(string(id)) // a string always marshals
	h.Write(head)
	h.Write(bodySum[:])
	h.Write([]byte(EncodeSpans(Join(rendered))))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
