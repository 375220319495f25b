// Package jitter keeps those who wait for the same moment apart from each other.
//
// Its parts come from a hash, not from a generator: whoever computes the same
// wait again, in another process or after a crash, gets the same one, and a test
// needs no seed.
package jitter

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Of is a part of d, from none to nearly all of it: evenly spread over names, and
// always the same for the same d and names.
func Of(d time.Duration, names ...string) time.Duration {
	h := sha256.New()
	for _, n := range names {
		h.Write([]byte(n))
		h.Write([]byte{0}) // so that "ab", "c" is not "a", "bc"
	}
	part := float64(binary.BigEndian.Uint64(h.Sum(nil))>>11) / (1 << 53)
	return time.Duration(part * float64(d))
}
