package connection

import (
	"bytes"
	"slices"

	"bellhop/shared/grant"
)

// SameSeals reports whether two connections have the same sealed secrets, byte
// for byte.
func (c Connection) SameSeals(d Connection) bool {
	same := func(x, y grant.Sealed) bool {
		return x.Key == y.Key && x.Generation == y.Generation && bytes.Equal(x.Data, y.Data)
	}
	return slices.EqualFunc(c.Signing, d.Signing, same) && slices.EqualFunc(c.WebhookSecret, d.WebhookSecret, same)
}
