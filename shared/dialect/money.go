package dialect

import (
	"math/big"
	"strings"
)

// minor reads a provider's amount back into minor units: "129", "129.0" and
// 1.29e2 are all 12900 in EUR. It reports false for what is no number, for one
// that is more precise than the currency, and for one that is too large.
func minor(text string, decimals int) (int64, bool) {
	if len(text) > 40 || !plainNumber(text) { // bounds the work that a long exponent makes
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	r.Mul(r, new(big.Rat).SetInt(scale))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// plainNumber lets JSON's numbers through, with an exponent of at most two
// digits; big.Rat would take fractions and hexadecimal too.
func plainNumber(text string) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if len(strings.TrimLeft(exponent, "+-")) > 2 {
		return false
	}
	return mantissa != "" && strings.Trim(mantissa, "+-.0123456789") == "" && strings.Trim(exponent, "+-0123456789") == ""
}
