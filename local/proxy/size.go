package proxy

import (
	"encoding/base64"
	"math"
	"strings"
)

// size is the item's size in bytes as DynamoDB bills it: names and values.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func (i item) size() int {
	total := 0
	for name, value := range i {
		total += len(name) + valueSize(value)
	}
	return total
}

// valueSize follows the same page: text by its UTF-8 bytes, numbers by their
// significant digits, lists and maps with 3 bytes and 1 for each element.
func valueSize(value any) int {
	for kind, inner := range typed(value) {
		switch kind {
		case "S":
			text, _ := inner.(string)
			return len(text)
		case "N":
			text, _ := inner.(string)
			return numberSize(text)
		case "B":
			text, _ := inner.(string)
			return binarySize(text)
		case "BOOL", "NULL":
			return 1
		case "SS", "NS", "BS":
			return setSize(kind[:1], inner)
		case "L", "M":
			return documentSize(inner)
		}
	}
	return 0
}

// numberSize is about a byte for two significant digits, and one more; a sign
// adds one. Zeros at both ends are not significant.
func numberSize(text string) int {
	digits, negative := strings.CutPrefix(text, "-")
	digits, _, _ = strings.Cut(strings.ToLower(digits), "e")
	digits = strings.Trim(strings.Replace(digits, ".", "", 1), "0")
	size := (len(digits)+1)/2 + 1
	if negative {
		size++
	}
	return size
}

func binarySize(text string) int {
	return base64.StdEncoding.DecodedLen(len(text)) - strings.Count(text, "=")
}

func setSize(element string, inner any) int {
	members, _ := inner.([]any)
	total := 0
	for _, member := range members {
		total += valueSize(map[string]any{element: member})
	}
	return total
}

func documentSize(inner any) int {
	total := 3
	switch inner := inner.(type) {
	case []any:
		for _, element := range inner {
			total += 1 + valueSize(element)
		}
	case map[string]any:
		for name, element := range inner {
			total += 1 + len(name) + valueSize(element)
		}
	}
	return total
}

// writeUnits is one for every started kilobyte, at least one.
func writeUnits(bytes int) float64 { return max(1, math.Ceil(float64(bytes)/1024)) }

// readUnits is one for every started 4 KB, at least one; half of that when the
// read may be stale.
func readUnits(bytes int, consistent bool) float64 {
	units := max(1, math.Ceil(float64(bytes)/4096))
	if !consistent {
		units /= 2
	}
	return units
}
