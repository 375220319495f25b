package wake

import (
	"errors"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// The formats are a contract between releases: what one sends the next reads.
func TestEncode_Formats(t *testing.T) {
	for want, m := range map[string]Message{
		`{"v":1,"wake":"grant","grant":"lisbon-1","at":1774785600000}`:                                {Kind: Grant, Grant: "lisbon-1", At: noon},
		`{"v":1,"wake":"grant","grant":"lisbon-1","at":1774785600000,"hops":2}`:                       {Kind: Grant, Grant: "lisbon-1", At: noon, Hops: 2},
		`{"v":1,"wake":"grant","grant":"lisbon-1","at":1774785600000,"generation":7,"client":"main"}`: {Kind: Grant, Grant: "lisbon-1", At: noon, Generation: 7, Client: "main"},
		`{"v":1,"wake":"lane","connection":"c","at":1774785600000,"hops":5}`:                          {Kind: Lane, Connection: "c", At: noon, Hops: 5},
		`{"v":1,"wake":"job","connection":"c","job":"a#b","at":1774785600000}`:                        {Kind: Job, Connection: "c", Job: "a#b", At: noon},
		`{"v":1,"wake":"readback","connection":"c","at":1774785600000}`:                               {Kind: Readback, Connection: "c", At: noon},
		`{"v":1,"wake":"alert","grant":"lisbon-1"}`:                                                   {Kind: Alert, Grant: "lisbon-1"},
		`{"v":1,"wake":"alert","bucket":"client/main"}`:                                               {Kind: Alert, Bucket: "client/main"},
	} {
		if got := Encode(m); got != want {
			t.Errorf("encoded %s, want %s", got, want)
		}
		got, err := Decode(want)
		if err != nil || !got.At.Equal(m.At) {
			t.Errorf("decoding %s: %+v, %v", want, got, err)
		}
		if got.At = m.At; got != m {
			t.Errorf("decoded %+v, want %+v", got, m)
		}
	}
}

func TestDecode_Refuses(t *testing.T) {
	for _, body := range []string{
		`{"v":1,"wake":"grant","grant":"g"}`,                              // no time
		`{"v":1,"wake":"grant","at":1}`,                                   // nobody
		`{"v":1,"wake":"grant","grant":"g","connection":"c","at":1}`,      // two
		`{"v":1,"wake":"grant","grant":"g","at":1,"again":true}`,          // a field of a later release
		`{"v":2,"wake":"grant","grant":"g","at":1}`,                       // a later version
		`{"wake":"grant","grant":"g","at":1}`,                             // none
		`{"v":1,"wake":"night","grant":"g","at":1}`,                       // an unknown kind
		`{"v":1,"wake":"job","connection":"c","at":1}`,                    // no job
		`{"v":1,"wake":"job","connection":"c","job":"j","at":1,"hops":1}`, // jobs do not hop
		`{"v":1,"wake":"lane","connection":"c","at":1,"hops":-1}`,         // backwards
		`{"v":1,"wake":"lane","connection":"c","at":1,"generation":2}`,    // a lane has none
		`{"v":1,"wake":"grant","grant":"g","at":1,"generation":-1}`,       // before the first
		`{"v":1,"wake":"lane","connection":"c","at":"1"}`,                 // not a number
		`{"v":1,"wake":"alert"}`,                                          // about nothing
		`{"v":1,"wake":"alert","grant":"g","bucket":"client/main"}`,       // about two
		`{"v":1,"wake":"grant","grant":"g","bucket":"b","at":1}`,          // no grant is woken for a bucket
	} {
		if m, err := Decode(body); err == nil || errors.Is(err, ErrNotWake) {
			t.Errorf("%s: %+v, %v; want it refused as a bad wake", body, m, err)
		}
	}
	for _, body := range []string{``, `{`, `[]`, `{"v":1,"connection":"c","revision":1,"updates":[]}`, `{"wake":null}`, `{"v":1,"wake":"lane","connection":"c","at":1} {}`} {
		if _, err := Decode(body); !errors.Is(err, ErrNotWake) {
			t.Errorf("%s: %v, want ErrNotWake", body, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"v":1,"wake":"grant","grant":"g","at":1}`)
	f.Add(`{"v":1,"wake":"lane","connection":"c","at":1,"hops":3}`)
	f.Fuzz(func(t *testing.T, body string) {
		m, err := Decode(body)
		if err != nil {
			return
		}
		again, err := Decode(Encode(m))
		if err != nil || !again.At.Equal(m.At) {
			t.Fatalf("%q became %+v, then %+v, %v", body, m, again, err)
		}
	})
}

func TestShard_SpreadsEvenly(t *testing.T) {
	counts := map[string]int{}
	for i := range 1600 {
		counts[Shard(time.Duration(i).String())]++
	}
	for _, shard := range Shards() {
		if n := counts[shard]; n < 60 || n > 150 {
			t.Errorf("shard %s has %d of 1600", shard, n)
		}
	}
	if len(Shards()) != 16 || len(counts) != 16 {
		t.Errorf("%d shards are named, %d used", len(Shards()), len(counts))
	}
}
