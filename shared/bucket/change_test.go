package bucket_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shared/bucket"
	"bellhop/shared/buckettest"
)

// grantsPlus is a change that cannot be told from another of its kind.
func grantsPlus(b bucket.Bucket) bucket.Bucket { b.Grants++; return b }

// Somebody comes between, again and again: it is decided anew each time.
func TestChange_OthersComeBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &buckettest.Memory{}
		others, inside := 3, false
		m.Fault = func(bucket.Bucket) buckettest.Fault {
			if others == 0 || inside {
				return buckettest.None
			}
			others, inside = others-1, true
			b, _ := m.Read(t.Context(), "b")
			if err := m.Save(t.Context(), grantsPlus(b)); err != nil {
				t.Error(err)
			}
			inside = false
			return buckettest.None
		}
		b, err := bucket.Change(t.Context(), m, "b", grantsPlus)
		if err != nil || b.Grants != 4 || b.Version != 4 {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

func TestChange_NothingToWrite(t *testing.T) {
	m := &buckettest.Memory{}
	if _, err := bucket.Change(t.Context(), m, "b", func(b bucket.Bucket) bucket.Bucket { return b }); err != nil {
		t.Fatal(err)
	}
	if _, saves := m.Counts(); saves != 0 {
		t.Errorf("%d saves", saves)
	}
}

// The answer of a save is lost: the next look finds it, by its nonce.
func TestChange_AnswerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &buckettest.Memory{}
		m.Fault = func(bucket.Bucket) buckettest.Fault { m.Fault = nil; return buckettest.Landed }
		rules := bucket.Rules{Windows: []bucket.Window{{Calls: 1, Span: time.Hour}}}
		var answer bucket.Answer
		b, err := bucket.Change(t.Context(), m, "b", func(b bucket.Bucket) bucket.Bucket {
			b, answer = b.Take(rules, bucket.Ask{Nonce: "n"}, noon)
			return b
		})
		if err != nil || !answer.Goes() || len(b.Calls) != 1 || b.Version != 1 {
			t.Errorf("%q, %+v, %v", answer.Why, b, err)
		}
	})
}

func TestChange_TableIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &buckettest.Memory{Unreadable: func() bool { return true }}
		if _, err := bucket.Change(t.Context(), m, "b", grantsPlus); !errors.Is(err, buckettest.ErrLost) {
			t.Errorf("%v", err)
		}
	})
}

// A process reads a bucket once in five seconds, also one that was never
// written, and knows its own changes at once.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &buckettest.Memory{}
		c := bucket.NewCache(m, time.Now)
		for range 100 {
			if _, err := c.Read(t.Context(), "b"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // ten seconds in all
		}
		if reads, _ := m.Counts(); reads != 2 {
			t.Errorf("%d reads in ten seconds", reads)
		}
		if _, err := c.Change(t.Context(), "b", grantsPlus); err != nil {
			t.Fatal(err)
		}
		if b, err := c.Read(t.Context(), "b"); err != nil || b.Grants != 1 {
			t.Errorf("its own change: %+v, %v", b, err)
		}
		m.Unreadable = func() bool { return true }
		time.Sleep(5 * time.Second)
		if _, err := c.Read(t.Context(), "b"); !errors.Is(err, buckettest.ErrLost) {
			t.Errorf("an old reading is taken for a new one: %v", err)
		}
	})
}

// That a client has no trouble is believed for 15 seconds by who asks for nothing
// else; trouble is looked at again each five seconds.
func TestCache_Trouble(t *testing.T) {
	refused := func(b bucket.Bucket) bucket.Bucket {
		return b.ClientRefused(bucket.ClientRefusal{Grant: "g", Code: "invalid_client", Status: 401}, time.Now())
	}
	accepted := func(b bucket.Bucket) bucket.Bucket { return b.ClientAccepted("g", time.Now()) }
	synctest.Test(t, func(t *testing.T) {
		m := &buckettest.Memory{}
		c, other := bucket.NewCache(m, time.Now), bucket.NewCache(m, time.Now)
		troubled := func() bool {
			b, err := c.ReadTrouble(t.Context(), "client/main")
			if err != nil {
				t.Fatal(err)
			}
			return b.Troubled()
		}
		change := func(how func(bucket.Bucket) bucket.Bucket) {
			if _, err := other.Change(t.Context(), "client/main", how); err != nil {
				t.Fatal(err)
			}
		}
		if troubled() {
			t.Error("trouble of a client that was never written")
		}
		change(refused)
		if time.Sleep(14 * time.Second); troubled() {
			t.Error("read again within 15 seconds")
		}
		if b, err := c.Read(t.Context(), "client/main"); err != nil || !b.Troubled() {
			t.Errorf("who asks about holds was given a reading of 14 seconds: %+v, %v", b, err)
		}
		change(accepted)
		if time.Sleep(4 * time.Second); !troubled() {
			t.Error("read again within five seconds")
		}
		if time.Sleep(time.Second); troubled() {
			t.Error("trouble is believed for longer than five seconds")
		}
	})
}
