package rate

import (
	"errors"
	"testing"

	"golang.org/x/text/currency"
	"pgregory.net/rapid"
)

func TestParsePrice(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int
		want     int64 // -1: refused
	}{
		{"129.00", 2, 12900}, {"129", 2, 12900}, {"129.5", 2, 12950}, {"0", 2, 0}, {"0.01", 2, 1},
		{"129.001", 2, -1}, {"129.000", 2, -1},
		{"12900", 0, 12900}, {"12900.0", 0, -1},
		{"1.234", 3, 1234}, {"1.2345", 4, 12345}, {"1.23456", 4, -1},
		{"999999999999.9999", 4, 9999999999999999}, {"1000000000000", 2, -1},
		{"", 2, -1}, {"-1", 2, -1}, {"+1", 2, -1}, {"01", 2, -1}, {".5", 2, -1}, {"5.", 2, -1}, {"1e2", 2, -1},
		{"1,00", 2, -1}, {" 1", 2, -1}, {"1\n", 2, -1}, {"NaN", 2, -1}, {"١", 2, -1}, {"0x10", 2, -1},
	} {
		got, err := ParsePrice(c.text, c.decimals)
		if refused := err != nil; refused != (c.want < 0) || !refused && got != c.want {
			t.Errorf("%q with %d decimals: %d, %v; want %d", c.text, c.decimals, got, err, c.want)
		}
	}
}

func TestPrice_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 999_999_999_999).Draw(t, "minor units")
		d := rapid.IntRange(0, 4).Draw(t, "decimals")
		if back, err := ParsePrice(FormatPrice(n, d), d); err != nil || back != n {
			t.Fatalf("%d with %d decimals is %q, read as %d, %v", n, d, FormatPrice(n, d), back, err)
		}
	})
	if got := FormatPrice(-5, 2); got != "-0.05" {
		t.Errorf("five cents owed are %s", got)
	}
}

func TestDecimals(t *testing.T) {
	for code, want := range map[string]int{"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "RSD": 2, "HUF": 2, "ISK": 0, "USD": 2} {
		if got, err := Decimals(code); err != nil || got != want {
			t.Errorf("%s has %d decimals, %v; want %d", code, got, err, want)
		}
	}
	for _, code := range []string{"", "eur", "EU", "EURO", "ZZZ", "€"} {
		if got, err := Decimals(code); !errors.Is(err, ErrCurrency) {
			t.Errorf("%q has %d decimals, %v", code, got, err)
		}
	}
	for code := range exponents {
		if _, err := currency.ParseISO(code); err != nil {
			t.Errorf("%s is in the table and nowhere else", code)
		}
	}
}
