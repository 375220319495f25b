package sandbox

import (
	"errors"
	"regexp"
	"strings"

	"golang.org/x/text/currency"
)

// decimal is what the sandbox takes for an amount: no sign, no exponent, no
// leading zeros, no more than twelve digits before the point.
var decimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})(\.[0-9]+)?$`)

var (
	errPrice   = errors.New("not a plain decimal number of at least zero")
	errPrecise = errors.New("more decimals than the currency has")
)

// price returns text with exactly as many decimals as the currency has
// ("129" becomes "129.00" in EUR), so that equal amounts are equal strings in
// the books. It never passes through a float.
func price(text, iso string) (string, error) {
	if !decimal.MatchString(text) {
		return "", errPrice
	}
	unit, err := currency.ParseISO(iso)
	if err != nil {
		return "", err
	}
	scale, _ := currency.Standard.Rounding(unit)
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > scale {
		return "", errPrecise
	}
	if scale == 0 {
		return whole, nil
	}
	return whole + "." + fraction + strings.Repeat("0", scale-len(fraction)), nil
}
