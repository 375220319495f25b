package rate

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
)

// exponents are ISO 4217's, of the currencies whose minor unit is not a
// hundredth (list one, https://www.six-group.com/en/products-services/financial-information/data-standards.html).
// CLDR's digits, which golang.org/x/text has, say how a currency is mostly
// written, and differ: the dinar of Serbia has none there and two here.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
	"UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4,
}

// maxDecimals is the most that any currency has.
const maxDecimals = 4

// ErrCurrency says that a code is not one of ISO 4217, in capital letters.
var ErrCurrency = errors.New("not a currency of ISO 4217, such as EUR")

// Decimals is how many decimals the minor unit of a currency has: 2 for EUR, 0
// for JPY, 3 for KWD.
func Decimals(code string) (int, error) {
	u, err := currency.ParseISO(code)
	if err != nil || u.String() != code {
		return 0, ErrCurrency
	}
	if n, ok := exponents[code]; ok {
		return n, nil
	}
	return 2, nil
}

// decimal is a price as it is written: no sign, no leading zeros, no exponent,
// no separators of thousands.
var decimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?$`)

// ParsePrice reads a decimal string into minor units. The error says, to the
// one who wrote it, what is wrong.
func ParsePrice(s string, decimals int) (int64, error) {
	if !decimal.MatchString(s) {
		if strings.HasPrefix(s, "-") {
			return 0, errors.New("a price cannot be negative")
		}
		return 0, errors.New(`write a price as digits with a point before its decimals, such as "129.00"`)
	}
	units, fraction, _ := strings.Cut(s, ".")
	if len(fraction) > decimals {
		return 0, fmt.Errorf("has more decimals than the currency, which has %d", decimals)
	}
	// At most 12 and 4 digits: it cannot overflow.
	n, err := strconv.ParseInt(units+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil {
		return 0, err
	}
	return n, nil
}

// FormatPrice writes minor units with all of the currency's decimals.
func FormatPrice(minor int64, decimals int) string {
	if decimals == 0 {
		return strconv.FormatInt(minor, 10)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	s := fmt.Sprintf("%0*d", decimals+1, minor)
	return sign + s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}
