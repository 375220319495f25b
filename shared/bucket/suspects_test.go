package bucket_test

import (
	"fmt"
	"testing"
	"time"

	"bellhop/shared/bucket"
)

// refuse lets one grant after the other be refused, a second apart, and returns
// how many were believed.
func refuse(b bucket.Bucket, from, n int, at time.Time) (bucket.Bucket, int) {
	believed := 0
	for i := range n {
		var v bucket.Verdict
		at = at.Add(time.Second)
		b, v = b.GrantRefused(bucket.Case{Grant: fmt.Sprint("g", from+i), Generation: 1}, at)
		if v.Condemn {
			believed++
		}
	}
	return b, believed
}

// How many refusals at once are too many to believe.
func TestSuspects_TooMany(t *testing.T) {
	for _, c := range []struct{ grants, refused, believed int }{
		{1, 1, 1},
		{100, 5, 5},     // five are an owner's decision each
		{100, 100, 5},   // the sixth is not
		{0, 6, 5},       // nobody has counted: five it is
		{1000, 20, 20},  // 2 % of a thousand
		{1000, 500, 20}, // and one more
		{1_000_000, 2000, 511},
	} {
		start := noon
		b, believed := refuse(bucket.Bucket{Grants: c.grants}, 0, c.refused, start)
		if c.refused > 600 { // more than ten minutes of them: let them come at once
			b, believed = bucket.Bucket{Grants: c.grants}, 0
			for i := range c.refused {
				var v bucket.Verdict
				if b, v = b.GrantRefused(bucket.Case{Grant: fmt.Sprint("g", i)}, noon); v.Condemn {
					believed++
				}
			}
		}
		if believed != c.believed || b.Suspected() != (c.refused > c.believed) {
			t.Errorf("%d of %d refused: %d believed, suspected %v", c.refused, c.grants, believed, b.Suspected())
		}
		if n := len(b.Suspects.Recent); n > 512 {
			t.Errorf("%d refusals are in the list", n)
		}
	}
}

// The same grant counts once, and what is ten minutes ago does not count.
func TestSuspects_WhatCounts(t *testing.T) {
	b := bucket.Bucket{Grants: 10}
	for range 20 {
		b, _ = refuse(b, 0, 1, noon)
	}
	if b.Suspected() {
		t.Error("one grant alone brought the provider under suspicion")
	}
	b, _ = refuse(b, 1, 4, noon)
	if b, believed := refuse(b, 7, 5, noon.Add(10*time.Minute+10*time.Second)); b.Suspected() || believed != 5 {
		t.Errorf("five now and five ten minutes ago: %d believed", believed)
	}
}

// suspected is a bucket under suspicion since a few seconds after noon: five
// condemned, the sixth not.
func suspected(t *testing.T) bucket.Bucket {
	t.Helper()
	b, believed := refuse(bucket.Bucket{Grants: 100}, 0, 6, noon)
	if believed != 5 || !b.Suspected() {
		t.Fatalf("%d believed, suspected %v", believed, b.Suspected())
	}
	return b
}

// probe lets the credential of g be presented again as the probe that is due.
func probe(t *testing.T, b bucket.Bucket, nonce string, at time.Time) bucket.Bucket {
	t.Helper()
	next, present := b.Second(nonce, at)
	if !present {
		t.Fatalf("no probe at %v", at)
	}
	return next
}

// One probe a minute, by whoever saves it; three refused ones condemn all who
// wait, and those who come later are judged as ever.
func TestSuspects_Condemned(t *testing.T) {
	b := suspected(t)
	at := noon.Add(6 * time.Second)
	if _, early := b.Second("n", at.Add(time.Minute-time.Nanosecond)); early {
		t.Error("a probe before its minute")
	}
	for n := 1; n <= 3; n++ {
		at = at.Add(time.Minute)
		nonce := fmt.Sprint("probe", n)
		b = probe(t, b, nonce, at)
		if _, twice := b.Second("other", at); twice {
			t.Error("two probes in one minute")
		}
		if _, own := b.Second(nonce, at); !own {
			t.Error("my own probe, by a save whose answer was lost")
		}
		var v bucket.Verdict
		b, v = b.GrantRefused(bucket.Case{Grant: "g7", Generation: 1, Nonce: nonce, Again: true, Doubted: true}, at)
		if v.Condemn != (n == 3) || !v.Condemn && !v.At.After(at) {
			t.Errorf("probe %d: %+v", n, v)
		}
	}
	if b.Suspected() || len(b.Retries()) != 0 {
		t.Fatalf("after three: %+v", b.Suspects)
	}
	if _, present := b.Second("n", at.Add(time.Minute)); present {
		t.Error("one who waited presents again although all are condemned")
	}
	for i := range 90 { // however many they are, they do not bring it under suspicion again
		var v bucket.Verdict
		if b, v = b.GrantRefused(bucket.Case{Grant: fmt.Sprint("g", i+8), Generation: 1, Nonce: "n", Doubted: true}, at.Add(time.Minute)); !v.Condemn {
			t.Fatalf("waiting grant %d is not judged", i)
		}
	}
}

