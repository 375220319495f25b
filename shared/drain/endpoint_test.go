package drain

import (
	"net/http"
	"testing"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
	"bellhop/shared/grant"
	"bellhop/shared/oauth"
	"bellhop/shared/wake"
)

// The token endpoint answered 429 or 503, with seconds, a date, or without a
// word: the connection's pushes wait as long as its exchange does, and go on by
// themselves.
func TestDrain_TokenEndpointWantsToBeLeftAlone(t *testing.T) {
	for name, header := range map[string]http.Header{
		"seconds": {"Retry-After": {"120"}},
		"date":    {"Retry-After": {start.Add(2 * time.Minute).Format(http.TimeFormat)}},
		"no word": {},
	} {
		for _, why := range []string{bucket.WhyThrottled, bucket.WhyOutage} {
			t.Run(why+" with "+name, func(t *testing.T) {
				w := newWorld(t)
				d := w.process()
				var until time.Time
				w.grants.change("g-lisbon-1", func(g *grant.Grant) {
					until = g.RetryAt(oauth.RetryAfter(header, start), start)
					g.Held, g.WakeAt = why, until
				})
				w.push(d, lisbon, update(1, 1, 3, price(100)))
				l := w.lane(lisbon)
				if w.hotel.pushes() != 0 || l.Hold != why || l.HoldUntil.Before(until) || l.HoldUntil.After(until.Add(time.Second)) {
					t.Fatalf("%d pushes, lane is %+v; want it held until %v", w.hotel.pushes(), l, until)
				}
				if l.Failures != 0 {
					t.Error("waiting is counted as a failure")
				}
				w.rates.take()
				w.clock.advance(l.HoldUntil.Sub(w.clock.now()))
				if err := d.Wake(t.Context(), wake.Message{Kind: wake.Lane, Connection: lisbon, At: l.WakeAt}); err != nil {
					t.Fatal(err)
				}
				w.atRest(lisbon)
			})
		}
	}
}

// What else holds an exchange holds no push: the present token is good.
func TestDrain_OtherHoldsAreTheRefreshersAlone(t *testing.T) {
	for _, why := range []string{bucket.WhyBudget, bucket.WhyLane, bucket.WhyClient, bucket.WhySuspected} {
		w := newWorld(t)
		w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Held, g.WakeAt = why, start.Add(time.Hour) })
		w.push(w.process(), lisbon, update(1, 1, 3, price(100)))
		w.atRest(lisbon)
	}
}

// Where the provider's limit is the account's or the client's, all of its pushes
// wait, each comes back at a moment of its own, and others do not wait.
func TestDrain_HeldWithItsBucket(t *testing.T) {
	for whose, name := range map[string]string{"client": bucket.OfClient("generic"), "account": bucket.OfAccount("generic", "a1")} {
		t.Run(whose, func(t *testing.T) {
			w := newWorld(t)
			d, buckets := w.process(), &buckettest.Memory{}
			d.Buckets = bucket.NewCache(buckets, w.clock.now)
			w.grants.change("g-lisbon-1", func(g *grant.Grant) { g.Account = "a1" })
			s, err := d.site(t.Context(), lisbon)
			if err != nil {
				t.Fatal(err)
			}
			s.profile.Token.Bucket = whose
			if err := buckets.Save(t.Context(), bucket.Bucket{Name: name}.Hold(bucket.WhyOutage, start.Add(time.Minute), start)); err != nil {
				t.Fatal(err)
			}
			_, closed, err := d.gate(t.Context(), s)
			if err != nil || closed == nil || closed.why != holdOutage || closed.until.Before(start.Add(time.Minute)) {
				t.Fatalf("gate is %+v, %v; want it shut for a minute", closed, err)
			}
			other := s
			other.Grant, other.ID = "g-porto-1", porto // another client, another account
			if _, closed, err := d.gate(t.Context(), other); err != nil || closed != nil {
				t.Errorf("another's gate is %+v, %v", closed, err)
			}
			w.clock.advance(closed.until.Sub(w.clock.now()))
			if _, closed, err := d.gate(t.Context(), s); err != nil || closed != nil {
				t.Errorf("at its own moment the gate is %+v, %v", closed, err)
			}
		})
	}
}

// A client that was never held costs its pushes one read in five seconds, a
// connection that waits alone none, and a table that is away stops nobody.
func TestDrain_HoldsCostHardlyARead(t *testing.T) {
	w := newWorld(t)
	d, buckets := w.process(), &buckettest.Memory{}
	d.Buckets = bucket.NewCache(buckets, w.clock.now)
	s, err := d.site(t.Context(), lisbon)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		whose string
		reads int
	}{{"connection", 0}, {"client", 2}} {
		s.profile.Token.Bucket = c.whose
		for range 100 {
			if _, closed, err := d.gate(t.Context(), s); err != nil || closed != nil {
				t.Fatalf("gate is %+v, %v", closed, err)
			}
			w.clock.advance(100 * time.Millisecond)
		}
		if reads, _ := buckets.Counts(); reads != c.reads {
			t.Errorf("%s: %d reads for a hundred pushes in ten seconds, want %d", c.whose, reads, c.reads)
		}
	}
	buckets.Unreadable = func() bool { return true }
	w.clock.advance(time.Minute)
	if _, closed, err := d.gate(t.Context(), s); err != nil || closed != nil {
		t.Errorf("without the table the gate is %+v, %v", closed, err)
	}
}
