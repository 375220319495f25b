package secretsmanager

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

// An ordinary refresh asks Secrets Manager twice: for the pair that it presents
// and to keep the one that it won. Keys and the client's secret are remembered.
func TestCalls_OfAnOrdinaryRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, 0)
		h.lives(3 * time.Minute)
		for range 3 {
			h.weather.mu.Lock()
			before := maps.Clone(h.weather.calls)
			h.weather.mu.Unlock()
			time.Sleep(time.Until(h.grant().WakeAt))
			h.refreshes()
			for op, n := range h.weather.calls {
				want := 0
				if op == "GetSecretValue" || op == "PutSecretValue" {
					want = 1
				}
				if n-before[op] != want {
					t.Errorf("%s was called %d times, want %d", op, n-before[op], want)
				}
			}
		}
	})
}
