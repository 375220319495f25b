package main

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

// longestWalk is how many steps a random execution takes before it may end
// whatever else could happen.
const longestWalk = 200

// wander plays one execution at random.
func wander(t *testing.T, c staging, random *rand.Rand) *violation {
	var found *violation
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, c, true)
		var options []option
		for steps := 0; ; steps++ {
			options = st.options(options)
			var plain []option
			for _, o := range options {
				ends := o.kind == finish || o.kind == deliver || o.kind == late
				costs := o.kind == pause || o.kind == step && o.order != proceed
				if ends && steps < longestWalk && st.runs > 0 && len(options) > 2 || costs && random.IntN(8) > 0 {
					continue
				}
				plain = append(plain, o)
			}
			if len(plain) == 0 || steps > 2*longestWalk {
				plain = options
			}
			if !st.take(plain[random.IntN(len(plain))]) {
				break
			}
		}
		st.clear()
		if len(st.books.broken) > 0 {
			found = &violation{broken: st.books.broken, story: st.story()}
		}
	})
	return found
}