// The first credential that is taken after all clears all: who waits presents
// once more, who was condemned is told to try again, once, and a second refusal
// is believed at once.
func TestSuspects_Cleared(t *testing.T) {
	b := probe(t, suspected(t), "probe", noon.Add(2*time.Minute)).GrantBelieved(noon.Add(2 * time.Minute))
	if b.Suspected() || len(b.Retries()) != 5 {
		t.Fatalf("%+v", b.Suspects)
	}
	if _, present := b.Second("n", noon.Add(3*time.Minute)); !present {
		t.Error("one who waited does not present again")
	}
	if _, v := b.GrantRefused(bucket.Case{Grant: "g7", Generation: 1, Nonce: "n", Doubted: true}, noon.Add(3*time.Minute)); v.Condemn {
		t.Error("one who has not presented again is condemned although the provider was wrong")
	}
	if _, v := b.GrantRefused(bucket.Case{Grant: "g7", Generation: 1, Nonce: "n", Again: true, Doubted: true}, noon.Add(3*time.Minute)); !v.Condemn {
		t.Error("the second refusal is not believed")
	}
	for _, r := range b.Retries() {
		b = b.Retried(r.Grant)
	}
	if len(b.Retries()) != 0 {
		t.Errorf("told twice: %+v", b.Retries())
	}
	if next, v := b.GrantRefused(bucket.Case{Grant: "g1", Generation: 1, Nonce: "n"}, noon.Add(3*time.Minute)); !v.Condemn || next.Suspected() {
		t.Error("one that was told to try again is not believed to be refused")
	}
	if again, believed := refuse(b, 200, 5, noon.Add(4*time.Minute)); again.Suspected() || believed != 5 {
		t.Errorf("those who were told count towards the next suspicion: %d believed", believed)
	}
}

// One who was away while all was decided finds out by itself.
func TestSuspects_AwayForLong(t *testing.T) {
	b := bucket.Bucket{Suspects: bucket.Suspects{Ended: noon}} // condemned
	if _, present := b.Second("n", noon.Add(30*time.Minute-1)); present {
		t.Error("condemned with the others, and presents again")
	}
	if _, present := b.Second("n", noon.Add(30*time.Minute)); !present {
		t.Error("judged by what was found about others long after")
	}
}

// A prober that dies leaves its minute to the next one; a late answer of it does
// not count twice.
func TestSuspects_ProberDies(t *testing.T) {
	b := probe(t, suspected(t), "dead", noon.Add(2*time.Minute))
	b = probe(t, b, "next", noon.Add(3*time.Minute))
	late, v := b.GrantRefused(bucket.Case{Grant: "g6", Generation: 1, Nonce: "dead", Again: true}, noon.Add(3*time.Minute))
	if v.Condemn || late.Suspects.Probes != 0 {
		t.Errorf("the late prober: %+v, %d probes", v, late.Suspects.Probes)
	}
	b, _ = late.GrantRefused(bucket.Case{Grant: "g7", Generation: 1, Nonce: "next", Again: true}, noon.Add(3*time.Minute))
	if again, _ := b.GrantRefused(bucket.Case{Grant: "g7", Generation: 1, Nonce: "next", Again: true}, noon.Add(3*time.Minute)); again.Suspects.Probes != 1 {
		t.Errorf("counted %d times", again.Suspects.Probes)
	}
}

// A suspicion that nobody is under is not ended by a success.
func TestSuspects_NothingToClear(t *testing.T) {
	b, _ := refuse(bucket.Bucket{Grants: 10}, 0, 3, noon)
	if got := b.GrantBelieved(noon); len(got.Suspects.Recent) != 3 || !got.Suspects.Ended.IsZero() {
		t.Errorf("%+v", got.Suspects)
	}
}
