package ledger

import (
	"strconv"
	"strings"
)

// The fields. [PriceFor] names the prices by occupancy.
const (
	Price             Field = "price"
	MinStay           Field = "min_stay"
	MinStayThrough    Field = "min_stay_through"
	MaxStay           Field = "max_stay" // 0: no maximum
	ClosedToArrival   Field = "closed_to_arrival"
	ClosedToDeparture Field = "closed_to_departure"
	StopSell          Field = "stop_sell"
	Available         Field = "available" // of the room type, whatever the plan
)

const pricePrefix = "price:"

// MaxOccupancy is the largest number of guests that a price can be for.
const MaxOccupancy = 18

// PriceFor is the price for a number of guests, 1 to [MaxOccupancy].
func PriceFor(guests int) Field { return Field(pricePrefix + strconv.Itoa(guests)) }

// Occupancy is the number of guests that a price by occupancy is for, and false
// for every other field, [Price] among them.
func (f Field) Occupancy() (int, bool) {
	s, ok := strings.CutPrefix(string(f), pricePrefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= MaxOccupancy
}

// Money reports whether the field's value is in the currency's minor units.
func (f Field) Money() bool {
	_, byOccupancy := f.Occupancy()
	return f == Price || byOccupancy
}

// Closes reports whether this value of the field stops sales: closings travel
// before prices.
func (f Field) Closes(value int64) bool {
	return f == StopSell && value != 0 || f == Available && value == 0
}

// short are the fields' names in stored pages and marks. Names once given stay:
// tables hold them.
var short = map[Field]string{
	Price: "p", MinStay: "mn", MinStayThrough: "mt", MaxStay: "mx",
	ClosedToArrival: "ca", ClosedToDeparture: "cd", StopSell: "ss", Available: "av",
}

var long = func() map[string]Field {
	m := map[string]Field{}
	for f, s := range short {
		m[s] = f
	}
	return m
}()

// shortName is "p2" for a price for two; a field that has no short name keeps
// its own, which is never one of the short ones.
func shortName(f Field) string {
	if s, ok := short[f]; ok {
		return s
	}
	if n, ok := f.Occupancy(); ok {
		return "p" + strconv.Itoa(n)
	}
	return string(f)
}

func longName(s string) Field {
	if f, ok := long[s]; ok {
		return f
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(s, "p")); err == nil && s[0] == 'p' {
		return PriceFor(n)
	}
	return Field(s)
}
