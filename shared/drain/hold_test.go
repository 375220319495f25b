package drain

import (
	"net/http"
	"testing"
	"time"

	"bellhop/shared/wake"
)

func TestDrain_ThrottledKeepsAwayAndResumes(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	calls := 0
	w.hotel.meet = func(rw http.ResponseWriter, _ *http.Request) bool {
		if calls++; calls > 1 {
			return false
		}
		rw.Header().Set("Retry-After", "20")
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	w.push(d, lisbon, update(1, 1, 9, price(100)))
	l := w.lane(lisbon)
	if l.Hold != holdThrottled || l.HoldUntil.Before(start.Add(20*time.Second)) || len(l.Marks) != 0 {
		t.Fatalf("lane is %+v, want it held for 20 s with no mark", l)
	}
	messages := w.rates.take()
	if len(messages) != 1 || messages[0].Delay < 20*time.Second || messages[0].Delay > 22*time.Second || messages[0].Message.Hops != 1 {
		t.Errorf("messages are %+v, want one delayed by 20 s", messages)
	}
	w.push(d, lisbon, update(2, 1, 9, price(200))) // the next update does not barge in
	if calls != 1 || len(w.rates.take()) != 0 {
		t.Error("an update broke the hold")
	}
	w.sweep(d)
	w.atRest(lisbon)
	if w.clock.now().Before(start.Add(20 * time.Second)) {
		t.Error("Retry-After was not honoured")
	}
}

func TestDrain_PausesGrowAndTheQueueIsUsedFiveTimes(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.hotel.meet = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusBadGateway)
		return true
	}
	w.push(d, lisbon, update(1, 1, 1, price(100)))
	byQueue := len(w.rates.take())
	for range 7 {
		l := w.lane(lisbon)
		w.clock.advance(l.HoldUntil.Sub(w.clock.now()))
		if err := d.Wake(t.Context(), wake.Message{Kind: wake.Lane, Connection: lisbon, At: l.WakeAt}); err != nil {
			t.Fatal(err)
		}
		if n := len(w.rates.take()); n == 1 && byQueue < mostHops {
			byQueue++
		} else if n == 1 && w.lane(lisbon).Hops > mostHops {
			t.Errorf("hop %d", w.lane(lisbon).Hops)
		}
	}
	if byQueue != mostHops {
		t.Errorf("%d in a row by the queue, want %d", byQueue, mostHops)
	}
	if l := w.lane(lisbon); l.Failures != 8 {
		t.Errorf("%d failures counted, want 8", l.Failures)
	}
}

func TestBackoff_Table(t *testing.T) {
	for failures, most := range map[int]time.Duration{
		0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 9: 512 * time.Second, 10: 15 * time.Minute, 500: 15 * time.Minute,
	} {
		lowest, highest := time.Duration(1<<62), time.Duration(0)
		for i := range 300 {
			d := backoff(string(rune('a'+i%26))+string(rune('a'+i/26)), failures)
			lowest, highest = min(lowest, d), max(highest, d)
		}
		if lowest < most/8 || highest > most || highest < most*8/10 || lowest > most*3/10 {
			t.Errorf("after %d failures the waits are %v to %v, want them spread up to %v", failures, lowest, highest, most)
		}
	}
}
