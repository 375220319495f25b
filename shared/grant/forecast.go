package grant

import "time"

// Foretold is a forecast that people were told: when the refresh token dies,
// and how many days before that they were told last. The zero value is none.
type Foretold struct {
	Dies time.Time
	Days int // a threshold of [Grant.Forecast]
}
